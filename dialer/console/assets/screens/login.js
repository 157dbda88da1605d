import { api } from "../api.js";
import { Button } from "../components/button.js";
import { Dialog } from "../components/dialog.js";
import { TextField } from "../components/field.js";
import { Icon } from "../components/icon.js";
import { Menu } from "../components/menu.js";
import { Appearance } from "../components/shell.js";
import { reasonOf } from "../components/toasts.js";
import { html, useEffect, useState } from "../html.js";
import { t } from "../i18n/index.js";
import { refreshSession, session } from "../session.js";

function wordsOf(error) {
  if (error.status === 429) return t("login.tooMany", { n: Math.ceil((error.retryAfterS ?? 60) / 60) });
  if (error.status === 503) return t("login.busy");
  if (error.status === 200) return t("login.wrong");
  return reasonOf(error);
}

function LoginForm() {
  const [login, setLogin] = useState(session.value.me?.login ?? "");
  const [password, setPassword] = useState("");
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await api.login(login.trim(), password);
      await refreshSession();
      if (session.value.status !== "in") setError(t("login.noSession"));
    } catch (problem) {
      setError(wordsOf(problem));
      setPassword("");
    } finally {
      setBusy(false);
    }
  };
  return html`<form class="stack" onSubmit=${submit}>
    <${TextField} label=${t("login.login")} value=${login} set=${setLogin} name="login" autocomplete="username" autocapitalize="none" spellcheck=${false} required data-first />
    <${TextField} label=${t("login.password")} value=${password} set=${setPassword} name="password" type="password" autocomplete="current-password" required />
    ${error && html`<p class="error" role="alert"><${Icon} name="triangle-alert" size=${16} /><span>${error}</span></p>`}
    <${Button} kind="primary" submit=${true} busy=${busy}>${t("login.submit")}<//>
  </form>`;
}

export function LoginPage() {
  useEffect(() => {
    document.title = `${t("login.title")} · ${t("app.name")}`;
    document.querySelector("[data-first]")?.focus();
  }, []);
  return html`<div class="login-page"><header class="bar"><${Menu} label=${t("appearance.label")} icon="languages"><${Appearance} /><//></header>
    <main class="login-card"><span class="brand"><img src="/console/assets/icon.svg" alt="" width="28" height="28" />${t("app.name")}</span>
      <div class="stack-s"><h1>${t("login.title")}</h1><p class="muted">${t("login.text")}</p></div><${LoginForm} /></main><span /></div>`;
}

/** The session has ended amid the work: what is on the screen stays. */
export function LoginDialog() {
  return html`<${Dialog} title=${t("login.again")} closable=${false} onClose=${() => {}}>
    <div class="dialog-body"><p class="muted">${t("login.againText")}</p><${LoginForm} /></div><//>`;
}
