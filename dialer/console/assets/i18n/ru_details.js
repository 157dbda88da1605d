// What was changed, in the audit log: dialer/model/audit.py and whoever writes an entry.
import { own } from "../own.js";
import ru from "./ru.js";
import { sayerOf } from "./said.js";

const STATES = { open: "выполняется", closed: "закрыта", paused: "на паузе" };
const ROLES = { "read-only": ru["role.read-only"], operator: ru["role.operator"], admin: ru["role.admin"] };
const FIELDS = {
  crmId: "код CRM", name: "название", state: "состояние", innerNum: "опрос или внутренний номер", innerNumType: "кто говорит", maxCountChannels: "каналы",
  dialPrefix: "префикс", recordTalk: "запись разговоров", notifyUrl: "адрес уведомлений", questions: "вопросов", bytes: "байт", clients: "клиентов",
};
const RULES = {
  max_attempts: "попыток на номер", try_interval_s: "пауза между попытками", retry_on: "когда повторять", until_signal: "до сигнала", start_min: "начало", end_min: "конец",
  weekdays: "дни недели", use_calendar: "календарь праздников", holidays: "праздники", working_days: "рабочие дни", zone_by_region: "пояс по региону", as_e164: "международный вид",
  callback: "сначала сотруднику", caller_ids: "показываемые номера", amd: "автоответчики", amd_message: "сообщение автоответчику", amd_message_file: "файл сообщения автоответчику",
  pacing: "звонков одновременно", power_ratio: "отношение", max_abandon_rate: "доля не дождавшихся", apology: "извинение", apology_file: "файл извинения", priority: "очерёдность",
  weight: "вес", max_calls_per_s: "звонков в секунду", max_cost_u: "бюджет", lang: "язык текстов", schedule: "расписание", not_before_us: "не раньше", ring_timeout_s: "сколько звонит",
  success_after_s: "успех после", tells_progress: "извещения о ходе", breakable: "прерывание фраз", max_per_day: "звонков в день",
};
/** Values that are no user's words, by the field that has them. */
const VALUES = {
  state: STATES, role: ROLES, innerNumType: { polling: "опрос", exten: "сотрудники", script: "сценарий" }, recordTalk: { True: "да", False: "нет" },
};
const value = (field, text) => (text === "" ? "пусто" : own(own(VALUES, field) ?? {}, text) ?? text);
const named = (field) => own(FIELDS, field) ?? own(RULES, field);

const PART = sayerOf([
  [/^(\d+) numbers$/, (count) => `номеров: ${count}`],
  [/^(\d+) numbers, calls hung up$/, (count) => `номеров: ${count}, звонки прерваны`],
  [/^all numbers(, calls hung up)?$/, (cut) => `все номера${cut ? ", звонки прерваны" : ""}`],
  [/^rules: (.*)$/, (names) => `правила: ${names.split(", ").map((name) => own(RULES, name) ?? name).join(", ")}`],
  [/^(\d+) added, (\d+) known$/, (added, known) => `внесено ${added}, уже были ${known}`],
  [/^of all tasks$/, () => "для всех задач"],
  [/^of task (\d+)$/, (id) => `для задачи ${id}`],
  [/^(\S+): (\d+) attempts closed$/, (phone, count) => `${phone}: закрыто попыток ${count}`],
  [/^(\d+) events$/, (count) => `уведомлений: ${count}`],
  [/^password$/, () => "пароль"],
  [/^role (\S+)$/, (role) => `роль: ${value("role", role)}`],
  [/^(read-only|operator|admin)$/, (role) => ROLES[role]],
  [/^(\w+) changed$/, (name) => `${named(name) ?? name}: изменено`],
  [/^(\w+) (.*) → (.*)$/, (name, before, after) => (own(FIELDS, name) ? `${FIELDS[name]}: ${value(name, before)} → ${value(name, after)}` : `${name} ${before} → ${after}`)],
  [/^(\w+) (.*)$/, (name, said) => (own(FIELDS, name) ? `${FIELDS[name]}: ${value(name, said)}` : `${name} ${said}`)],
]);

/** @param {string} text */
export const detailInRussian = (text) => text.split("; ").map((part) => PART(part) ?? part).join("; ");
