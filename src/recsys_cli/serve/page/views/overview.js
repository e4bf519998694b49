/** A shop at a glance: how fresh it is, who answers, and what of each category sells and is listed. */

import { get, url } from "../api.js";
import { saveButton } from "../csv.js";
import { ago, count, counted, fill, h, moment, s, utc } from "../dom.js";
import { problem, source } from "../notice.js";
import { go, href } from "../route.js";
import { complete, frame } from "../tiles.js";
import { AUTO, badge } from "../why.js";

const HEADS = [["items", "in the catalogue"], ["of_sales", "of what sells"], ["of_lists", "of lists"], ["listed", "of its items listed"]];

export function overviewView({ about }) {
  const node = h("div", { class: "overview" });
  let asked = new AbortController();

  async function show(route, app) {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    const { dataset } = app;
    const { params } = route;
    app.title("Overview");
    if (!node.firstChild) fill(node, h("h1", {}, "Overview"), h("p", { class: "small", "aria-busy": "true" }, "Looking at lists…"));
    node.setAttribute("aria-busy", "true");
    try {
      const address = url("overview", { dataset, strategy: params.get("strategy"), column: params.get("column") });
      draw(await get(address, { signal }), address, app);
      await complete(node, dataset, signal);
    } catch (error) {
      if (!signal.aborted) fill(node, h("h1", {}, "Overview"), problem(error, () => show(route, app)));
    } finally {
      if (!signal.aborted) node.removeAttribute("aria-busy");
    }
  }

  function draw(found, address, app) {
    const focused = document.activeElement?.id;
    const change = (part) => go(href("overview", "", { dataset: app.dataset, strategy: found.strategy === about.strategy ? null : found.strategy, column: found.column, ...part }));
    fill(node,
      h("h1", {}, "Overview"),
      h("p", { class: "lead" }, h("strong", {}, app.dataset), ": ", fresh(found, app.ready)),
      tiles(found),
      h("div", { class: "controls chosen" },
        choice("strategy", "Lists by", [...about.strategies].sort((a, b) => (b === AUTO) - (a === AUTO)), found.strategy, (strategy) => change({ strategy: strategy === about.strategy ? null : strategy })),
        found.columns.length > 0 && choice("column", "Categories", [...new Set([...found.columns, found.column])], found.column, (column) => change({ column }))),
      table(found, app.dataset, about.pictures),
      h("div", { class: "foot" }, source("GET", address), saveButton(`overview ${app.dataset}`, () => rows(found), ["best_item"])));
    if (focused) document.getElementById(focused)?.focus();
  }

  return { node, show, reload: show, leave: () => asked.abort() };
}

/** What the lists are made from, and how old that is. */
function fresh({ events_until: until, built, live }, { pending, failed }) {
  return [
    until ? ["events until ", h("time", { datetime: until }, utc(until)), ` (${ago(until)})`] : "events without times",
    built && [", built ", h("time", { datetime: built }, moment(built)), ` (${ago(built)})`],
    live === null ? "; live events could not be read" : live > 0 ? `; ${counted(live, "live event")} since` : "; no live events since", ".",
    pending && [" A newer build is held back: ", h("strong", {}, pending), "."],
    failed && failed !== pending && [" A newer build cannot be loaded: ", h("strong", {}, failed), "."],
  ];
}

function tiles(found) {
  const fell = found.fallbacks.reduce((sum, one) => sum + one.share, 0);
  return h("div", { class: "stats" },
    stat(percent(found.coverage), "of the catalogue listed", `${count(found.listed)} of ${counted(found.listable, "item")} that may be listed stand in a list of ${found.k} of ${counted(found.lists, "user")} at random`),
    stat(percent(fell), "of lists by fallbacks", found.fallbacks.length ? found.fallbacks.map(({ name, share }) => `${percent(share)} ${name}`).join(", ") : "the strategy asked for made them all"),
    stat(found.served_by.map(({ name, share }) => h("span", { class: "by" }, name ? badge(name) : "nobody", ` ${percent(share)}`)), "answered first", null));
}

const stat = (value, label, note) => h("div", { class: "stat" }, h("p", { class: "figure" }, value), h("p", { class: "label" }, label), note && h("p", { class: "small" }, note));

function choice(id, label, options, chosen, changed) {
  const field = h("select", { id: `overview-${id}`, on: { change: () => changed(field.value) } }, options.map((value) => h("option", { value }, value)));
  field.value = chosen;
  return h("label", {}, h("span", {}, label), field);
}

function table({ categories, column, k, lists }, dataset, pictured) {
  const most = Math.max(...categories.flatMap((one) => [one.of_catalogue, one.of_sales, one.of_lists]), 1e-9);
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of categories" }, h("table", { class: "figures categories" },
    h("caption", {}, h("span", {}, `What sells now counts events, recent ones most. Lists: of ${k}, of ${counted(lists, "user")} at random.`)),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, column ?? "all"), HEADS.map(([, label]) => h("th", { scope: "col" }, label)), h("th", { scope: "col", class: "sellers" }, "best sellers"))),
    h("tbody", {}, categories.map((one) => h("tr", {},
      h("th", { scope: "row" }, one.value ?? (column ? h("em", {}, "none") : "all items")),
      h("td", {}, count(one.items), bar("base", one.of_catalogue / most), h("small", {}, percent(one.of_catalogue))),
      h("td", {}, percent(one.of_sales), bar("s2", one.of_sales / most)),
      h("td", {}, percent(one.of_lists), bar("s0", one.of_lists / most), lean(one)),
      h("td", {}, percent(one.listed / Math.max(one.items, 1)), h("small", {}, `${count(one.listed)} of ${count(one.items)}`)),
      h("td", { class: "sellers" }, h("ul", { class: pictured && "pictured" }, one.best.map((item) => h("li", {}, h("a", { class: "to", href: href("item", item.item, { dataset }), title: `${item.name}: ${counted(item.users, "user")}` },
        pictured ? frame(item.item, item.name) : null, h("span", { class: pictured ? "unseen" : "name" }, item.name)))))))))));
}

/** A bar of a share; its length is an attribute of SVG, since the page may set no styles. */
function bar(colour, share) {
  return s("svg", { class: `bar-of ${colour}`, viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": true },
    s("rect", { width: 100 * Math.max(0, Math.min(1, share)), height: 6 }));
}

/** Whether lists hold much more or less of a category than sells of it. */
function lean({ of_lists: lists, of_sales: sales }) {
  if (sales < 0.005 && lists < 0.005) return null;
  const ratio = lists / Math.max(sales, 1e-9);
  if (ratio > 1.5) return h("small", { class: "more" }, sales > 0 && ratio < 100 ? `${ratio.toPrecision(2)} × its sales` : "hardly sells");
  return ratio < 1 / 1.5 ? h("small", { class: "less" }, lists > 0 ? `1/${(1 / ratio).toPrecision(2)} of its sales` : "not listed") : null;
}

/** The table as rows of CSV: one of each best seller. */
const rows = ({ categories, column }) => categories.flatMap(({ value, best, ...figures }) => (best.length ? best : [{ item: null, name: null, users: null }]).map((one) => ({
  [column ?? "category"]: value, ...figures, best_item: one.item, best_name: one.name, best_users: one.users,
})));

const percent = (share) => (share > 0 && share < 0.001 ? "<0.1%" : `${Number((100 * share).toPrecision(share < 0.1 ? 2 : 3))}%`);
