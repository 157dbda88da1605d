// Tables that are asked for what users have called something.

/** What stands under this name; `constructor` and the like stand nowhere. */
export const own = (table, name) => (Object.hasOwn(table, name) ? table[name] : undefined);
