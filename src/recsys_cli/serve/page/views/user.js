/** A user, or a guest: what they have, and what a strategy recommends to them, side by side. */

import { get, post, url, userPath } from "../api.js";
import { difference, sideBySide } from "../compare.js";
import { saveList } from "../csv.js";
import { count, counted, fill, h, idLabel } from "../dom.js";
import { capital, problem, remark, source } from "../notice.js";
import { GUEST, hadNow, session, sessionHistory, startOver } from "../now.js";
import { go, href, parse } from "../route.js";
import { rulesPanel } from "../rules.js";
import { complete, grid, markHad, skeleton, summary, timeline } from "../tiles.js";
import { TRYING, WITHOUT, controls, parameters, strategyBeside, wanted } from "../wanted.js";
import { badge, sinceBuild, verdict } from "../why.js";

const HISTORY = 200;

let last = null;

/** The user looked at last in a dataset; null where there was none. */
export const lastUser = (dataset) => (last?.dataset === dataset ? last.user : null);

export function userView({ ready, dataset, about }) {
  const history = h("aside", { class: about.pictures ? "history pictured" : "history", "aria-label": "History" });
  const results = h("section", { class: "results", "aria-label": "Recommendations" });
  const node = h("div", { class: "user" });
  const now = () => wanted(parse(location.hash), { about, ready });
  const change = (part) => go(href("user", user, { dataset, ...parameters({ ...now(), ...part }, about) }));
  const asking = controls({ ready, dataset, about }, change, now);
  const panel = rulesPanel({ dataset, about }, (rules) => change({ rules }));
  let user = null;
  let seen = new Set();
  let came = false;
  const buttons = () => [...results.querySelectorAll(".now")];
  let hadAsked = new AbortController();
  let asked = new AbortController();

  function show(route, app) {
    const known = user === route.id;
    user = route.id;
    last = { dataset, user };
    app.title(user || "Guest");
    if (!known) {
      fill(node,
        user === GUEST ? h("h1", {}, "Guest") : h("h1", {}, h("small", {}, "User"), idLabel(user, { head: 16, tail: 8 })),
        h("div", { class: "sides" }, history, h("div", { class: "main" }, h("h2", {}, "Recommendations"), asking.node, panel.node, results)));
      had(app);
    }
    asking.set(now());
    panel.node.hidden = now().beside !== TRYING;
    return recommend(route, app);
  }

  async function had(app) {
    hadAsked.abort();
    hadAsked = new AbortController();
    const { signal } = hadAsked;
    if (!history.querySelector(".days")) fill(history, h("h2", {}, "History"), skeleton(4, about.pictures));
    try {
      const answer = user === GUEST ? sessionHistory(dataset) : await historyOf(signal);
      if (!answer) {
        fill(history, h("h2", {}, "History"), remark(h("p", {}, h("strong", {}, dataset), " does not know this user. The list is as for somebody new.")));
        return;
      }
      seen = new Set(answer.items.map((one) => one.item));
      const live = answer.items.filter((one) => one.live).length;
      fill(history,
        h("h2", {}, "History ", h("span", {}, counted(answer.total, "item"), live > 0 && `, ${count(live)} live`)),
        answer.items.length ? h("div", { class: "days", tabindex: "0", role: "group", "aria-label": "Items, newest first" }, timeline(answer.items, { dataset, pictured: about.pictures })) : remark("Nothing yet."),
        answer.total > answer.items.length && h("p", { class: "small" }, `The newest ${answer.items.length} are shown.`),
        user === GUEST && guestNote(app));
      markHad(results, seen);
      await complete(history, dataset, signal);
    } catch (error) {
      if (!signal.aborted) fill(history, h("h2", {}, "History"), problem(error, () => had(app)));
    }
  }

  /** What a user has; null where nothing is known of them, asked in a way that is no error then. */
  async function historyOf(signal) {
    const { users } = await get(url("users", { dataset, query: user, limit: 1 }), { signal });
    if (users[0] !== user && !came) return null;
    return get(url(`users/${encodeURIComponent(user)}/history`, { dataset, limit: HISTORY }), { signal });
  }

  function guestNote(app) {
    return h("p", { class: "small guest" }, "What a guest had stays in this page.", session(dataset).length > 0 && [" ",
      h("button", { type: "button", class: "quiet", on: { click: () => (startOver(dataset), changed(app)) } }, "Start over")]);
  }

  /** Asks again for what a new event changes; says what the list is now. */
  async function changed(app) {
    if (!node.isConnected) return "";
    came = true;
    await had(app);
    const answer = await recommend(parse(location.hash), app);
    return answer ? `The list is new: ${[summary(answer), sinceBuild(answer)].filter(Boolean).join(", ")}.` : "";
  }

  /** The body of a request for the list of whoever is shown. */
  function body({ strategy, hide, where, k, why }) {
    const whose = user === GUEST ? { events: session(dataset).map(({ item }) => ({ item })) } : { user };
    return { ...whose, strategy, k, exclude_seen: hide, where, dataset, explain: why };
  }

  /** The list, and how it was asked for. */
  async function ask(to, signal) {
    if (user === GUEST) return [await post("recommend/session", body(to), { signal }), source("POST", "recommend/session", JSON.stringify(body(to)))];
    const { strategy, hide, where, k, why } = to;
    const address = url(userPath(user), { strategy, top_k: k, exclude_seen: hide, where, dataset, explain: why || null });
    return [await get(address, { signal }), source("GET", address)];
  }

  /** What stands beside the list: {label, answer, from}; null where nothing does. */
  async function askBeside(to, signal) {
    const other = strategyBeside(to.beside);
    if (other !== null) {
      const [answer, from] = await ask({ ...to, strategy: other, why: false }, signal);
      return { label: badge(other), answer, from };
    }
    if (to.beside !== WITHOUT && to.beside !== TRYING) return null;
    const { rules: served } = await get(url("rules", { dataset }), { signal });
    const rules = to.beside === TRYING ? to.rules ?? served : {};
    if (to.beside === TRYING) panel.set(served, rules);
    const sent = { ...body({ ...to, why: false }), rules };
    const answer = await post("recommend/preview", sent, { signal });
    panel.write(answer.toml);
    return { label: to.beside === TRYING ? "Rules to try" : "No rules", answer, from: source("POST", "recommend/preview", JSON.stringify(sent)) };
  }

  async function recommend(route, app) {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    const to = now();
    results.setAttribute("aria-busy", "true");
    if (!results.querySelector(".tiles, .beside")) fill(results, skeleton(Math.min(to.k, 12), about.pictures));
    try {
      const [[answer, from], beside] = await Promise.all([ask(to.beside ? { ...to, why: false } : to, signal), askBeside(to, signal)]);
      const place = buttons().indexOf(document.activeElement);
      if (beside) compared(answer, from, beside, to);
      else listed(answer, from, to, app);
      // Who uses keys stays where they are in the list.
      if (place >= 0) buttons()[Math.min(place, buttons().length - 1)]?.focus({ preventScroll: true });
      if (answer.live > 0 && !came) {
        came = true;
        if (user !== GUEST && !history.querySelector(".days")) had(app);
      }
      markHad(results, seen);
      app.announce(beside ? difference(answer.items, beside.answer.items) : summary(answer));
      results.removeAttribute("aria-busy");
      await complete(results, dataset, signal);
      return answer;
    } catch (error) {
      if (!signal.aborted) fill(results, problem(error, () => recommend(route, app)));
    } finally {
      if (!signal.aborted) results.removeAttribute("aria-busy");
    }
  }

  const save = (answer, what) => saveList([user || "guest", what].join(" "), answer, { dataset, first: { user } });

  function listed(answer, from, to, app) {
    const had = hadNow(user, answer, app.ready, () => changed(app));
    const since = sinceBuild(answer);
    fill(results,
      verdict(answer, ready.summaries),
      answer.items.length > 0 && grid(answer.items, { dataset, pictured: about.pictures, explain: to.why, now: had }),
      since && h("p", { class: "small since" }, capital(since), "."),
      h("div", { class: "foot" }, from, answer.items.length > 0 && save(answer, to.strategy)));
  }

  function compared(answer, from, { label, answer: other, from: otherFrom }, to) {
    fill(results,
      sideBySide([
        { label: strategyBeside(to.beside) !== null ? badge(to.strategy) : "As served", answer, actions: save(answer, to.strategy) },
        { label, answer: other, actions: save(other, to.beside) },
      ], { dataset, pictured: about.pictures }),
      h("div", { class: "foot" }, from, otherFrom));
  }

  return {
    node,
    show,
    reload(route, app) {
      had(app);
      recommend(route, app);
    },
    leave() {
      hadAsked.abort();
      asked.abort();
    },
  };
}
