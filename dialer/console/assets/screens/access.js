import { api } from "../api.js";
import { html, useState } from "../html.js";
import { dateTime, moment, t } from "../i18n/index.js";
import { own } from "../own.js";
import { hrefOf } from "../router.js";
import { session } from "../session.js";
import { Button } from "../components/button.js";
import { Dialog, FormDialog, confirm } from "../components/dialog.js";
import { SelectField, TextField } from "../components/field.js";
import { useLoaded } from "../components/loading.js";
import { PageHead, Tabs } from "../components/page.js";
import { Empty, Failure, Skeletons } from "../components/states.js";
import { done, failed } from "../components/toasts.js";

const ROLES = ["read-only", "operator", "admin"];
const roleOptions = () => ROLES.map((role) => [role, t(`role.${role}`)]);

export function Access({ tab }) {
  const tabs = [["users", "access.users"], ["keys", "access.keys"], ["sessions", "access.sessions"]];
  const Shown = own({ users: Users, keys: Keys, sessions: Sessions }, tab) ?? Users;
  return html`<${Shown} key=${tab} tabs=${html`<${Tabs} label=${t("nav.access")} tabs=${tabs.map(([key, text]) => [hrefOf("access", key), t(text), key === tab])} />`} />`;
}

/** A list with its states. `row` draws one. */
function List({ loaded, label, head, row, empty }) {
  const { data, error, reload } = loaded;
  return html`<section class="card" aria-label=${label}>
    ${error && !data ? html`<${Failure} error=${error} retry=${reload} />` : !data ? html`<${Skeletons} lines=${5} />` : data.length === 0 ? empty
      : html`<div class="table-wrap"><table class="table folds"><thead><tr>${head.map((text) => html`<th scope="col" key=${text}>${text}</th>`)}<th scope="col"><span class="unseen">${t("table.actions")}</span></th></tr></thead><tbody>${data.map(row)}</tbody></table></div>`}</section>`;
}

const RoleCell = ({ role }) => html`<td data-label=${t("access.role")}><span class="stack-xs"><span>${t(`role.${role}`)}</span><span class="muted small">${t(`role.${role}.hint`)}</span></span></td>`;

function Users({ tabs }) {
  const loaded = useLoaded(() => api.users(), []);
  const [open, setOpen] = useState(null);
  const remove = (user) => confirm({
    title: t("access.userDeleteAsk", { login: user.login }), text: t("access.userDeleteText"), action: t("action.delete"), danger: true,
    act: async () => {
      await api.deleteUser(user.login);
      done(t("access.userDeleted"));
      await loaded.reload();
    },
  }).then(() => undefined);
  return html`<${PageHead} title=${t("nav.access")} actions=${html`<${Button} kind="primary" icon="plus" act=${() => setOpen({})}>${t("access.addUser")}<//>`} />${tabs}
    <${List} loaded=${loaded} label=${t("access.users")} head=${[t("access.login"), t("access.role"), t("access.created")]}
      empty=${html`<${Empty} icon="users" title=${t("access.noUsers")}><p>${t("access.noUsersText")}</p><//>`}
      row=${(user) => html`<tr class="hoverable" key=${user.login}><td><b>${user.login}</b>${user.fixed && html`<div class="muted small">${t("access.fixed")}</div>`}${session.value.me.login === user.login && html`<div class="muted small">${t("access.you")}</div>`}</td>
        <${RoleCell} role=${user.role} /><td data-label=${t("access.created")} class="num nowrap">${user.createdTime ? dateTime(user.createdTime) : "–"}</td>
        <td class="actions">${!user.fixed && html`<${Button} small=${true} kind="quiet-line" icon="pencil" act=${() => setOpen(user)} aria-label="${t("action.change")}: ${user.login}">${t("action.change")}<//>
          <${Button} small=${true} iconOnly=${true} kind="ghost bad" icon="trash-2" label="${t("action.delete")}: ${user.login}" act=${() => remove(user)} />`}</td></tr>`} />
    ${open && html`<${UserDialog} user=${open} close=${() => setOpen(null)} saved=${loaded.reload} />`}`;
}

function UserDialog({ user, close, saved }) {
  const known = user.login !== undefined;
  const [login, setLogin] = useState(user.login ?? "");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState(user.role ?? "operator");
  const save = async () => {
    if (known) await api.changeUser(user.login, { ...(password ? { password } : {}), ...(role !== user.role || !password ? { role } : {}) });
    else await api.addUser({ login: login.trim(), password, role });
    done(t(known ? "access.userChanged" : "access.userAdded"));
    await saved();
  };
  return html`<${FormDialog} title=${known ? t("access.changeUser", { login: user.login }) : t("access.addUser")} action=${known ? t("action.save") : t("action.add")} onClose=${close} save=${save}>
    ${(errors) => html`${!known && html`<${TextField} label=${t("access.login")} hint=${t("access.loginHint")} value=${login} set=${setLogin} field="login" errors=${errors.login} autocomplete="off" data-first />`}
      <${TextField} type="password" label=${known ? t("access.newPassword") : t("access.password")} hint=${known ? t("access.newPasswordHint") : t("access.passwordHint")} value=${password} set=${setPassword} field="password" errors=${errors.password} autocomplete="new-password" />
      <${SelectField} label=${t("access.role")} value=${role} set=${setRole} field="role" errors=${errors.role} options=${roleOptions()} hint=${t(`role.${role}.hint`)} />`}<//>`;
}

function Keys({ tabs }) {
  const loaded = useLoaded(() => api.keys(), []);
  const [open, setOpen] = useState(false);
  const [made, setMade] = useState(null);
  const remove = (key) => confirm({
    title: t("access.keyDeleteAsk", { name: key.name }), text: t("access.keyDeleteText"), action: t("access.revoke"), danger: true,
    act: async () => {
      await api.deleteKey(key.name);
      done(t("access.keyDeleted"));
      await loaded.reload();
    },
  }).then(() => undefined);
  return html`<${PageHead} title=${t("nav.access")} actions=${html`<${Button} kind="primary" icon="plus" act=${() => setOpen(true)}>${t("access.addKey")}<//>`} />${tabs}
    <${List} loaded=${loaded} label=${t("access.keys")} head=${[t("access.keyName"), t("access.role"), t("access.created"), t("access.lastUsed")]}
      empty=${html`<${Empty} icon="key-round" title=${t("access.noKeys")}><p>${t("access.noKeysText")}</p><//>`}
      row=${(key) => html`<tr class="hoverable" key=${key.name}><td><b>${key.name}</b></td><${RoleCell} role=${key.role} />
        <td data-label=${t("access.created")} class="num nowrap">${dateTime(key.createdTime)}</td><td data-label=${t("access.lastUsed")} class="num nowrap">${key.lastUsedTime ? moment(key.lastUsedTime) : t("access.never")}</td>
        <td class="actions"><${Button} small=${true} kind="ghost bad" icon="trash-2" act=${() => remove(key)} aria-label="${t("access.revoke")}: ${key.name}">${t("access.revoke")}<//></td></tr>`} />
    ${open && html`<${KeyDialog} close=${() => setOpen(false)} made=${(key) => {
      setMade(key);
      return loaded.reload();
    }} />`}
    ${made && !open && html`<${NewKey} made=${made} close=${() => setMade(null)} />`}`;
}

function KeyDialog({ close, made }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState("operator");
  const save = async () => {
    await made(await api.addKey({ name: name.trim(), role }));
  };
  return html`<${FormDialog} title=${t("access.addKey")} action=${t("action.add")} onClose=${close} save=${save}>
    ${(errors) => html`<${TextField} label=${t("access.keyName")} hint=${t("access.keyNameHint")} value=${name} set=${setName} field="name" errors=${errors.name} autocomplete="off" data-first />
      <${SelectField} label=${t("access.role")} value=${role} set=${setRole} field="role" errors=${errors.role} options=${roleOptions()} hint=${t(`role.${role}.hint`)} />`}<//>`;
}

/** The key, this once. */
function NewKey({ made, close }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(made.key);
      done(t("access.copied"));
    } catch {
      failed(new Error(t("access.copyRefused")));
    }
  };
  return html`<${Dialog} title=${t("access.newKey", { name: made.name })} onClose=${close} closable=${false}><div class="dialog-body"><p>${t("access.newKeyText")}</p>
      <div class="secret"><code data-testid="key">${made.key}</code><${Button} small=${true} icon="copy" act=${copy}>${t("action.copy")}<//></div>
      <p class="muted small">${t("access.newKeyUse")} <code>Authorization: Bearer …</code></p></div>
    <div class="dialog-foot"><${Button} kind="primary" act=${close}>${t("access.keptIt")}<//></div><//>`;
}

function Sessions({ tabs }) {
  const loaded = useLoaded(() => api.sessions(), []);
  const end = (one) => confirm({
    title: t("access.sessionEndAsk", { login: one.login }), text: t("access.sessionEndText", { address: one.address }), action: t("access.end"), danger: true,
    act: async () => {
      await api.endSession(one.id);
      done(t("access.sessionEnded"));
      await loaded.reload();
    },
  }).then(() => undefined);
  return html`<${PageHead} title=${t("nav.access")} />${tabs}
    <${List} loaded=${loaded} label=${t("access.sessions")} head=${[t("access.login"), t("access.address"), t("access.loggedIn"), t("access.expires")]}
      empty=${html`<${Empty} icon="users" title=${t("access.noSessions")}><p>${t("access.noSessionsText")}</p><//>`}
      row=${(one) => html`<tr class="hoverable" key=${one.id}><td><b>${one.login}</b></td><td data-label=${t("access.address")} class="num">${one.address}</td>
        <td data-label=${t("access.loggedIn")} class="num nowrap">${moment(one.createdTime)}</td><td data-label=${t("access.expires")} class="num nowrap">${moment(one.expiresTime)}</td>
        <td class="actions"><${Button} small=${true} kind="ghost bad" icon="log-out" act=${() => end(one)} aria-label="${t("access.end")}: ${one.login}">${t("access.end")}<//></td></tr>`} />`;
}
