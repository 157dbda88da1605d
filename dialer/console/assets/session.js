// Who is logged in, and what that caller may do.
import { api, onUnauthenticated } from "./api.js";
import { setZone } from "./i18n/index.js";
import { Store } from "./store.js";

const RANKS = ["read-only", "operator", "admin"];

/**
 * loading; in; out: nobody is logged in; expired: somebody was, and what is on the screen stays; failed: no answer.
 * @type {Store<{status: string, me: any, error: any}>}
 */
export const session = new Store({ status: "loading", me: null, error: null });

/** Whether the caller's role covers this one. What it does not cover is not offered. */
export const may = (role) => RANKS.indexOf(session.value.me?.role) >= RANKS.indexOf(role);

export async function refreshSession() {
  try {
    const me = await api.me();
    setZone(me.timezone);
    session.set({ status: "in", me, error: null });
  } catch (error) {
    if (error.status !== 401) session.patch({ status: session.value.me ? session.value.status : "failed", error });
  }
}

export async function logOut() {
  await api.logout();
  session.set({ status: "out", me: null, error: null });
  await refreshSession(); // where this machine itself is trusted, nobody can be out
}

onUnauthenticated(() => {
  const known = session.value.me !== null;
  session.patch({ status: known ? "expired" : "out" });
});
