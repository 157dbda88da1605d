import { html, useEffect, useRef, useState } from "../html.js";
import { LANGUAGES, t, timeToSecond } from "../i18n/index.js";
import { useLive } from "../live.js";
import { healthOf } from "../health.js";
import { THEMES, preferences, setLanguage, setTheme } from "../preferences.js";
import { logOut, may, session } from "../session.js";
import { useStore } from "../store.js";
import { Button } from "./button.js";
import { Segments } from "./field.js";
import { Icon } from "./icon.js";
import { Menu } from "./menu.js";

const PLACES = [
  ["", "layout-dashboard", "nav.overview"],
  ["tasks", "list-checks", "nav.tasks"],
  ["pollings", "waypoints", "nav.pollings"],
  ["audio", "audio-lines", "nav.audio"],
  ["stop-list", "phone-off", "nav.stopList"],
];
const OF_ADMINS = [
  ["access", "key-round", "nav.access"],
  ["audit", "scroll-text", "nav.audit"],
];

function Navigation({ here, chosen }) {
  const link = ([place, icon, name]) => html`<a key=${place} href="#/${place}" aria-current=${place === here ? "page" : undefined} onClick=${chosen}>
    <${Icon} name=${icon} />${t(name)}</a>`;
  return html`<nav class="nav" aria-label=${t("nav.label")}>${PLACES.map(link)}
    ${may("admin") && html`<span class="nav-title">${t("nav.administration")}</span>`}${may("admin") && OF_ADMINS.map(link)}</nav>`;
}

export function Brand() {
  return html`<a class="brand" href="#/"><img src="/console/assets/icon.svg" alt="" width="28" height="28" />${t("app.name")}</a>`;
}

/** Whether what is on the screen is what happens now. Said aloud when it changes. */
function LiveState() {
  const status = useLive((state) => state.status);
  const since = useLive((state) => state.since);
  const [kind, text] = status === "live" ? ["good", t("live.live")]
    : status === "lost" ? ["bad", t("live.lost", { time: timeToSecond(since / 1000) })] : ["", t("live.connecting")];
  return html`<span class="pill ${kind}" role="status" title=${status === "live" ? t("live.liveHint") : t("live.lostHint")}>
    ${status === "lost" ? html`<${Icon} name="wifi-off" size=${14} />` : html`<span class="dot ${status === "live" ? "beats" : ""}" />`}<span class="live-text">${text}</span></span>`;
}

export function HealthPill() {
  const health = useLive((state) => state.health);
  if (!health) return null;
  const [kind, icon, name] = healthOf(health);
  return html`<a class="pill ${kind}" href="#/"><${Icon} name=${icon} size=${14} />${t(name)}</a>`;
}

export function Appearance() {
  const { theme, lang } = useStore(preferences);
  return html`<div class="block"><span class="label">${t("theme.label")}</span>
      <${Segments} label=${t("theme.label")} value=${theme} set=${setTheme} options=${THEMES.map((one) => [one, t(`theme.${one}`)])} /></div>
    <div class="block"><span class="label">${t("language.label")}</span>
      <${Segments} label=${t("language.label")} value=${lang} set=${setLanguage} options=${LANGUAGES} /></div>`;
}

function UserMenu() {
  const { me } = useStore(session);
  const [kind, ...name] = me.name.split(":");
  const shown = kind === "local" ? t("user.local") : name.join(":");
  return html`<${Menu} label=${t("user.menu")} icon="user" text=${shown} small=${true}>
    <div class="head"><strong>${shown}</strong><span class="muted small">${t(`role.${me.role}`)}</span></div><hr />
    <div onClick=${(event) => event.stopPropagation()}><${Appearance} /></div><hr />
    <a href="/docs" target="_blank" rel="noopener"><${Icon} name="book-open" />${t("nav.api")}</a>
    ${me.login !== null && html`<button type="button" onClick=${logOut}><${Icon} name="log-out" />${t("action.logOut")}</button>`}
    <div class="head muted small">${t("app.version", { version: me.version })}</div>
  <//>`;
}

function Drawer({ here, close }) {
  const element = useRef(null);
  useEffect(() => {
    element.current.showModal();
    return () => element.current?.close();
  }, []);
  return html`<dialog class="drawer" ref=${element} aria-label=${t("nav.label")} onClose=${close} onClick=${(event) => {
    if (event.target === element.current) close();
  }}><div class="row-apart"><${Brand} /><${Button} kind="ghost" iconOnly=${true} icon="x" label=${t("action.close")} act=${close} /></div>
    <${Navigation} here=${here} chosen=${close} /></dialog>`;
}

export function Shell({ here, children }) {
  const [open, setOpen] = useState(false);
  const close = () => setOpen(false);
  return html`<a class="skip" href="#main" onClick=${(event) => {
      event.preventDefault();
      document.getElementById("main").focus();
    }}>${t("nav.skip")}</a>
    <div class="shell">
      <aside class="side" aria-label=${t("app.name")}><${Brand} /><${Navigation} here=${here} /></aside>
      <div class="main">
        <header class="bar">
          <button type="button" class="btn ghost icon-only burger" aria-label=${t("nav.open")} aria-expanded=${open ? "true" : "false"} onClick=${() => setOpen(true)}><${Icon} name="menu" /></button>
          <div class="grow"><${HealthPill} /><${LiveState} /></div>
          <${UserMenu} />
        </header>
        <main class="content" id="main" tabindex="-1">${children}</main>
      </div>
    </div>
    ${open && html`<${Drawer} here=${here} close=${close} />`}`;
}
