// The daemon's REST as functions: the envelope opened, refusals as errors that name fields.
export const CONSOLE = "/console/v1";
export const MIKOPBX = "/pbxcore/api/module-dialer/v1";

/** A call that was not done; `messages` say why, in the server's words. */
export class ApiError extends Error {
  /**
   * @param {number} status 0: the daemon was not reached
   * @param {string[]} messages
   * @param {any} [data]
   * @param {number} [retryAfterS]
   */
  constructor(status, messages, data, retryAfterS) {
    super(messages.join("; ") || `HTTP ${status}`);
    this.status = status;
    this.messages = messages;
    this.data = data;
    this.retryAfterS = retryAfterS;
  }

  /** Messages by the field that they name, `questions[0].questionText`; under "" those that name none. */
  byField() {
    const found = {};
    for (const message of this.messages) {
      const [, field, reason] = /^([A-Za-z][\w.[\]]*): ([\s\S]+)$/.exec(message) ?? [null, "", message];
      (found[field] ??= []).push(reason);
    }
    return found;
  }
}

/** A key that nothing else has. (crypto.randomUUID is for HTTPS only.) */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

let whenUnknown = () => {};

/** What is done when the daemon does not know who asks (401). */
export function onUnauthenticated(handler) {
  whenUnknown = handler;
}

function listed(messages) {
  if (Array.isArray(messages)) return messages.map(String);
  return messages && typeof messages === "object" ? Object.values(messages).flat().map(String) : [];
}

/**
 * @param {string} method
 * @param {string} path
 * @param {{body?: any, form?: FormData, query?: Record<string, any>, signal?: AbortSignal, onceKey?: string}} [options]
 * @returns {Promise<Response>}
 */
async function send(method, path, { body, form, query, signal, onceKey } = {}) {
  const said = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const address = said.length ? `${path}?${new URLSearchParams(said)}` : path;
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  if (onceKey) headers["Idempotency-Key"] = onceKey;
  try {
    return await fetch(address, {
      method, headers, signal, credentials: "same-origin", cache: "no-store",
      body: form ?? (body === undefined ? undefined : JSON.stringify(body)),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, []);
  }
}

async function refusalOf(response) {
  let content = null;
  try {
    content = await response.json();
  } catch {
    // a proxy's page, say
  }
  if (response.status === 401) whenUnknown();
  const after = Number(response.headers.get("Retry-After"));
  return new ApiError(response.status, listed(content?.messages), content?.data, after || undefined);
}

/** The envelope of a call that was done: `data` and `messages`. Raises ApiError for any other. */
export async function callWhole(method, path, options) {
  const response = await send(method, path, options);
  if (!response.ok) throw await refusalOf(response);
  const content = await response.json();
  if (content.result !== true) throw new ApiError(response.status, listed(content.messages), content.data);
  return { data: content.data, messages: listed(content.messages) };
}

const call = async (method, path, options) => (await callWhole(method, path, options)).data;

/** A sound that is made on demand. */
async function sound(path, body, signal) {
  const response = await send("POST", path, { body, signal });
  if (!response.ok) throw await refusalOf(response);
  if ((response.headers.get("Content-Type") ?? "").includes("json")) throw await refusalOf(response);
  return response.arrayBuffer();
}

function fileForm(file) {
  const form = new FormData();
  form.append("file", file, file.name);
  return form;
}

const part = encodeURIComponent;

export const api = {
  me: () => call("GET", `${CONSOLE}/me`),
  health: async () => (await send("GET", "/health")).json(),
  stats: (minutes) => call("GET", `${CONSOLE}/stats`, { query: { minutes } }),

  tasks: (query) => call("GET", `${CONSOLE}/tasks`, { query }),
  task: (id) => call("GET", `${CONSOLE}/tasks/${part(id)}`),
  setState: (id, state) => call("PUT", `${CONSOLE}/tasks/${part(id)}`, { body: { state } }),
  charts: (id) => call("GET", `${CONSOLE}/tasks/${part(id)}/charts`),
  numbers: (id, query, signal) => call("GET", `${CONSOLE}/tasks/${part(id)}/numbers`, { query, signal }),
  addNumbers: (id, numbers) => call("POST", `${CONSOLE}/tasks/${part(id)}/numbers`, { body: { numbers } }),
  exportAddress: (id, format, lang) => `${CONSOLE}/tasks/${part(id)}/export?${new URLSearchParams({ format, lang })}`,
  /** @param {string} onceKey of the form: sent again, because the answer was lost, it makes no second task */
  createTask: (body, onceKey) => call("POST", `${MIKOPBX}/task`, { body, onceKey }),
  changeTask: (id, body) => call("PUT", `${MIKOPBX}/task/${part(id)}`, { body }),
  deleteTask: (id) => call("DELETE", `${MIKOPBX}/task/${part(id)}`),
  why: (id, phone) => call("GET", `${MIKOPBX}/task/${part(id)}/why`, { query: { phone } }),
  signalClose: (taskId, phone) => call("POST", `${MIKOPBX}/task-signal-close`, { body: { taskId, phone } }),
  dryRun: (file, taskId, polling) =>
    callWhole("POST", `${MIKOPBX}/upload-xls`, { form: fileForm(file), query: { dryRun: 1, taskId, polling } }),
  readTable: (file) => callWhole("POST", `${MIKOPBX}/upload-xls`, { form: fileForm(file), query: { params: 1 } }),
  recordingAddress: (path) => `${MIKOPBX}${path.split("/").map(part).join("/")}`,

  pollings: () => call("GET", `${CONSOLE}/pollings`),
  polling: (id) => call("GET", `${CONSOLE}/pollings/${part(id)}`),
  savePolling: (body) => call("POST", `${MIKOPBX}/polling`, { body }),
  deletePolling: (crmId) => call("DELETE", `${MIKOPBX}/polling/${part(crmId)}`),
  prompt: (body, signal) => sound(`${CONSOLE}/prompt`, body, signal),

  audio: () => call("GET", `${MIKOPBX}/audio`),
  sounds: () => call("GET", `${CONSOLE}/sounds`),
  uploadAudio: (file) => call("POST", `${MIKOPBX}/audio`, { form: fileForm(file) }),
  deleteAudio: (name) => call("DELETE", `${MIKOPBX}/audio/${part(name)}`),

  stops: (query) => call("GET", `${MIKOPBX}/stop-list`, { query }),
  stopsOf: (phone) => call("GET", `${MIKOPBX}/stop-list/${part(phone)}`),
  addStops: (body) => call("POST", `${MIKOPBX}/stop-list`, { body }),
  importStops: (file, query) => callWhole("POST", `${MIKOPBX}/stop-list-upload`, { form: fileForm(file), query }),
  removeStop: (phone, taskId) => call("DELETE", `${MIKOPBX}/stop-list/${part(phone)}`, { query: { taskId } }),

  users: () => call("GET", `${CONSOLE}/users`),
  addUser: (body) => call("POST", `${CONSOLE}/users`, { body }),
  changeUser: (login, body) => call("PUT", `${CONSOLE}/users/${part(login)}`, { body }),
  deleteUser: (login) => call("DELETE", `${CONSOLE}/users/${part(login)}`),
  keys: () => call("GET", `${CONSOLE}/keys`),
  addKey: (body) => call("POST", `${CONSOLE}/keys`, { body }),
  deleteKey: (name) => call("DELETE", `${CONSOLE}/keys/${part(name)}`),
  sessions: () => call("GET", `${CONSOLE}/sessions`),
  endSession: (id) => call("DELETE", `${CONSOLE}/sessions/${part(id)}`),
  audit: (query) => call("GET", `${CONSOLE}/audit`, { query }),

  /** Raises ApiError with the server's words. */
  async login(login, password) {
    const response = await fetch("/admin-cabinet/session/start", {
      method: "POST", credentials: "same-origin", body: new URLSearchParams({ login, password }),
    }).catch(() => {
      throw new ApiError(0, []);
    });
    const content = await response.json().catch(() => ({}));
    if (content.success === true) return;
    const after = Number(response.headers.get("Retry-After"));
    throw new ApiError(response.status, listed(content.message ?? content.messages), null, after || undefined);
  },

  logout: () => fetch("/admin-cabinet/session/end", { method: "POST", credentials: "same-origin" }),
};
