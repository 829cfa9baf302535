// The board: it shows a state and says which legal action somebody wants. It knows no rules.

import { Choices } from "./choices.js";
import { FlatView } from "./flat.js";
import { sceneOf } from "./scene.js";

/** A press that moves further than this, in pixels, is a drag. */
const DRAG = 6;

/**
 * The board in an element, which gives it its size.
 *
 * It emits "action" with `detail.action` when somebody acts, and "select" with `detail.cell` (or null).
 */
export class BoardView extends EventTarget {
  /** @param {HTMLElement} element @param {object[]} cells the cells as `/api/1/info` lists them. */
  constructor(element, cells) {
    super();
    this.element = element;
    this.cells = cells;
    this.view = null;
    this.selected = null;
    this.hover = null;
    this.wantedMode = "auto";
    this.levels = 4;
    /** The time of a move in seconds; 0 moves at once. */
    this.speed = 0.5;
    element.classList.add("board");
    this.surface = document.createElement("div");
    this.surface.className = "board-surface";
    element.append(this.surface);
    this.drawing = new FlatView(this.surface, cells);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(element);
    this.listening = new AbortController();
    this.listen("pointerdown", (event) => this.press(event));
    this.listen("pointermove", (event) => this.point(event));
    this.listen("pointerup", (event) => this.release(event));
    this.listen("pointercancel", () => (this.pressed = null));
    this.listen("pointerleave", () => this.setHover(null));
    this.resize();
  }

  listen(type, handler) {
    this.surface.addEventListener(type, handler, { signal: this.listening.signal });
  }

  destroy() {
    this.listening.abort();
    this.observer.disconnect();
    this.drawing.destroy();
    this.surface.remove();
    this.element.classList.remove("board");
  }

  /** How the board is drawn: "3d", "flat", or "auto". */
  get mode() {
    return this.wantedMode;
  }

  set mode(mode) {
    this.wantedMode = mode;
  }

  /** How many levels are shown, 4 to 1. */
  get peel() {
    return this.levels;
  }

  set peel(levels) {
    this.levels = levels;
    this.draw();
  }

  resetCamera() {}

  /**
   * Shows a view.
   *
   * @param {object} view `{state, interactive, ghosts, last, arrows, marks, flipped}`.
   * @param {{animate?: {actions: number[], from: object}|null}} options which actions led here, to be seen as motion.
   */
  show(view, options = {}) {
    this.view = view;
    this.choices = new Choices(view.state, view.interactive);
    if (this.selected !== null && !this.choices.raises.has(this.selected)) this.select(null);
    this.draw();
  }

  /** The middle of a cell in CSS pixels, from the corner of the board's element. */
  pointOf(cell) {
    const { x, y } = this.drawing.project({ cell });
    return { x, y };
  }

  resize() {
    const { width, height } = this.surface.getBoundingClientRect();
    if (!width || !height) return;
    this.drawing.resize(width, height);
    this.draw();
  }

  draw() {
    if (!this.view) return;
    const { choices, selected, hover, levels } = this;
    this.drawing.draw(sceneOf(this.view, this.cells, { choices, selected, hover, peel: levels }));
  }

  /** Acts on a cell as a click does. */
  act(cell) {
    const { action, select } = this.choices.click(cell, this.selected);
    if (select !== undefined) this.select(select);
    if (action === undefined) return;
    this.select(null);
    this.dispatchEvent(new CustomEvent("action", { detail: { action } }));
  }

  select(cell) {
    if (this.selected === cell) return;
    this.selected = cell;
    this.draw();
    this.dispatchEvent(new CustomEvent("select", { detail: { cell } }));
  }

  setHover(cell) {
    if (this.hover === cell) return;
    this.hover = cell;
    this.surface.classList.toggle("can-act", cell !== null && this.choices.catches(cell, this.selected));
    this.draw();
  }

  /** The cell under a pointer: a ball, or a target that is legal. */
  pick(event) {
    if (!this.view) return null;
    const { left, top } = this.surface.getBoundingClientRect();
    const targets = this.choices.targets(this.selected);
    const there = (cell) => this.cells[cell].level < this.levels && (this.view.state.cells[cell] !== "." || targets.has(cell));
    return this.drawing.pick(event.clientX - left, event.clientY - top, there);
  }

  press(event) {
    if (event.button !== 0) return;
    this.pressed = { x: event.clientX, y: event.clientY, cell: this.pick(event) };
  }

  point(event) {
    this.setHover(this.pick(event));
  }

  release(event) {
    const { pressed } = this;
    this.pressed = null;
    if (!pressed || Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > DRAG) return;
    if (this.pick(event) === pressed.cell && this.view) this.act(pressed.cell);
  }
}
