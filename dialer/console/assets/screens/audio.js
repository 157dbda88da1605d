import { api } from "../api.js";
import { html, useState } from "../html.js";
import { dateTime, fileSize, t } from "../i18n/index.js";
import { may } from "../session.js";
import { Button } from "../components/button.js";
import { confirm } from "../components/dialog.js";
import { Dropzone } from "../components/dropzone.js";
import { Icon } from "../components/icon.js";
import { useLoaded } from "../components/loading.js";
import { PageHead } from "../components/page.js";
import { PromptButton } from "../components/prompt_button.js";
import { Empty, Failure, Notice, Skeletons } from "../components/states.js";
import { done, reasonOf } from "../components/toasts.js";

export function Audio() {
  const { data, error, reload } = useLoaded(() => api.sounds(), []);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState(null);
  const take = async (file) => {
    setRefused(null);
    if (data?.some((one) => one.name === file.name) && !(await confirm({ title: t("audio.replaceAsk", { name: file.name }), text: t("audio.replaceText"), action: t("audio.replace") }))) return;
    setBusy(true);
    try {
      await api.uploadAudio(file);
      done(t("audio.uploaded", { name: file.name }));
      await reload();
    } catch (problem) {
      setRefused(problem);
    } finally {
      setBusy(false);
    }
  };
  const remove = (name) => confirm({
    title: t("audio.deleteAsk", { name }), text: t("audio.deleteText"), action: t("action.delete"), danger: true,
    act: async () => {
      await api.deleteAudio(name);
      done(t("audio.deleted"));
      await reload();
    },
  }).then(() => undefined);
  return html`<${PageHead} title=${t("nav.audio")} sub=${t("audio.text")} />
    ${may("operator") && html`<${Dropzone} label=${t("audio.drop")} hint=${t("audio.dropHint")} accept="audio/*,.gsm,.ulaw,.alaw" take=${take} busy=${busy} />`}
    <div aria-live="polite">${refused && html`<${Notice} kind="bad" title=${t("audio.refused")}><span class="pre">${reasonOf(refused)}</span><//>`}</div>
    <section class="card" aria-label=${t("nav.audio")}>
      ${error && !data ? html`<${Failure} error=${error} retry=${reload} />` : !data ? html`<${Skeletons} lines=${5} />`
        : data.length === 0 ? html`<${Empty} icon="audio-lines" title=${t("audio.none")}><p>${t("audio.noneText")}</p><//>`
        : html`<table class="table folds"><thead><tr><th scope="col">${t("audio.name")}</th><th scope="col" class="end">${t("audio.size")}</th><th scope="col">${t("audio.uploadedAt")}</th><th scope="col"><span class="unseen">${t("table.actions")}</span></th></tr></thead>
          <tbody>${data.map((one) => html`<tr class="hoverable" key=${one.name}><td><span class="row"><${Icon} name="audio-lines" size=${16} class="muted" /><span class="grow">${one.name}</span></span></td>
            <td class="end num nowrap" data-label=${t("audio.size")}>${fileSize(one.bytes)}</td><td class="num nowrap" data-label=${t("audio.uploadedAt")}>${dateTime(one.uploadedTime)}</td>
            <td class="actions">${may("operator") && html`<span class="row row-end"><${PromptButton} prompt=${{ file: one.name }} label="${t("action.listen")}: ${one.name}" />
              <${Button} small=${true} iconOnly=${true} kind="ghost bad" icon="trash-2" label="${t("action.delete")}: ${one.name}" act=${() => remove(one.name)} /></span>`}</td></tr>`)}</tbody></table>`}
    </section>`;
}
