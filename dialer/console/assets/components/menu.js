// A button that opens a short list: Escape and a press elsewhere close it.
import { html, useEffect, useId, useRef, useState } from "../html.js";
import { Icon } from "./icon.js";

export function Menu({ label, icon, text, children, small }) {
  const [open, setOpen] = useState(false);
  const whole = useRef(null);
  const button = useRef(null);
  const id = useId();
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event) => {
      if (!whole.current.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
    };
  }, [open]);
  const keys = (event) => {
    if (event.key === "Escape" && open) {
      event.stopPropagation();
      setOpen(false);
      button.current.focus();
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const items = [...whole.current.querySelectorAll(".menu-list button, .menu-list a, .menu-list select")];
      const place = items.indexOf(document.activeElement);
      if (!items.length || document.activeElement?.tagName === "SELECT") return;
      event.preventDefault();
      items[(place + (event.key === "ArrowDown" ? 1 : items.length - 1)) % items.length]?.focus();
    }
  };
  return html`<div class="menu" ref=${whole} onKeyDown=${keys}>
    <button type="button" ref=${button} class="btn ${text ? "" : "icon-only"} ${small ? "small" : ""} ${text ? "quiet-line" : "ghost"}"
      aria-label=${text ? undefined : label} title=${text ? undefined : label} aria-expanded=${open ? "true" : "false"} aria-controls=${id}
      onClick=${() => setOpen(!open)}>
      <${Icon} name=${icon} size=${small ? 16 : 18} />${text && html`<span class="clip">${text}</span><${Icon} name="chevron-down" size=${15} />`}
    </button>
    ${open && html`<div class="menu-list" id=${id} onClick=${(event) => {
      if (event.target.closest("button, a")) setOpen(false);
    }}>${children}</div>`}
  </div>`;
}
