import { api } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { number, percent, t } from "../i18n/index.js";
import { useLive } from "../live.js";
import { CLOSED, OPEN, PAUSED, grouped } from "../outcomes.js";
import { go, hrefOf } from "../router.js";
import { may } from "../session.js";
import { SearchField, Segments } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { useLoaded, useSettled } from "../components/loading.js";
import { Progress, StatePill, doneOf } from "../components/outcome.js";
import { PageHead } from "../components/page.js";
import { Empty, Failure, Skeletons } from "../components/states.js";
import { TaskActions } from "../components/task_actions.js";

const STATES = [["", "tasks.all"], [String(OPEN), "state.open"], [String(PAUSED), "state.paused"], [String(CLOSED), "state.closed"]];
const MOST = 1000;

export function Tasks({ query }) {
  const [search, setSearch] = useState(query.get("search") ?? "");
  const state = query.get("state") ?? "";
  const settled = useSettled(search.trim());
  const known = useLive((one) => one.tasks);
  const { data, error, reload } = useLoaded(() => api.tasks({ state, search: settled, limit: MOST }), [state, settled], { keep: true });
  useEffect(() => {
    const said = new URLSearchParams(Object.entries({ state, search: settled }).filter(([, value]) => value));
    go(`#/tasks${[...said].length ? `?${said}` : ""}`, { replace: true });
  }, [settled]);
  useEffect(() => {
    if (data) reload(); // tasks have come or gone
  }, [known.size]);
  const setState = (next) => go(`#/tasks?${new URLSearchParams(Object.entries({ state: next, search: settled }).filter(([, value]) => value))}`, { replace: true });

  const fetched = new Map((data ?? []).map((task) => [task.id, task]));
  // what the stream tells of is newer; new tasks of other users come in by it
  for (const [id, task] of known) {
    const fits = (state === "" || String(task.state) === state) && (settled === "" || fetched.has(id));
    if (fits) fetched.set(id, task);
    else if (fetched.has(id) && state !== "" && String(task.state) !== state) fetched.delete(id);
  }
  const tasks = [...fetched.values()].sort((one, other) => other.id - one.id);
  const filtered = state !== "" || settled !== "";

  return html`<${PageHead} title=${t("nav.tasks")} actions=${may("operator") && html`<a class="btn primary" href="#/tasks/new"><${Icon} name="plus" />${t("task.new")}</a>`} />
    <div class="filters"><${SearchField} label=${t("tasks.search")} value=${search} set=${setSearch} />
      <${Segments} label=${t("tasks.state")} value=${state} set=${setState} options=${STATES.map(([key, name]) => [key, t(name)])} /></div>
    <section class="card" aria-label=${t("nav.tasks")}>
      ${error && !data ? html`<${Failure} error=${error} retry=${reload} />` : !data ? html`<${Skeletons} lines=${8} />`
        : tasks.length === 0 ? html`<${Empty} icon=${filtered ? "search" : "list-checks"} title=${t(filtered ? "tasks.noneFound" : "tasks.none")}>
            <p>${t(filtered ? "tasks.noneFoundText" : "tasks.noneText")}</p>${!filtered && may("operator") && html`<a class="btn primary" href="#/tasks/new"><${Icon} name="plus" />${t("task.new")}</a>`}<//>`
        : html`<div class="table-wrap"><table class="table folds"><thead><tr><th scope="col">${t("task.name")}</th><th scope="col">${t("task.state")}</th><th scope="col">${t("task.progress")}</th>
            <th scope="col" class="end">${t("task.reached")}</th><th scope="col" class="end">${t("task.perMinute")}</th><th scope="col"><span class="unseen">${t("table.actions")}</span></th></tr></thead>
          <tbody>${tasks.map((task) => html`<${TaskRow} key=${task.id} task=${task} changed=${reload} />`)}</tbody></table></div>`}
    </section>`;
}

function TaskRow({ task, changed }) {
  const { reached } = grouped(task.results);
  return html`<tr class="hoverable">
    <td><a class="name" href=${hrefOf("tasks", task.id)}>${task.name || t("task.unnamed", { id: task.id })}</a><div class="muted small num">${kindOf(task)} · № ${task.id}</div></td>
    <td data-label=${t("task.state")}><span><${StatePill} task=${task} /></span></td>
    <td data-label=${t("task.progress")}><div class="progress-cell"><span class="small num muted">${doneOf(task)}</span><${Progress} task=${task} /></div></td>
    <td data-label=${t("task.reached")} class="end num">${task.done ? percent(reached / task.done) : "–"}</td>
    <td data-label=${t("task.perMinute")} class="end num">${task.state === OPEN ? number(task.perMinute) : "–"}</td>
    <td class="actions"><${TaskActions} task=${task} compact=${true} changed=${changed} /></td></tr>`;
}

export function kindOf(task) {
  if (task.innerNumType === "polling") return t("kind.polling", { number: task.innerNum });
  if (task.innerNumType === "exten") return t("kind.exten", { number: task.innerNum });
  return task.owner ? t("kind.scriptOf", { owner: task.owner }) : t("kind.script");
}
