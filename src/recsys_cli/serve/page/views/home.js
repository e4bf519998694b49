/** Where one begins: users to try, words, a picture, and what there is. */

import { get, url } from "../api.js";
import { counted, fill, h, idLabel, moment } from "../dom.js";
import { problem } from "../notice.js";
import { href } from "../route.js";
import { complete, frame } from "../tiles.js";
import { pictureButton, wordsForm } from "./search.js";

const LATEST = 4;

export function homeView() {
  const node = h("div", { class: "home" });
  let asked = new AbortController();

  async function show(_route, app) {
    asked.abort();
    asked = new AbortController();
    app.title("");
    const { dataset, about } = app;
    const people = h("ul", { class: "people" }, Array.from({ length: 6 }, () => h("li", { class: "person ghost" }, h("span", { class: "line" }), h("span", { class: "line short" }))));
    fill(node,
      h("h1", {}, "Whom to recommend for?"),
      h("p", { class: "lead" },
        h("strong", {}, dataset), ` has ${counted(about.users, "user")} and ${counted(about.items, "item")}. Type an id above`,
        h("span", { class: "wide" }, " (press ", h("kbd", {}, "/"), ")"), ", begin with one of these, or ", h("a", { href: href("user", "", { dataset }) }, "be a guest"), "."),
      people,
      (about.encoders.text || about.encoders.image) && h("section", { class: "ask" },
        h("h2", {}, "Or look for items"),
        about.encoders.text && wordsForm(dataset, about.examples),
        about.encoders.image && pictureButton(dataset)),
      facts(app));
    try {
      await examples(people, app, asked.signal);
    } catch (error) {
      if (!asked.signal.aborted) fill(people, h("li", { class: "all" }, problem(error, () => show(null, app))));
    }
  }

  return { node, show, reload: show, leave: () => asked.abort() };
}

async function examples(people, { dataset, about }, signal) {
  const { users } = await get(url("users/examples", { dataset }), { signal });
  fill(people, users.map(({ user, items }) => h("li", { class: "person" },
    h("a", { href: href("user", user, { dataset }), class: "to" },
      idLabel(user),
      h("span", { class: "had-count" }, items ? counted(items, "item") : "no history yet"),
      h("span", { class: about.pictures ? "strip" : "strip wordy", "data-user": items ? user : null }, !items && h("span", { class: "name" }, "What newcomers get."))))));
  const strips = [...people.querySelectorAll("[data-user]")];
  await Promise.all(strips.map(async (strip) => {
    const had = await get(url(`users/${encodeURIComponent(strip.dataset.user)}/history`, { dataset, limit: LATEST }), { signal });
    fill(strip, about.pictures
      ? had.items.map((one) => frame(one.item, one.name))
      : had.items.map((one) => h("span", { class: "name" }, one.name)));
  }));
  await complete(people, dataset, signal);
}

function facts({ ready, about }) {
  const names = about.strategies.filter((name) => name !== "auto");
  return h("section", { class: "facts" },
    h("h2", {}, "What is served"),
    h("dl", {},
      names.map((name) => [h("dt", {}, name), h("dd", {}, ready.summaries[name] ?? "")]),
      about.similar_by.length > 0 && [h("dt", {}, "similar items"), h("dd", {}, `by ${about.similar_by.join(", else ")}`)],
      Object.entries(about.encoders).map(([kind, name]) => [h("dt", {}, kind), h("dd", {}, "encoded by ", h("code", {}, name))])),
    Object.entries(ready.waiting).map(([name, why]) => h("p", { class: "small" }, h("strong", {}, name), ` is not served: ${why}`)),
    ready.pending && h("p", { class: "small" }, `A newer build is held back: ${ready.pending}`),
    h("p", { class: "small" }, about.built && ["Built ", h("time", { datetime: about.built }, moment(about.built)), ". "],
      "The API describes itself in ", h("a", { href: "openapi.json" }, "openapi.json"), "."));
}
