/** Rules to try: those of recsys.toml and others, each on or off, and the lines that write them. */

import { columnChoice, conditionFields } from "./conditions.js";
import { fill, h } from "./dom.js";

const ONE = new Set(["diversity"]);

/** What a rule does, in a few words. */
const SAID = {
  where: (text) => ["only ", h("code", {}, text)],
  boost: ({ where, by, name }) => [by < 1 ? "down" : "up", ` by ${by}: `, h("code", {}, [where].flat().join(", ")), name && ` (${name})`],
  cap: ({ column, most }) => [`at most ${most} of one `, h("code", {}, column)],
  diversity: ({ weight }) => `unlike each other, by ${weight}`,
  pin: ({ item, rank }) => [h("code", {}, item), ` in place ${rank}`],
};
const KINDS = Object.keys(SAID);

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** Rules as a list: {kind, rule}. */
const listOf = (rules) => KINDS.flatMap((kind) => [rules[kind] ?? []].flat().map((rule) => ({ kind, rule })));

/** The same as recsys.toml has them. */
function rulesOf(list) {
  const rules = {};
  for (const { kind, rule } of list) {
    if (ONE.has(kind)) rules[kind] = rule;
    else (rules[kind] ??= []).push(rule);
  }
  return rules;
}

/** Whether two sets of rules are the same, as far as they are served. */
export const sameRules = (one, other) => same(listOf(one), listOf(other));

/**
 * The panel.
 *
 * @param {(rules: object) => void} changed gets the rules to try.
 */
export function rulesPanel(context, changed) {
  let there = [];
  let tried = [];
  const list = h("ul", { class: "tried" });
  const lines = h("pre", { tabindex: "0" }, h("code", {}));
  const copied = h("button", { type: "button", class: "quiet", on: { click: copy } }, "Copy");
  const node = h("section", { class: "trying", "aria-label": "Rules to try" },
    list,
    form(context, add),
    h("details", {}, h("summary", {}, "Lines for recsys.toml"), lines, copied,
      h("p", { class: "small" }, "Nothing is written from here. These lines take the place of the rules that stand there, once the server is started again.")));

  const on = (entry) => tried.some((one) => same(one, entry));

  function add(kind, rule) {
    const kept = tried.filter((one) => !(ONE.has(kind) && one.kind === kind) && !same(one, { kind, rule }));
    changed(rulesOf([...kept, { kind, rule }]));
  }

  function turn(entry) {
    changed(rulesOf(on(entry) ? tried.filter((one) => !same(one, entry)) : [...tried, entry]));
  }

  async function copy() {
    await navigator.clipboard.writeText(lines.textContent).then(() => (copied.textContent = "Copied"), () => getSelection().selectAllChildren(lines));
  }

  return {
    node,
    /** Shows rules that are tried beside those that are served; what was tried before stays to be turned on again. */
    set(served, trying) {
      tried = listOf(trying);
      const known = [...listOf(served), ...there, ...tried];
      there = known.filter((entry, at) => known.findIndex((one) => same(one, entry)) === at)
        .sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind));
      const focused = [...list.querySelectorAll("input")].indexOf(document.activeElement);
      fill(list, there.map((entry) => {
        const input = h("input", { type: "checkbox", on: { change: () => turn(entry) } });
        input.checked = on(entry);
        return h("li", {}, h("label", {}, input, " ", h("span", {}, SAID[entry.kind](entry.rule)),
          !listOf(served).some((one) => same(one, entry)) && h("span", { class: "live" }, "only here")));
      }), !there.length && h("li", { class: "small" }, "recsys.toml states no rules. Add one to see what it does."));
      if (focused >= 0) list.querySelectorAll("input")[focused]?.focus();
    },
    /** The lines of recsys.toml for what is tried. */
    write(toml) {
      lines.firstChild.textContent = toml.trim() || "# no rules";
      copied.textContent = "Copy";
    },
  };
}

/** Fields of a new rule: what it does, of what, and how much. */
function form(context, add) {
  const condition = conditionFields(context, "rule", submit);
  const column = columnChoice(context.about);
  const item = h("input", { type: "text", "aria-label": "Item id", placeholder: "item id", maxlength: 256, autocomplete: "off", on: { keydown: entered } });
  const by = number("Factor", { value: 2, min: 0.001, max: 1000, step: "any" });
  const most = number("Items in a list", { value: 3, min: 1, step: 1 });
  const rank = number("Place", { value: 1, min: 1, step: 1 });
  const weight = number("Weight", { value: 0.2, min: 0, max: 1, step: 0.05 });
  const fields = {
    boost: { label: "move up or down", nodes: [condition.nodes, h("label", {}, "by ", by)], read: () => condition.read() && { where: condition.read(), by: Number(by.value) } },
    cap: { label: "at most so many of one", nodes: [column, h("label", {}, "items ", most)], read: () => column.value && { column: column.value, most: Number(most.value) } },
    where: { label: "only", nodes: [condition.nodes], read: () => condition.read() },
    pin: { label: "put in a place", nodes: [item, h("label", {}, "place ", rank)], read: () => item.value.trim() && { item: item.value.trim(), rank: Number(rank.value) } },
    diversity: { label: "unlike each other", nodes: [h("label", {}, "by ", weight)], read: () => ({ weight: Number(weight.value) }) },
  };
  const kind = h("select", { "aria-label": "Kind of rule", on: { change: draw } }, Object.entries(fields).map(([name, { label }]) => h("option", { value: name }, label)));
  const place = h("span", { class: "of-rule" });

  function draw() {
    fill(place, fields[kind.value].nodes);
  }

  function entered(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    submit();
  }

  function submit() {
    const rule = fields[kind.value].read();
    if (!rule || [...place.querySelectorAll("input[type=number]")].some((one) => !one.reportValidity())) return;
    add(kind.value, rule);
    condition.clear();
    item.value = "";
  }

  function number(label, limits) {
    return h("input", { type: "number", "aria-label": label, required: true, ...limits, on: { keydown: entered } });
  }

  draw();
  return h("div", { class: "where adding" }, kind, place, h("button", { type: "button", class: "quiet", on: { click: submit } }, "Add rule"));
}
