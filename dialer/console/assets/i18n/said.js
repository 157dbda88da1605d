// What the server says in English, in another language: tables of patterns, each with its words.

/** @typedef {[RegExp, (...groups: any[]) => string][]} Table */

/**
 * A function that says a text by the first pattern that fits the whole of it; null: none does.
 * @param {Table} table
 * @returns {(text: string) => string | null}
 */
export const sayerOf = (table) => (text) => {
  for (const [pattern, words] of table) {
    const found = pattern.exec(text);
    if (found) return words(...found.slice(1));
  }
  return null;
};

/** Whole texts as a table. */
export const whole = (texts) => Object.entries(texts).map(([text, said]) => [new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`), () => said]);
