// The browser's own <dialog>: it keeps the focus, ends with Escape, and gives the focus back.
import { without } from "../form_errors.js";
import { html, useEffect, useId, useRef, useState } from "../html.js";
import { t } from "../i18n/index.js";
import { Store, useStore } from "../store.js";
import { Button } from "./button.js";
import { Field } from "./field.js";
import { Icon } from "./icon.js";
import { reasonOf } from "./toasts.js";

/** A dialog that is open as long as it is drawn. */
export function Dialog({ title, onClose, wide, children, closable = true, class: more = "" }) {
  const element = useRef(null);
  const id = useId();
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog.showModal();
    (dialog.querySelector("[data-first]") ?? dialog.querySelector("h2"))?.focus();
    return () => {
      dialog.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return html`<dialog ref=${element} class="${wide ? "wide" : ""} ${more}" aria-labelledby=${id}
    onCancel=${(event) => {
      event.preventDefault();
      if (closable) onClose();
    }}>
    <div class="dialog-head">
      <h2 id=${id} tabindex="-1">${title}</h2>
      ${closable && html`<button type="button" class="btn ghost small icon-only" aria-label=${t("action.close")} onClick=${onClose}>
        <${Icon} name="x" /></button>`}
    </div>
    ${children}
  </dialog>`;
}

const question = new Store(null);

/**
 * Ask; resolves to whether the user agrees. `act`: what is then done while the dialog waits; what goes wrong with it is
 * said in the dialog.
 * @param {{title: string, text?: any, action: string, danger?: boolean, act?: () => Promise<any>, cancel?: string}} asked
 * @returns {Promise<boolean>}
 */
export function confirm(asked) {
  return new Promise((resolve) => question.set({ ...asked, resolve }));
}

export function Confirmations() {
  const asked = useStore(question);
  return asked && html`<${Confirmation} key=${asked.title} asked=${asked} />`;
}

function Confirmation({ asked }) {
  const [error, setError] = useState(null);
  const end = (agreed) => {
    question.set(null);
    asked.resolve(agreed);
  };
  const agree = async () => {
    setError(null);
    try {
      await asked.act?.();
    } catch (problem) {
      setError(reasonOf(problem));
      return;
    }
    end(true);
  };
  return html`<${Dialog} title=${asked.title} onClose=${() => end(false)}>
    <div class="dialog-body">
      ${asked.text && html`<p class="muted">${asked.text}</p>`}
      ${error && html`<p class="error" role="alert"><${Icon} name="triangle-alert" size=${16} />${error}</p>`}
    </div>
    <div class="dialog-foot">
      <button type="button" class="btn" data-first onClick=${() => end(false)}>${asked.cancel ?? t("action.cancel")}</button>
      <${Button} kind=${asked.danger ? "danger" : "primary"} act=${agree}>${asked.action}<//>
    </div>
  <//>`;
}

/** A dialog with a form: `save` returns a promise; refusals are shown at their fields, until these are edited. */
export function FormDialog({ title, action, onClose, save, wide, children }) {
  const [errors, setErrors] = useState({});
  const [busy, setBusy] = useState(false);
  const edited = ({ target }) => {
    if (target.dataset.field) setErrors((now) => without(now, [target.dataset.field]));
  };
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setErrors({});
    try {
      await save();
    } catch (error) {
      setErrors(error.byField ? { ...error.byField(), "": error.messages.length ? error.byField()[""] : [reasonOf(error)] } : { "": [reasonOf(error)] });
      setBusy(false);
      return;
    }
    setBusy(false);
    onClose();
  };
  return html`<${Dialog} title=${title} onClose=${onClose} wide=${wide}>
    <form onSubmit=${submit} onInput=${edited} novalidate>
      <div class="dialog-body">
        ${typeof children === "function" ? children(errors) : children}
        <${Field.Errors} errors=${errors[""]} />
      </div>
      <div class="dialog-foot">
        <button type="button" class="btn" onClick=${onClose}>${t("action.cancel")}</button>
        <${Button} kind="primary" submit=${true} busy=${busy}>${action}<//>
      </div>
    </form>
  <//>`;
}
