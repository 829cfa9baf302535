// Line charts: curves with intervals that can be hidden, read at a point and zoomed.

import { svg } from "./dom.js";
import { axisOfY, drawAxes, drawCursor, drawExtras, drawSeries, layout, lineLook } from "./plot/draw.js";
import { listen } from "./plot/gestures.js";
import { allX, nearest, number, rangeOfX, rangeOfY } from "./plot/scales.js";

/** @typedef {import("./plot/scales.js").Series} Series */

/**
 * @typedef {object} ChartOptions
 * @property {string} [title] what is shown
 * @property {Series[]} [series] the curves. `low` and `high` are an interval at each point, drawn as a band; `tone`
 *   is 1 to 6 or "accent", "good", "warn", "bad", "muted"; `key` tells curves apart (default: their name)
 * @property {{label?: string, whole?: boolean, min?: number, max?: number, format?: Function}} [x]
 * @property {{whole?: boolean, min?: number, max?: number, within?: [number, number], format?: Function}} [y] fixed ends, or bounds
 *   of what is possible; `format(value, digits)` makes the text of a number
 * @property {{y: number, name: string}[]} [lines] lines across
 * @property {{x: number, y: number, tone: number|string}[]} [dots] single points that stand out
 * @property {number|null} [marker] an x that is marked
 * @property {string} [empty] what to say while there is no point
 * @property {number} [height] in pixels
 * @property {Iterable<string>} [hidden] keys of curves that are hidden at first
 * @property {(x: number|null) => void} [onHover] the readout has moved
 * @property {(x: number) => void} [onPick] a point was clicked, or Enter pressed on it
 * @property {(view: [number, number]|null) => void} [onView] the user has zoomed
 * @property {(hidden: Set<string>) => void} [onToggle] the user has hidden or shown a curve
 */

/** Makes a chart in an element. `update` changes any of its options and keeps zoom and hidden curves. */
export function lineChart(element, /** @type {ChartOptions} */ options = {}) {
  return new LineChart(element, options);
}

const keyOf = (series) => series.key ?? series.name;
const finite = (point) => Number.isFinite(point[0]) && Number.isFinite(point[1]);

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

/** Drops points without a value, with their intervals. */
function clean(series, index) {
  const known = series.points.map((_, i) => i).filter((i) => finite(series.points[i]));
  const pick = (values) => values && known.map((i) => values[i]);
  const parts = { points: pick(series.points), low: pick(series.low), high: pick(series.high) };
  return { ...series, ...parts, tone: series.tone ?? (index % 6) + 1 };
}

export class LineChart {
  constructor(element, options) {
    this.options = /** @type {ChartOptions} */ ({});
    this.series = [];
    this.hidden = new Set(options.hidden ?? []);
    /** The zoomed range of x; null shows all. */
    this.view = null;
    this.cursor = null;
    /** Where one can read: every x on the screen at which a visible curve has a point. @type {number[]} */
    this.readable = [];
    this.drag = null;
    this.buttons = new Map();
    this.title = make("span", "plot-title");
    this.at = make("span", "plot-at");
    this.reset = make("button", "button", "Reset zoom");
    this.reset.type = "button";
    this.reset.addEventListener("click", () => this.zoom(null));
    this.legend = make("div", "plot-legend");
    this.legend.setAttribute("role", "group");
    this.drawing = svg("svg", { "aria-hidden": "true" });
    this.area = make("div", "plot-area", this.drawing);
    this.area.tabIndex = 0;
    this.area.setAttribute("role", "group");
    this.area.title = "Drag to zoom; click, then turn the wheel to zoom; arrow keys read values";
    this.empty = make("p", "plot-empty");
    this.spoken = make("p", "plot-spoken");
    this.spoken.setAttribute("aria-live", "polite");
    this.body = make("div", "");
    this.body.tabIndex = 0;
    this.body.setAttribute("role", "group");
    this.table = make("details", "plot-table", make("summary", "", "As a table"), this.body);
    this.table.addEventListener("toggle", () => this.fillTable());
    const head = make("div", "plot-head", this.title, this.at, this.reset);
    this.figure = make("figure", "plot", head, this.legend, this.area, this.empty, this.spoken, this.table);
    element.append(this.figure);
    listen(this);
    this.resizing = new ResizeObserver(() => this.draw());
    this.resizing.observe(this.figure);
    this.update(options);
  }

  /** Changes some options; zoom, hidden curves and the readout stay. */
  update(options) {
    Object.assign(this.options, options);
    if (options.series) this.series = options.series.map(clean);
    this.title.textContent = this.options.title ?? "";
    this.empty.textContent = this.options.empty ?? "Nothing to show yet.";
    this.legend.setAttribute("aria-label", `Curves${this.options.title ? ` of ${this.options.title}` : ""}`);
    this.fillLegend();
    this.fillTable();
    this.draw();
  }

  /** Shows a range of x, or everything (null); `onView` is not called. */
  setView(view) {
    const [low, high] = rangeOfX(this.series, this.options.x);
    const least = this.options.x?.whole ? 1 : (high - low) / 1000;
    if (view) {
      const width = Math.min(Math.max(view[1] - view[0], least), high - low);
      const from = Math.min(Math.max(view[0], low), high - width);
      view = width >= high - low ? null : [from, from + width];
    }
    this.view = view;
    this.draw();
  }

  /** Shows the readout at the point nearest to x; null ends it. `onHover` is not called. */
  point(x) {
    this.cursor = x === null ? null : nearest(this.readable, x);
    this.drawReadout();
  }

  /** Hides the curves with these keys and shows all others; `onToggle` is not called. */
  hide(keys) {
    this.hidden = new Set(keys);
    this.fillLegend();
    this.draw();
  }

  destroy() {
    this.resizing.disconnect();
    this.figure.remove();
  }

  get shown() {
    return this.series.filter((series) => !this.hidden.has(keyOf(series)));
  }

  /** The range of x on the screen. */
  get range() {
    return this.view ?? rangeOfX(this.series, this.options.x);
  }

  /** The user zooms. */
  zoom(view) {
    this.setView(view);
    this.options.onView?.(this.view);
  }

  /** The user reads. */
  hover(x) {
    this.point(x);
    this.options.onHover?.(this.cursor);
  }

  toggle(key) {
    if (!this.hidden.delete(key)) this.hidden.add(key);
    this.hide(this.hidden);
    this.options.onToggle?.(this.hidden);
  }

  draw() {
    const any = this.series.some((series) => series.points.length);
    const [from, to] = this.view ?? [-Infinity, Infinity];
    this.readable = allX(this.shown).filter((x) => x >= from && x <= to);
    for (const part of [this.area, this.table, this.legend]) part.hidden = !any;
    this.empty.hidden = any;
    this.reset.hidden = !this.view;
    const width = this.figure.clientWidth;
    if (!any || !width) return;
    const height = this.options.height ?? 240;
    const x = this.range;
    const levels = this.view ? [] : (this.options.lines ?? []).map((line) => line.y);
    const y = rangeOfY(this.shown, levels, this.options.y ?? {}, ...x);
    this.yAxis = axisOfY(y, height, this.options);
    this.place = layout({ width, height, x, y, labels: this.yAxis.labels });
    const { left, right, top, bottom } = this.place;
    const box = { x: left, y: top - 5, width: right - left, height: bottom - top + 5 };
    const clip = `plot-clip-${(LineChart.count = (LineChart.count ?? 0) + 1)}`;
    const curves = svg("g", { "clip-path": `url(#${clip})` }, drawExtras(this.place, this.options));
    for (const series of this.shown) curves.append(drawSeries(this.place, series, series.tone));
    this.overlay = svg("g");
    this.drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.drawing.setAttribute("height", String(height));
    const defs = svg("clipPath", { id: clip }, svg("rect", box));
    this.drawing.replaceChildren(defs, drawAxes(this.place, x, this.yAxis, this.options), curves, this.overlay);
    this.drawReadout();
  }

  /** The value of a curve at an x, as text; the last one on the screen where there is no x. */
  textOf(series, x) {
    const end = this.range[1];
    const wanted = x === null ? (point) => point[0] <= end : (point) => point[0] === x;
    const i = series.points.findLastIndex(wanted);
    if (i < 0) return "–";
    const text = (value) => (this.options.y?.format ?? number)(value, this.yAxis?.finer ?? 0);
    const [low, high] = [series.low?.[i] ?? NaN, series.high?.[i] ?? NaN];
    const interval = Number.isFinite(low) && Number.isFinite(high) ? ` (${text(low)} to ${text(high)})` : "";
    return text(series.points[i][1]) + interval;
  }

  textOfX(x) {
    const digits = this.options.x?.whole ? 0 : 1;
    return `${this.options.x?.label ?? "x"} ${(this.options.x?.format ?? number)(x, digits)}`;
  }

  /** Says the values at the readout, for screen readers. */
  speak() {
    const values = this.shown.map((series) => `${series.name} ${this.textOf(series, this.cursor)}`);
    this.spoken.textContent = this.cursor === null ? "" : `${this.textOfX(this.cursor)}: ${values.join("; ")}`;
  }

  drawReadout() {
    if (!this.place || !this.overlay) return;
    if (this.cursor !== null && !this.readable.includes(this.cursor)) this.cursor = null;
    const x = this.cursor;
    this.at.textContent = x === null ? "" : this.textOfX(x);
    for (const series of this.series) {
      const value = this.buttons.get(keyOf(series))?.querySelector(".plot-value");
      if (value) value.textContent = this.hidden.has(keyOf(series)) ? "" : this.textOf(series, x);
    }
    this.overlay.replaceChildren();
    const { left, right, top, bottom, fromX } = this.place;
    if (x !== null) {
      const values = this.shown.flatMap(({ points, tone }) => {
        const point = points.find((candidate) => candidate[0] === x);
        return point ? [{ y: point[1], tone }] : [];
      });
      this.overlay.append(drawCursor(this.place, x, values));
    }
    if (this.drag?.moved) {
      const ends = [this.drag.from, this.drag.to].map((pixel) => Math.min(Math.max(pixel, left), right));
      const from = Math.min(...ends);
      const size = { x: from, width: Math.max(...ends) - from, y: top, height: bottom - top };
      this.overlay.append(svg("rect", { ...size, class: "plot-range" }));
      this.at.textContent = `${this.textOfX(fromX(from))} to ${this.textOfX(fromX(from + size.width))}`;
    }
    const name = this.options.title ?? "Chart";
    this.area.setAttribute("aria-label", `${name}. Left and right read values, plus and minus zoom, Escape shows all.`);
  }

  fillLegend() {
    const buttons = this.series.map((series) => {
      const key = keyOf(series);
      const button = this.buttons.get(key) ?? this.legendButton(key);
      const swatch = svg("svg", { width: 26, height: 12, "aria-hidden": "true" });
      swatch.append(svg("line", { x1: 1, x2: 25, y1: 6, y2: 6, ...lineLook(series.tone) }));
      const mark = { cx: 13, cy: 6, r: 3.5, class: `plot-mark tone-${series.tone}` };
      if (series.marks) swatch.append(svg("circle", mark));
      button.firstElementChild.replaceChildren(swatch);
      button.children[1].textContent = series.name;
      button.setAttribute("aria-pressed", String(!this.hidden.has(key)));
      this.buttons.set(key, button);
      return button;
    });
    const present = [...this.legend.children];
    if (buttons.some((button, i) => present[i] !== button) || present.length !== buttons.length) {
      this.legend.replaceChildren(...buttons);
    }
  }

  legendButton(key) {
    const parts = [make("span", "plot-swatch"), make("span", "plot-name"), make("span", "plot-value")];
    const button = make("button", "", ...parts);
    button.type = "button";
    button.title = "Hide or show this curve";
    button.addEventListener("click", () => this.toggle(key));
    return button;
  }

  /** The same numbers as a table, for screen readers and whoever prefers it; filled while it is open. */
  fillTable() {
    this.body.setAttribute("aria-label", `${this.options.title ?? "The curves"} as a table`);
    if (!this.table.open) return this.body.replaceChildren();
    const row = (tag, ...cells) => make("tr", "", ...cells.map((cell) => make(tag, "", cell)));
    const head = make("thead", "", row("th", this.options.x?.label ?? "x", ...this.series.map((one) => one.name)));
    const body = make("tbody", "");
    for (const x of allX(this.series)) {
      const label = (this.options.x?.format ?? number)(x, this.options.x?.whole ? 0 : 1);
      body.append(row("td", label, ...this.series.map((series) => this.textOf(series, x))));
    }
    this.body.replaceChildren(make("table", "", head, body));
  }
}
