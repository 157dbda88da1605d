import { api } from "../api.js";
import { html, useState } from "../html.js";
import { t } from "../i18n/index.js";
import { go, hrefOf } from "../router.js";
import { Button } from "../components/button.js";
import { NumbersSource, usable } from "../components/numbers_source.js";
import { done } from "../components/toasts.js";

/** More numbers for a task: nothing that is listed is dropped. */
export function TaskAdd({ task, changed }) {
  const [list, setList] = useState(null);
  const add = async () => {
    const { data: numbers } = await api.readTable(list.file);
    const added = await api.addNumbers(task.id, numbers);
    done(t("add.done", { n: added.added }) + (added.duplicates ? ` ${t("add.known", { n: added.duplicates })}` : ""));
    await changed();
    go(hrefOf("tasks", task.id));
  };
  return html`<section class="card pad stack form" aria-labelledby="add-title"><div><h2 id="add-title">${t("add.title")}</h2><p class="muted">${t("add.text")}</p></div>
    <${NumbersSource} taskId=${task.id} ready=${setList} />
    ${list && html`<div><${Button} kind="primary" icon="plus" act=${add}>${t("add.action", { n: usable(list.forecast) })}<//></div>`}</section>`;
}
