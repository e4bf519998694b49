/** How a user's list is asked for: the controls, and the address that they stand in. */

import { whereForm } from "./conditions.js";
import { fill, h } from "./dom.js";
import { AUTO, about as aboutStrategy } from "./why.js";

const LENGTHS = [12, 24, 48, 96];
/** What may stand beside a list, besides another strategy's. */
export const WITHOUT = "no-rules", TRYING = "try";
const BY = "by:";

/** The strategy whose list stands beside the one that is asked for; null where it is another kind. */
export const strategyBeside = (beside) => (beside?.startsWith(BY) ? beside.slice(BY.length) : null);

/** What an address asks for, with defaults filled in. */
export function wanted({ params }, { about, ready }) {
  return {
    strategy: params.get("strategy") ?? about.strategy,
    hide: params.has("seen") ? params.get("seen") === "hide" : about.excludes_seen,
    where: params.getAll("where"),
    k: Math.min(Number(params.get("k")) || LENGTHS[1], ready.max_k),
    why: params.has("why"),
    beside: params.get("beside"),
    rules: parsed(params.get("rules")),
  };
}

/** The parameters of an address that asks for it; what has its default value is left out. */
export function parameters({ strategy, hide, where, k, why, beside, rules }, about) {
  return {
    strategy: strategy === about.strategy ? null : strategy,
    seen: hide === about.excludes_seen ? null : hide ? "hide" : "show",
    where,
    k: k === LENGTHS[1] ? null : k,
    why: why ? 1 : null,
    beside,
    rules: beside === TRYING && rules ? JSON.stringify(rules) : null,
  };
}

function parsed(text) {
  try {
    const rules = JSON.parse(text);
    return typeof rules === "object" && !Array.isArray(rules) ? rules : null;
  } catch {
    return null;
  }
}

/**
 * The controls.
 *
 * @param {(part: object) => void} change changes part of what is wanted.
 * @param {() => object} now what is wanted now.
 */
export function controls({ ready, dataset, about }, change, now) {
  const names = [...about.strategies].sort((a, b) => (b === AUTO) - (a === AUTO));
  const strategies = names.map((name) => radio(name, () => change({ strategy: name })));
  const hide = toggle("Hide what they have", (on) => change({ hide: on }));
  const why = toggle("Explain each item", (on) => change({ why: on }));
  const length = choice("Items", "k", LENGTHS.filter((n) => n <= ready.max_k).map((n) => [n, n]), (value) => change({ k: Number(value) }));
  const beside = choice("Beside it", "beside", [
    ["", "nothing"], [TRYING, "rules to try"], ...(about.ruled ? [[WITHOUT, "no rules"]] : []),
    ...names.map((name) => [BY + name, name]),
  ], (value) => change({ beside: value || null }));
  const chips = h("ul", { class: "chips" });
  const node = h("form", { class: "controls", on: { submit: (event) => event.preventDefault() } },
    h("fieldset", { class: "strategies" },
      h("legend", { class: "unseen" }, "Strategy"),
      h("div", { class: "segments" }, strategies.map(({ input, label }) => [input, label]))),
    h("div", { class: "switches" }, hide.node, why.node, length.node, beside.node),
    whereForm({ dataset, about }, (condition) => change({ where: [...new Set([...now().where, condition])] })),
    chips);

  function radio(name, chosen) {
    const input = h("input", { type: "radio", name: "strategy", id: `strategy-${name}`, value: name, on: { change: chosen } });
    return { input, label: h("label", { for: input.id, title: aboutStrategy(name, ready.summaries) }, name) };
  }

  /** Shows what is wanted. */
  function set(to) {
    for (const { input, label } of strategies) {
      input.checked = input.value === to.strategy;
      const row = label.parentElement;
      if (input.checked && row.isConnected) row.scrollLeft = label.offsetLeft - row.offsetLeft - (row.clientWidth - label.offsetWidth) / 2;
    }
    hide.input.checked = to.hide;
    why.input.checked = to.why;
    why.node.hidden = Boolean(to.beside);
    length.set(to.k);
    beside.set(to.beside ?? "");
    fill(chips, to.where.map((condition) => h("li", {}, h("code", {}, condition),
      h("button", { type: "button", "aria-label": `Remove the filter ${condition}`, on: { click: () => change({ where: to.where.filter((one) => one !== condition) }) } }, "×"))));
    chips.hidden = !to.where.length;
  }

  return { node, set };
}

/** A switch with its label. */
export function toggle(text, changed, id = null) {
  const input = h("input", { type: "checkbox", role: "switch", id, on: { change: () => changed(input.checked) } });
  return { input, node: h("label", { class: "toggle" }, input, h("span", { class: "track", "aria-hidden": true }), text) };
}

function choice(text, id, options, changed) {
  const select = h("select", { id, on: { change: () => changed(select.value) } }, options.map(([value, label]) => h("option", { value }, label)));
  return {
    node: h("label", { class: "length" }, `${text} `, select),
    /** Chooses a value, which an address may have from elsewhere. */
    set(value) {
      if (![...select.options].some((option) => option.value === String(value))) select.append(h("option", { value }, value));
      select.value = String(value);
    },
  };
}
