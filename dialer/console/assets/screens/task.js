import { api, isGone } from "../api.js";
import { html, useEffect, useState } from "../html.js";
import { lang, number, percent, t } from "../i18n/index.js";
import { forgetTask, useLive } from "../live.js";
import { CLOSED, groupOf } from "../outcomes.js";
import { go, hrefOf } from "../router.js";
import { may } from "../session.js";
import { AnswerCharts } from "../components/answer_charts.js";
import { confirm } from "../components/dialog.js";
import { Icon } from "../components/icon.js";
import { useEvery, useLoaded, useUnhurried } from "../components/loading.js";
import { Menu } from "../components/menu.js";
import { Mark, Progress, ProgressLegend, StatePill, outcomeName, progressText } from "../components/outcome.js";
import { PageHead, Tabs } from "../components/page.js";
import { Empty, Failure, Gone, Skeletons } from "../components/states.js";
import { TaskActions } from "../components/task_actions.js";
import { TimeChart } from "../components/time_chart.js";
import { done } from "../components/toasts.js";
import { Why } from "../components/why.js";
import { TaskAdd } from "./task_add.js";
import { TaskEdit } from "./task_form.js";
import { TaskNumbers } from "./task_numbers.js";
import { kindOf } from "./tasks.js";

const CHARTS_MS = 5000;
const SAID_MS = 15000;

/** The charts, fetched anew as long as results come. */
function Charts({ task }) {
  const { data, error, reload } = useLoaded(() => api.charts(task.id), [task.id]);
  const [seen, setSeen] = useState(task.done);
  useEvery(CHARTS_MS, () => {
    if (seen !== task.done) {
      setSeen(task.done);
      reload();
    }
  }, [seen, task.done]);
  if (error && !data) return html`<section class="card"><${Failure} error=${error} retry=${reload} /></section>`;
  if (!data) return html`<section class="card"><${Skeletons} /></section>`;
  return html`<section class="card" aria-labelledby="outcomes-title"><div class="card-head"><h2 id="outcomes-title">${t("task.outcomes")}</h2></div>
      <div class="card-body">${data.outcomes.length === 0 ? html`<${Empty} icon="phone-call" title=${t("task.noResults")} level=${3}><p>${t("task.noResultsText")}</p><//>`
        : html`<${TimeChart} buckets=${data.outcomes} bucketS=${data.bucket_s} label=${t("task.outcomes")} />`}</div></section>
    <div class="two"><${OutcomeTable} task=${task} />
    ${task.innerNumType !== "exten" && html`<${AnswerCharts} questions=${data.questions} />`}</div>`;
}

function OutcomeTable({ task }) {
  const rows = Object.entries(task.results).sort(([, one], [, other]) => other - one);
  return html`<section class="card" aria-labelledby="results-title"><div class="card-head"><h2 id="results-title">${t("task.results")}</h2></div><div class="card-body">
    ${rows.length === 0 ? html`<p class="muted">${t("task.noResults")}</p>` : html`<table class="outcome-table num"><thead><tr><th scope="col" class="muted small">${t("task.result")}</th><th scope="col" class="muted small">${t("task.calls")}</th><th scope="col" class="muted small">${t("task.share")}</th></tr></thead>
      <tbody>${rows.map(([outcome, count]) => html`<tr key=${outcome}><td><a class="key" href=${`${hrefOf("tasks", task.id, "numbers")}?result=${outcome}`}><${Mark} group=${groupOf(outcome)} />${outcomeName(outcome)}</a></td>
        <td>${number(count)}</td><td class="muted">${percent(count / (task.done || 1))}</td></tr>`)}</tbody></table>`}</div></section>`;
}

function Overall({ task }) {
  const said = useUnhurried(progressText(task), SAID_MS);
  return html`<section class="card pad big-progress" aria-label=${t("task.progress")}>
    <div class="head"><b class="num">${number(task.done)}</b><span class="muted">${t("task.ofAttempts", { n: task.total })}</span>
      <span class="grow" />${task.state !== CLOSED && html`<span class="muted num">${t("task.nowCalls", { now: task.inProgress, most: task.maxCountChannels, minute: task.perMinute })}</span>`}</div>
    <${Progress} task=${task} large=${true} /><${ProgressLegend} task=${task} shares=${true} />
    <p class="muted small">${t("task.numbersListed", { n: task.numbers })}</p>
    <p class="unseen" aria-live="polite">${said}</p></section>`;
}

function More({ task }) {
  const remove = () => confirm({
    title: t("task.deleteAsk", { name: task.name || task.id }), text: t("task.deleteText"), action: t("action.delete"), danger: true,
    act: async () => {
      await api.deleteTask(task.id);
      forgetTask(task.id);
      go("#/tasks");
      done(t("task.deleted"));
    },
  });
  const download = (format) => html`<a href=${api.exportAddress(task.id, format, lang())} download><${Icon} name="download" />${t(`export.${format}`)}</a>`;
  return html`<${Menu} label=${t("action.more")} icon="ellipsis">
    ${download("xlsx")}${download("csv")}
    ${may("operator") && task.owner === "" && html`<hr /><button type="button" class="bad" onClick=${remove}><${Icon} name="trash-2" />${t("action.delete")}</button>`}<//>`;
}

export function Task({ id, tab, query }) {
  const { data, error, reload, set } = useLoaded(() => api.task(id), [id]);
  const now = useLive((state) => state.tasks.get(Number(id)));
  const task = data && { ...data, ...(now?.counted ? now : null) };
  useEffect(() => {
    // other users change tasks, too
    if (data && now && now.changeTime !== data.changeTime) reload();
  }, [now?.changeTime]);
  const back = ["#/tasks", t("nav.tasks")];
  if (error && !data) return html`<${PageHead} title=${t("task.number", { id })} back=${back} /><section class="card">${isGone(error) ? html`<${Gone} title=${t("task.gone")} text=${t("task.goneText")} back=${back} />` : html`<${Failure} error=${error} retry=${reload} />`}</section>`;
  if (!task) return html`<${PageHead} title=${t("task.number", { id })} back=${back} /><section class="card"><${Skeletons} lines=${8} /></section>`;
  const mine = task.owner === "" && task.innerNumType !== "script";
  const name = task.name || t("task.unnamed", { id: task.id });
  const tabs = [["progress", "task.tab.progress"], ["numbers", "task.tab.numbers"], ...(mine && may("operator") ? [["add", "task.tab.add"], ["edit", "task.tab.edit"]] : [])];
  const changed = (answered) => {
    if (answered?.rules) set(answered);
    else reload();
  };
  return html`<${PageHead} title=${name} back=${back}
      sub=${html`<${StatePill} task=${task} /><span>${task.pollingName ? html`<a href=${hrefOf("pollings", task.innerNum)}>${task.pollingName}</a>` : kindOf(task)}</span>
        <span class="num">№ ${task.id}</span>${task.crmId !== String(task.id) && html`<span class="num clip">CRM ${task.crmId}</span>`}${task.spent && html`<span class="num">${t("task.spent", { sum: task.spent })}</span>`}`}
      actions=${html`<${TaskActions} task=${task} changed=${changed} /><${More} task=${task} />`} />
    <${Tabs} label=${name} tabs=${tabs.map(([key, text]) => [hrefOf("tasks", id, ...(key === "progress" ? [] : [key])), t(text), key === tab])} />
    ${tab === "numbers" ? html`<${TaskNumbers} task=${task} query=${query} />`
      : tab === "add" && mine && may("operator") ? html`<${TaskAdd} task=${task} changed=${reload} />`
      : tab === "edit" && mine && may("operator") ? html`<${TaskEdit} task=${data} saved=${reload} />`
      : html`${!(task.state === CLOSED && task.waiting === 0) && html`<${Why} taskId=${task.id} mark=${task.state} />`}
        <${Overall} task=${task} /><${Charts} task=${task} />`}`;
}
