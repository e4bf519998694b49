/**
 * The search field: as one types, it offers users whose id begins so, the item of that id, and a
 * search for the words. Keys as for any combobox: arrows, Enter, Escape, Home, End.
 */

import { get, url } from "./api.js";
import { byId, counted, debounced, fill, h, idLabel } from "./dom.js";
import { cards } from "./tiles.js";
import { go, href } from "./route.js";

const WAIT_MS = 120;
const USERS = 7;

/**
 * Brings the field to life.
 *
 * @param {() => {name: string, about: object}} dataset the one in use.
 */
export function picker(dataset) {
  const [form, input, list] = ["find", "find-input", "find-list"].map(byId);
  let options = [];
  let active = -1;
  let asked = null;
  let pending = Promise.resolve();

  async function offer() {
    const text = input.value.trim();
    asked?.abort();
    asked = new AbortController();
    const { signal } = asked;
    try {
      const found = await suggestions(text, dataset(), signal);
      if (!signal.aborted) show(found);
    } catch {
      if (!signal.aborted) show([]);
    }
  }

  function show(found) {
    options = found;
    active = -1;
    fill(list, grouped(found, (at) => choose(at)));
    const open = found.length > 0 && document.activeElement === input;
    list.hidden = !open;
    input.setAttribute("aria-expanded", open);
    mark(input.value.trim() && open ? 0 : -1);
  }

  function mark(at) {
    active = at;
    for (const node of list.querySelectorAll("[role=option]")) node.setAttribute("aria-selected", Number(node.dataset.at) === at);
    const node = byId(`find-${at}`);
    if (node) {
      input.setAttribute("aria-activedescendant", node.id);
      node.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  }

  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", false);
    mark(-1);
  }

  function choose(at) {
    const { to } = options[at];
    input.value = "";
    close();
    options = [];
    input.blur();
    go(to);
  }

  const typed = debounced(() => (pending = offer()), WAIT_MS);
  input.addEventListener("input", () => {
    options = [];
    pending = new Promise((done) => setTimeout(done, WAIT_MS + 5));
    typed();
  });
  input.addEventListener("focus", () => (pending = offer()));
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    const last = options.length - 1;
    const moves = { ArrowDown: active >= last ? 0 : active + 1, ArrowUp: active <= 0 ? last : active - 1 };
    if (event.key === "Escape") {
      if (list.hidden) input.value = "";
      close();
    } else if (event.key in moves && options.length) {
      event.preventDefault();
      if (list.hidden) show(options);
      else mark(moves[event.key]);
    }
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!input.value.trim() && active < 0) return;
    // Who types fast and presses Enter means what they typed, not what was offered before.
    while (!options.length) {
      const waited = pending;
      await waited;
      if (waited === pending) break;
    }
    if (options.length) choose(Math.max(active, 0));
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input,textarea,select,dialog")) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}

async function suggestions(text, { name, about }, signal) {
  if (!text) {
    const { users } = await get(url("users/examples", { dataset: name }), { signal });
    return users.map((one) => userOption(one.user, name, "Users to try", counted(one.items, "item")));
  }
  const [{ users }, known] = await Promise.all([
    get(url("users", { dataset: name, query: text, limit: USERS }), { signal }),
    cards(name, [text], signal),
  ]);
  const options = users.map((user) => userOption(user, name, "Users", ""));
  const item = known.get(text);
  const asItem = item && { group: "Item", to: href("item", text, { dataset: name }), label: [idLabel(text, { head: 24 }), " ", item.name] };
  const asWords = about.encoders.text && { group: "Search", to: href("search", "", { q: text, dataset: name }), label: ["Items like ", h("q", {}, text)] };
  const asUnknown = !users.includes(text) && userOption(text, name, "Nobody here has this id", "as for somebody new");
  return [...options, asItem, asWords, asUnknown].filter(Boolean);
}

function userOption(user, dataset, group, note) {
  return { group, to: href("user", user, { dataset }), label: [idLabel(user, { head: 24, tail: 8 }), note && h("small", {}, note)] };
}

function grouped(found, choose) {
  let group = null;
  return found.map((option, at) => {
    const head = option.group !== group && h("li", { role: "presentation", class: "group" }, option.group);
    group = option.group;
    return [head, h("li", {
      role: "option", id: `find-${at}`, "data-at": at, "aria-selected": "false",
      // The field keeps the focus, so that its list stays until the click is done.
      on: { mousedown: (event) => event.preventDefault(), click: () => choose(at) },
    }, option.label)];
  });
}
