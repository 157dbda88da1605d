import { api } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { dateTime, number, t, told } from "../i18n/index.js";
import { go, hrefOf } from "../router.js";
import { may } from "../session.js";
import { Button } from "../components/button.js";
import { FormDialog, Dialog, confirm } from "../components/dialog.js";
import { Dropzone } from "../components/dropzone.js";
import { SearchField, TextArea, TextField } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { useLoaded, useSettled } from "../components/loading.js";
import { TABLES } from "../components/numbers_source.js";
import { StatePill, doneOf } from "../components/outcome.js";
import { PageHead } from "../components/page.js";
import { Empty, Failure, Notice, Skeletons } from "../components/states.js";
import { done, reasonOf } from "../components/toasts.js";

const LIMIT = 200;
const LEAST_DIGITS = 5;
const MOST_TASKS = 50;

export function StopList({ query }) {
  const taskId = query.get("task") ?? "";
  const asked = query.get("phone") ?? "";
  const [search, setSearch] = useState(asked);
  const written = useRef(asked);
  const [open, setOpen] = useState(null);
  const [older, setOlder] = useState([]);
  const phone = useSettled(search.replace(/[\s()-]/g, ""), 350);
  // a link, or the browser's way back, asks for another number than the field has written
  useEffect(() => {
    if (asked !== written.current) setSearch(asked);
    written.current = asked;
  }, [asked]);
  useEffect(() => {
    if (phone === asked) return;
    written.current = phone;
    go(addressOf(phone, taskId), { replace: true });
  }, [phone]);
  const asks = phone.replace(/\D/g, "").length >= LEAST_DIGITS;
  const { data: tasks } = useLoaded(() => api.tasks({ limit: 1000 }), []);
  const { data, error, reload } = useLoaded(() => (asks ? api.stopsOf(phone) : api.stops({ taskId, limit: LIMIT })), [taskId, asks ? phone : ""]);
  useEffect(() => setOlder([]), [data]);
  const rows = [...(data?.results ?? []), ...older];
  const more = async () => {
    const next = await api.stops({ taskId, limit: LIMIT, offset: rows.at(-1).id });
    setOlder([...older, ...next.results]);
    if (next.results.length < LIMIT) setEnd(true);
  };
  const [end, setEnd] = useState(false);
  useEffect(() => setEnd((data?.results.length ?? 0) < LIMIT || asks), [data]);
  const remove = (one) => confirm({
    title: t("stop.removeAsk", { number: one.phone }), text: t("stop.removeText"), action: t("action.remove"), danger: true,
    act: async () => {
      await api.removeStop(one.phone, one.taskId);
      done(t("stop.removed"));
      await reload();
    },
  }).then(() => undefined);
  const nameOf = (id) => tasks?.find((one) => String(one.id) === id)?.name || t("task.number", { id });
  return html`<${PageHead} title=${t("nav.stopList")} sub=${t("stop.text")} actions=${may("operator") && html`<${Button} icon="upload" act=${() => setOpen("import")}>${t("stop.import")}<//><${Button} kind="primary" icon="plus" act=${() => setOpen("add")}>${t("stop.add")}<//>`} />
    <div class="filters"><${SearchField} label=${t("stop.search")} value=${search} set=${setSearch} />
      <select class="input" aria-label=${t("stop.list")} value=${taskId} onChange=${(event) => go(addressOf("", event.currentTarget.value), { replace: true })}>
        <option value="">${t("stop.ofAll")}</option>${(tasks ?? []).filter((one) => one.owner === "").map((one) => html`<option key=${one.id} value=${String(one.id)} selected=${String(one.id) === taskId}>${t("stop.ofTask", { name: one.name || one.id })}</option>`)}</select></div>
    <section class="card" aria-label=${t("nav.stopList")}>
      ${error && !data ? html`<${Failure} error=${error} retry=${reload} />` : !data ? html`<${Skeletons} lines=${6} />`
        : rows.length === 0 ? html`<${Empty} icon=${asks ? "search" : "phone-off"} title=${t(asks ? "stop.notOn" : "stop.none")}><p>${t(asks ? "stop.notOnText" : "stop.noneText")}</p><//>`
        : html`<div class="table-wrap"><table class="table folds"><thead><tr><th scope="col">${t("stop.number")}</th><th scope="col">${t("stop.reason")}</th>${asks && html`<th scope="col">${t("stop.list")}</th>`}<th scope="col">${t("stop.since")}</th><th scope="col"><span class="unseen">${t("table.actions")}</span></th></tr></thead>
          <tbody>${rows.map((one) => html`<tr class="hoverable" key=${one.id}><td class="num">${asks ? html`<b>${one.phone}</b>` : html`<a class="name" href=${addressOf(one.phone, taskId)}>${one.phone}</a>`}</td><td data-label=${t("stop.reason")}>${one.reason || html`<span class="muted">–</span>`}</td>
            ${asks && html`<td data-label=${t("stop.list")}>${one.taskId ? nameOf(one.taskId) : t("stop.ofAll")}</td>`}<td class="num nowrap" data-label=${t("stop.since")}>${dateTime(Number(one.created))}</td>
            <td class="actions">${may("operator") && html`<${Button} small=${true} iconOnly=${true} kind="ghost bad" icon="trash-2" label="${t("action.remove")}: ${one.phone}" act=${() => remove(one)} />`}</td></tr>`)}</tbody></table></div>`}
      ${data && !end && html`<div class="card-body"><${Button} act=${more}>${t("action.more100")}<//></div>`}
    </section>
    ${asks && html`<${TasksOf} phone=${phone} />`}
    ${open === "add" && html`<${AddDialog} taskId=${taskId} close=${() => setOpen(null)} added=${reload} />`}
    ${open === "import" && html`<${ImportDialog} taskId=${taskId} close=${() => setOpen(null)} added=${reload} />`}`;
}

function addressOf(phone, taskId) {
  const said = new URLSearchParams(Object.entries({ phone, task: taskId }).filter(([, value]) => value));
  return `#/stop-list${[...said].length ? `?${said}` : ""}`;
}

/** The tasks that list the number. */
function TasksOf({ phone }) {
  const { data, error, reload } = useLoaded(() => api.tasks({ phone, limit: MOST_TASKS + 1 }), [phone]);
  return html`<section class="card" aria-labelledby="tasks-of-title"><div class="card-head"><h2 id="tasks-of-title">${t("stop.tasks")}</h2></div>
    ${error && !data ? html`<${Failure} error=${error} retry=${reload} />` : !data ? html`<${Skeletons} lines=${2} />`
      : data.length === 0 ? html`<p class="card-body muted">${t("stop.noTasks")}</p>`
      : html`<ul class="task-list">${data.slice(0, MOST_TASKS).map((one) => html`<li class="task-line" key=${one.id}><a class="name clip" href=${`${hrefOf("tasks", one.id, "numbers")}?${new URLSearchParams({ search: phone })}`}>${one.name || t("task.unnamed", { id: one.id })}</a>
          <span class="row"><span class="muted num small">${doneOf(one)}</span><${StatePill} task=${one} /></span></li>`)}${data.length > MOST_TASKS && html`<li class="task-line muted">${t("stop.moreTasks")}</li>`}</ul>`}</section>`;
}

const saidOf = ({ added, known }) => [t("stop.added", { n: added }), known ? t("stop.known", { n: known }) : ""].filter(Boolean).join(" ");

function AddDialog({ taskId, close, added }) {
  const [numbers, setNumbers] = useState("");
  const [reason, setReason] = useState("");
  const save = async () => {
    const listed = numbers.split(/[\n,;]+/).map((one) => one.trim()).filter(Boolean);
    const told = await api.addStops({ numbers: listed, reason: reason || null, ...(taskId ? { taskId } : {}) });
    done(saidOf(told));
    await added();
  };
  return html`<${FormDialog} title=${t("stop.add")} action=${t("stop.addAction")} onClose=${close} save=${save}>
    ${(errors) => html`<${TextArea} label=${t("stop.numbers")} hint=${t("stop.numbersHint")} value=${numbers} set=${setNumbers} rows="4" data-first=${true} field="numbers"
        errors=${Object.entries(errors).filter(([path]) => path.startsWith("numbers")).flatMap(([path, reasons]) => reasons.map((one) => `${path.replace(/^numbers\[(\d+)\]$/, (_, place) => t("stop.line", { n: Number(place) + 1 }))}: ${told(one)}`))} />
      <${TextField} label=${t("stop.reason")} hint=${t("stop.reasonHint")} value=${reason} set=${setReason} field="reason" errors=${errors.reason} maxlength="500" />`}<//>`;
}

function ImportDialog({ taskId, close, added }) {
  const [state, setState] = useState({ file: null, forecast: null, error: null, busy: false });
  const [reason, setReason] = useState("");
  const look = async (file) => {
    setState({ file, forecast: null, error: null, busy: true });
    try {
      const { data } = await api.importStops(file, { taskId, dryRun: 1 });
      setState({ file, forecast: data, error: null, busy: false });
    } catch (error) {
      setState({ file, forecast: null, error, busy: false });
    }
  };
  const store = async () => {
    const { data } = await api.importStops(state.file, { taskId, reason });
    done(saidOf(data));
    await added();
    close();
  };
  const { file, forecast, error, busy } = state;
  return html`<${Dialog} title=${t("stop.import")} onClose=${close}><div class="dialog-body">
      <${Dropzone} label=${file ? file.name : t("numbers.drop")} hint=${t("stop.importHint")} accept=${TABLES} take=${look} busy=${busy} />
      <div aria-live="polite" class="stack">${error && html`<${Notice} kind="bad" title=${t("numbers.cannot")}><span class="pre">${reasonOf(error)}</span><//>`}
        ${forecast && html`<${Notice} kind=${forecast.added ? "good" : "warn"} title=${t("stop.would", { n: forecast.added })}><span class="muted">${t("report.nothingStored")} ${forecast.known ? t("stop.known", { n: forecast.known }) : ""}</span><//>
          ${forecast.invalid.count > 0 && html`<details class="disclosure report"><summary>${t("report.invalid")}: ${number(forecast.invalid.count)}</summary><ul>${forecast.invalid.first.map((one, place) => html`<li key=${place}><span class="place num">${t("report.place", { row: one.row, column: one.column ?? "—" })}</span><span class="error">${told(one.reason)}</span></li>`)}</ul></details>`}
          <${TextField} label=${t("stop.reason")} hint=${t("stop.importReason")} value=${reason} set=${setReason} maxlength="500" />`}</div>
    </div><div class="dialog-foot"><button type="button" class="btn" onClick=${close}>${t("action.cancel")}</button>
      ${forecast && html`<${Button} kind="primary" icon="upload" act=${store}>${t("stop.importAction", { n: forecast.added })}<//>`}</div><//>`;
}
