// What happens now, by server-sent events. Says when it is not live, and comes back by itself.
import { CONSOLE, api } from "./api.js";
import { refreshSession, session } from "./session.js";
import { Store, useStore } from "./store.js";

const RETRY_MS = [1000, 2000, 4000, 8000, 15000];
const MINUTES = 60;
const MINUTE_S = 60;

/**
 * status: connecting, live, lost. `since`: when it was lost, ms. Tasks by their ids.
 * @type {Store<{status: string, since: number, tasks: Map<number, any>, known: boolean, health: any, stats: any}>}
 */
export const live = new Store({
  status: "connecting", since: Date.now(), tasks: new Map(), known: false, health: null, stats: null,
});

let source = null;
let timer = 0;
let tries = 0;
/** Tasks that are told of since the stream began: those that it does not name any more are gone. */
let first = true;
/** What the stream has told of minutes since it began: only this is newer than what is asked for then. */
let told = { stats: null };

export const useLive = (part) => useStore(live, part);

/** Also after a login: what had ended begins again at once. */
export function startLive() {
  if (source?.readyState === EventSource.OPEN) return;
  connect();
}

export function stopLive() {
  clearTimeout(timer);
  told = { stats: null };
  source?.close();
  source = null;
  live.set({ status: "connecting", since: Date.now(), tasks: new Map(), known: false, health: null, stats: null });
}

function connect() {
  clearTimeout(timer);
  source?.close();
  first = true;
  source = new EventSource(`${CONSOLE}/live`);
  source.addEventListener("open", () => {
    first = true; // everything is told anew, also when the browser has come again by itself
    loadMinutes(); // those of which nobody was told
    tries = 0;
    live.patch({ status: "live" });
  });
  source.addEventListener("error", lost);
  listen("tasks", (changed) => {
    const tasks = first ? new Map() : new Map(live.value.tasks);
    first = false;
    for (const task of changed) tasks.set(task.id, task);
    live.patch({ tasks, known: true, status: "live" });
  });
  listen("removed", (ids) => {
    const tasks = new Map(live.value.tasks);
    for (const id of ids) tasks.delete(id);
    live.patch({ tasks });
  });
  listen("health", (health) => live.patch({ health }));
  listen("stats", (stats) => {
    told.stats = merged(told.stats, stats);
    live.patch({ stats: merged(live.value.stats, stats) });
  });
}

function listen(name, handler) {
  source.addEventListener(name, (event) => handler(JSON.parse(event.data)));
}

function lost() {
  const { status } = live.value;
  if (status !== "lost") {
    live.patch({ status: "lost", since: Date.now() });
    refreshSession(); // perhaps it was ended from afar
  }
  if (source.readyState !== EventSource.CLOSED) return; // the browser comes again by itself
  source.close();
  const wait = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)];
  tries += 1;
  timer = setTimeout(async () => {
    await refreshSession(); // perhaps it has ended: then somebody is asked to log in
    if (source?.readyState === EventSource.CLOSED && session.value.status === "in") connect();
  }, wait);
}

/** The last hour in place of what was held: the minute in which a stream was cut had been told by half. */
async function loadMinutes() {
  const since = { stats: null };
  told = since;
  try {
    const answer = await api.stats(MINUTES);
    if (told === since) live.patch({ stats: merged(answer, since.stats) }); // else it began again, and asks again
  } catch {
    // the stream tells that the daemon is away
  }
}

/** The later figures over the earlier ones, of the last hour. */
export function merged(before, after) {
  if (!before) return after;
  if (!after) return before;
  const minutes = new Map(before.minutes.map((one) => [one.time, one]));
  for (const one of after.minutes) minutes.set(one.time, one);
  const ordered = [...minutes.values()].sort((one, other) => one.time - other.time);
  const since = (ordered.at(-1)?.time ?? 0) - (MINUTES - 1) * MINUTE_S;
  return { ...after, minutes: ordered.filter((one) => one.time >= since) };
}

/** A task's progress as the server has just answered it, ahead of the stream. */
export function noteTask(task) {
  const tasks = new Map(live.value.tasks);
  tasks.set(task.id, { ...tasks.get(task.id), ...task });
  live.patch({ tasks });
}

export function forgetTask(id) {
  const tasks = new Map(live.value.tasks);
  tasks.delete(id);
  live.patch({ tasks });
}
