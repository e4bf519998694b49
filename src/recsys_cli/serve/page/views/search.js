/** Items by words or by a picture. A picture is dropped anywhere on the page, pasted, or chosen. */

import { post, url } from "../api.js";
import { saveList } from "../csv.js";
import { byId, fill, h } from "../dom.js";
import { capital, problem, remark, source } from "../notice.js";
import { hadNow } from "../now.js";
import { go, href } from "../route.js";
import { complete, grid, skeleton, summary } from "../tiles.js";
import { nearness } from "../why.js";
import { lastUser } from "./user.js";

const FOUND = 24;
const SIDE = 1024;

/** Pictures that were looked for, by number: an address cannot hold them. */
const dropped = new Map();
let preview = null;

/** A form that leads to the search for its words. */
export function wordsForm(dataset, examples, text = "") {
  const input = h("input", { type: "search", name: "q", value: text, placeholder: examples[0], "aria-label": "Words", required: true, enterkeyhint: "search", maxlength: 2000 });
  return h("form", { class: "words", on: { submit: (event) => {
    event.preventDefault();
    if (input.value.trim()) go(href("search", "", { q: input.value.trim(), dataset }));
  } } }, input, h("button", { type: "submit" }, "Search"));
}

/** A button that lets one choose a picture. */
export function pictureButton(dataset) {
  const input = h("input", { type: "file", accept: "image/*", class: "unseen", "aria-label": "Choose a picture", on: { change: () => input.files[0] && look(input.files[0], dataset) } });
  return h("label", { class: "choose" }, input, h("span", { class: "button" }, "Choose a picture"), h("span", { class: "wide" }, " or drop one anywhere on this page"));
}

function look(file, dataset) {
  const number = dropped.size + 1;
  dropped.set(String(number), file);
  go(href("search", "", { picture: number, dataset }));
}

/** Takes pictures that are dropped anywhere, or pasted. */
export function takePictures(current) {
  const shade = byId("drop");
  const holds = (event) => [...(event.dataTransfer?.items ?? [])].some((item) => item.kind === "file");
  const usable = () => Boolean(current().about.encoders.image);
  addEventListener("dragover", (event) => {
    if (!holds(event)) return;
    // Without this a browser leaves the page for the file.
    event.preventDefault();
    shade.hidden = !usable();
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) shade.hidden = true;
  });
  addEventListener("drop", (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    shade.hidden = true;
    const file = event.dataTransfer.files[0];
    if (usable() && file) look(file, current().name);
  });
  addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (file && usable()) look(file, current().name);
  });
}

export function searchView({ dataset, about }) {
  const asking = h("div", { class: "asking" });
  const results = h("section", { class: "results", "aria-label": "Found items" });
  const node = h("div", { class: "search" }, h("h1", {}, "Search items"), asking, results);
  let asked = new AbortController();

  async function show(route, app) {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    const text = route.params.get("q") ?? "";
    const picture = dropped.get(route.params.get("picture"));
    app.title(text ? `“${text}”` : "Search");
    // Who searches again keeps the field they are in.
    const field = asking.querySelector("input[type=search]");
    if (!field || picture || preview || field.value !== text) form(text, picture);
    if (!about.encoders.text && !about.encoders.image) {
      fill(results, remark(h("p", {}, "Items of ", h("strong", {}, dataset), " have no content vectors, so they cannot be searched.")));
      return;
    }
    if (!text && !picture) {
      fill(results, route.params.has("picture") ? remark("A picture is not kept when the page is loaded again. Choose it once more.") : hints());
      return;
    }
    await answer(text, picture, route, app, signal);
  }

  function form(text, picture) {
    if (preview) URL.revokeObjectURL(preview);
    preview = picture ? URL.createObjectURL(picture) : null;
    fill(asking,
      about.encoders.text && wordsForm(dataset, about.examples, text),
      about.encoders.image && pictureButton(dataset),
      picture && h("figure", { class: "asked" }, h("img", { src: preview, alt: "The picture that was asked for" }), h("figcaption", {}, picture.name || "picture")));
  }

  function hints() {
    return about.examples.length > 0 && h("p", { class: "small" }, "For example ", about.examples.map((words, at) => [at > 0 && ", ", h("a", { href: href("search", "", { q: words, dataset }) }, words)]), ".");
  }

  async function answer(text, picture, route, app, signal) {
    results.setAttribute("aria-busy", "true");
    if (!results.querySelector(".tiles")) fill(results, skeleton(12, about.pictures));
    try {
      const found = picture
        ? await post(url("recommend/from_image", { top_k: FOUND, dataset }), formOf(await smaller(picture)), { signal })
        : await post("recommend/from_text", { text, top_k: FOUND, dataset }, { signal });
      fill(results,
        found.items.length ? [nearness(found), heard(found.understood)] : remark(`${capital(found.fallback_reason ?? "nothing is like it")}.`, hints()),
        found.items.length > 0 && grid(found.items, { dataset, pictured: about.pictures, now: hadNow(lastUser(dataset), found, app.ready) }),
        h("div", { class: "foot" },
          picture ? source("POST", url("recommend/from_image", { dataset })) : source("POST", "recommend/from_text", JSON.stringify({ text, dataset })),
          found.items.length > 0 && saveList(text || "picture", found, { dataset })));
      app.announce(summary(found));
      await complete(results, dataset, signal);
    } catch (error) {
      if (!signal.aborted) fill(results, problem(error, () => show(route, app)));
    } finally {
      if (!signal.aborted) results.removeAttribute("aria-busy");
    }
  }

  return { node, show, reload: show, leave: () => asked.abort() };
}

/** Which words of a search are values of columns; nothing where none are. */
function heard(words) {
  const all = Object.entries(words ?? {});
  return all.length > 0 && h("p", { class: "small heard" }, all.map(([word, values], at) => [at > 0 && "; ", h("strong", {}, word), " is ",
    h("code", { title: values.join(", ") }, values[0])]), ".");
}

function formOf(picture) {
  const form = new FormData();
  form.append("image", picture, "picture");
  return form;
}

/** A photograph of many megapixels as one that is as good for the search; others as they are. */
async function smaller(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return file;
  }
  const scale = SIDE / Math.max(bitmap.width, bitmap.height);
  if (scale >= 1) return file;
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.max(1, Math.round(bitmap.width * scale)), height: Math.max(1, Math.round(bitmap.height * scale)) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob((blob) => done(blob ?? file), "image/png"));
}
