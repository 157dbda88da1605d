// What stands where there is nothing yet, nothing at all, or no answer.
import { html } from "../html.js";
import { t } from "../i18n/index.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";
import { reasonOf } from "./toasts.js";

export function Empty({ icon, title, children, level = 2 }) {
  const Title = `h${level}`;
  return html`<div class="empty"><span class="badge"><${Icon} name=${icon} size=${24} /></span>
    <${Title}>${title}<//>${children}</div>`;
}

const WIDTHS = ["w1", "w2", "w3"];

export function Skeletons({ lines = 5 }) {
  return html`<div class="skeletons" role="status"><span class="unseen">${t("state.loading")}</span>
    ${Array.from({ length: lines }, (_, place) => html`<div class="skeleton ${WIDTHS[place % 3]}" key=${place} />`)}</div>`;
}

/** What the address names is not there. `back`: [address, text]. */
export function Gone({ title, text, back }) {
  return html`<${Empty} icon="circle-help" title=${title}><p>${text}</p><a class="btn" href=${back[0]}>${back[1]}</a><//>`;
}

export function Failure({ error, retry }) {
  return html`<div class="empty" role="alert"><span class="badge bad"><${Icon} name="triangle-alert" size=${24} /></span>
    <h2>${t("state.failed")}</h2><p>${reasonOf(error)}</p>
    ${retry && html`<${Button} icon="refresh-cw" act=${retry}>${t("action.retry")}<//>`}</div>`;
}

/** A notice in the page. */
export function Notice({ kind = "", icon, title, children, actions }) {
  const icons = { good: "circle-check", warn: "triangle-alert", bad: "circle-x", accent: "info" };
  return html`<div class="notice ${kind}"><${Icon} name=${icon ?? icons[kind] ?? "info"} />
    <div class="body">${title && html`<strong>${title}</strong>`}${children}</div>${actions}</div>`;
}
