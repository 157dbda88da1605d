// Form fields: a label, a hint and what is wrong always belong to their control.
import { html, useId } from "../html.js";
import { told } from "../i18n/index.js";
import { Icon } from "./icon.js";

/** `children` gets the attributes of the control: id, aria-describedby, aria-invalid. */
export function Field({ label, hint, errors, wide, children, class: more = "", field }) {
  const id = useId();
  const problems = errors ?? [];
  const described = [hint && `${id}-hint`, problems.length && `${id}-error`].filter(Boolean).join(" ");
  return html`<div class="field ${wide ? "wide" : ""} ${more}">
    <label for=${id}>${label}</label>
    ${children({
      id, "data-field": field, "aria-describedby": described || undefined, "aria-invalid": problems.length ? "true" : undefined,
    })}
    ${hint && html`<p class="hint" id="${id}-hint">${hint}</p>`}
    ${problems.length > 0 && html`<p class="error" id="${id}-error"><${Icon} name="triangle-alert" size=${15} />
      <span>${problems.map(told).join("; ")}</span></p>`}
  </div>`;
}

/** Messages that belong to no field. */
Field.Errors = function FieldErrors({ errors }) {
  return errors?.length > 0 && html`<div class="notice bad" role="alert"><${Icon} name="triangle-alert" />
    <ul class="body">${errors.map((one) => html`<li>${told(one)}</li>`)}</ul></div>`;
};

export function TextField({ label, hint, errors, value, set, wide, field, ...others }) {
  return html`<${Field} ...${{ label, hint, errors, wide, field }}>
    ${(control) => html`<input class="input" ...${control} value=${value} onInput=${(event) => set(event.currentTarget.value)} ...${others} />`}
  <//>`;
}

export function TextArea({ label, hint, errors, value, set, wide, field, ...others }) {
  return html`<${Field} ...${{ label, hint, errors, wide, field }}>
    ${(control) => html`<textarea class="input" ...${control} value=${value} onInput=${(event) => set(event.currentTarget.value)} ...${others} />`}
  <//>`;
}

/** `options`: [value, text] each. */
export function SelectField({ label, hint, errors, value, set, options, wide, field, ...others }) {
  return html`<${Field} ...${{ label, hint, errors, wide, field }}>
    ${(control) => html`<select class="input" ...${control} value=${value} onChange=${(event) => set(event.currentTarget.value)} ...${others}>
      ${options.map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value}>${text}</option>`)}
    </select>`}
  <//>`;
}

/** A number with a word for its unit behind it. */
export function UnitField({ label, hint, errors, value, set, unit, field, ...others }) {
  return html`<${Field} ...${{ label, hint, errors, field }}>
    ${(control) => html`<span class="with-unit"><input class="input num" inputmode="decimal" autocomplete="off" ...${control}
      value=${value} onInput=${(event) => set(event.currentTarget.value)} ...${others} /><span class="muted">${unit}</span></span>`}
  <//>`;
}

export function CheckField({ label, hint, checked, set, disabled }) {
  const id = useId();
  return html`<div class="field"><label class="check">
    <input type="checkbox" checked=${checked} disabled=${disabled} aria-describedby=${hint ? id : undefined}
      onChange=${(event) => set(event.currentTarget.checked)} />
    <span>${label}</span></label>
    ${hint && html`<p class="hint" id=${id}>${hint}</p>`}</div>`;
}

/** A choice of few, each with what it means. `options`: [value, title, hint]. */
export function ChoiceField({ label, name, value, set, options }) {
  return html`<fieldset class="field"><legend class="label">${label}</legend><div class="choices">
    ${options.map(([key, title, hint]) => html`<label class="choice" key=${key}>
      <input type="radio" name=${name} value=${key} checked=${key === value} onChange=${() => set(key)} />
      <b>${title}</b>${hint && html`<span class="hint">${hint}</span>`}</label>`)}
  </div></fieldset>`;
}

/** One of few, as buttons in a row: for filters. */
export function Segments({ label, value, set, options }) {
  return html`<div class="segments" role="group" aria-label=${label}>
    ${options.map(([key, text]) => html`<button type="button" key=${key} aria-pressed=${key === value ? "true" : "false"} onClick=${() => set(key)}>${text}</button>`)}
  </div>`;
}

export function SearchField({ label, value, set }) {
  return html`<div class="search"><${Icon} name="search" size=${16} />
    <input type="search" class="input" aria-label=${label} placeholder=${label} value=${value} onInput=${(event) => set(event.currentTarget.value)} /></div>`;
}
