import { api } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { number, percent, t } from "../i18n/index.js";
import { useLive } from "../live.js";
import { own } from "../own.js";
import { CLOSED, OPEN, PAUSED, grouped, stateOf } from "../outcomes.js";
import { go, hrefOf } from "../router.js";
import { may } from "../session.js";
import { SearchField, Segments } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { useLoaded, useSettled } from "../components/loading.js";
import { Progress, StatePill, doneOf } from "../components/outcome.js";
import { PageHead } from "../components/page.js";
import { Empty, Failure, Skeletons } from "../components/states.js";
import { TaskActions } from "../components/task_actions.js";

/** What the server is asked for. */
const STATES = { "": {}, open: { state: OPEN }, paused: { state: PAUSED }, stopped: { state: CLOSED, left: 1 }, finished: { state: CLOSED, left: 0 } };
const ALL = "";
/** What bookmarks of earlier versions say. */
const ONCE_CALLED = { 0: "open", 1: "finished", 2: "paused" };
const MOST = 1000;

export function Tasks({ query }) {
  const [search, setSearch] = useState(query.get("search") ?? "");
  const said = query.get("state") ?? ALL;
  const state = Object.hasOwn(STATES, said) ? said : own(ONCE_CALLED, said) ?? ALL;
  const settled = useSettled(search.trim());
  const known = useLive((one) => one.tasks);
  const { data: pollings } = useLoaded(() => api.pollings(), []);
  const { data, error, reload } = useLoaded(() => api.tasks({ ...STATES[state], search: settled, limit: MOST }), [state, settled], { keep: true });
  useEffect(() => {
    const asked = new URLSearchParams(Object.entries({ state, search: settled }).filter(([, value]) => value));
    go(`#/tasks${[...asked].length ? `?${asked}` : ""}`, { replace: true });
  }, [settled]);
  useEffect(() => {
    if (data) reload(); // tasks have come or gone
  }, [known.size]);
  const setState = (next) => go(`#/tasks?${new URLSearchParams(Object.entries({ state: next, search: settled }).filter(([, value]) => value))}`, { replace: true });

  const fetched = new Map((data ?? []).map((task) => [task.id, task]));
  // what the stream tells of is newer; new tasks of other users come in by it
  for (const [id, task] of known) {
    const now = stateOf(task);
    if (now === "closed" && fetched.has(id)) continue; // not counted yet: the answer knew it
    const fits = (state === ALL || now === state) && (settled === "" || fetched.has(id));
    if (fits) fetched.set(id, task);
    else if (state !== ALL && now !== state) fetched.delete(id);
  }
  const tasks = [...fetched.values()].sort((one, other) => other.id - one.id);
  const filtered = state !== ALL || settled !== "";

  return html`<${PageHead} title=${t("nav.tasks")} actions=${may("operator") && html`<a class="btn primary" href="#/tasks/new"><${Icon} name="plus" />${t("task.new")}</a>`} />
    <div class="filters"><${SearchField} label=${t("tasks.search")} value=${search} set=${setSearch} />
      <${Segments} label=${t("tasks.state")} value=${state} set=${setState} options=${Object.keys(STATES).map((key) => [key, t(key === ALL ? "tasks.all" : `state.${key}`)])} /></div>
    <section class="card" aria-label=${t("nav.tasks")}>
      ${error && !data ? html`<${Failure} error=${error} retry=${reload} />` : !data ? html`<${Skeletons} lines=${8} />`
        : tasks.length === 0 ? html`<${Empty} icon=${filtered ? "search" : "list-checks"} title=${t(filtered ? "tasks.noneFound" : "tasks.none")}>
            <p>${t(filtered ? "tasks.noneFoundText" : "tasks.noneText")}</p>${!filtered && may("operator") && html`<a class="btn primary" href="#/tasks/new"><${Icon} name="plus" />${t("task.new")}</a>`}<//>`
        : html`<div class="table-wrap"><table class="table folds"><thead><tr><th scope="col">${t("task.name")}</th><th scope="col">${t("task.state")}</th><th scope="col">${t("task.progress")}</th>
            <th scope="col" class="end">${t("task.reached")}</th><th scope="col" class="end">${t("task.perMinute")}</th><th scope="col"><span class="unseen">${t("table.actions")}</span></th></tr></thead>
          <tbody>${tasks.map((task) => html`<${TaskRow} key=${task.id} task=${task} polling=${pollingOf(task, pollings)} changed=${reload} />`)}</tbody></table></div>`}
    </section>`;
}

function TaskRow({ task, polling, changed }) {
  const { reached } = grouped(task.results);
  return html`<tr class="hoverable">
    <td><a class="name" href=${hrefOf("tasks", task.id)}>${task.name || t("task.unnamed", { id: task.id })}</a><div class="muted small num">${polling?.name || kindOf(task)} · № ${task.id}</div></td>
    <td data-label=${t("task.state")}><span><${StatePill} task=${task} /></span></td>
    <td data-label=${t("task.progress")}><div class="progress-cell"><span class="small num muted">${doneOf(task)}</span><${Progress} task=${task} /></div></td>
    <td data-label=${t("task.reached")} class="end num">${task.done ? percent(reached / task.done) : "–"}</td>
    <td data-label=${t("task.perMinute")} class="end num">${task.state === OPEN ? number(task.perMinute) : "–"}</td>
    <td class="actions"><${TaskActions} task=${task} compact=${true} changed=${changed} /></td></tr>`;
}

/** The polling that the task means: by the CRM's own id first, then by ours. */
function pollingOf(task, pollings = []) {
  if (task.innerNumType !== "polling") return undefined;
  return pollings.find((one) => one.crmId === task.innerNum) ?? pollings.find((one) => String(one.id) === task.innerNum);
}

export function kindOf(task) {
  if (task.innerNumType === "polling") return t("kind.polling", { number: task.innerNum });
  if (task.innerNumType === "exten") return t("kind.exten", { number: task.innerNum });
  return task.owner ? t("kind.scriptOf", { owner: task.owner }) : t("kind.script");
}
