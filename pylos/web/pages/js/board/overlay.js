// What is drawn over the board in either view: arrows, names, and where the keyboard is.

import { svg } from "../dom.js";

/** An SVG drawing over the board, in CSS pixels. */
export class Overlay {
  constructor(element) {
    this.root = svg("svg", { class: "board-overlay", "aria-hidden": "true" });
    element.append(this.root);
  }

  destroy() {
    this.root.remove();
  }

  /**
   * @param {object} view the 3D or the flat view. @param {object[]} arrows the arrows, the best last.
   * @param {{focus: number|null, hover: number|null, name: string, mover: {side: string, slot: number},
   *   reserves: {[side: string]: number}}} now the reserves where the view does not show them.
   */
  draw(view, arrows, { focus, hover, name, mover, reserves }) {
    const parts = Object.entries(reserves).map(([side, count], i) => reserve(side, count, 10, 14 + 24 * i));
    const placing = arrows.filter(({ action }) => action.kind === "place").length;
    for (const arrow of [...arrows].sort((a, b) => a.weight - b.weight)) {
      const { source, target, kind } = arrow.action;
      if (kind === "stop") continue;
      if (kind === "take") parts.push(takeRing(view.project({ cell: source }), arrow));
      else if (kind === "place" && placing > 1) parts.push(spot(view.project({ cell: target }), arrow));
      else parts.push(arrowFrom(view.project(source === null ? { cell: null, ...mover } : { cell: source }), view.project({ cell: target }), arrow));
    }
    if (focus !== null) parts.push(focusRing(view.project({ cell: focus })));
    if (hover !== null) parts.push(label(name, view.caption));
    this.root.replaceChildren(...parts);
  }
}

/** Many arrows from the reserve would hide the board: where balls could be placed on several cells, each gets a disc. */
function spot({ x, y, r }, { weight, tone }) {
  return svg("circle", { class: `arrow tone-${tone}`, cx: x, cy: y, r: r * (0.22 + 0.4 * weight), opacity: 0.6 + 0.35 * weight });
}

function arrowFrom(from, to, { weight, tone }) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const [ux, uy] = [dx / length, dy / length];
  const half = to.r * (0.06 + 0.1 * weight);
  const head = Math.min(0.5 * length, half * 2.2 + to.r * 0.35);
  const barb = half + head * 0.36;
  const begin = Math.min(from.r * 0.5, length * 0.2);
  const at = ([along, aside]) => `${(from.x + ux * along - uy * aside).toFixed(1)} ${(from.y + uy * along + ux * aside).toFixed(1)}`;
  const neck = length - head;
  const path = [[begin, half], [neck, half], [neck, barb], [length, 0], [neck, -barb], [neck, -half], [begin, -half]].map(at);
  return svg("path", { class: `arrow tone-${tone}`, d: `M${path.join("L")}Z`, opacity: 0.55 + 0.4 * weight });
}

function takeRing({ x, y, r }, { weight, tone }) {
  const width = r * (0.1 + 0.2 * weight);
  return svg("circle", { class: `arrow-ring tone-${tone}`, cx: x, cy: y, r: r * 0.72, "stroke-width": width, opacity: 0.55 + 0.4 * weight });
}

function focusRing({ x, y, r }) {
  const ring = (name) => svg("circle", { class: name, cx: x, cy: y, r: r + 3 });
  return svg("g", { class: "board-focus" }, ring("outer"), ring("inner"));
}

function reserve(side, count, x, y) {
  const text = svg("text", { x: x + 19, y });
  text.textContent = String(count);
  return svg("g", { class: `board-reserve ${side}` }, svg("circle", { cx: x + 5, cy: y, r: 7.5 }), text);
}

/** The name of what is pointed at stands where it covers no ball: in a corner, or to the left of a point. */
function label(name, end) {
  const width = 7.4 * name.length + 14;
  const left = end ? end[0] - width : 6;
  const [top, shift] = end ? [end[1], 0] : ["100%", -27];
  const text = svg("text", { x: left + width / 2, y: top, dy: shift + 10 });
  text.textContent = name;
  return svg("g", { class: "board-label" }, svg("rect", { x: left, y: top, transform: `translate(0 ${shift})`, width, height: 21, rx: 5 }), text);
}
