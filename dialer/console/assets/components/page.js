// The head of every screen: its name takes the focus when the screen comes.
import { html, useEffect, useRef } from "../html.js";
import { t } from "../i18n/index.js";
import { route } from "../router.js";
import { Icon } from "./icon.js";

let shown = null;

/** `back`: [address, text]. */
export function PageHead({ title, back, sub, actions, pageTitle }) {
  const heading = useRef(null);
  useEffect(() => {
    document.title = `${pageTitle ?? title} · ${t("app.name")}`;
  });
  useEffect(() => {
    const here = route.value.parts.join("/");
    if (shown !== null && shown !== here) {
      heading.current?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    shown = here;
  }, [route.value.parts.join("/")]);
  return html`<header class="page-head"><div>
      ${back && html`<nav class="crumb" aria-label=${t("nav.back")}><a href=${back[0]}><${Icon} name="arrow-left" size=${15} />${back[1]}</a></nav>`}
      <h1 tabindex="-1" ref=${heading}>${title}</h1>
      ${sub && html`<div class="sub">${sub}</div>`}
    </div>
    ${actions && html`<div class="actions">${actions}</div>`}
  </header>`;
}

/** `tabs`: [address, text, whether it is this one]. */
export function Tabs({ label, tabs }) {
  const whole = useRef(null);
  const here = tabs.find(([, , current]) => current)?.[0];
  useEffect(() => whole.current.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }), [here]);
  return html`<nav class="tabs" ref=${whole} aria-label=${label}>
    ${tabs.map(([href, text, current]) => html`<a key=${href} href=${href} aria-current=${current ? "page" : undefined}>${text}</a>`)}
  </nav>`;
}
