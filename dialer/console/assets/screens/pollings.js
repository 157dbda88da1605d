import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n/index.js";
import { hrefOf } from "../router.js";
import { may } from "../session.js";
import { Button } from "../components/button.js";
import { confirm } from "../components/dialog.js";
import { Icon } from "../components/icon.js";
import { useLoaded } from "../components/loading.js";
import { PageHead } from "../components/page.js";
import { Empty, Failure, Skeletons } from "../components/states.js";
import { done } from "../components/toasts.js";

export function Pollings() {
  const { data, error, reload } = useLoaded(() => api.pollings(), []);
  const add = may("operator") && html`<a class="btn primary" href="#/pollings/new"><${Icon} name="plus" />${t("polling.new")}</a>`;
  const remove = (polling) => confirm({
    title: t("polling.deleteAsk", { name: polling.name || polling.id }), text: t("polling.deleteText"), action: t("action.delete"), danger: true,
    act: async () => {
      await api.deletePolling(polling.crmId);
      done(t("polling.deleted"));
      await reload();
    },
  }).then(() => undefined);
  return html`<${PageHead} title=${t("nav.pollings")} actions=${add} />
    <section class="card" aria-label=${t("nav.pollings")}>
      ${error && !data ? html`<${Failure} error=${error} retry=${reload} />` : !data ? html`<${Skeletons} lines=${6} />`
        : data.length === 0 ? html`<${Empty} icon="waypoints" title=${t("polling.none")}><p>${t("polling.noneText")}</p>${add}<//>`
        : html`<div class="table-wrap"><table class="table folds"><thead><tr><th scope="col">${t("polling.name")}</th><th scope="col" class="end">${t("polling.questions")}</th><th scope="col" class="end">${t("polling.openTasks")}</th><th scope="col"><span class="unseen">${t("table.actions")}</span></th></tr></thead>
          <tbody>${data.map((one) => html`<tr class="hoverable" key=${one.id}><td><a class="name" href=${hrefOf("pollings", one.id)}>${one.name || t("polling.unnamed")}</a><div class="muted small num">№ ${one.id}${one.crmId !== String(one.id) && html` · CRM ${one.crmId}`}</div></td>
            <td class="end num" data-label=${t("polling.questions")}>${one.questions}</td><td class="end num" data-label=${t("polling.openTasks")}>${one.openTasks || "–"}</td>
            <td class="actions">${may("operator") && html`<${Button} small=${true} iconOnly=${true} kind="ghost bad" icon="trash-2" label="${t("action.delete")}: ${one.name || one.id}" act=${() => remove(one)} />`}</td></tr>`)}</tbody></table></div>`}
    </section>`;
}
