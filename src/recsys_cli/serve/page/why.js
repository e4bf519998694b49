/** Why a list is as it is: who answered, why not whom was asked, and what brought each item. */

import { counted, h, score } from "./dom.js";

const COLOURS = 10;
const AT_MOST = 2;
const ORDER = ["collab", "content", "itemknn", "graph", "repurchase", "twotower", "hybrid", "variants",
  "transitions", "sessions"];
export const AUTO = "auto";
const AUTO_SUMMARY = "the best that is built and knows the user";

/** The class that colours a strategy alike everywhere, in the report of `recsys eval` too. */
export function colour(name) {
  if (name === "popular") return "base";
  const at = ORDER.indexOf(name);
  return `s${(at < 0 ? [...name].reduce((sum, letter) => sum + letter.codePointAt(0), 0) : at) % COLOURS}`;
}

/** A strategy's name, with its colour. */
export const badge = (name) => h("span", { class: `key ${colour(name)}` }, name);

/** The names of an item's sources; of many only the first. */
export const badges = (names) => h("span", { class: "sources", title: names.join(", ") },
  names.slice(0, AT_MOST).map(badge), names.length > AT_MOST && h("span", {}, `+${names.length - AT_MOST}`));

/** What a strategy does, in a few words. */
export const about = (name, summaries) => (name === AUTO ? AUTO_SUMMARY : summaries?.[name] ?? "");

/** A paragraph about an answer: who was asked, who answered, and why. */
export function verdict(answer, summaries) {
  const { strategy_used: used, fallback_reason: reason, strategy: asked = AUTO, ranked_by: by } = answer;
  if (!used) return h("p", { class: "why fell" }, "Nothing to recommend", reason && `: ${reason}`, ".");
  const others = [...new Set(answer.items.flatMap((one) => one.sources))].filter((name) => name !== used);
  const fell = asked !== AUTO && reason !== null;
  const parts = [badge(used)];
  if (!reason) parts.push(" answered", by && `, ordered by the ${by}`, summaries?.[used] && `: ${summaries[used]}`, ".");
  else if (used !== asked && fell) parts.push(" answered in place of ", badge(asked), ": ", h("strong", {}, reason), ".");
  else if (fell && others.length) parts.push(" answered in part, ", others.map((name, at) => [at > 0 && " and ", badge(name)]), " filled up: ", h("strong", {}, reason), ".");
  else parts.push(" answered: ", h("strong", {}, reason), ".");
  return h("p", { class: fell ? "why fell" : "why" }, parts, answer.rules?.length > 0 && [" The list was made otherwise by the rules ", answer.rules.map((name, at) => [at > 0 && ", ", h("code", {}, name)]), "."]);
}

/** The rules that changed a list; nothing where none did. */
export const changedBy = ({ rules }) => rules?.length > 0 && [", changed by ", rules.map((name, at) => [at > 0 && ", ", h("code", {}, name)])];

/** How many events since the build a list knows of; nothing where there are none. */
export function sinceBuild({ live }) {
  if (live === null) return "live events could not be read";
  return live > 0 ? counted(live, "live event") : "";
}

const ALIKE = { content: "what reads and looks most alike", collab: "what the same people have", itemknn: "what the same people have" };

/** The same for items like an item, words or a picture. */
export function nearness({ strategy_used: used, fallback_reason: reason }) {
  if (!used) return h("p", { class: "why fell" }, "Nothing is like it", reason && `: ${reason}`, ".");
  return h("p", { class: "why" }, "By ", badge(used), ALIKE[used] && `: ${ALIKE[used]}`, reason && [", since ", h("strong", {}, reason)], ".");
}

/** Items of the history with their shares; what goes by one name, as colours do, together. */
function brought(listed, because) {
  const named = Map.groupBy(because, (of) => (of.item === listed ? "having had it" : of.name || of.item));
  return [...named].map(([name, all], at) => [at > 0 && ", ", all.length > 1 && `${all.length} × `,
    h("strong", {}, name), ` (${Math.round(100 * all.reduce((sum, of) => sum + of.share, 0))}%)`]);
}

/** What of the history brought one item, its sources and features; nothing where the answer gives none. */
export function reasons(one) {
  const why = one.explanation;
  if (!why) return null;
  return h("div", { class: "because" },
    why.because?.length > 0 && h("p", {}, "Because of ", brought(one.item, why.because), "."),
    h("ul", { class: "sources" }, why.sources.map((source) => h("li", {},
      badge(source.source),
      source.rank === null ? " by the filter" : ` no. ${source.rank} (${score(source.score)})`))),
    why.features.length > 0 && h("table", {},
      h("caption", { class: "unseen" }, "What the features add to the score"),
      h("tbody", {}, why.features.map((part) => h("tr", {},
        h("th", { scope: "row", title: part.feature }, part.said),
        h("td", { class: part.contribution < 0 ? "less" : "more" }, `${part.contribution < 0 ? "" : "+"}${score(part.contribution)}`))))));
}
