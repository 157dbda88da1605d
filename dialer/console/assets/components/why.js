// "Why is nothing dialling", in the user's words; the server's own words stand behind them.
import { api } from "../api.js";
import { html, useEffect, useRef } from "../html.js";
import { has, moment, number, reasonTold, t, timeToSecond } from "../i18n/index.js";
import { may } from "../session.js";
import { useEvery, useLoaded } from "./loading.js";
import { Notice, Skeletons } from "./states.js";
import { reasonOf } from "./toasts.js";

const EVERY_MS = 5000;
/** Rules that tell of no hindrance. */
const FINE = new Set(["dialling", "number_in_progress", "number_waits", "task_channels", "nothing_waits", "finished"]);
const WRONG = new Set(["database", "ami_away", "ami_refused", "asterisk_setup", "spool", "back_off", "provider_down", "dialogue", "recording"]);

/** Of a task, or of a number of it where `phone` is given. `mark` changes when it should be asked anew. */
export function Why({ taskId, phone, mark }) {
  const { data, error, reload } = useLoaded(() => api.why(taskId, phone), [taskId, phone]);
  useEvery(phone ? 0 : EVERY_MS, reload, [reload]);
  useLoadedAgain(mark, reload);
  if (error && !data) return html`<${Notice} kind="bad" title=${t("why.unknown")}>${reasonOf(error)}<//>`;
  if (!data) return html`<${Skeletons} lines=${2} />`;
  const kind = WRONG.has(data.rule) ? "bad" : FINE.has(data.rule) ? "good" : "warn";
  const values = { inUse: data.channelsInUse, most: data.maxCountChannels, waiting: waitingText(data.waiting), phone: data.phone ?? "" };
  const name = data.rule === "task_closed" && (data.waiting > 0 || data.channelsInUse > 0) ? "task_stopped" : data.rule;
  const hint = !may("operator") && has(`why.${name}.hintToReaders`) ? `why.${name}.hintToReaders` : `why.${name}.hint`;
  return html`<${Notice} kind=${kind} icon=${kind === "good" ? "circle-check" : kind === "warn" ? "clock" : "circle-x"} title=${t(`why.${name}`, values)}>
    ${has(hint) && html`<span class="muted">${t(hint, values)}</span>`}
    ${data.nextLook && html`<span class="muted">${t("why.next", { time: data.nextLook - Date.now() / 1000 < 120 ? timeToSecond(data.nextLook) : moment(data.nextLook) })}</span>`}
    <details class="disclosure small"><summary>${t("why.details")}</summary><${Said} reason=${data.reason} next=${data.nextLookOn} /></details>
  <//>`;
}

/** The daemon's own words; those that are known in no other language are marked as English. */
function Said({ reason, next }) {
  const [said, when] = [reasonTold(reason), reasonTold(next)];
  return html`<span lang=${said === reason ? "en" : undefined}>${said}.</span> <span lang=${when === next ? "en" : undefined}>${t("why.nextOn", { when: when === next ? when : when[0].toLowerCase() + when.slice(1) })}</span>`;
}

const waitingText = (count) => (count > 10000 ? t("why.moreThan", { n: 10000 }) : number(count));

function useLoadedAgain(mark, reload) {
  const before = useRef(mark);
  useEffect(() => {
    if (before.current !== mark) reload();
    before.current = mark;
  }, [mark, reload]);
}
