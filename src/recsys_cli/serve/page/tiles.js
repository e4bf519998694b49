/** Items as tiles or rows: picture, name, id, and why they are there. */

import { blob, get, needsKey, url } from "./api.js";
import { counted, date, h, idLabel, score } from "./dom.js";
import { href } from "./route.js";
import { badges, reasons } from "./why.js";

const AT_ONCE = 50;

/** Names and links of pictures, by item. */
export async function cards(dataset, items, signal) {
  const parts = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    parts.push(get(url("items", { dataset, item: items.slice(at, at + AT_ONCE) }), { signal }));
  }
  return new Map((await Promise.all(parts)).flatMap((part) => part.items).map((one) => [one.item, one]));
}

/** Fills in pictures, categories and prices in `node`, once it is known which items have any. */
export async function complete(node, dataset, signal) {
  const holders = new Map([...node.querySelectorAll("[data-item]")].map((one) => [one, one.dataset.item]));
  if (!holders.size) return;
  const known = await cards(dataset, [...new Set(holders.values())], signal);
  const told = [...known.values()].some(({ about }) => Object.keys(about).length > 0);
  for (const [holder, item] of holders) {
    holder.removeAttribute("data-item");
    const { image, about = {} } = known.get(item) ?? {};
    if (!holder.matches(".pic")) told ? tell(holder, about) : holder.remove();
    else if (image) show(holder, dataset, item);
  }
}

/** A line for an item's category and price. */
export const facts = (item) => h("span", { class: "facts-of", "data-item": item });

function tell(holder, about) {
  const all = Object.entries(about);
  if (!all.length) return;
  holder.textContent = all.map(([, value]) => short(value)).join(" · ");
  holder.title = all.map(([name, value]) => `${name.replaceAll("_", " ")}: ${value}`).join(", ");
}

const small = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const large = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

/** A value of a column: numbers short, all else as it is. */
const short = (value) => (typeof value !== "number" ? String(value) : (Math.abs(value) < 1 ? small : large).format(value));

/** A place of fixed proportions for a picture, with the name's first letter until there is one. */
export function frame(item, name) {
  return h("span", { class: "pic", "data-item": item }, h("span", { class: "letter", "aria-hidden": true }, initial(name)));
}

/** Puts an item's picture into its place. */
export function show(holder, dataset, item, { eager = false } = {}) {
  const image = h("img", { alt: "", decoding: "async", loading: eager ? "eager" : "lazy", on: {
    load: () => holder.classList.add("there"),
    error: () => image.remove(),
  } });
  const address = url(`items/${encodeURIComponent(item)}/image`, { dataset });
  holder.append(image);
  if (!needsKey()) image.src = address;
  else whenSeen(holder, async () => {
    try {
      const source = URL.createObjectURL(await blob(address));
      image.addEventListener("load", () => URL.revokeObjectURL(source), { once: true });
      image.src = source;
    } catch {
      image.remove();
    }
  });
}

const waiting = new WeakMap();
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((one) => one.isIntersecting)) {
    watcher.unobserve(entry.target);
    waiting.get(entry.target)?.();
  }
}, { rootMargin: "300px" });

function whenSeen(node, run) {
  waiting.set(node, run);
  watcher.observe(node);
}

function initial(name) {
  return [...(name.match(/\p{L}|\p{N}/u) ?? ["·"])][0].toUpperCase();
}

/**
 * A list of recommended or similar items.
 *
 * @param {object} options dataset; pictured: whether the dataset has pictures; explain: whether to
 *   say why each is there; now: makes a tile's button "had this now", where there is one.
 */
export function grid(items, { dataset, pictured, explain = false, now = null }) {
  return h("ol", { class: `tiles${pictured ? "" : " wordy"}${explain ? " explained" : ""}` },
    items.map((one) => tile(one, { dataset: one.dataset ?? dataset, pictured, explain, now })));
}

/** Marks what the user has among the tiles in `node`; both may come first. */
export function markHad(node, seen) {
  for (const tile of node.querySelectorAll(".tile[data-id]")) {
    if (seen.has(tile.dataset.id) && !tile.querySelector(".had")) {
      tile.querySelector(".from").append(h("span", { class: "had" }, "has it"));
    }
  }
}

function tile(one, { dataset, pictured, explain, now }) {
  return h("li", { class: "tile", "data-id": one.item },
    h("a", { href: href("item", one.item, { dataset }), class: "to", "aria-label": `${one.rank}. ${one.name}` },
      pictured && frame(one.item, one.name),
      h("span", { class: "rank", "aria-hidden": true }, one.rank),
      h("span", { class: "name" }, one.name)),
    facts(one.item),
    h("p", { class: "meta" },
      idLabel(one.item),
      h("span", { class: "score", title: `Score ${one.score}` }, score(one.score))),
    h("p", { class: "from" }, !(explain && one.explanation) && badges(one.sources)),
    now?.(one),
    explain && reasons(one));
}

/** What a grid looks like while it is not there yet. */
export function skeleton(n, pictured) {
  return h("ol", { class: pictured ? "tiles" : "tiles wordy", "aria-hidden": true },
    Array.from({ length: n }, () => h("li", { class: "tile ghost" },
      pictured && h("span", { class: "pic" }), h("span", { class: "line" }), h("span", { class: "line short" }))));
}

/** A user's history: rows under the days they are of. */
export function timeline(items, { dataset, pictured }) {
  const days = Map.groupBy(items, (one) => date(one.last));
  return [...days].map(([label, had]) => h("section", { class: "day" },
    label && h("h3", {}, label),
    h("ul", { class: "rows" }, had.map((one) => h("li", {},
      h("a", { href: href("item", one.item, { dataset }), class: "to" },
        pictured && frame(one.item, one.name),
        h("span", { class: "about" },
          h("span", { class: "name" }, one.name),
          idLabel(one.item),
          one.weight !== 1 && h("span", { class: "weight", title: "Events, weighted by kind" }, `×${Number(one.weight.toPrecision(3))}`),
          one.live && h("span", { class: "live", title: "Since the build" }, "live"))))))));
}

/** "12 items by collab", for the live region. */
export const summary = (answer) => `${counted(answer.items.length, "item")}${answer.strategy_used ? ` by ${answer.strategy_used}` : ""}`;
