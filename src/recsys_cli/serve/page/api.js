/**
 * Asks the server. A request waits where it can: for a key, for a busy server, for one that is
 * away. So a view only sees answers, and problems that are worth showing.
 */

import { byId } from "./dom.js";

const KEY = "recsys-key";
const FRESH_MS = 30_000;
const KEPT = 120;
const BUSY_TRIES = 5;
const LOOK_MS = 1500;
const HEADER = /^[\x20-\x7e\xa0-\xff]+$/;

/** What the server says is wrong: status, message, hint. */
export class Problem extends Error {
  constructor(status, message, hint = null) {
    super(message);
    this.status = status;
    this.hint = hint;
  }
}

let key = sessionStorage.getItem(KEY);
let asking = null;
let away = null;
const kept = new Map();
const listeners = new Set();

/** Calls `listener(true)` when the server is away, `listener(false)` when it is back. */
export const onAway = (listener) => listeners.add(listener);

/** A path under the page's own folder, with parameters. */
export function url(path, params = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    for (const one of [value].flat()) if (one !== null && one !== undefined && one !== "") query.append(name, one);
  }
  return query.size ? `${path}?${query}` : path;
}

export const userPath = (user) => `recommend/user/${encodeURIComponent(user)}`;
export const itemPath = (item) => `recommend/item/${encodeURIComponent(item)}`;

/** The answer to a GET; one that was had a moment ago is not asked for again. */
export async function get(address, { signal, fresh = false } = {}) {
  const had = kept.get(address);
  if (!fresh && had && performance.now() - had.at < FRESH_MS) return had.value;
  const value = await (await request(address, { signal })).json();
  kept.delete(address);
  kept.set(address, { value, at: performance.now() });
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  return value;
}

/** The answer to a POST of JSON or of a form. */
export async function post(address, body, { signal } = {}) {
  const form = body instanceof FormData;
  const headers = form ? {} : { "Content-Type": "application/json" };
  const answer = await request(address, { method: "POST", headers, body: form ? body : JSON.stringify(body), signal });
  return answer.json();
}

/** Has everything be asked for again: something was done that changes answers. */
export const outdated = () => kept.clear();

/** Whether pictures need a header, which <img> cannot send. */
export const needsKey = () => key !== null;

/** A picture as a blob. */
export const blob = async (address, signal) => (await request(address, { signal })).blob();

async function request(address, options) {
  for (let tries = 0; ; tries += 1) {
    const used = key;
    let answer;
    try {
      const headers = { ...options.headers, ...(used === null ? {} : { "X-API-Key": used }) };
      answer = await fetch(address, { ...options, headers });
    } catch (error) {
      if (error.name !== "TypeError") throw error;
      await back(options.signal);
      continue;
    }
    if (answer.ok) return answer;
    if (answer.status === 401) {
      if (used === key) await askKey(used !== null);
    } else if (answer.status === 503 && tries < BUSY_TRIES) {
      await pause(1000 * (Number(answer.headers.get("Retry-After")) || 1), options.signal);
    } else {
      throw await problemOf(answer);
    }
  }
}

async function problemOf(answer) {
  try {
    const { error, hint } = await answer.json();
    return new Problem(answer.status, String(error), hint);
  } catch {
    return new Problem(answer.status, `the server answered ${answer.status}`);
  }
}

/** Resolves when the server answers again; all requests wait for the same. */
function back(signal) {
  away ??= look();
  if (!signal) return away;
  return Promise.race([away, new Promise((_, stop) => signal.addEventListener("abort", () => stop(signal.reason), { once: true }))]);
}

async function look() {
  for (const listener of listeners) listener(true);
  for (;;) {
    await pause(LOOK_MS);
    try {
      if ((await fetch("ready", { cache: "no-store" })).ok) break;
    } catch {
      // Still away.
    }
  }
  away = null;
  kept.clear();
  for (const listener of listeners) listener(false);
}

/** Notices that the server is away before anybody asks it something. */
export async function heartbeat() {
  if (away || document.hidden) return;
  try {
    await fetch("health", { cache: "no-store" });
  } catch {
    await back();
  }
}

function pause(ms, signal) {
  return new Promise((done, stop) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), stop(signal.reason)), { once: true });
  });
}

/** Asks for the key, once for all requests that wait for it. */
function askKey(refused) {
  asking ??= new Promise((done, stop) => {
    const [dialog, form, input] = ["key-dialog", "key-form", "key-input"].map(byId);
    if (refused) byId("key-note").textContent = "The server refused that key. Try another.";
    const cancel = () => {
      dialog.close();
      stop(new Problem(401, "this needs a key", "reload the page to enter one"));
    };
    form.onsubmit = (event) => {
      if (!HEADER.test(input.value)) {
        event.preventDefault();
        byId("key-note").textContent = "A key has no such characters.";
        return;
      }
      key = input.value;
      sessionStorage.setItem(KEY, key);
      kept.clear();
      done();
    };
    byId("key-cancel").onclick = cancel;
    dialog.oncancel = cancel;
    input.value = "";
    dialog.showModal();
    input.focus();
  }).finally(() => {
    asking = null;
  });
  return asking;
}
