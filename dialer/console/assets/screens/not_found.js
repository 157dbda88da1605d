import { html } from "../html.js";
import { t } from "../i18n/index.js";
import { PageHead } from "../components/page.js";
import { Empty } from "../components/states.js";

export function NotFound() {
  return html`<${PageHead} title=${t("notFound.title")} /><section class="card"><${Empty} icon="circle-help" title=${t("notFound.heading")}>
    <p>${t("notFound.text")}</p><a class="btn" href="#/">${t("nav.overview")}</a><//></section>`;
}
