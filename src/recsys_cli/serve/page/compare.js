/** Two lists side by side, and what moved from the one to the other. */

import { counted, h, idLabel } from "./dom.js";
import { href } from "./route.js";
import { facts, frame } from "./tiles.js";
import { badge, changedBy } from "./why.js";

/** By item: its place in the one list and in the other, from 1; null where it has none. */
export function moves(before, after) {
  const places = (list) => new Map(list.map((one, at) => [one.item, at + 1]));
  const [from, to] = [places(before), places(after)];
  return new Map([...from.keys(), ...to.keys()].map((item) => [item, { from: from.get(item) ?? null, to: to.get(item) ?? null }]));
}

/** "9 of 12 items are in both lists, 4 of them in other places." */
export function difference(before, after) {
  const all = [...moves(before, after).values()];
  const both = all.filter(({ from, to }) => from !== null && to !== null);
  const moved = both.filter(({ from, to }) => from !== to).length;
  if (both.length === before.length && both.length === after.length && !moved) return "Both lists are the same.";
  const elsewhere = moved ? `, ${moved} of them in ${moved === 1 ? "another place" : "other places"}` : "";
  return `${both.length} of ${counted(Math.max(before.length, after.length), "item")} ${both.length === 1 ? "is" : "are"} in both lists${elsewhere}.`;
}

/**
 * @param {{label: Node | string, answer: object, actions?: Node}[]} lists the one as it is served, and another.
 */
export function sideBySide([one, other], { dataset, pictured }) {
  const moved = moves(one.answer.items, other.answer.items);
  return h("div", { class: "beside" },
    h("p", { class: "difference", role: "status" }, difference(one.answer.items, other.answer.items)),
    column(one, { moved, mark: leaving, dataset, pictured }),
    column(other, { moved, mark: arriving, dataset, pictured }));
}

function column({ label, answer, actions }, { moved, mark, dataset, pictured }) {
  return h("section", { class: "column" },
    h("h3", {}, label, actions),
    h("p", { class: "small" }, by(answer)),
    answer.items.length === 0 && h("p", { class: "small" }, "Nothing to recommend."),
    h("ol", {}, answer.items.map((item) => h("li", { class: "line-of", "data-id": item.item },
      h("span", { class: "rank" }, item.rank, mark(moved.get(item.item))),
      h("a", { href: href("item", item.item, { dataset }), class: "to" },
        pictured && frame(item.item, item.name),
        h("span", { class: "about" }, h("span", { class: "name" }, item.name), facts(item.item), idLabel(item.item)))))));
}

function by({ strategy_used: used, rules, fallback_reason: reason }) {
  return ["By ", used ? badge(used) : "nobody", reason && ` (${reason})`, changedBy({ rules })];
}

const leaving = ({ to }) => to === null && h("span", { class: "move gone" }, "gone");

function arriving({ from, to }) {
  if (from === null) return h("span", { class: "move new" }, "new");
  if (from === to) return null;
  const up = from > to;
  const words = `${up ? "up" : "down"} ${Math.abs(from - to)} from ${from}`;
  return h("span", { class: `move ${up ? "up" : "down"}`, title: words }, h("span", { "aria-hidden": true }, `${up ? "▲" : "▼"} ${Math.abs(from - to)}`), h("span", { class: "unseen" }, words));
}
