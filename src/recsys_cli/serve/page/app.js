/** The page: what is in the bar, which view the address asks for, and whether the server is there. */

import { get, heartbeat, onAway } from "./api.js";
import { byId, fill, h } from "./dom.js";
import { problem } from "./notice.js";
import { picker } from "./picker.js";
import { go, href, parse } from "./route.js";
import { evalView } from "./views/eval.js";
import { homeView } from "./views/home.js";
import { itemView } from "./views/item.js";
import { overviewView } from "./views/overview.js";
import { searchView, takePictures } from "./views/search.js";
import { userView } from "./views/user.js";

const VIEWS = { home: homeView, user: userView, item: itemView, search: searchView, overview: overviewView, eval: evalView };
const HEARTBEAT_MS = 10_000;

const main = byId("main");
const select = byId("dataset");
const app = { ready: null, announce, title };
let shown = null;

/** Tells what happened to who cannot see it. */
function announce(text) {
  byId("live").textContent = text;
}

function title(text) {
  document.title = text ? `${text} · recsys` : "recsys";
}

/** The dataset that a route is about: the one it names, else the first. */
function datasetOf(route) {
  const names = Object.keys(app.ready.datasets);
  const asked = route.params.get("dataset");
  return names.includes(asked) ? asked : names[0];
}

function current() {
  const name = datasetOf(parse(location.hash));
  return { name, about: app.ready.datasets[name] };
}

/** Shows what the address asks for; a view that shows the same thing already only changes. */
function render() {
  const route = parse(location.hash);
  const returned = history.state?.y;
  const name = datasetOf(route);
  const context = { ...app, dataset: name, about: app.ready.datasets[name] };
  const identity = JSON.stringify([route.view, route.id, name]);
  bar(route, name);
  if (shown?.identity === identity) {
    shown.view.show(route, context);
    return;
  }
  const first = shown === null;
  shown?.view.leave?.();
  const make = VIEWS[route.view] ?? homeView;
  shown = { identity, view: make(context) };
  fill(main, shown.view.node);
  const done = shown.view.show(route, context);
  if (first) return;
  // Who goes back finds the page where it was; who follows a link begins at its top.
  if (returned === undefined) scrollTo(0, 0);
  else Promise.resolve(done).finally(() => scrollTo(0, returned));
  const heading = main.querySelector("h1");
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
}

function bar(route, name) {
  const names = Object.keys(app.ready.datasets);
  byId("dataset-label").hidden = names.length < 2;
  if ([...select.options].map((option) => option.value).join() !== names.join()) {
    fill(select, names.map((one) => h("option", { value: one }, one)));
  }
  select.value = name;
  const inView = { user: "home", item: "home" }[route.view] ?? route.view;
  for (const link of document.querySelectorAll(".bar nav a")) {
    link.href = href(link.dataset.view, "", { dataset: names.length > 1 ? name : null });
    if (link.dataset.view === inView) link.setAttribute("aria-current", route.view === inView ? "page" : "true");
    else link.removeAttribute("aria-current");
  }
  document.querySelector(".brand").href = href("home", "", { dataset: names.length > 1 ? name : null });
}

function changeDataset() {
  const { view, params } = parse(location.hash);
  const stays = ["search", "overview", "eval"].includes(view);
  go(href(stays ? view : "home", "", { q: stays ? params.get("q") : null, dataset: select.value }));
}

onAway((gone) => {
  const banner = byId("banner");
  banner.hidden = !gone;
  banner.textContent = gone ? "The server does not answer. This page goes on by itself once it is back." : "";
  if (gone || !app.ready) return;
  announce("The server is back.");
  reload();
});

/** After the server was away it may know other things. */
async function reload() {
  app.ready = await get("ready", { fresh: true });
  if (shown?.view.reload) {
    const name = datasetOf(parse(location.hash));
    shown.view.reload(parse(location.hash), { ...app, dataset: name, about: app.ready.datasets[name] });
  }
}

function rememberScroll() {
  history.replaceState({ y: scrollY }, "");
}

async function start() {
  history.scrollRestoration = "manual";
  try {
    app.ready = await get("ready");
  } catch (error) {
    fill(main, problem(error, () => location.reload()));
    return;
  } finally {
    main.removeAttribute("aria-busy");
  }
  picker(current);
  takePictures(current);
  select.addEventListener("change", changeDataset);
  addEventListener("hashchange", render);
  let timer;
  addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(rememberScroll, 150);
  }, { passive: true });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  setInterval(heartbeat, HEARTBEAT_MS);
  document.addEventListener("visibilitychange", heartbeat);
  render();
}

start();
