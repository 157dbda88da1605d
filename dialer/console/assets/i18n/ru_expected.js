// "… expected, got …": how refusals say what was wanted and what came.
import { own } from "../own.js";

const VALUE = String.raw`(?:, got ([\s\S]*))?`;
const NOTHING = { none: "", "an empty list": "", "a text": "", "a list": "", "''": ", а здесь пусто" };
const got = (value) => (value === undefined ? "" : own(NOTHING, value) ?? `, а здесь ${value.replace(/^'([\s\S]*)'$/, "«$1»")}`);

/** A line of a table: what was expected by its words, and what came behind it. */
export const expected = (pattern, words) => [new RegExp(`^${pattern}${VALUE}$`), (...groups) => words(...groups.slice(0, -1)) + got(groups.at(-1))];
