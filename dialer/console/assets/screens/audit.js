import { api } from "../api.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { dateTime, detailTold, has, t } from "../i18n/index.js";
import { Button } from "../components/button.js";
import { SearchField } from "../components/field.js";
import { useSettled } from "../components/loading.js";
import { PageHead } from "../components/page.js";
import { Empty, Failure, Skeletons } from "../components/states.js";

const LIMIT = 100;
/** Changes that tell a name, as a user has written it. */
const NAMING = new Set(["template.create"]);

export function Audit() {
  const [search, setSearch] = useState("");
  const settled = useSettled(search.trim());
  const [state, setState] = useState({ rows: null, next: null, error: null });
  const turn = useRef(0);
  const load = async (before, rows) => {
    const mine = ++turn.current;
    try {
      const found = await api.audit({ search: settled, before, limit: LIMIT });
      if (mine === turn.current) setState({ rows: [...rows, ...found.rows], next: found.next, error: null });
    } catch (error) {
      if (mine === turn.current) setState((now) => ({ ...now, error }));
    }
  };
  useEffect(() => {
    load(undefined, []);
  }, [settled]);
  const { rows, next, error } = state;
  return html`<${PageHead} title=${t("nav.audit")} sub=${t("audit.text")} />
    <div class="filters"><${SearchField} label=${t("audit.search")} value=${search} set=${setSearch} /></div>
    <section class="card" aria-label=${t("nav.audit")}>
      ${error && !rows ? html`<${Failure} error=${error} retry=${() => load(undefined, [])} />` : !rows ? html`<${Skeletons} lines=${8} />`
        : rows.length === 0 && next === null ? html`<${Empty} icon=${settled ? "search" : "scroll-text"} title=${t(settled ? "audit.noneFound" : "audit.none")}><p>${t(settled ? "audit.noneFoundText" : "audit.noneText")}</p><//>`
        : html`<div class="table-wrap"><table class="table folds"><thead><tr><th scope="col">${t("audit.time")}</th><th scope="col">${t("audit.who")}</th><th scope="col">${t("audit.action")}</th><th scope="col">${t("audit.target")}</th></tr></thead>
          <tbody>${rows.map((row) => html`<tr class="hoverable" key=${row.id}><td class="num nowrap">${dateTime(row.time, true)}</td><td data-label=${t("audit.who")}><span class="stack-xs"><b>${whoOf(row.who)}</b>${row.address && html`<span class="muted small num">${row.address}</span>`}</span></td>
            <td data-label=${t("audit.action")}>${has(`audit.${row.action}`) ? t(`audit.${row.action}`) : html`<code>${row.action}</code>`}</td>
            <td data-label=${t("audit.target")}><span class="audit-what"><span class="num">${row.target}</span>${row.detail && html`<span class="muted small">${NAMING.has(row.action) ? row.detail : detailTold(row.detail)}</span>`}</span></td></tr>`)}</tbody></table></div>`}
      ${rows && next !== null && html`<div class="card-body"><${Button} act=${() => load(next, rows)}>${t("audit.older")}<//></div>`}
    </section>`;
}

function whoOf(who) {
  const [kind, ...name] = who.split(":");
  if (kind === "local") return t("user.local");
  return has(`who.${kind}`) ? t(`who.${kind}`, { name: name.join(":") }) : who;
}
