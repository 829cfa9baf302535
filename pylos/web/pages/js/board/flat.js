// The flat view: the pyramid from above, each level alone beside it, and the reserves.

import { svg } from "../dom.js";

const PITCH = 100;
/** Higher balls are smaller, so that a ring of each ball below is seen. */
const RADIUS = [0.47, 0.335, 0.235, 0.145].map((radius) => radius * PITCH);
/** The distance between neighbouring balls of a level that stands alone, and of the reserve. */
const LAYER = 34;
const SLOT = 26.4;
/** Width and height, in drawing units, of a wide board and of a high one. */
const SIZES = { wide: [730, 566], high: [502, 742] };
/** The levels alone: left edge and bottom of each. At the right of a wide board they stand on one another. */
const LAYERS = {
  wide: [[566, 426], [566, 268], [566, 144], [566, 54]],
  high: [[40, 708], [201, 674], [328, 640], [421, 606]],
};
const LETTERS = "ABCD";

/** Draws scenes as SVG. */
export class FlatView {
  constructor(element, cells) {
    this.cells = cells;
    this.root = svg("svg", { class: "board-flat", "aria-hidden": "true" });
    element.append(this.root);
    this.resize(600, 600);
  }

  destroy() {
    this.root.remove();
  }

  /** Fits the drawing to a size in CSS pixels. Levels alone stand at the right of a wide board, and below a high one. */
  resize(width, height) {
    this.width = width;
    this.height = height;
    this.shape = width > 1.12 * height ? "wide" : "high";
    const [w, h] = SIZES[this.shape];
    this.scale = Math.min(width / w, height / h);
    this.origin = [(width / this.scale - w) / 2, (height / this.scale - h) / 2];
    this.root.setAttribute("viewBox", `${-this.origin[0]} ${-this.origin[1]} ${width / this.scale} ${height / this.scale}`);
  }

  /** How far within the element the board's right lower corner is, in CSS pixels. */
  get corner() {
    return this.origin.map((edge) => edge * this.scale + 7);
  }

  /** Where the name of what is pointed at ends, in CSS pixels: a place without balls. */
  get caption() {
    const [x, y] = { wide: [716, 446], high: [316, 703] }[this.shape];
    return [(x + this.origin[0]) * this.scale, (y + this.origin[1]) * this.scale];
  }

  /** Where a ball lies: x and y in drawing units, and its radius. */
  place({ cell, slot, side }) {
    if (cell === null) {
      const line = side === "white" ? 0 : 1;
      return [63 + slot * SLOT, 497 + line * 34, 12];
    }
    const { level, row, column } = this.cells[cell];
    const right = column + level / 2 + 0.5;
    const up = row + level / 2 + 0.5;
    return [48 + right * PITCH, 20 + (4 - up) * PITCH, RADIUS[level]];
  }

  /** Where a cell lies among the levels alone. */
  layerPlace(cell) {
    const { level, row, column } = this.cells[cell];
    const [left, bottom] = LAYERS[this.shape][level];
    return [left + (column + 0.5) * LAYER, bottom - (row + 0.5) * LAYER, 0.42 * LAYER];
  }

  draw(scene) {
    const parts = [paints(), ...this.board(scene)];
    const byCell = (a, b) => (a.cell ?? -1) - (b.cell ?? -1);
    const still = scene.balls.filter(({ at }) => !at).sort(byCell);
    const things = [
      ...scene.supported.map((cell) => ({ cell, order: 0, draw: (place) => hollow(place) })),
      ...still.filter(({ cell }) => cell !== null).map((b) => ({ cell: b.cell, order: 1, draw: (place) => ball(b, place) })),
      ...scene.ghosts.map((ghost) => ({ cell: ghost.cell, order: 2, draw: (place) => ghostBall(ghost, place) })),
      ...scene.empty.map(({ cell, rim }) => ({ cell, order: 3, draw: ([x, y, r]) => [ring([x, y, 0.6 * r], rim, true)] })),
    ].sort((a, b) => a.cell - b.cell || a.order - b.order);
    for (const { cell, draw } of things) parts.push(...draw(this.place({ cell })));
    for (const { cell, draw } of things) parts.push(...draw(this.layerPlace(cell)));
    for (const reserve of still.filter(({ cell }) => cell === null)) parts.push(...ball(reserve, this.place(reserve)));
    for (const moving of scene.balls.filter(({ at }) => at)) parts.push(...ball(moving, moving.at));
    this.root.replaceChildren(...parts);
  }

  *board({ base, balls }) {
    const size = 4 - base;
    const left = 48 + (base / 2) * PITCH;
    const top = 20 + (base / 2) * PITCH;
    const side = size * PITCH;
    const [w, h] = SIZES[this.shape];
    yield svg("rect", { class: "wood", fill: "url(#board-frame)", x: 1, y: 1, width: w - 2, height: h - 2, rx: 20 });
    yield svg("rect", { class: "field", x: left - 8, y: top - 8, width: side + 16, height: side + 16, rx: 10 });
    for (let i = 0; i < size; i++) {
      yield text(left - 26, top + side - (i + 0.5) * PITCH, LETTERS[i], 20);
      yield text(left + (i + 0.5) * PITCH, top + side + 25, String(i + 1), 20);
    }
    yield svg("rect", { class: "tray", x: 40, y: 478, width: 416, height: 72, rx: 18 });
    for (const [i, side_] of ["white", "black"].entries()) {
      const count = balls.filter((one) => one.cell === null && one.side === side_).length;
      yield text(476, 497 + i * 34, String(count), 18);
    }
    for (let level = base; level < 4; level++) {
      const [x, bottom] = LAYERS[this.shape][level];
      const width = (4 - level) * LAYER;
      yield svg("rect", { class: "field", x, y: bottom - width, width, height: width, rx: 7 });
      if (this.shape === "wide") yield text(x - 26, bottom - width / 2, `level ${level + 1}`, 16, "end");
      else yield text(x + width / 2, bottom + 15, level === base ? `level ${level + 1}` : String(level + 1), 16);
    }
  }

  pace() {}

  /** The cell at a point in CSS pixels, of those that `catches` accepts or that hold a ball. */
  pick(x, y, catches) {
    const point = [x / this.scale - this.origin[0], y / this.scale - this.origin[1]];
    const hit = ([cx, cy, r]) => Math.hypot(point[0] - cx, point[1] - cy) <= r;
    const cells = [...this.cells.keys()].reverse().filter(catches);
    return cells.find((cell) => hit(this.place({ cell })) || hit(this.layerPlace(cell))) ?? null;
  }

  /** A point of a path: a ball that is lifted is nearer, and larger. */
  between(from, to, part, lift) {
    const [x, y, r] = from.map((value, i) => value + (to[i] - value) * part);
    return [x, y, r * (1 + 0.35 * lift)];
  }

  /** Where a ball that hangs at the pointer is. */
  under(x, y, ball) {
    return [x / this.scale - this.origin[0], y / this.scale - this.origin[1], 1.1 * this.place(ball)[2]];
  }

  /** The middle of a ball and its radius, in CSS pixels. */
  project(ball) {
    const [x, y, r] = this.place(ball);
    return { x: (x + this.origin[0]) * this.scale, y: (y + this.origin[1]) * this.scale, r: r * this.scale };
  }
}

/** The colours that run from light to shade. */
function paints() {
  const gradient = (tag, id, shape, ...stops) =>
    svg(tag, { id, ...shape }, ...stops.map(([offset, colour]) => svg("stop", { offset, "stop-color": colour })));
  const lamp = { cx: 0.36, cy: 0.32, r: 0.78 };
  return svg("defs", {},
    gradient("radialGradient", "board-white", lamp, [0, "#fffdf6"], [0.35, "#f7edd6"], [0.8, "#e2cfa8"], [1, "#c4aa7c"]),
    gradient("radialGradient", "board-black", lamp, [0, "#8d6c58"], [0.18, "#5e4434"], [0.6, "#3a271d"], [1, "#1f140e"]),
    gradient("linearGradient", "board-frame", { x1: 0, y1: 0, x2: 0.3, y2: 1 }, [0, "#c98d4f"], [0.5, "#b97c42"], [1, "#a56a35"]),
  );
}

const circle = (name, [x, y, r]) => svg("circle", { class: name, cx: x, cy: y, r });

function hollow([x, y, r]) {
  return [circle("hollow", [x, y, 0.28 * r])];
}

function ball({ side, rim }, [x, y, r]) {
  const body = circle(`ball ${side}`, [x, y, r - 1]);
  body.setAttribute("fill", `url(#board-${side})`);
  const parts = [circle("shadow", [x + 0.07 * r, y + 0.12 * r, r]), body];
  if (rim) parts.push(ring([x, y, r], rim, false));
  return parts;
}

function ghostBall({ side, bright }, [x, y, r]) {
  return [circle(`ghost ${side}${bright ? " bright" : ""}`, [x, y, (bright ? 0.95 : 0.82) * r])];
}

function ring([x, y, r], rim, empty) {
  const mark = circle(`rim rim-${rim}${empty ? " empty" : ""}`, [x, y, r]);
  mark.setAttribute("stroke-width", String(Math.min(6, 0.24 * r)));
  if (rim === "take" || empty) mark.setAttribute("stroke-dasharray", `${0.4 * r} ${0.22 * r}`);
  return mark;
}

function text(x, y, content, size, anchor = "middle") {
  const element = svg("text", { class: "coordinate", x, y, "font-size": size, "text-anchor": anchor });
  element.textContent = content;
  return element;
}
