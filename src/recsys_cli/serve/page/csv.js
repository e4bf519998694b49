/** Lists as files of CSV (RFC 4180), made in the page. */

import { h } from "./dom.js";
import { cards } from "./tiles.js";

const QUOTED = /[",\r\n]/;
/** What a spreadsheet would take for a formula, in texts that no program looks anything up by. */
const FORMULA = /^[=+\-@\t\r]/;

/** A cell; `free` text is made harmless to spreadsheets, ids and numbers stay what they are. */
function cell(value, free) {
  let text = value === null || value === undefined ? "" : String(value);
  if (free && typeof value === "string" && FORMULA.test(text)) text = `'${text}`;
  return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows of objects as CSV; the columns are the first row's, of which some hold `exact` ids. */
export function csv(rows, exact = []) {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = [columns.map((name) => cell(name, true)), ...rows.map((row) => columns.map((name) => cell(row[name], !exact.includes(name))))];
  return `${lines.map((line) => line.join(",")).join("\r\n")}\r\n`;
}

/** A button that saves what `make` gives: rows of objects, soon. */
export function saveButton(name, make, exact) {
  return h("button", { type: "button", class: "quiet save", "aria-label": `Save as CSV: ${name}`, on: { click: async () => {
    const text = csv(await make(), exact);
    // Spreadsheets take what has no mark for the letters of another age.
    const file = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
    h("a", { href: file, download: `${name.replace(/[^\p{L}\p{N}._-]+/gu, "_").slice(0, 80)}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(file), 1000);
  } } }, "CSV");
}

/** The same for a list of an answer, with what is known of each item. */
export function saveList(name, answer, { dataset, first = {} }) {
  return saveButton(name, async () => {
    const known = await cards(dataset, answer.items.map((one) => one.item)).catch(() => new Map());
    return answer.items.map((one) => ({
      ...first, rank: one.rank, item: one.item, name: one.name, score: one.score,
      strategy_used: answer.strategy_used, sources: one.sources.join("+"), ...known.get(one.item)?.about,
    }));
  }, ["user", "item"]);
}
