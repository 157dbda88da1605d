import { html, useState } from "../html.js";
import { failed } from "./toasts.js";
import { Icon } from "./icon.js";

/**
 * A button. Where `act` returns a promise, the button waits for it, cannot be pressed twice, and tells of a failure.
 * `label` is said of a button that shows an icon only.
 */
export function Button({ kind = "", icon, label, act, small, iconOnly, disabled, submit, busy, children, ...others }) {
  const [waits, setWaits] = useState(false);
  const working = waits || busy;
  const press = async (event) => {
    if (working || disabled) {
      event.preventDefault();
      return;
    }
    const done = act?.(event);
    if (!(done instanceof Promise)) return;
    setWaits(true);
    try {
      await done;
    } catch (error) {
      failed(error);
    } finally {
      setWaits(false);
    }
  };
  return html`<button type=${submit ? "submit" : "button"}
    class="btn ${kind} ${small ? "small" : ""} ${iconOnly ? "icon-only" : ""}"
    aria-label=${iconOnly ? label : undefined} title=${iconOnly ? label : undefined}
    aria-disabled=${working || disabled ? "true" : undefined} aria-busy=${working ? "true" : undefined}
    onClick=${press} ...${others}>
    ${working ? html`<${Icon} name="loader-circle" spins=${true} />` : icon && html`<${Icon} name=${icon} size=${small ? 16 : 18} />`}
    ${!iconOnly && (children ?? label)}
  </button>`;
}
