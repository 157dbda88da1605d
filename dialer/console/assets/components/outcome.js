// Results shown: a mark of its own shape for each group, never a colour alone.
import { h, html } from "../html.js";
import { has, number, percent, t } from "../i18n/index.js";
import { CLOSED, GROUPS, OPEN, groupOf, grouped, stateOf } from "../outcomes.js";

const SHAPES = {
  reached: "M5 0a5 5 0 1 0 0 10A5 5 0 0 0 5 0Z",
  partial: "M5 0 10 9.5H0Z",
  missed: "M0.5 0.5h9v9h-9Z",
  trouble: "M5 -0.5 10.5 5 5 10.5 -0.5 5Z",
  elsewhere: "M3.5 0h3v3.5H10v3H6.5V10h-3V6.5H0v-3h3.5Z",
  calling: "M0 1.5 5 5 0 8.5ZM5 1.5 10 5 5 8.5Z",
  waiting: "M5 0a5 5 0 1 0 0 10A5 5 0 0 0 5 0Z",
};

export function Mark({ group }) {
  return h("svg", { class: `mark ${group}`, viewBox: "-0.5 -0.5 11 11", "aria-hidden": "true" },
    h("path", { d: SHAPES[group], fill: "currentColor" }));
}

export const outcomeName = (outcome) => (has(`outcome.${outcome}`) ? t(`outcome.${outcome}`) : outcome);
export const groupName = (group) => t(`group.${group}`);

export function OutcomeName({ outcome }) {
  return html`<span class="key"><${Mark} group=${groupOf(outcome)} />${outcomeName(outcome)}</span>`;
}

const KINDS = { open: "accent", paused: "warn", stopped: "", finished: "good", closed: "" };

export function StatePill({ task }) {
  const state = stateOf(task);
  return html`<span class="pill ${KINDS[state]}"><span class="dot ${task.state === OPEN && task.inProgress ? "beats" : ""}" />${t(`state.${state}`)}</span>`;
}

/** Done and total of a task, as far as they are known. */
export const doneOf = (task) => (task.counted ? `${number(task.done)} / ${number(task.total)}` : t("progress.counting"));

/** How far a task is. The bar says the same as its text, to readers of the screen as well. */
export function Progress({ task, large }) {
  const counts = grouped(task.results);
  const total = task.total || 1;
  const parts = [...GROUPS.map((group) => [group, counts[group]]), ["calling", task.inProgress]].filter(([, count]) => count > 0);
  return html`<div class="progress ${large ? "large" : ""}" role="progressbar" aria-valuemin="0" aria-valuemax=${task.counted ? task.total : undefined} aria-valuenow=${task.counted ? task.done : undefined}
    aria-label=${t("progress.of", { name: task.name || task.id })} aria-valuetext=${progressText(task)}>
    ${parts.map(([group, count]) => html`<span key=${group} class="g-${group}" style=${{ "--part": `${(count / total) * 100}%` }} />`)}
  </div>`;
}

export const progressText = (task) => (task.counted ? t("progress.text", { done: task.done, total: task.total, calling: task.inProgress }) : t("progress.counting"));

export function ProgressLegend({ task, shares }) {
  if (!task.counted) return null;
  const counts = grouped(task.results);
  const rows = [...GROUPS.map((group) => [group, counts[group], groupName(group)]).filter(([, count]) => count > 0),
    ["calling", task.inProgress, t("progress.calling")], ["waiting", task.waiting, t(task.state === CLOSED ? "progress.left" : "progress.waiting")]];
  return html`<ul class="legend num">${rows.map(([group, count, name]) => html`<li key=${group}><${Mark} group=${group} />
    ${name} <b>${number(count)}</b>${shares && task.done > 0 && GROUPS.includes(group) && html` <span>${percent(count / task.done)}</span>`}</li>`)}</ul>`;
}
