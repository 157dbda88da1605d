// Start, pause, stop: what the server answers is shown, nothing before.
import { api } from "../api.js";
import { html } from "../html.js";
import { t } from "../i18n/index.js";
import { noteTask } from "../live.js";
import { CLOSED, OPEN, PAUSED } from "../outcomes.js";
import { may } from "../session.js";
import { Button } from "./button.js";
import { confirm } from "./dialog.js";
import { done } from "./toasts.js";

const DONE = { [OPEN]: "task.started", [CLOSED]: "task.stopped", [PAUSED]: "task.pausedNow" };

export function TaskActions({ task, compact, changed }) {
  if (!may("operator")) return null;
  const name = task.name || t("task.unnamed", { id: task.id });
  const set = async (state) => {
    const now = await api.setState(task.id, state);
    noteTask(progressOf(now));
    done(t(DONE[now.state], { name }));
    await changed?.(now);
  };
  const stop = () => confirm({
    title: t("task.stopAsk", { name }), text: t(task.owner ? "task.stopOwnedText" : task.counted ? "task.stopText" : "task.stopUncountedText", { n: task.waiting }), action: t("action.stop"), danger: true,
    act: () => set(CLOSED),
  }).then(() => undefined);
  const look = { small: compact, iconOnly: compact };
  const said = (action) => (compact ? `${t(`action.${action}`)}: ${name}` : t(`action.${action}`));
  return html`<span class="row">
    ${task.state === OPEN ? html`<${Button} ...${look} icon="pause" kind=${compact ? "quiet-line" : ""} label=${said("pause")} act=${() => set(PAUSED)} />`
      : (task.state === PAUSED || (task.waiting > 0 && !task.owner)) && html`<${Button} ...${look} icon="play" kind=${compact ? "quiet-line" : "primary"} label=${said("start")} act=${() => set(OPEN)} />`}
    ${task.state !== CLOSED && html`<${Button} ...${look} icon="square" kind=${compact ? "ghost bad" : ""} label=${said("stop")} act=${stop} />`}
  </span>`;
}

const FIELDS = ["id", "crmId", "name", "state", "innerNum", "innerNumType", "maxCountChannels", "owner", "counted", "numbers", "total", "waiting", "inProgress", "done", "results", "perMinute", "changeTime"];

/** Of a whole task what the stream tells of. */
export const progressOf = (task) => Object.fromEntries(FIELDS.map((name) => [name, task[name]]));
