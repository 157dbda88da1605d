// The console: which screen stands at which address, and what is around it.
import { Confirmations } from "./components/dialog.js";
import { Shell } from "./components/shell.js";
import { Skeletons, Failure } from "./components/states.js";
import { Toasts } from "./components/toasts.js";
import { html, render, useEffect } from "./html.js";
import { startLive, stopLive } from "./live.js";
import { preferences } from "./preferences.js";
import { route } from "./router.js";
import { Access } from "./screens/access.js";
import { Audio } from "./screens/audio.js";
import { Audit } from "./screens/audit.js";
import { LoginDialog, LoginPage } from "./screens/login.js";
import { NotFound } from "./screens/not_found.js";
import { Overview } from "./screens/overview.js";
import { PollingEditor } from "./screens/polling.js";
import { Pollings } from "./screens/pollings.js";
import { StopList } from "./screens/stop_list.js";
import { Task } from "./screens/task.js";
import { TaskNew } from "./screens/task_form.js";
import { Tasks } from "./screens/tasks.js";
import { may, refreshSession, session } from "./session.js";
import { useStore } from "./store.js";

function Screen({ parts, query }) {
  const [first, second, third] = parts;
  if (first === undefined) return html`<${Overview} />`;
  if (first === "tasks" && second === undefined) return html`<${Tasks} query=${query} />`;
  if (first === "tasks" && second === "new" && may("operator")) return html`<${TaskNew} />`;
  if (first === "tasks" && second !== "new") return html`<${Task} key=${second} id=${second} tab=${third ?? "progress"} query=${query} />`;
  if (first === "pollings" && second === undefined) return html`<${Pollings} />`;
  if (first === "pollings" && (second !== "new" || may("operator"))) return html`<${PollingEditor} key=${second} id=${second === "new" ? null : second} />`;
  if (first === "audio") return html`<${Audio} />`;
  if (first === "stop-list") return html`<${StopList} query=${query} />`;
  if (first === "access" && may("admin")) return html`<${Access} tab=${second ?? "users"} />`;
  if (first === "audit" && may("admin")) return html`<${Audit} />`;
  return html`<${NotFound} />`;
}

function App() {
  useStore(preferences); // a new language draws everything anew
  const { status, me, error } = useStore(session);
  const { parts, query } = useStore(route);
  const watching = status === "in" || status === "expired";
  useEffect(() => {
    if (status === "in") startLive();
    else if (!watching) stopLive();
  }, [status]);
  if (status === "loading") return html`<${Skeletons} lines=${6} />`;
  if (status === "failed") return html`<main><${Failure} error=${error} retry=${refreshSession} /></main>`;
  if (status === "out" || !me) return html`<${LoginPage} /><${Toasts} />`;
  return html`<${Shell} here=${parts[0] ?? ""}><${Screen} parts=${parts} query=${query} /><//>
    ${status === "expired" && html`<${LoginDialog} />`}
    <${Confirmations} /><${Toasts} />`;
}

render(html`<${App} />`, document.getElementById("app"));
refreshSession();
