/** What stands where an answer would: problems, and empty lists. */

import { byId, fill, h } from "./dom.js";

const TOLD_MS = 8000;

/** A problem, what to do about it, and a button that tries again. */
export function problem(error, retry) {
  return h("div", { class: "notice bad", role: "alert" },
    h("p", {}, h("strong", {}, capital(error.message)), "."),
    error.hint && h("p", {}, "Hint: ", h("code", {}, error.hint)),
    retry && h("button", { type: "button", class: "quiet", on: { click: retry } }, "Try again"));
}

/** A remark. */
export const remark = (...children) => h("div", { class: "notice" }, children.map((child) => (typeof child === "string" ? h("p", {}, child) : child)));

/** Where the same answer is to be had without the page. */
export const source = (method, address, body) => h("p", { class: "source" }, h("span", {}, method), " ",
  method === "GET" ? h("a", { href: address }, h("code", {}, `/${address}`)) : h("code", {}, `/${address}${body ? ` ${body}` : ""}`));

let fading;

/** Tells over the foot of the page what became of what was just done; a problem stays as long as the view. */
export function tell(note) {
  clearTimeout(fading);
  note.append(h("button", { type: "button", class: "quiet close", "aria-label": "Close this note", on: { click: close } }, "×"));
  fill(byId("told"), note);
  if (!note.matches(".bad")) fading = setTimeout(close, TOLD_MS);
}

function close() {
  fill(byId("told"));
}

addEventListener("hashchange", close);

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
