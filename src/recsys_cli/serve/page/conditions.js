/** A condition on items: a column, a sign and a value, which is completed from those there are. */

import { get, url } from "./api.js";
import { counted, debounced, fill, h } from "./dom.js";

const SIGNS = ["=", "!=", "<", "<=", ">", ">=", "in", "not in"];
const HIDDEN = new Set(["source", "image"]);

/** A choice among the columns of the items table. */
export function columnChoice(about, changed = () => {}) {
  return h("select", { "aria-label": "Column", on: { change: changed } },
    h("option", { value: "" }, "column"),
    about.columns.filter((name) => !HIDDEN.has(name)).map((name) => h("option", { value: name }, name)));
}

/**
 * The form's fields.
 *
 * @param {string} name of the form, among those of the page.
 * @returns {{nodes: Node[], read: () => string | null, clear: () => void}} `read` gives the condition, null where it is not complete.
 */
export function conditionFields({ dataset, about }, name, enter) {
  const column = columnChoice(about, () => offer());
  const sign = h("select", { "aria-label": "Sign" }, SIGNS.map((one) => h("option", { value: one }, one)));
  const values = h("datalist", { id: `${name}-values` });
  const value = h("input", { type: "text", list: values.id, "aria-label": "Value", placeholder: "value", autocomplete: "off", maxlength: 200, disabled: true });

  async function offer() {
    value.disabled = !column.value;
    if (!column.value) return fill(values);
    const address = url(`columns/${encodeURIComponent(column.value)}/values`, { dataset, query: value.value.trim(), limit: 30 });
    const answer = await get(address).catch(() => ({ values: [] }));
    return fill(values, answer.values.map((one) => h("option", { value: one.value }, counted(one.items, "item"))));
  }

  function read() {
    if (!column.value || !value.value.trim()) return null;
    const between = sign.value.endsWith("in") ? ` ${sign.value} ` : sign.value;
    return `${column.value}${between}${value.value.trim()}`;
  }

  value.addEventListener("input", debounced(offer, 150));
  value.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    enter();
  });
  return { nodes: [column, sign, value, values], read, clear: () => (value.value = "") };
}

/** A form of one condition, for lists of only what meets it. */
export function whereForm(context, add) {
  const fields = conditionFields(context, "where", submit);
  function submit() {
    const condition = fields.read();
    if (condition === null) return;
    add(condition);
    fields.clear();
  }
  return h("div", { class: "where" }, h("span", { class: "label" }, "Only"), fields.nodes,
    h("button", { type: "button", class: "quiet", on: { click: submit } }, "Add"));
}
