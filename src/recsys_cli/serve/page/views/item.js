/** An item: its picture, all that is known about it, and items like it. */

import { get, itemPath, url } from "../api.js";
import { saveList } from "../csv.js";
import { counted, fill, h, idLabel } from "../dom.js";
import { problem, remark, source } from "../notice.js";
import { hadNow, nameOf } from "../now.js";
import { go, href } from "../route.js";
import { cards, complete, frame, grid, show as showPicture, skeleton, summary } from "../tiles.js";
import { toggle } from "../wanted.js";
import { nearness } from "../why.js";
import { lastUser } from "./user.js";

const SIMILAR = 18;
const LONG = 60;
const DIVERSE = "diverse";
const HIDDEN = new Set(["source", "name", "image", "in_catalogue"]);

export function itemView({ about }) {
  const node = h("article", { class: "item" });
  let asked = new AbortController();

  async function show(route, app) {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    const { dataset } = app;
    const focused = document.activeElement?.id === DIVERSE;
    const head = h("div", { class: about.pictures ? "head pictured" : "head" });
    const like = h("section", { class: "similar", "aria-busy": "true" }, h("h2", {}, "Similar items"), skeleton(12, about.pictures));
    app.title(route.id);
    fill(head, about.pictures && frame(route.id, route.id), h("div", { class: "text" }, h("h1", {}, idLabel(route.id, { head: 30 }))));
    fill(node, head, like);
    try {
      // Whether there is such an item is asked in a way that is no error if there is none.
      const known = await cards(dataset, [route.id], signal);
      if (!known.has(route.id)) {
        fill(node, h("h1", {}, "No such item"), remark(h("p", {}, h("strong", {}, dataset), " has no item ", h("code", {}, route.id), ".")));
        app.announce("No such item.");
        return;
      }
      await Promise.all([details(head, route.id, app, signal), similar(like, route, app, signal)]);
      if (focused) document.getElementById(DIVERSE)?.focus({ preventScroll: true });
    } catch (error) {
      if (!signal.aborted) fill(like, problem(error, () => show(route, app)));
    }
  }

  return { node, show, reload: show, leave: () => asked.abort() };
}

async function details(head, id, { dataset, about, title }, signal) {
  const one = await get(url(`items/${encodeURIComponent(id)}`, { dataset }), { signal });
  const picture = about.pictures && frame(id, one.name);
  title(one.name);
  const fields = Object.entries(one.fields).filter(([name]) => !HIDDEN.has(name));
  const isLong = ([, value]) => String(value).length > LONG;
  const user = lastUser(dataset);
  const heading = h("h1", { tabindex: "-1" }, one.name);
  const focused = head.contains(document.activeElement);
  fill(head,
    picture,
    h("div", { class: "text" },
      heading,
      h("p", { class: "sub" }, idLabel(id, { head: 30 }), " in ", h("strong", {}, dataset)),
      fields.filter(isLong).map(([name, value]) => h("p", { class: "long" }, h("span", { class: "unseen" }, `${name}: `), String(value))),
      h("dl", { class: "fields" }, fields.filter((one) => !isLong(one)).map(([name, value]) => h("div", {},
        h("dt", {}, name.replaceAll("_", " ")),
        h("dd", {}, user !== null
          ? h("a", { href: href("user", user, { dataset, where: `${name}=${value}` }), title: `Recommend only these for ${nameOf(user)}` }, String(value))
          : String(value)))))));
  if (focused) heading.focus({ preventScroll: true });
  if (picture) {
    picture.removeAttribute("data-item");
    if (one.image) showPicture(picture, dataset, id, { eager: true });
  }
}

async function similar(node, { id, params }, { ready, dataset, about, announce }, signal) {
  const diverse = params.has("diverse");
  const address = url(itemPath(id), { top_k: SIMILAR, dataset, diverse: diverse || null });
  const unlike = toggle("Unlike each other", (on) => go(href("item", id, { dataset, diverse: on ? 1 : null })), DIVERSE);
  unlike.input.checked = diverse;
  const answer = await get(address, { signal });
  fill(node,
    h("h2", {}, "Similar items"),
    unlike.node,
    nearness(answer),
    answer.items.length ? grid(answer.items, { dataset, pictured: about.pictures, now: hadNow(lastUser(dataset), answer, ready) }) : null,
    h("div", { class: "foot" }, source("GET", address), answer.items.length > 0 && saveList(`like ${id}`, answer, { dataset })));
  node.removeAttribute("aria-busy");
  announce(`${counted(answer.items.length, "similar item")}. ${summary(answer)}`);
  await complete(node, dataset, signal);
}
