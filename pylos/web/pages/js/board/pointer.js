// Mouse, pen and fingers on the board: clicks act, drags turn the board or raise a ball, the wheel and two fingers zoom.

/** A press that moves further than this, in CSS pixels, is a drag. */
const DRAG = 6;
/** Milliseconds for which a tap shows what was tapped. */
const TOLD = 1500;

/** Listens on a surface for a board. */
export class Pointer {
  /** @param {HTMLElement} surface @param {object} board a `BoardView`. */
  constructor(surface, board) {
    this.surface = surface;
    this.board = board;
    /** Fingers that are down. @type {Map<number, {x: number, y: number}>} */
    this.down = new Map();
    this.listening = new AbortController();
    const listen = (type, handler, options = {}) =>
      surface.addEventListener(type, handler, { signal: this.listening.signal, ...options });
    listen("pointerdown", (event) => this.press(event));
    listen("pointermove", (event) => this.move(event));
    listen("pointerup", (event) => this.release(event));
    listen("pointercancel", (event) => this.drop(event.pointerId));
    listen("pointerleave", (event) => event.pointerType !== "touch" && board.setHover(null));
    listen("wheel", (event) => this.wheel(event), { passive: false });
    // A finger on a ball that can be raised drags the ball. Elsewhere on the flat board it scrolls the page.
    listen("touchstart", (event) => this.pressed && this.pressed.raises && event.preventDefault(), { passive: false });
  }

  destroy() {
    clearTimeout(this.told);
    this.listening.abort();
  }

  at(event) {
    const { left, top } = this.surface.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  press(event) {
    if (event.button !== 0) return;
    const { x, y } = this.at(event);
    this.down.set(event.pointerId, { x, y });
    if (this.down.size > 1) return this.drop(); // two fingers zoom, they do not play
    const cell = this.board.pick(x, y);
    this.pressed = { x, y, cell, raises: this.board.canRaise(cell), drags: null };
  }

  move(event) {
    const { x, y } = this.at(event);
    if (!event.buttons && this.down.has(event.pointerId)) this.drop(event.pointerId); // it was let go elsewhere
    const before = this.down.get(event.pointerId);
    if (!before) return this.board.setHover(this.board.pick(x, y));
    this.down.set(event.pointerId, { x, y });
    if (this.down.size === 2) return this.pinch(event.pointerId, before);
    const press = this.pressed;
    if (!press) return undefined;
    if (!press.drags && Math.hypot(x - press.x, y - press.y) > DRAG) {
      press.drags = press.raises ? "ball" : "board";
      this.surface.setPointerCapture(event.pointerId);
      this.surface.classList.add("board-dragging");
      this.board.setHover(null);
    }
    if (press.drags === "ball") this.board.dragBall(press.cell, x, y);
    if (press.drags === "board") this.board.turn(x - before.x, y - before.y);
    return undefined;
  }

  release(event) {
    const press = this.pressed;
    const alone = this.down.size === 1;
    const { x, y } = this.at(event);
    this.end(event.pointerId);
    if (!press || !alone) return;
    if (press.drags === "ball") this.board.dropBall(press.cell, x, y);
    if (press.drags || this.board.pick(x, y) !== press.cell) return;
    if (event.pointerType === "touch") this.tell(press.cell);
    this.board.act(press.cell);
  }

  /** A finger cannot hover: for a moment a tap tells the same. */
  tell(cell) {
    this.board.setHover(cell);
    clearTimeout(this.told);
    this.told = setTimeout(() => this.board.view && this.board.setHover(null), TOLD);
  }

  /** Ends a press without acting. */
  drop(pointer) {
    const drags = this.pressed?.drags;
    this.end(pointer);
    if (drags === "ball") this.board.dragBall(null);
  }

  end(pointer) {
    this.down.delete(pointer);
    this.pressed = null;
    this.surface.classList.remove("board-dragging");
    this.board.rest();
  }

  pinch(pointer, before) {
    const other = [...this.down].find(([id]) => id !== pointer)[1];
    const now = this.down.get(pointer);
    const length = (p) => Math.max(1, Math.hypot(p.x - other.x, p.y - other.y));
    this.board.enlarge(length(now) / length(before));
  }

  wheel(event) {
    if (!this.board.turns || event.ctrlKey) return;
    event.preventDefault();
    this.board.enlarge(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)));
  }
}
