import { html, useId, useRef, useState } from "../html.js";
import { t } from "../i18n/index.js";
import { Button } from "./button.js";
import { Icon } from "./icon.js";

/** Takes one file, dropped or chosen. */
export function Dropzone({ label, hint, accept, take, busy }) {
  const input = useRef(null);
  const [over, setOver] = useState(false);
  const id = useId();
  const took = (files) => {
    setOver(false);
    if (files?.length) take(files[0]);
    if (input.current) input.current.value = "";
  };
  return html`<div class="drop ${over ? "over" : ""}"
    onDragOver=${(event) => {
      event.preventDefault();
      setOver(true);
    }}
    onDragLeave=${() => setOver(false)}
    onDrop=${(event) => {
      event.preventDefault();
      took(event.dataTransfer.files);
    }}>
    <${Icon} name="upload" size=${26} />
    <input id=${id} ref=${input} type="file" accept=${accept} aria-label=${label} tabindex="-1" onChange=${(event) => took(event.currentTarget.files)} />
    <strong>${label}</strong>
    ${hint && html`<span class="small">${hint}</span>`}
    <${Button} icon="file-spreadsheet" busy=${busy} act=${() => input.current.click()}>${t("action.chooseFile")}<//>
  </div>`;
}
