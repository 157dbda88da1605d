// What was answered to each question: bars with their figures as text.
import { html } from "../html.js";
import { number, percent, t } from "../i18n/index.js";
import { Empty } from "./states.js";

export function AnswerCharts({ questions }) {
  if (questions.length === 0) {
    return html`<section class="card" aria-label=${t("answers.title")}><div class="card-head"><h2>${t("answers.title")}</h2></div>
      <${Empty} icon="waypoints" title=${t("answers.none")} level=${3}><p>${t("answers.noneText")}</p><//></section>`;
  }
  return html`<section class="card" aria-labelledby="answers-title"><div class="card-head"><h2 id="answers-title">${t("answers.title")}</h2></div>
    <div class="card-body stack">${questions.map((one) => html`<${Question} key=${`${one.pollingId} ${one.questionId}`} question=${one} />`)}</div></section>`;
}

function Question({ question }) {
  const all = question.answers.reduce((sum, one) => sum + one.times, 0) + question.others;
  const most = Math.max(...question.answers.map((one) => one.times), 1);
  const rows = [...question.answers.map((one) => [one.value ?? t("answers.recordings"), one.times]), ...(question.others ? [[t("answers.others"), question.others]] : [])];
  return html`<div class="stack-s"><h3>${question.questionId}. ${question.text || t("answers.gone")}</h3>
    <ul class="bars">${rows.map(([value, times], place) => html`<li key=${place}><div class="value"><span>${value}</span><span class="num nowrap"><b>${number(times)}</b> <span class="muted">${percent(times / all)}</span></span></div>
      <div class="track" aria-hidden="true"><div class="fill" style=${{ "--part": `${(times / most) * 100}%` }} /></div></li>`)}</ul>
    <p class="muted small num">${t("answers.inAll", { n: all })}</p></div>`;
}
