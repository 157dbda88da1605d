// What has been done, or could not be: said aloud by readers of the screen, gone after a while.
import { ApiError } from "../api.js";
import { html, useEffect, useRef } from "../html.js";
import { t, told } from "../i18n/index.js";
import { Store, useStore } from "../store.js";
import { Icon } from "./icon.js";

const SHOWN_MS = 7000;
const toasts = new Store([]);
let count = 0;

function add(kind, text) {
  const id = ++count;
  toasts.set([...toasts.value.slice(-3), { id, kind, text }]);
  if (kind === "good") setTimeout(() => drop(id), SHOWN_MS);
}

const drop = (id) => toasts.set(toasts.value.filter((one) => one.id !== id));

export const done = (text) => add("good", text);

/** In words what went wrong with a call of the API. */
export function reasonOf(error) {
  if (!(error instanceof ApiError)) return t("error.program", { text: error?.message ?? String(error) });
  if (error.status === 0) return t("error.unreachable");
  if (error.status === 401) return t("error.loggedOut");
  if (error.status === 403) return t("error.forbidden");
  if (error.messages.length) return error.messages.map(told).join("\n");
  return t("error.http", { status: error.status });
}

export function failed(error) {
  if (error?.name === "AbortError" || error?.status === 401) return; // the login says it
  if (!(error instanceof ApiError)) console.error(error);
  add("bad", reasonOf(error));
}

export function Toasts() {
  const shown = useStore(toasts);
  const place = useRef(null);
  // in the top layer, above dialogs
  useEffect(() => {
    const element = place.current;
    if (!element?.showPopover) return;
    if (element.matches(":popover-open")) element.hidePopover();
    if (shown.length) element.showPopover();
  }, [shown]);
  return html`<div class="toasts" popover="manual" ref=${place} role="region" aria-label=${t("toasts.label")}>
    ${shown.map(({ id, kind, text }) => html`<div class="toast ${kind}" key=${id} role=${kind === "bad" ? "alert" : "status"}>
      <${Icon} name=${kind === "bad" ? "triangle-alert" : "circle-check"} />
      <span class="pre">${text}</span>
      <button type="button" class="btn ghost small icon-only" aria-label=${t("action.dismiss")} onClick=${() => drop(id)}>
        <${Icon} name="x" size=${16} /></button>
    </div>`)}
  </div>`;
}
