// The server speaks English, to programs and their authors. What a user is likely to be told is known here in the words of
// the console; the rest is shown as it came, which is better than nothing.
import { causeInRussian } from "./ru_causes.js";
import { detailInRussian } from "./ru_details.js";
import { messageInRussian } from "./ru_messages.js";
import { reasonInRussian } from "./ru_reasons.js";
import { sayerOf, whole } from "./said.js";

const messageInEnglish = sayerOf(whole({
  missing: "must be filled in",
  "missing, and there is no questionFile": "a text or a sound file is needed",
  "missing, nothing to play": "there is nothing to play",
}));
const asItIs = () => null;
const WORDS = {
  en: { message: messageInEnglish, cause: asItIs, reason: asItIs, detail: asItIs },
  ru: { message: messageInRussian, cause: causeInRussian, reason: reasonInRussian, detail: detailInRussian },
};

/** Where a message begins with the place it is about: `innerNum: …`. */
const PLACED = /^([A-Za-z][\w.[\]]*): ([\s\S]+)$/;
/** Places that a user has not filled in: what is said of them says enough. */
const OF_PROGRAMS = new Set(["id", "file", "filename", "phone", "taskId", "login", "name", "text", "state", "numbers", "polling"]);

export function translateMessage(message, lang) {
  const [, place, reason] = PLACED.exec(message) ?? [null, "", message];
  const said = WORDS[lang].message(reason);
  if (said === null) return message;
  return place && !OF_PROGRAMS.has(place) ? `${place}: ${said}` : said;
}

/** @param {"cause" | "reason" | "detail"} kind of what was said */
export const translate = (kind, text, lang) => WORDS[lang][kind](text) ?? text;
