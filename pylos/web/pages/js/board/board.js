// The board: it shows a state and says which legal action somebody wants. It knows no rules.

import { Camera } from "./camera.js";
import { Choices } from "./choices.js";
import { FlatView } from "./flat.js";
import { KeyGrid } from "./keys.js";
import { Motion } from "./motion.js";
import { Overlay } from "./overlay.js";
import { Pointer } from "./pointer.js";
import { baseOf, sceneOf, sideOn } from "./scene.js";
import { SolidView } from "./solid.js";
import { Tools } from "./tools.js";

/**
 * The board in an element, which gives it its size.
 *
 * It emits "action" with `detail.action` when somebody acts, "refused" with `detail.cell` when a ball was meant with which
 * nothing can be done, "select" with `detail.cell` (or null), and "mode" with
 * `detail.drawn` ("3d" or "flat") when the way of drawing changes.
 */
export class BoardView extends EventTarget {
  /** @param {HTMLElement} element @param {object[]} cells the cells as `/api/1/info` lists them. */
  constructor(element, cells) {
    super();
    this.element = element;
    this.cells = cells;
    this.view = null;
    this.choices = null;
    this.selected = this.hover = this.focused = null;
    this.camera = new Camera();
    this.motion = new Motion();
    this.levels = 4;
    /** How often the board was drawn. */
    this.draws = 0;
    this.drag = null;
    element.classList.add("board");
    this.surface = document.createElement("div");
    this.surface.className = "board-surface";
    element.append(this.surface);
    this.overlay = new Overlay(this.surface);
    this.pointer = new Pointer(this.surface, this);
    this.keys = new KeyGrid(element, cells, this);
    this.tools = new Tools(element, this);
    this.onKey = ({ key }) => key === "Escape" && this.select(null);
    document.addEventListener("keydown", this.onKey);
    this.wanted = "auto";
    this.choose();
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.surface);
  }

  destroy() {
    this.observer.disconnect();
    document.removeEventListener("keydown", this.onKey);
    cancelAnimationFrame(this.frame);
    for (const part of [this.pointer, this.keys, this.overlay, this.tools, this.drawing]) part.destroy();
    this.drawing = null;
    this.surface.remove();
    this.element.classList.remove("board");
  }

  /** How the board is drawn: "3d", "flat", or "auto", which is 3D where a graphics card draws it. */
  get mode() {
    return this.wanted;
  }

  set mode(mode) {
    if (mode !== this.wanted) {
      this.drawing?.destroy(); // Another wish may find that the same way of drawing is not worth it here.
      this.drawing = null;
    }
    this.wanted = mode;
    this.choose();
  }

  /** Whether the board is drawn in 3D, and can be turned. */
  get turns() {
    return this.drawing instanceof SolidView;
  }

  /** The time of a move in seconds; 0 moves at once. */
  get speed() {
    return this.motion.speed;
  }

  set speed(seconds) {
    this.motion.speed = seconds;
  }

  /** How many levels are shown, 4 to 1. */
  get peel() {
    return this.levels;
  }

  set peel(levels) {
    this.levels = levels;
    this.tools.show();
    this.request();
  }

  /** Quarter turns by which the board is seen. */
  get quarter() {
    return this.turns ? this.camera.quarter : 0;
  }

  /** The lowest level that is played on. */
  get base() {
    return this.view ? baseOf(this.view.state, this.cells) : 0;
  }

  resetCamera() {
    this.camera.reset();
    this.request();
  }

  turn(right, down) {
    if (!this.turns) return;
    this.camera.turn(right, down);
    this.request(true);
  }

  enlarge(factor) {
    if (!this.turns) return;
    this.camera.enlarge(factor);
    this.request(true);
  }

  /**
   * Shows a view. Motion that is still going on ends at once, unless the view shows the same position again.
   *
   * @param {object} view `{state, interactive, ghosts, last, arrows, setup}`. With `setup` nothing is
   *   played: each click on a ball or a free cell emits "select".
   * @param {{animate?: {actions: number[], from: object}|null}} options which actions led here, to be seen as motion.
   */
  show(view, { animate = null } = {}) {
    const again = !animate && view.state.text === this.view?.state.text;
    this.view = view;
    this.choices = new Choices(view.state, view.interactive && !view.setup);
    this.drag = null;
    if (this.selected !== null && !this.choices.raises.has(this.selected)) this.select(null);
    if (animate) this.motion.start(animate.from, view.state, animate.actions);
    else if (!again) this.motion.end();
    this.label();
    this.request();
  }

  label() {
    const { state, last } = this.view;
    this.keys.show(state, this.choices, this.selected, { base: this.base, last: last ?? state.last });
  }

  /** The middle of a cell in CSS pixels, from the corner of the board's element. */
  pointOf(cell) {
    const { x, y } = this.drawing.project({ cell });
    return { x, y };
  }

  // How it is drawn --------------------------------------------------------------------------------------------

  /** Takes the 3D view, or the flat one where it is wanted or there is no other. */
  choose(possible = true) {
    const solid = possible && this.wanted !== "flat";
    if (this.drawing && this.turns === solid) return;
    this.drawing?.destroy();
    this.drawing = solid ? this.makeSolid() : new FlatView(this.surface, this.cells);
    this.surface.append(this.overlay.root);
    this.surface.classList.toggle("board-turns", this.turns);
    this.tools.show();
    this.resize();
    this.dispatchEvent(new CustomEvent("mode", { detail: { drawn: this.turns ? "3d" : "flat" } }));
  }

  makeSolid() {
    try {
      const view = new SolidView(this.surface, this.cells, this.camera, this.wanted === "3d");
      view.canvas.addEventListener("webglcontextlost", (event) => {
        event.preventDefault();
        if (this.drawing === view) this.choose(false);
      });
      view.canvas.addEventListener("webglcontextrestored", () => this.drawing && this.choose());
      return view;
    } catch {
      return new FlatView(this.surface, this.cells);
    }
  }

  resize() {
    const { width, height } = this.surface.getBoundingClientRect();
    if (!width || !height) return;
    this.drawing.resize(width, height);
    this.tools.place(this.drawing.corner);
    this.request();
  }

  /** Asks for one drawing in the next frame. */
  request(moving = false) {
    this.moving = moving;
    if (this.frame) return;
    const asked = performance.now();
    this.frame = requestAnimationFrame((now) => {
      this.frame = null;
      if (this.moving) this.drawing.pace(performance.now() - asked);
      this.draw(now);
    });
  }

  /** After motion the picture is drawn once more, in full. */
  rest() {
    if (this.moving && this.drawing.share < 1) this.request();
    this.moving = false;
  }

  draw(now) {
    if (!this.view) return;
    const { choices, selected, hover, levels } = this;
    const scene = sceneOf(this.view, this.cells, { choices, selected, hover, peel: levels });
    this.motion.apply(scene, now, this.drawing);
    if (this.drag) {
      const ball = scene.balls.find(({ cell }) => cell === this.drag.cell);
      if (ball) ball.at = this.drawing.under(this.drag.x, this.drag.y, ball);
    }
    this.draws += 1;
    this.drawing.draw(scene, this.moving || this.motion.going);
    this.drawOverlay();
    if (this.motion.going) this.request(true);
    else if (!this.pointer.pressed) this.rest();
  }

  drawOverlay() {
    const { state, arrows = [] } = this.view;
    const { hover, focused, drag } = this;
    const side = hover === null ? null : sideOn(state, hover);
    const name = hover === null ? "" : `${this.cells[hover].name}${side ? ` ${side}` : ""}`;
    const mover = { side: state.turn, slot: Math.max(0, state.reserves[state.turn] - 1) };
    const reserves = this.drawing.compact ? state.reserves : {};
    const now = { focus: focused, hover: drag ? null : hover, name, mover, reserves };
    this.overlay.draw(this.drawing, this.motion.going ? [] : arrows, now);
  }

  // What somebody does -----------------------------------------------------------------------------------------

  /** Acts on a cell as a click does. */
  act(cell) {
    if (!this.view) return;
    if (this.view.setup) {
      if (cell !== null) this.dispatchEvent(new CustomEvent("select", { detail: { cell } }));
      return;
    }
    const { action, select } = this.choices.click(cell, this.selected);
    if (select !== undefined) this.select(select);
    if (action === undefined && select === undefined && cell !== null) {
      this.dispatchEvent(new CustomEvent("refused", { detail: { cell } }));
    }
    if (action === undefined) return;
    this.select(null);
    this.dispatchEvent(new CustomEvent("action", { detail: { action } }));
  }

  select(cell) {
    if (this.selected === cell) return;
    this.selected = cell;
    this.label();
    this.request();
    this.dispatchEvent(new CustomEvent("select", { detail: { cell } }));
  }

  setHover(cell) {
    if (this.hover === cell) return;
    this.hover = cell;
    this.surface.classList.toggle("board-can-act", cell !== null && (this.view.setup || this.choices.catches(cell, this.selected)));
    this.request();
  }

  setFocus(cell) {
    if (this.focused === cell) return;
    this.focused = cell;
    this.request();
  }

  /** The cell at a point: of a ball, or of a target that is legal. */
  pick(x, y) {
    if (!this.view) return null;
    const { state, setup } = this.view;
    const targets = this.choices.targets(this.selected);
    const catches = (cell) => sideOn(state, cell) !== null || targets.has(cell) || (setup && state.supported.includes(cell));
    return this.drawing.pick(x, y, (cell) => this.shows(cell) && catches(cell));
  }

  shows(cell) {
    return this.cells[cell].level < this.levels;
  }

  canRaise(cell) {
    return cell !== null && Boolean(this.choices?.raises.has(cell));
  }

  /** A ball hangs at the pointer; with null it lies down again. */
  dragBall(cell, x, y) {
    this.drag = cell === null ? null : { cell, x, y };
    this.select(cell);
    if (cell !== null) this.setHover(this.targetAt(x, y));
    this.request(cell !== null);
  }

  targetAt(x, y) {
    const targets = this.choices.targets(this.selected);
    return this.drawing.pick(x, y, (cell) => this.shows(cell) && targets.has(cell));
  }

  /** Raises the dragged ball if it is let go over a target; else it lies down where it was. */
  dropBall(cell, x, y) {
    const target = this.targetAt(x, y);
    this.dragBall(null);
    this.setHover(null);
    const action = this.choices.raises.get(cell)?.get(target);
    if (action !== undefined) this.dispatchEvent(new CustomEvent("action", { detail: { action } }));
  }
}
