// Addresses: what stands behind the # names the screen. Who has something unsaved may hold a change back.
import { Store } from "./store.js";

function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map((one) => {
    try {
      return decodeURIComponent(one);
    } catch {
      return one;
    }
  });
  return { parts, query: new URLSearchParams(query), hash: hash || "#/" };
}

export const route = new Store(parse(location.hash));
/** @type {null | (() => Promise<boolean>)} */
let guard = null;

/** `ask` tells whether the user wants to leave; null takes it back. */
export function setGuard(ask) {
  guard = ask;
}

export function go(hash, { replace = false } = {}) {
  if (replace) {
    if (parse(location.hash).hash !== route.value.hash) return; // the user has gone elsewhere: hashchange is on its way
    history.replaceState(null, "", hash);
    route.set(parse(location.hash));
  } else {
    location.hash = hash;
  }
}

export const hrefOf = (...parts) => `#/${parts.map(encodeURIComponent).join("/")}`;

addEventListener("hashchange", async () => {
  const wanted = location.hash;
  if (guard) {
    const ask = guard;
    history.replaceState(null, "", route.value.hash); // which raises no event
    if (!(await ask())) return;
    guard = null;
    history.replaceState(null, "", wanted);
  }
  route.set(parse(wanted));
});

addEventListener("beforeunload", (event) => {
  if (guard) event.preventDefault();
});
