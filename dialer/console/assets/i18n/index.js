// Words, numbers and times in the user's language; times in the PBX's zone.
import { preferences } from "../preferences.js";
import en from "./en.js";
import ru from "./ru.js";
import { translate, translateMessage } from "./server_messages.js";

export const DICTIONARIES = { en, ru };
export const LANGUAGES = [["ru", "Русский"], ["en", "English"]];
let zone = "UTC";

export const lang = () => preferences.value.lang;

/** The PBX's zone, as /console/v1/me names it. */
export function setZone(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    zone = name;
  } catch {
    zone = "UTC"; // one that this browser does not know
  }
  formats.clear();
}

export const getZone = () => zone;

/** English as it is written where days come before months, and hours are 24. */
const LOCALES = { en: "en-GB", ru: "ru-RU" };

/** @type {Map<string, any>} */
const formats = new Map();

function format(kind, options) {
  const key = `${lang()} ${kind.name} ${JSON.stringify(options)}`;
  if (!formats.has(key)) formats.set(key, new kind(LOCALES[lang()], options));
  return formats.get(key);
}

/**
 * The text of this name. `{n}` and other names in braces are filled in, numbers as the language writes them; where the
 * dictionary has plural forms, `n` chooses.
 * @param {string} name
 * @param {Record<string, any>} [values]
 * @returns {string}
 */
export function t(name, values = {}) {
  let text = DICTIONARIES[lang()][name] ?? DICTIONARIES.en[name];
  if (text === undefined) return name;
  if (typeof text === "object") text = text[format(Intl.PluralRules, {}).select(values.n ?? 0)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (whole, key) => {
    const value = values[key];
    if (value === undefined || value === null) return whole;
    return typeof value === "number" ? number(value) : String(value);
  });
}

/** Whether there is such a text. */
export const has = (name) => Object.hasOwn(DICTIONARIES.en, name);

export const number = (value, digits = 0) => format(Intl.NumberFormat, { maximumFractionDigits: digits }).format(value);

/** A share of 0 to 1. */
export const percent = (share) =>
  format(Intl.NumberFormat, { style: "percent", maximumFractionDigits: share > 0 && share < 0.1 ? 1 : 0 }).format(share);

const at = (seconds) => new Date(seconds * 1000);

/** Unix seconds as date and time, to the second where asked for. */
export const dateTime = (seconds, withSeconds = false) =>
  format(Intl.DateTimeFormat, {
    timeZone: zone, day: "2-digit", month: lang() === "ru" ? "2-digit" : "short", year: "numeric", hour: "2-digit", minute: "2-digit",
    hourCycle: "h23", ...(withSeconds ? { second: "2-digit" } : {}),
  }).format(at(seconds));

export const timeOfDay = (seconds) =>
  format(Intl.DateTimeFormat, { timeZone: zone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at(seconds));

export const timeToSecond = (seconds) =>
  format(Intl.DateTimeFormat, {
    timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
  }).format(at(seconds));

export const dayAndMonth = (seconds) =>
  format(Intl.DateTimeFormat, { timeZone: zone, day: "numeric", month: "short" }).format(at(seconds));

/** The time if it is today in the PBX's zone, else with its date. */
export function moment(seconds) {
  const today = dayAndMonth(Date.now() / 1000);
  return dayAndMonth(seconds) === today ? timeOfDay(seconds) : dateTime(seconds);
}

/** A size as people say it: 340 kB, 1.2 MB. */
export function fileSize(bytes) {
  const [value, unit] = bytes < 1e6 ? [bytes / 1e3, "kilobyte"] : [bytes / 1e6, "megabyte"];
  return format(Intl.NumberFormat, { style: "unit", unit, maximumFractionDigits: value < 10 ? 1 : 0 }).format(value);
}

/** How long, in minutes and seconds: 1:05. */
export function duration(seconds) {
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = String(Math.floor((whole % 3600) / 60)).padStart(hours ? 2 : 1, "0");
  return `${hours ? `${hours}:` : ""}${minutes}:${String(whole % 60).padStart(2, "0")}`;
}

/** The short name of a day of the week, 1 Monday to 7 Sunday. */
export function weekday(day, style = "short") {
  // 2024-01-01 was a Monday
  return new Intl.DateTimeFormat(lang(), { weekday: style, timeZone: "UTC" }).format(new Date(Date.UTC(2024, 0, day)));
}

/** The two zones' difference matters to who reads times: the PBX's zone by its name. */
export const zoneName = () => zone;

/** A message of the server in the user's language, where it is one of those that are known. */
export const told = (message) => translateMessage(message, lang());

/** Likewise why a call ended so. */
export const causeTold = (cause) => translate("cause", cause, lang());

/** Likewise why nothing is dialled, and when that is looked at. */
export function reasonTold(reason) {
  const said = translate("reason", reason, lang());
  return said === reason ? said : said[0].toUpperCase() + said.slice(1);
}

/** Likewise what was changed. */
export const detailTold = (detail) => translate("detail", detail, lang());
