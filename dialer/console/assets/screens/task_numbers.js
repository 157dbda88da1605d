import { api } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { causeTold, dateTime, duration, has, moment, t } from "../i18n/index.js";
import { CLOSED, OUTCOMES } from "../outcomes.js";
import { go, hrefOf } from "../router.js";
import { may } from "../session.js";
import { Button } from "../components/button.js";
import { confirm } from "../components/dialog.js";
import { SearchField } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { useSettled } from "../components/loading.js";
import { OutcomeName, outcomeName } from "../components/outcome.js";
import { Recording } from "../components/recording.js";
import { Empty, Failure, Skeletons } from "../components/states.js";
import { done, reasonOf } from "../components/toasts.js";
import { Why } from "../components/why.js";

const STATES = ["waiting", "calling", "done"];
const LIMIT = 100;
const MOST_EMPTY_PAGES = 50;

/** Pages of the task's attempts; a page may be empty although more come. */
function usePages(taskId, filter) {
  const [state, setState] = useState({ rows: null, next: null, error: null, busy: true });
  const turn = useRef(0);
  const load = async (after, before) => {
    const mine = ++turn.current;
    setState((now) => ({ ...now, busy: true, error: null }));
    try {
      const rows = [...before];
      let cursor = after;
      for (let page = 0; page < MOST_EMPTY_PAGES; page += 1) {
        const found = await api.numbers(taskId, { ...filter, after: cursor, limit: LIMIT });
        if (mine !== turn.current) return;
        rows.push(...found.rows);
        cursor = found.next;
        if (cursor === null || rows.length >= before.length + LIMIT) break;
        setState({ rows: rows.length ? [...rows] : null, next: null, error: null, busy: true });
      }
      setState({ rows, next: cursor, error: null, busy: false });
    } catch (error) {
      if (mine === turn.current) setState((now) => ({ ...now, error, busy: false }));
    }
  };
  useEffect(() => {
    setState({ rows: null, next: null, error: null, busy: true });
    load("", []);
    return () => {
      turn.current += 1;
    };
  }, [taskId, JSON.stringify(filter)]);
  return { ...state, more: () => load(state.next, state.rows), reload: () => load("", []) };
}

export function TaskNumbers({ task, query }) {
  const [search, setSearch] = useState(query.get("search") ?? "");
  const settled = useSettled(search.trim());
  const filter = { search: settled, result: query.get("result") ?? "", state: query.get("state") ?? "" };
  const { rows, next, error, busy, more, reload } = usePages(task.id, filter);
  const [open, setOpen] = useState(null);
  const choose = (part) => {
    const said = Object.entries({ ...filter, ...part }).filter(([, value]) => value);
    go(`${hrefOf("tasks", task.id, "numbers")}${said.length ? `?${new URLSearchParams(said)}` : ""}`, { replace: true });
  };
  useEffect(() => choose({ search: settled }), [settled]);
  const filtered = Object.values(filter).some(Boolean);
  return html`<div class="filters"><${SearchField} label=${t("numbers.search")} value=${search} set=${setSearch} />
      <select class="input" aria-label=${t("numbers.state")} value=${filter.state} onChange=${(event) => choose({ state: event.currentTarget.value })}>
        <option value="">${t("numbers.anyState")}</option>${STATES.map((one) => html`<option key=${one} value=${one}>${t(nameOf(one, task))}</option>`)}</select>
      <select class="input" aria-label=${t("task.result")} value=${filter.result} onChange=${(event) => choose({ result: event.currentTarget.value })}>
        <option value="">${t("numbers.anyResult")}</option>${OUTCOMES.map((one) => html`<option key=${one} value=${one}>${outcomeName(one)}</option>`)}</select>
      <${Button} kind="ghost" iconOnly=${true} icon="refresh-cw" label=${t("action.refresh")} act=${reload} /></div>
    <section class="card" aria-label=${t("task.tab.numbers")} aria-busy=${busy ? "true" : "false"}>
      ${error && !rows ? html`<${Failure} error=${error} retry=${reload} />` : !rows ? html`<${Skeletons} lines=${8} />`
        : rows.length === 0 ? html`<${Empty} icon=${filtered ? "search" : "phone"} title=${t(filtered ? "numbers.noneFound" : "numbers.none")}><p>${t(filtered ? "numbers.noneFoundText" : "numbers.noneText")}</p><//>`
        : html`<div class="table-wrap"><table class="table folds"><thead><tr><th scope="col">${t("numbers.number")}</th><th scope="col">${t("task.result")}</th><th scope="col">${t("numbers.answers")}</th>
            <th scope="col" class="end">${t("numbers.talk")}</th><th scope="col">${t("numbers.changed")}</th><th scope="col"><span class="unseen">${t("table.actions")}</span></th></tr></thead>
          <tbody>${rows.map((row) => html`<${Row} key=${row.attemptId} task=${task} row=${row} open=${open === row.attemptId} toggle=${() => setOpen(open === row.attemptId ? null : row.attemptId)} changed=${reload} />`)}</tbody></table></div>`}
      ${error && rows && html`<p class="error pad">${reasonOf(error)}</p>`}
      ${next !== null && rows && html`<div class="card-body"><${Button} act=${more}>${t("action.more100")}<//></div>`}
    </section>`;
}

/** What has not been dialled waits no more when the task is closed. */
const nameOf = (state, task) => (state === "waiting" && task.state === CLOSED ? "numbers.state.left" : `numbers.state.${state}`);

function Cause({ text }) {
  const said = causeTold(text);
  return html`<div class="muted small" lang=${said === text ? "en" : undefined}>${said}</div>`;
}

function Status({ row, task }) {
  if (row.result) return html`<div class="stack-xs"><${OutcomeName} outcome=${row.result} />${row.cause && html`<${Cause} text=${row.cause} />`}</div>`;
  if (row.state === "CreateTask") {
    return html`<div class="stack-xs"><span class="pill"><${Icon} name=${task.state === CLOSED ? "square" : "clock"} size=${14} />${t(nameOf("waiting", task))}</span>${row.dueTime && task.state !== CLOSED && html`<div class="muted small num">${t("numbers.due", { time: moment(row.dueTime) })}</div>`}</div>`;
  }
  return html`<span class="pill accent"><span class="dot beats" />${has(`attempt.${row.state}`) ? t(`attempt.${row.state}`) : row.state}</span>`;
}

function Row({ task, row, open, toggle, changed }) {
  const recorded = [...(row.recording ? [row] : []), ...row.answers.filter((one) => one.recording)];
  return html`<tr class="hoverable">
    <td><span class="num"><b>${row.number}</b></span>${row.stopList && html` <a class="pill warn" href=${`#/stop-list?phone=${encodeURIComponent(row.number)}`}><${Icon} name="phone-off" size=${14} />${t("numbers.stopped")}</a>`}${(row.attemptNumber > 1 || row.clientId) && html`<div class="muted small num">${[row.attemptNumber > 1 && t("numbers.attempt", { n: row.attemptNumber }), row.clientId && t("numbers.client", { id: row.clientId })].filter(Boolean).join(" · ")}</div>`}</td>
    <td data-label=${t("task.result")}><${Status} row=${row} task=${task} /></td>
    <td data-label=${t("numbers.answers")}>${(row.answers.length > 0 || recorded.length > 0) && html`<span class="answers">${row.answers.map((one, place) => html`<span class="tag" key=${place} title=${t("numbers.question", { id: one.questionId })}><span class="keycap">${one.exten || "–"}</span><span class="clip">${one.recording ? t("answers.recording") : one.result}</span></span>`)}
      ${recorded.length > 0 && html`<${Icon} name="mic" size=${16} />`}${recorded.length > 0 && html`<span class="unseen">${t("numbers.recorded")}</span>`}</span>`}</td>
    <td data-label=${t("numbers.talk")} class="end num">${row.talked_s ? duration(row.talked_s) : ""}</td>
    <td data-label=${t("numbers.changed")} class="num nowrap">${row.state === "CreateTask" && !row.result ? "" : moment(row.closeTime ?? row.changeTime)}</td>
    <td class="actions"><${Button} small=${true} kind="ghost" act=${toggle} aria-expanded=${open ? "true" : "false"} aria-label="${t("numbers.details")}: ${row.number}" icon=${open ? "chevron-up" : "chevron-down"}>${t("numbers.details")}<//></td></tr>
  ${open && html`<tr class="number-detail"><td colspan="6"><${Details} task=${task} row=${row} changed=${changed} /></td></tr>`}`;
}

function Details({ task, row, changed }) {
  const params = Object.entries(row.params ?? {});
  const pairs = [["numbers.employee", row.employee], ["numbers.talk", row.talked_s ? duration(row.talked_s) : null], ["numbers.cost", row.cost], ["numbers.dialStatus", row.outDialState],
    ["numbers.closed", row.closeTime ? dateTime(row.closeTime, true) : null]].filter(([, value]) => value);
  const close = () => confirm({
    title: t("numbers.closeAsk", { number: row.number }), text: t("numbers.closeText"), action: t("numbers.close"), danger: true,
    act: async () => {
      const { closed } = await api.signalClose(task.id, row.number);
      done(t("numbers.closedNow", { n: closed }));
      await changed();
    },
  }).then(() => undefined);
  const stop = () => confirm({
    title: t("stop.addAsk", { number: row.number }), text: t("stop.addText"), action: t("stop.addAction"), danger: true,
    act: async () => {
      const { added } = await api.addStops({ numbers: [row.number] });
      done(t(added ? "stop.added" : "stop.known", { n: 1 }));
      await changed();
    },
  }).then(() => undefined);
  return html`<div class="stack">${!row.result && html`<${Why} taskId=${task.id} phone=${row.number} mark=${row.state} />`}
    <div class="inside">
      ${row.answers.length > 0 && html`<div class="stack-s"><h2 class="h3">${t("numbers.answers")}</h2><ul class="stack-s">${row.answers.map((one, place) => html`<li key=${place} class="row"><span class="keycap">${one.exten || "–"}</span><span>${t("numbers.question", { id: one.questionId })}:</span>
        ${one.recording ? html`<${Recording} path=${one.recording} label=${`${row.number}, ${t("numbers.question", { id: one.questionId })}`} />` : html`<b>${one.result}</b>`}<span class="muted num small">${moment(one.changeTime)}</span></li>`)}</ul></div>`}
      ${row.recording && html`<div class="stack-s"><h2 class="h3">${t("numbers.recording")}</h2><${Recording} path=${row.recording} label=${`${t("numbers.recording")}, ${row.number}`} /></div>`}
      ${pairs.length > 0 && html`<div class="stack-s"><h2 class="h3">${t("numbers.call")}</h2><dl class="pairs">${pairs.map(([name, value]) => html`<dt>${t(name)}</dt><dd class="num">${value}</dd>`)}</dl></div>`}
      ${params.length > 0 && html`<div class="stack-s"><h2 class="h3">${t("numbers.params")}</h2><dl class="pairs">${params.map(([name, value]) => html`<dt key=${name}>${name}</dt><dd>${typeof value === "object" ? JSON.stringify(value) : String(value)}</dd>`)}</dl></div>`}
    </div>
    ${may("operator") && html`<div class="row">${!row.result && html`<${Button} small=${true} icon="circle-check" act=${close}>${t("numbers.close")}<//>`}${row.stopList !== "all" && html`<${Button} small=${true} icon="phone-off" act=${stop}>${t("stop.addAction")}<//>`}</div>`}</div>`;
}
