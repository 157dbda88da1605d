// A value that components can watch.
import { useEffect, useState } from "./html.js";

/** @template T */
export class Store {
  /** @param {T} value */
  constructor(value) {
    this.value = value;
    /** @type {Set<(value: T) => void>} */
    this.watchers = new Set();
  }

  /** @param {T} value */
  set(value) {
    this.value = value;
    for (const watcher of [...this.watchers]) watcher(value);
  }

  /** @param {Partial<T>} part */
  patch(part) {
    this.set({ ...this.value, ...part });
  }

  /** @param {(value: T) => void} watcher */
  watch(watcher) {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  }
}

/**
 * The store's value, or a part of it; the component is drawn again when that changes.
 * @template T, P
 * @param {Store<T>} store
 * @param {(value: T) => P} [part]
 * @returns {P}
 */
export function useStore(store, part = (value) => value) {
  const [, redraw] = useState(0);
  const now = part(store.value);
  useEffect(() => {
    let seen = part(store.value);
    if (seen !== now) redraw((count) => count + 1);
    return store.watch((value) => {
      const next = part(value);
      if (next !== seen) {
        seen = next;
        redraw((count) => count + 1);
      }
    });
  }, [store]);
  return now;
}
