/** Results of `recsys eval`: how good the strategies are, how sure that is, and what it costs. */

import { get } from "../api.js";
import { count, counted, fill, h, lasting, utc } from "../dom.js";
import { problem, remark } from "../notice.js";
import { dots, figure, tradeoff } from "../plots.js";
import { go, href } from "../route.js";
import { badge } from "../why.js";

const MAIN = "ndcg";
const COLUMNS = ["ndcg", "map", "recall", "coverage", "novelty", "diversity"];
const TITLES = { ndcg: "NDCG", map: "MAP", mrr: "MRR", hitrate: "hit rate" };
const NO_INTERVAL = ["coverage", "gini"];
const GROUPS = { all: "all users", warm: "users with history", new: "users without history", cold_items: "items nobody had" };

export function evalView() {
  const node = h("div", { class: "eval" });
  let asked = new AbortController();

  async function show(route, app) {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    app.title("Evaluation");
    if (!node.firstChild) fill(node, h("h1", {}, "Evaluation"), h("p", { class: "small", "aria-busy": "true" }, "Reading results…"));
    try {
      const { evaluations } = await get("eval", { signal });
      draw(runs(evaluations, app.dataset), route, app);
    } catch (error) {
      if (!signal.aborted) fill(node, h("h1", {}, "Evaluation"), problem(error, () => show(route, app)));
    }
  }

  function draw(all, route, app) {
    if (!all.length) {
      fill(node, h("h1", {}, "Evaluation"), remark(
        h("p", {}, "There are no results for ", h("strong", {}, app.dataset), " yet. Measuring its strategies leaves them here:"),
        h("pre", { tabindex: "0" }, h("code", {}, `recsys eval --dataset ${app.dataset}`))));
      return;
    }
    const run = all.find((one) => one.id === route.params.get("run")) ?? all[0];
    const { result } = run;
    const depths = result.k ?? [];
    const group = groups(result).includes(route.params.get("group")) ? route.params.get("group") : "all";
    const names = metrics(result, group);
    const metric = names.includes(route.params.get("metric")) ? route.params.get("metric") : main(names);
    const focused = document.activeElement?.id;
    const change = (part) => go(href("eval", "", { dataset: app.dataset, run: run.id, group, metric, ...part }));
    fill(node,
      h("h1", {}, "Evaluation"),
      h("p", { class: "lead" }, sentence(result)),
      h("div", { class: "controls chosen" },
        all.length > 1 && choice("run", "Results", all.map((one) => [one.id, one.label]), run.id, (to) => change({ run: to })),
        choice("metric", "Metric", names.filter((name) => !NO_INTERVAL.includes(split(name)[0])).map((name) => [name, heading(name)]), metric, (to) => change({ metric: to })),
        choice("group", "Users", groups(result).map((name) => [name, `${GROUPS[name] ?? name} (${count(result.groups[name])})`]), group, (to) => change({ group: to }))),
      plots(result, group, metric),
      table(result, group, depthOf(metric, depths)),
      (result.warnings ?? []).map((text) => h("p", { class: "small" }, text)));
    if (focused) document.getElementById(focused)?.focus();
  }

  return { node, show, reload: show, leave: () => asked.abort() };
}

/** All results about a dataset, newest file first. */
function runs(evaluations, dataset) {
  return evaluations.flatMap(({ file, results }) => results.map((result, at) => ({
    id: results.length > 1 ? `${file}:${at}` : file,
    label: results.length > 1 ? `${file}, ${result.dataset}` : file,
    result,
  }))).filter(({ result }) => result.dataset === dataset);
}

const split = (name) => name.split("@");
const depthOf = (metric, depths) => Number(split(metric)[1]) || depths[0];
const groups = (result) => Object.keys(result.groups ?? {}).sort((a, b) => order(a) - order(b) || a.localeCompare(b, "en", { numeric: true }));
const order = (name) => (name in GROUPS ? Object.keys(GROUPS).indexOf(name) : 99);

function metrics(result, group) {
  const names = new Set(Object.values(result.strategies).flatMap((of) => Object.keys(of[group] ?? {})));
  return [...names].sort((a, b) => rank(a) - rank(b) || Number(split(a)[1]) - Number(split(b)[1]));
}

const rank = (name) => (COLUMNS.includes(split(name)[0]) ? COLUMNS.indexOf(split(name)[0]) : 50);
const main = (names) => names.find((name) => name === `${MAIN}@12`) ?? names.find((name) => name.startsWith(`${MAIN}@`)) ?? names[0];

function heading(metric) {
  const [name, k] = split(metric);
  return `${TITLES[name] ?? name}@${k}`;
}

function sentence(result) {
  const named = Object.keys(result.strategies).length;
  const how = result.protocol === "leave-last-out" ? "each user's last event held out"
    : result.protocol === "random-out" ? "random pairs held out"
    : result.protocol === "next-in-session" ? `${counted(result.rows, "step")} of sessions from ${utc(result.cutoff)} on, each from those before it`
    : result.cutoff ? `events from ${utc(result.cutoff)} on held out${result.horizon_days ? `, ${lasting(result.horizon_days)}` : ""}` : "a truth file";
  return [counted(named, "strategy", "strategies"), " on ", counted(result.users, "test user"), " of ", h("strong", {}, result.dataset), ": ", how, ", every item ranked."];
}

function choice(id, label, options, chosen, changed) {
  const field = h("select", { id: `eval-${id}`, on: { change: () => changed(field.value) } }, options.map(([value, text]) => h("option", { value }, text)));
  field.value = chosen;
  return h("label", {}, h("span", {}, label), field);
}

function plots(result, group, metric) {
  const k = split(metric)[1];
  const rows = Object.entries(result.strategies)
    .map(([name, of]) => ({ name, ...of[group]?.[metric], coverage: of[group]?.[`coverage@${k}`]?.value }))
    .filter((row) => Number.isFinite(row.value))
    .sort((a, b) => b.value - a.value);
  const shown = rows.filter((row) => Number.isFinite(row.coverage));
  return h("div", { class: "plots" },
    figure(`${heading(metric)}, ${GROUPS[group] ?? group}`, "with 95% intervals over users", (width) => dots(rows, width)),
    shown.length > 1 && figure(`${heading(metric)} against coverage`, "up and to the right is better", (width) => tradeoff(shown, width, heading(metric))));
}

function table(result, group, k) {
  const names = COLUMNS.map((name) => `${name}@${k}`).filter((name) => Object.values(result.strategies).some((of) => of[group]?.[name]));
  const rows = Object.entries(result.strategies).sort(([, a], [, b]) => (b[group]?.[names[0]]?.value ?? -1) - (a[group]?.[names[0]]?.value ?? -1));
  const best = new Map(names.map((name) => [name, Math.max(...rows.map(([, of]) => of[group]?.[name]?.value ?? -Infinity))]));
  const against = result.baseline && `${MAIN}@${k}`;
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table of figures" }, h("table", { class: "figures" },
    h("caption", {}, h("span", {}, `Lists of ${k}, ${GROUPS[group] ?? group}. Small: the 95% interval. Bold: the largest.`)),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "strategy"), names.map((name) => h("th", { scope: "col" }, heading(name))), against && h("th", { scope: "col" }, `NDCG vs ${result.baseline}`), h("th", { scope: "col" }, "fallback"))),
    h("tbody", {}, alike(rows, group, names).map((same) => h("tr", {},
      h("th", { scope: "row" }, h("div", { class: "alike" }, same.map(([name]) => badge(name)))),
      names.map((metric) => cell(same[0][1][group]?.[metric], same[0][1][group]?.[metric]?.value === best.get(metric))),
      against && difference(same.map(([name]) => result.differences?.[name]?.[group]?.[against]).find(Boolean)),
      h("td", {}, shares(same.map(([name]) => result.fallback_share?.[name]))))))));
}

/** Strategies whose figures are the same, as those that all answer by one fallback, in one row. */
const alike = (rows, group, names) => [...Map.groupBy(rows, ([, of]) => JSON.stringify(names.map((name) => of[group]?.[name]))).values()];

function shares(of) {
  const told = [...new Set(of.filter(Number.isFinite).sort((a, b) => a - b).map(percent))];
  return told.length > 1 ? `${told[0].slice(0, -1)}–${told.at(-1)}` : told[0] ?? "";
}

const number = (value) => (Number.isFinite(value) ? Math.abs(value) < 1 ? value.toFixed(3).replace(/^(-?)0\./, "$1.").replace("-", "−") : Number(value.toPrecision(3)).toString() : "");
const percent = (share) => (Number.isFinite(share) ? `${Math.round(100 * share)}%` : "");

function cell(interval, best) {
  if (!interval) return h("td", {});
  return h("td", { class: best ? "best" : null }, number(interval.value), Number.isFinite(interval.low) && h("small", {}, `${number(interval.low)} – ${number(interval.high)}`));
}

function difference(interval) {
  if (!interval || !Number.isFinite(interval.value)) return h("td", {});
  const verdict = interval.low > 0 ? "better" : interval.high < 0 ? "worse" : "noise";
  return h("td", { class: verdict }, `${interval.value < 0 ? "" : "+"}${number(interval.value)}`, h("small", {}, verdict === "noise" ? "within noise" : verdict));
}
