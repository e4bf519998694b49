/** A user, or a guest: what they have, and what a strategy recommends to them, side by side. */

import { get, post, url, userPath } from "../api.js";
import { count, counted, debounced, fill, h, idLabel } from "../dom.js";
import { capital, problem, remark, source } from "../notice.js";
import { GUEST, hadNow, session, sessionHistory, startOver } from "../now.js";
import { go, href, parse } from "../route.js";
import { grid, markHad, pictures, skeleton, summary, timeline } from "../tiles.js";
import { AUTO, about as aboutStrategy, sinceBuild, verdict } from "../why.js";

const HISTORY = 200;
const LENGTHS = [12, 24, 48, 96];

let last = null;

/** The user looked at last in a dataset; null where there was none. */
export const lastUser = (dataset) => (last?.dataset === dataset ? last.user : null);

export function userView({ ready, dataset, about }) {
  const history = h("aside", { class: about.pictures ? "history pictured" : "history", "aria-label": "History" });
  const controls = h("form", { class: "controls", on: { submit: (event) => event.preventDefault() } });
  const results = h("section", { class: "results", "aria-label": "Recommendations" });
  const node = h("div", { class: "user" });
  let user = null;
  let seen = new Set();
  let came = false;
  const buttons = () => [...results.querySelectorAll(".now")];
  let hadAsked = new AbortController();
  let asked = new AbortController();

  /** What the address asks for, with defaults filled in. */
  function wanted(route) {
    const { params } = route;
    return {
      strategy: params.get("strategy") ?? about.strategy,
      hide: params.has("seen") ? params.get("seen") === "hide" : about.excludes_seen,
      where: params.getAll("where"),
      k: Math.min(Number(params.get("k")) || LENGTHS[1], ready.max_k),
      why: params.has("why"),
    };
  }

  /** Changes part of the address; what has its default value is left out. */
  function change(part) {
    const { strategy, hide, where, k, why } = { ...wanted(parse(location.hash)), ...part };
    go(href("user", user, {
      dataset,
      strategy: strategy === about.strategy ? null : strategy,
      seen: hide === about.excludes_seen ? null : hide ? "hide" : "show",
      where,
      k: k === LENGTHS[1] ? null : k,
      why: why ? 1 : null,
    }));
  }

  function show(route, app) {
    const known = user === route.id;
    user = route.id;
    last = { dataset, user };
    app.title(user || "Guest");
    if (!known) {
      fill(node,
        user === GUEST ? h("h1", {}, "Guest") : h("h1", {}, h("small", {}, "User"), idLabel(user, { head: 16, tail: 8 })),
        h("div", { class: "sides" }, history, h("div", { class: "main" }, h("h2", {}, "Recommendations"), controls, results)));
      had(app);
    }
    set(wanted(route));
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
      await pictures(history, dataset, signal);
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

  /** The list, and how it was asked for. */
  async function ask({ strategy, hide, where, k, why }, signal) {
    if (user === GUEST) {
      const body = { events: session(dataset).map(({ item }) => ({ item })), strategy, k, exclude_seen: hide, where, dataset, explain: why };
      return [await post("recommend/session", body, { signal }), source("POST", "recommend/session", JSON.stringify(body))];
    }
    const address = url(userPath(user), { strategy, top_k: k, exclude_seen: hide, where, dataset, explain: why || null });
    return [await get(address, { signal }), source("GET", address)];
  }

  async function recommend(route, app) {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    const { k, why } = wanted(route);
    results.setAttribute("aria-busy", "true");
    if (!results.querySelector(".tiles")) fill(results, skeleton(Math.min(k, 12), about.pictures));
    try {
      const [answer, from] = await ask(wanted(route), signal);
      const now = hadNow(user, answer, app.ready, () => changed(app));
      const list = answer.items.length > 0 && grid(answer.items, { dataset, pictured: about.pictures, explain: why, now });
      const since = sinceBuild(answer);
      const place = buttons().indexOf(document.activeElement);
      fill(results, verdict(answer, ready.summaries), list, since && h("p", { class: "small since" }, capital(since), "."), from);
      // Who uses keys stays where they are in the list.
      if (place >= 0) buttons()[Math.min(place, buttons().length - 1)]?.focus({ preventScroll: true });
      if (answer.live > 0 && !came) {
        came = true;
        if (user !== GUEST && !history.querySelector(".days")) had(app);
      }
      markHad(results, seen);
      app.announce(summary(answer));
      results.removeAttribute("aria-busy");
      await pictures(results, dataset, signal);
      return answer;
    } catch (error) {
      if (!signal.aborted) fill(results, problem(error, () => recommend(route, app)));
    } finally {
      if (!signal.aborted) results.removeAttribute("aria-busy");
    }
  }

  const names = [...about.strategies].sort((a, b) => (b === AUTO) - (a === AUTO));
  const strategies = names.map((name) => radio(name, () => change({ strategy: name })));
  const hide = toggle("Hide what they have", (on) => change({ hide: on }));
  const why = toggle("Explain each item", (on) => change({ why: on }));
  const length = h("select", { id: "k", on: { change: () => change({ k: Number(length.value) }) } }, LENGTHS.filter((n) => n <= ready.max_k).map((n) => h("option", { value: n }, n)));
  const chips = h("ul", { class: "chips" });
  const filter = whereForm({ dataset, about }, (condition) => {
    const { where } = wanted(parse(location.hash));
    change({ where: [...new Set([...where, condition])] });
  });
  fill(controls,
    h("fieldset", { class: "strategies" },
      h("legend", { class: "unseen" }, "Strategy"),
      h("div", { class: "segments" }, strategies.map(({ input, label }) => [input, label]))),
    h("div", { class: "switches" }, hide.node, why.node, h("label", { class: "length" }, "Items ", length)),
    filter, chips);

  function radio(name, chosen) {
    const input = h("input", { type: "radio", name: "strategy", id: `strategy-${name}`, value: name, on: { change: chosen } });
    return { input, label: h("label", { for: input.id, title: aboutStrategy(name, ready.summaries) }, name) };
  }

  function set(to) {
    for (const { input, label } of strategies) {
      input.checked = input.value === to.strategy;
      const row = label.parentElement;
      if (input.checked && row.isConnected) row.scrollLeft = label.offsetLeft - row.offsetLeft - (row.clientWidth - label.offsetWidth) / 2;
    }
    hide.input.checked = to.hide;
    why.input.checked = to.why;
    if (![...length.options].some((option) => Number(option.value) === to.k)) length.append(h("option", { value: to.k }, to.k));
    length.value = String(to.k);
    fill(chips, to.where.map((condition) => h("li", {}, h("code", {}, condition),
      h("button", { type: "button", "aria-label": `Remove the filter ${condition}`, on: { click: () => change({ where: to.where.filter((one) => one !== condition) }) } }, "×"))));
    chips.hidden = !to.where.length;
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

function toggle(text, changed) {
  const input = h("input", { type: "checkbox", role: "switch", on: { change: () => changed(input.checked) } });
  return { input, node: h("label", { class: "toggle" }, input, h("span", { class: "track", "aria-hidden": true }), text) };
}

const SIGNS = ["=", "!=", "<", "<=", ">", ">=", "in", "not in"];

/** A column, a sign and a value, which is completed from those there are. */
function whereForm({ dataset, about }, add) {
  const column = h("select", { "aria-label": "Column", on: { change: () => offer() } },
    h("option", { value: "" }, "column"),
    about.columns.filter((name) => name !== "source" && name !== "image").map((name) => h("option", { value: name }, name)));
  const sign = h("select", { "aria-label": "Sign" }, SIGNS.map((one) => h("option", { value: one }, one)));
  const values = h("datalist", { id: "where-values" });
  const value = h("input", { type: "text", list: values.id, "aria-label": "Value", placeholder: "value", autocomplete: "off", maxlength: 200, disabled: true });
  const button = h("button", { type: "button", class: "quiet", disabled: true, on: { click: () => submit() } }, "Add");
  const submit = () => {
    if (!column.value || !value.value.trim()) return;
    const between = sign.value.endsWith("in") ? ` ${sign.value} ` : sign.value;
    add(`${column.value}${between}${value.value.trim()}`);
    value.value = "";
  };
  async function offer() {
    value.disabled = button.disabled = !column.value;
    if (!column.value) return fill(values);
    const answer = await get(url(`columns/${encodeURIComponent(column.value)}/values`, { dataset, query: value.value.trim(), limit: 30 })).catch(() => ({ values: [] }));
    return fill(values, answer.values.map((one) => h("option", { value: one.value }, counted(one.items, "item"))));
  }
  const typed = debounced(offer, 150);
  value.addEventListener("input", typed);
  value.addEventListener("keydown", (event) => {
    if (event.key === "Enter") submit();
  });
  return h("div", { class: "where" }, h("span", { class: "label" }, "Only"), column, sign, value, values, button);
}
