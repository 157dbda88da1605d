// A task's rules as the form has them, and back. What the form does not show is left as it is: only changes are sent.
const WHOLE_DAY_MIN = 1440;
const ALL_DAYS = ["1", "2", "3", "4", "5", "6", "7"];
export const RETRY_KINDS = ["busy", "no_answer", "unavailable", "declined", "unknown_number", "machine", "abandoned", "FAIL_PROVIDER", "FAIL_ROUTE", "lost"];

/** Rules that the form has no field for. */
export const OTHER_RULES = ["attemptUntilSignal", "holidays", "workDays", "weight", "apologyFile", "amdMessageFile"];

const clock = (minutes) => `${String(Math.floor(minutes / 60) % 24).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
const minutesOf = (time) => {
  const [, hours, minutes] = /^(\d\d):(\d\d)/.exec(time) ?? [];
  return hours === undefined ? null : Number(hours) * 60 + Number(minutes);
};
const flag = (value) => String(value ?? "0") === "1";
const plainNumber = (text) => String(text).trim().replace(",", ".");

/** The form's values for the rules of a task as the API shows them; without any, the defaults. */
export function formOf(task = {}) {
  const rules = task.rules ?? {};
  const start = Number(rules.timeStart ?? 0);
  const end = Number(rules.timeEnd ?? WHOLE_DAY_MIN);
  const retries = rules.retryOn ?? null;
  const simple = retries === null || retries.every((one) => one.interval === null && RETRY_KINDS.includes(one.on));
  return {
    name: task.name ?? "",
    innerNumType: task.innerNumType ?? "polling",
    innerNum: task.innerNum ?? "",
    maxCountChannels: String(task.maxCountChannels ?? 5),
    dialPrefix: task.dialPrefix ?? "",
    recordTalk: Boolean(task.recordTalk),
    notifyUrl: task.notifyUrl ?? "",
    maxAttempt: rules.maxAttempt ?? "1",
    tryMinutes: String(Math.round((Number(rules.tryInterval ?? 60) / 60) * 100) / 100),
    retryMode: retries === null ? "default" : simple ? "chosen" : "kept",
    retryKinds: simple && retries ? retries.map((one) => one.on) : [],
    wholeDay: (start === 0 && end % WHOLE_DAY_MIN === 0),
    timeStart: start === 0 && end % WHOLE_DAY_MIN === 0 ? "09:00" : clock(start),
    timeEnd: start === 0 && end % WHOLE_DAY_MIN === 0 ? "20:00" : clock(end),
    weekDays: rules.weekDays?.length ? [...rules.weekDays] : [...ALL_DAYS],
    useCalendar: flag(rules.useCalendar ?? "1"),
    zoneByRegion: flag(rules.zoneByRegion),
    callerId: (rules.callerId ?? []).join(", "),
    e164: flag(rules.e164),
    priority: rules.priority ?? "0",
    maxCallsPerSecond: rules.maxCallsPerSecond ?? "0",
    maxPerDay: rules.maxPerDay ?? "0",
    maxCost: rules.maxCost ?? "0",
    isCallback: flag(rules.isCallback),
    pacing: rules.pacing ?? "progressive",
    powerRatio: rules.powerRatio ?? "1.5",
    maxAbandonRate: rules.maxAbandonRate ?? "3",
    apology: rules.apology ?? "",
    amd: rules.amd ?? "off",
    amdMessage: rules.amdMessage ?? "",
    lang: rules.lang ?? "ru-RU",
  };
}

/** The form's values as fields of the API; a field whose text is no number is sent as it is, and refused by name. */
function fieldsOf(form) {
  const start = form.wholeDay ? 0 : minutesOf(form.timeStart);
  const end = form.wholeDay ? WHOLE_DAY_MIN : minutesOf(form.timeEnd);
  const minutes = Number(plainNumber(form.tryMinutes));
  const employees = form.innerNumType === "exten";
  return {
    name: form.name.trim(),
    innerNumType: form.innerNumType,
    innerNum: form.innerNum.trim(),
    maxCountChannels: plainNumber(form.maxCountChannels),
    dialPrefix: form.dialPrefix.trim(),
    recordTalk: form.recordTalk ? 1 : 0,
    notifyUrl: form.notifyUrl.trim(),
    maxAttempt: plainNumber(form.maxAttempt),
    tryInterval: Number.isFinite(minutes) && form.tryMinutes.trim() !== "" ? Math.round(minutes * 60) : form.tryMinutes,
    retryOn: form.retryMode === "kept" ? undefined : form.retryMode === "default" ? ["default"] : form.retryKinds,
    timeStart: start === null ? form.timeStart || "?" : start,
    timeEnd: end === null ? form.timeEnd || "?" : end === 0 ? WHOLE_DAY_MIN : end,
    weekDays: form.weekDays.map(Number),
    useCalendar: form.useCalendar ? 1 : 0,
    zoneByRegion: form.zoneByRegion ? 1 : 0,
    callerId: form.callerId.split(/[,;\n]+/).map((one) => one.trim()).filter(Boolean),
    e164: form.e164 ? 1 : 0,
    priority: plainNumber(form.priority),
    maxCallsPerSecond: plainNumber(form.maxCallsPerSecond),
    maxPerDay: plainNumber(form.maxPerDay),
    maxCost: plainNumber(form.maxCost),
    isCallback: employees && form.isCallback ? 1 : 0,
    pacing: employees ? form.pacing : "progressive",
    powerRatio: plainNumber(form.powerRatio),
    maxAbandonRate: plainNumber(form.maxAbandonRate),
    apology: form.apology,
    amd: form.amd,
    amdMessage: form.amdMessage,
    lang: form.lang,
  };
}

/** What is to be sent: the fields that differ from those of `before`. The window's two ends go together. */
export function changesOf(form, before) {
  const now = fieldsOf(form);
  const then = fieldsOf(before);
  const changes = Object.fromEntries(Object.entries(now).filter(([name, value]) => value !== undefined && JSON.stringify(value) !== JSON.stringify(then[name])));
  if ("timeStart" in changes || "timeEnd" in changes) Object.assign(changes, { timeStart: now.timeStart, timeEnd: now.timeEnd });
  if ("innerNum" in changes || "innerNumType" in changes) Object.assign(changes, { innerNum: now.innerNum, innerNumType: now.innerNumType });
  return changes;
}

/** What a new task is posted with: its basic fields, and the rules that are not the defaults. */
export function newTaskOf(form) {
  const now = fieldsOf(form);
  const basic = { name: now.name, innerNum: now.innerNum, innerNumType: now.innerNumType, maxCountChannels: now.maxCountChannels };
  return { ...changesOf(form, formOf()), ...basic, ...(now.dialPrefix ? { dialPrefix: now.dialPrefix } : {}) };
}
