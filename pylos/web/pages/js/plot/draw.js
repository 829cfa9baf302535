// Plots as SVG: axes, bands, curves, the readout's line.

import { svg } from "../dom.js";
import { number, ticks } from "./scales.js";

/** Dash patterns by tone: curves differ without colours, too. */
const DASHES = { 1: "", 2: "7 4", 3: "2 3", 4: "10 3 2 3", 5: "14 4", 6: "5 2 1 2 1 2" };

/** The attributes of a curve's line. */
export function lineLook(tone) {
  return { class: `plot-line tone-${tone}`, "stroke-dasharray": DASHES[tone] ?? "" };
}

/**
 * Where things lie: pixels of values, and back.
 * @param {{width: number, height: number, x: number[], y: number[], yTicks: {values: number[]}, labels: string[]}} it
 */
export function layout({ width, height, x, y, labels }) {
  const left = 14 + 7 * Math.max(...labels.map((label) => label.length), 1);
  const box = { left, right: Math.max(width - 14, left + 10), top: 8, bottom: height - 36 };
  return {
    ...box,
    width,
    height,
    toX: (value) => box.left + ((value - x[0]) / (x[1] - x[0])) * (box.right - box.left),
    toY: (value) => box.bottom - ((value - y[0]) / (y[1] - y[0])) * (box.bottom - box.top),
    fromX: (pixel) => x[0] + ((pixel - box.left) / (box.right - box.left)) * (x[1] - x[0]),
  };
}

/** The axes: a grid for y, ticks for x, the unit of x. */
export function drawAxes(place, xRange, yTicks, options) {
  const group = svg("g", { class: "plot-axes" });
  const format = options.y?.format ?? number;
  for (const value of yTicks.values) {
    const y = place.toY(value);
    group.append(svg("line", { x1: place.left, x2: place.right, y1: y, y2: y, class: "plot-grid" }));
    const text = { x: place.left - 7, y: y + 4, "text-anchor": "end" };
    group.append(svg("text", text, format(value, yTicks.digits)));
  }
  const xFormat = options.x?.format ?? number;
  const xTicks = ticks(...xRange, Math.min(10, (place.right - place.left) / 48), options.x?.whole);
  for (const value of xTicks.values) {
    const x = place.toX(value);
    group.append(svg("line", { x1: x, x2: x, y1: place.bottom, y2: place.bottom + 4, class: "plot-axis" }));
    group.append(svg("text", { x, y: place.bottom + 17, "text-anchor": "middle" }, xFormat(value, xTicks.digits)));
  }
  const base = { x1: place.left, x2: place.right, y1: place.bottom, y2: place.bottom, class: "plot-axis" };
  const unit = { x: (place.left + place.right) / 2, y: place.height - 4, "text-anchor": "middle" };
  group.append(svg("line", base), svg("text", { ...unit, class: "plot-unit" }, options.x?.label ?? ""));
  return group;
}

/** The ticks of y, and what they are called. */
export function axisOfY(range, height, options) {
  const found = ticks(...range, Math.max(2, (height - 44) / 42), options.y?.whole);
  return { ...found, labels: found.values.map((value) => (options.y?.format ?? number)(value, found.digits)) };
}

/** A curve with its interval as a band. */
export function drawSeries(place, { points, low, high, marks }, tone) {
  const group = svg("g");
  const at = (x, y) => `${place.toX(x).toFixed(1)},${place.toY(y).toFixed(1)}`;
  if (low && high) {
    const known = points.map((_, i) => i).filter((i) => Number.isFinite(low[i]) && Number.isFinite(high[i]));
    const above = known.map((i) => at(points[i][0], high[i]));
    const below = known.reverse().map((i) => at(points[i][0], low[i]));
    const band = { points: [...above, ...below].join(" "), class: `plot-band tone-${tone}` };
    group.append(svg("polygon", band));
  }
  group.append(svg("polyline", { points: points.map(([x, y]) => at(x, y)).join(" "), ...lineLook(tone) }));
  const every = Math.ceil(points.length / 20);
  points.forEach(([x, y], i) => {
    if (points.length > 1 && !(marks && i % every === 0)) return;
    const look = `${marks ? "plot-mark" : "plot-dot"} tone-${tone}`;
    group.append(svg("circle", { cx: place.toX(x), cy: place.toY(y), r: 3.5, class: look }));
  });
  return group;
}

/** Lines across (`lines`), the marker (a line down) and single dots. */
export function drawExtras(place, options) {
  const group = svg("g");
  for (const { y, name } of options.lines ?? []) {
    const height = place.toY(y);
    group.append(svg("line", { x1: place.left, x2: place.right, y1: height, y2: height, class: "plot-level" }));
    group.append(svg("text", { x: place.right - 4, y: height - 5, "text-anchor": "end", class: "plot-note" }, name));
  }
  if (Number.isFinite(options.marker ?? NaN)) {
    const x = place.toX(options.marker);
    group.append(svg("line", { x1: x, x2: x, y1: place.top, y2: place.bottom, class: "plot-marker" }));
  }
  for (const { x, y, tone } of options.dots ?? []) {
    group.append(svg("circle", { cx: place.toX(x), cy: place.toY(y), r: 4.5, class: `plot-dot tone-${tone}` }));
  }
  return group;
}

/** The line of the readout, with a dot on every curve. */
export function drawCursor(place, x, values) {
  const pixel = place.toX(x);
  const group = svg("g");
  group.append(svg("line", { x1: pixel, x2: pixel, y1: place.top, y2: place.bottom, class: "plot-cursor" }));
  for (const { y, tone } of values) {
    group.append(svg("circle", { cx: pixel, cy: place.toY(y), r: 4, class: `plot-dot tone-${tone}` }));
  }
  return group;
}
