import { api } from "../api.js";
import { html, useState } from "../html.js";
import { t } from "../i18n/index.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";

/** A recorded answer or talk: the player comes when it is wanted, so that a table loads none. */
export function Recording({ path, label }) {
  const [open, setOpen] = useState(false);
  const [failed, setFailed] = useState(false);
  const address = api.recordingAddress(path);
  if (!open) return html`<${Button} small=${true} kind="quiet-line" icon="play" aria-label="${t("recording.play")}: ${label}" act=${() => setOpen(true)}>${t("recording.play")}<//>`;
  return html`<span class="row"><audio controls autoplay src=${address} aria-label=${label} onError=${() => setFailed(true)} />
    ${failed ? html`<span class="error"><${Icon} name="triangle-alert" size=${15} />${t("recording.gone")}</span>`
      : html`<a class="btn small icon-only ghost" href=${address} download=${path.split("/").pop()} aria-label="${t("action.download")}: ${label}" title=${t("action.download")}><${Icon} name="download" size=${16} /></a>`}</span>`;
}
