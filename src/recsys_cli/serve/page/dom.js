/** Makes nodes. Text only ever becomes text nodes, so nothing that a server says is markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. `props` are attributes, but for `on` (listeners by event), and for values that are
 * null, undefined or false, which are left out. Children are nodes, strings, lists or null.
 */
export function h(tag, props = {}, ...children) {
  return filled(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function s(tag, props = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), props, children);
}

function filled(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    } else if (value !== null && value !== undefined && value !== false) {
      node.setAttribute(name, value === true ? "" : String(value));
    }
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Replaces what is in a node. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

const whole = new Intl.NumberFormat("en");

export const count = (n) => whole.format(n);

/** "1 item", "12 items". */
export const counted = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

/** Three significant digits, or all before the point. */
export function score(value) {
  if (!Number.isFinite(value)) return "";
  return (Math.abs(value) >= 1000 ? Math.round(value).toString() : value.toPrecision(3)).replace("-", "−");
}

const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });

export const date = (iso) => (iso ? day.format(new Date(iso)) : "");

const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });

/** A day, or a day and the time on it: cut-offs, which are in UTC and do not say so. */
export const utc = (iso) => (iso.includes("T") ? `${date(`${iso}Z`)}, ${time.format(new Date(`${iso}Z`))} UTC` : date(iso));

/** "7 days", "6 hours", "90 minutes". */
export function lasting(days) {
  const [many, unit] = [[days, "day"], [days * 24, "hour"], [days * 1440, "minute"]].find(([number]) => Math.abs(number - Math.round(number)) < 1e-6) ?? [days, "day"];
  return counted(Math.round(many), unit);
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["year", 365.25], ["month", 30.44], ["day", 1], ["hour", 1 / 24], ["minute", 1 / 1440]];

/** "3 days ago"; days and times without a zone are in UTC. */
export function ago(iso) {
  const at = new Date(/[zZ]$|[+-]\d\d:?\d\d$/.test(iso) || !iso.includes("T") ? iso : `${iso}Z`);
  const days = (at - Date.now()) / 86_400_000;
  const [unit, length] = UNITS.find(([, one]) => Math.abs(days) >= one) ?? UNITS.at(-1);
  return relative.format(Math.round(days / length), unit);
}

const clock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

/** A day and the time on it, where the reader is. */
export const moment = (iso) => clock.format(new Date(iso));

/** An id that may be long: its head and tail, the whole of it as a tooltip. */
export function idLabel(id, { head = 10, tail = 6 } = {}) {
  const short = id.length > head + tail + 3 ? `${id.slice(0, head)}…${id.slice(-tail)}` : id;
  return h("code", { class: "id", title: short === id ? null : id }, short);
}

/** A function that runs once it has not been called for `ms`. */
export function debounced(run, ms) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => run(...args), ms);
  };
}
