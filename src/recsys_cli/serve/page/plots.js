/** Plots as SVG, drawn for the width they have, so that letters keep their size. */

import { fill, h, s } from "./dom.js";
import { colour } from "./why.js";

const LETTER = 7.2;
const LINE = 15;
const LINES = 21;

/** A framed plot with a caption; `draw` gets the width in pixels. */
export function figure(title, note, draw) {
  const place = h("div", { class: "plot" });
  new ResizeObserver(([entry]) => {
    const width = Math.floor(entry.contentRect.width);
    if (width > 0 && width !== Number(place.dataset.width)) {
      place.dataset.width = width;
      fill(place, draw(width));
    }
  }).observe(place);
  return h("figure", {}, h("figcaption", {}, title, " ", h("span", {}, note)), place);
}

/** One row per strategy: its value as a dot, its interval as a line. */
export function dots(rows, width) {
  const names = Math.min(110, 20 + LETTER * Math.max(...rows.map((row) => row.name.length)));
  const row = Math.max(28, Math.min(46, 276 / rows.length));
  const [top, bottom, right] = [4, 26, 52];
  const height = top + rows.length * row + bottom;
  const axis = scale([0, ...rows.flatMap((one) => [one.low, one.high, one.value])], names, width - right);
  return s("svg", { width, height, role: "img", "aria-label": rows.map((one) => `${one.name} ${short(one.value)}`).join(", ") },
    axis.ticks.map((tick) => [
      s("line", { class: "gridline", x1: axis.at(tick), x2: axis.at(tick), y1: top, y2: height - bottom + 4 }),
      s("text", { class: "tick", x: axis.at(tick), y: height - 8, "text-anchor": "middle" }, short(tick, axis.step))]),
    rows.map((one, at) => {
      const y = top + at * row + row / 2;
      const whisker = Number.isFinite(one.low) && Number.isFinite(one.high);
      return s("g", { class: colour(one.name) },
        s("title", {}, `${one.name}: ${short(one.value)}${whisker ? ` (${short(one.low)} to ${short(one.high)})` : ""}`),
        s("text", { class: "label", x: 0, y: y + 4 }, one.name),
        s("rect", { class: "band", x: axis.at(0), y: y - 5, width: Math.max(0, axis.at(one.value) - axis.at(0)), height: 10, rx: 2 }),
        whisker && [
          s("line", { class: "whisker", x1: axis.at(one.low), x2: axis.at(one.high), y1: y, y2: y }),
          [one.low, one.high].map((end) => s("line", { class: "whisker", x1: axis.at(end), x2: axis.at(end), y1: y - 4, y2: y + 4 }))],
        s("circle", { class: "dot", cx: axis.at(one.value), cy: y, r: 5.5 }),
        s("text", { class: "value", x: width, y: y + 4, "text-anchor": "end" }, short(one.value)));
    }));
}

/** Accuracy upwards, coverage to the right; names stand where they cover nothing. */
export function tradeoff(rows, width, title) {
  const height = Math.max(230, Math.min(320, Math.round(width * 0.62)));
  const [left, right, top, bottom] = [40, 14, 18, 40];
  const x = scale([0, ...rows.map((one) => one.coverage)], left, width - right);
  const y = scale([0, ...rows.flatMap((one) => [one.value, one.high])], height - bottom, top);
  const points = rows.map((one) => ({ ...one, x: x.at(one.coverage), y: y.at(one.value) }));
  const taken = points.map((one) => [one.x - 7, one.y - 7, one.x + 7, one.y + 7]);
  return s("svg", { width, height, role: "img", "aria-label": rows.map((one) => `${one.name}: ${title} ${short(one.value)}, coverage ${Math.round(100 * one.coverage)}%`).join("; ") },
    y.ticks.map((tick) => [
      s("line", { class: "gridline", x1: left, x2: width - right, y1: y.at(tick), y2: y.at(tick) }),
      s("text", { class: "tick", x: left - 7, y: y.at(tick) + 4, "text-anchor": "end" }, short(tick, y.step))]),
    x.ticks.map((tick) => s("text", { class: "tick", x: x.at(tick), y: height - bottom + 17, "text-anchor": "middle" }, `${Math.round(100 * tick)}%`)),
    s("text", { class: "axis", x: left - 32, y: 10 }, title),
    s("text", { class: "axis", x: (left + width - right) / 2, y: height - 5, "text-anchor": "middle" }, "coverage: share of the catalogue in anybody's list"),
    points.map((one) => {
      const whisker = Number.isFinite(one.low) && Number.isFinite(one.high);
      return s("g", { class: colour(one.name) },
        s("title", {}, `${one.name}: ${short(one.value)}, coverage ${Math.round(100 * one.coverage)}%`),
        whisker && s("line", { class: "stem", x1: one.x, x2: one.x, y1: y.at(Math.max(one.low, 0)), y2: y.at(one.high) }),
        s("circle", { class: "dot", cx: one.x, cy: one.y, r: 6 }));
    }),
    points.map((one) => {
      const { steps, at } = place(one, taken, [left, top - 10, width, height - bottom]);
      return s("g", { class: colour(one.name) },
        steps > 1 && s("line", { class: "leader", x1: one.x, y1: one.y, x2: at.x, y2: at.y - LINE / 4 }),
        s("text", { class: "label", ...at }, one.name));
    }));
}

/** Where a name goes: beside its point, or as few lines above or below that as leave it free. */
function place(point, taken, [x0, y0, x1, y1]) {
  const wide = LETTER * point.name.length;
  const lines = Array.from({ length: LINES }, (_, at) => Math.ceil(at / 2) * (at % 2 ? -1 : 1));
  const places = lines.flatMap((line) => [[11, "start"], [-11, "end"]].map(([dx, anchor]) => {
    const [x, y, steps] = [point.x + dx, point.y + 4 + line * LINE, Math.abs(line)];
    const begin = anchor === "end" ? x - wide : x;
    const box = [begin, y - LINE + 3, begin + wide, y + 3];
    const out = Math.max(x0 - box[0], 0) + Math.max(box[2] - x1, 0) + Math.max(y0 - box[1], 0) + Math.max(box[3] - y1, 0);
    const covered = taken.reduce((sum, other) => sum + overlap(box, other), 0);
    return { box, steps, cost: 9 * (LINE * out + covered) + steps, at: { x, y, "text-anchor": anchor } };
  }));
  const best = places.reduce((a, b) => (b.cost < a.cost ? b : a));
  taken.push(best.box);
  return best;
}

const overlap = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));

/** A linear axis over values, between two pixels, with ticks at round numbers. */
function scale(values, from, to) {
  const known = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...known), Math.max(...known, 1e-6)];
  const about = Math.abs(to - from) > 420 ? 6 : 4;
  const rough = (high - low || 1) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step);
  const ticks = Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
  const at = (value) => from + ((value - first * step) / ((last - first) * step)) * (to - from);
  return { ticks, step, at };
}

function short(value, step = 0.001) {
  if (!Number.isFinite(value)) return "";
  if (Math.abs(value) >= 10) return Math.round(value).toString();
  const digits = Math.max(0, Math.min(4, Math.ceil(-Math.log10(step) - 1e-9) + (step / 10 ** Math.floor(Math.log10(step)) === 2.5 ? 1 : 0)));
  return value.toFixed(digits).replace(/^(-?)0\./, "$1.").replace("-", "−");
}
