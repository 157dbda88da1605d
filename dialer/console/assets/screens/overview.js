import { healthOf } from "../health.js";
import { html } from "../html.js";
import { number, reasonTold, t } from "../i18n/index.js";
import { useLive } from "../live.js";
import { OPEN, PAUSED } from "../outcomes.js";
import { hrefOf } from "../router.js";
import { may } from "../session.js";
import { Icon } from "../components/icon.js";
import { Progress, ProgressLegend, StatePill, doneOf } from "../components/outcome.js";
import { PageHead } from "../components/page.js";
import { Empty, Skeletons } from "../components/states.js";
import { TimeChart } from "../components/time_chart.js";

const MINUTE_S = 60;
const HOUR_S = 3600;
/** What the states of Asterisk other than ready mean. */
const EXPLAINED = { away: "why.ami_away.hint", booting: "why.asterisk_booting", "login refused": "why.ami_refused.hint" };

function Trouble({ text }) {
  const said = reasonTold(text);
  return html`<p class="muted small words" lang=${said === text ? "en" : undefined}>${said}</p>`;
}

function HealthCard() {
  const health = useLive((state) => state.health);
  if (!health) return html`<section class="card"><${Skeletons} lines=${2} /></section>`;
  const [kind, icon, name] = healthOf(health);
  const explained = EXPLAINED[health.asterisk] && t(EXPLAINED[health.asterisk]);
  const speaking = Object.entries(health.speech ?? {}).filter(([, engine]) => engine.failed);
  return html`<section class="card health ${kind}" aria-labelledby="health-title"><span class="badge"><${Icon} name=${icon} size=${24} /></span>
    <div class="stack-s"><h2 id="health-title">${t(name)}</h2>
      ${health.trouble ? html`${explained && html`<p>${explained}</p>`}<${Trouble} text=${health.trouble} />` : html`<p class="muted">${t(health.status === "draining" ? "health.drainingText" : "health.fine")}</p>`}
      <div class="row"><span class="pill ${health.asterisk === "ready" ? "good" : "bad"}"><${Icon} name="phone" size=${14} />Asterisk: ${t(`asterisk.${health.asterisk.replace(" ", "_")}`)}</span>
        ${health.waiting_for.map((one) => html`<span class="pill warn" key=${one}><${Icon} name="users" size=${14} />${t("health.waitingFor", { number: one })}</span>`)}
        ${speaking.map(([name, engine]) => html`<span class="pill warn" key=${name}><${Icon} name="volume-2" size=${14} />${t("health.speech", { name, n: engine.failed })}</span>`)}
      </div>
      ${health.slowed_down.map((one) => html`<p class="small muted" key=${one}>${reasonTold(one)}</p>`)}
    </div></section>`;
}

export function Overview() {
  const stats = useLive((state) => state.stats);
  const tasks = useLive((state) => state.tasks);
  const known = useLive((state) => state.known);
  const all = [...tasks.values()].sort((one, other) => other.id - one.id);
  const running = all.filter((task) => task.state === OPEN);
  const paused = all.filter((task) => task.state === PAUSED);
  const waiting = running.reduce((sum, task) => sum + task.waiting, 0);
  const perMinute = all.reduce((sum, task) => sum + task.perMinute, 0);
  const now = Math.ceil(Date.now() / 1000 / MINUTE_S) * MINUTE_S;
  return html`<${PageHead} title=${t("nav.overview")} actions=${may("operator") && html`<a class="btn primary" href="#/tasks/new"><${Icon} name="plus" />${t("task.new")}</a>`} />
    <${HealthCard} />
    <dl class="figures">
      <div class="card figure"><dt>${t("figure.channels")}</dt><dd>${stats ? number(stats.inProgress) : "–"}${stats?.maxChannels > 0 && html` <small>${t("figure.of", { n: stats.maxChannels })}</small>`}</dd></div>
      <div class="card figure"><dt>${t("figure.perMinute")}</dt><dd>${known ? number(perMinute) : "–"}</dd></div>
      <div class="card figure"><dt>${t("figure.openTasks")}</dt><dd>${known ? number(running.length) : "–"}${paused.length > 0 && html` <small>${t("figure.paused", { n: paused.length })}</small>`}</dd></div>
      <div class="card figure"><dt>${t("figure.waiting")}</dt><dd>${known && running.every((task) => task.counted) ? number(waiting) : "–"}</dd></div>
    </dl>
    <section class="card" aria-labelledby="chart-title"><div class="card-head"><h2 id="chart-title">${t("overview.chart")}</h2></div>
      <div class="card-body">${!stats ? html`<${Skeletons} />` : stats.minutes.every((one) => Object.keys(one.results).length === 0)
        ? html`<${Empty} icon="phone-call" title=${t("overview.noCalls")} level=${3}><p>${t("overview.noCallsText")}</p><//>`
        : html`<${TimeChart} buckets=${stats.minutes} bucketS=${MINUTE_S} from=${now - HOUR_S} to=${now} label=${t("overview.chart")} />`}</div></section>
    <section class="card" aria-labelledby="running-title"><div class="card-head"><h2 id="running-title">${t("overview.running")}</h2><a href="#/tasks">${t("overview.allTasks")}</a></div>
      ${!known ? html`<${Skeletons} />` : running.length === 0
        ? html`<${Empty} icon="list-checks" title=${t("overview.nothing")} level=${3}><p>${t(may("operator") ? "overview.nothingText" : "overview.nothingToReaders")}</p>
            ${may("operator") && html`<a class="btn" href="#/tasks/new"><${Icon} name="plus" />${t("task.new")}</a>`}<//>`
        : html`<ul class="task-list">${running.slice(0, 20).map((task) => html`<li class="task-line" key=${task.id}>
            <a class="name clip" href=${hrefOf("tasks", task.id)}>${task.name || t("task.unnamed", { id: task.id })}</a>
            <span class="row"><span class="muted num small">${doneOf(task)}</span><${StatePill} task=${task} /></span>
            <${Progress} task=${task} /><${ProgressLegend} task=${task} /></li>`)}</ul>`}
    </section>`;
}
