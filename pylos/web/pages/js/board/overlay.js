// What is drawn over the board in either view: arrows, names, and where the keyboard is.

import { svg } from "./svg.js";

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
   * @param {{focus: number|null, hover: number|null, name: string, mover: {side: string, slot: number}}} now
   */
  draw(view, arrows, { focus, hover, name, mover }) {
    const parts = [];
    for (const arrow of [...arrows].sort((a, b) => a.weight - b.weight)) {
      const { source, target, kind } = arrow.action;
      if (kind === "stop") continue;
      if (kind === "take") parts.push(takeRing(view.project({ cell: source }), arrow));
      else parts.push(arrowFrom(view.project(source === null ? { cell: null, ...mover } : { cell: source }), view.project({ cell: target }), arrow));
    }
    if (focus !== null) parts.push(focusRing(view.project({ cell: focus })));
    if (hover !== null) parts.push(label(view.project({ cell: hover }), name));
    this.root.replaceChildren(...parts);
  }
}

function arrowFrom(from, to, { weight, tone }) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  const [ux, uy] = [dx / length, dy / length];
  const width = to.r * (0.12 + 0.3 * weight);
  const head = Math.min(0.5 * length, width * 1.1 + to.r * 0.35);
  const [left, right] = [[-uy, ux], [uy, -ux]];
  const at = ([px, py], along, aside) => [px + ux * along, py + uy * along].map((value, i) => (value + [left, right][0][i] * aside).toFixed(1)).join(" ");
  const start = [from.x, from.y];
  const begin = Math.min(from.r * 0.5, length * 0.2);
  const tip = length;
  const path = [
    at(start, begin, width / 2), at(start, tip - head, width / 2), at(start, tip - head, width / 2 + head * 0.36), at(start, tip, 0),
    at(start, tip - head, -width / 2 - head * 0.36), at(start, tip - head, -width / 2), at(start, begin, -width / 2),
  ];
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

function label({ x, y, r }, name) {
  const width = 7.4 * name.length + 14;
  const text = svg("text", { x, y: y - r - 14 });
  text.textContent = name;
  return svg("g", { class: "board-label" }, svg("rect", { x: x - width / 2, y: y - r - 25, width, height: 21, rx: 5 }), text);
}
