// The board as labelled buttons, for the keyboard and for screen readers.

import { sideOn } from "./scene.js";

const STEPS = { ArrowUp: [1, 0], ArrowDown: [-1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const CLIMB = { PageUp: 1, "+": 1, PageDown: -1, "-": -1 };

/** A grid of buttons for each level. One of them can be reached by Tab, the arrows move from there. */
export class KeyGrid {
  /** @param {HTMLElement} element @param {object[]} cells @param {object} board whom to tell: `act`, `setFocus`, `quarter`. */
  constructor(element, cells, board) {
    this.cells = cells;
    this.board = board;
    this.at = 0;
    this.buttons = cells.map((_, cell) => this.button(cell));
    this.root = document.createElement("div");
    this.root.className = "board-keys";
    this.root.setAttribute("role", "group");
    this.root.setAttribute("aria-label", "Board. Arrow keys move, Page Up and Page Down change the level, Enter acts, Escape cancels.");
    this.grids = [0, 1, 2, 3].map((level) => this.grid(level));
    this.root.append(...this.grids);
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.root.addEventListener("focusout", () => board.setFocus(null));
    element.append(this.root);
  }

  destroy() {
    this.root.remove();
  }

  button(cell) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("role", "gridcell");
    button.addEventListener("click", () => this.board.act(cell));
    button.addEventListener("focus", () => {
      this.moveTo(cell);
      this.board.setFocus(cell);
    });
    return button;
  }

  grid(level) {
    const grid = document.createElement("div");
    grid.setAttribute("role", "grid");
    grid.setAttribute("aria-label", `Level ${level + 1}`);
    for (let row = 3 - level; row >= 0; row--) {
      const line = document.createElement("div");
      line.setAttribute("role", "row");
      line.append(...this.buttons.filter((_, cell) => this.cells[cell].level === level && this.cells[cell].row === row));
      grid.append(line);
    }
    return grid;
  }

  /** Writes the labels of a state. */
  show(state, choices, selected, { base, last }) {
    this.base = base;
    this.grids.forEach((grid, level) => (grid.hidden = level < base));
    if (this.cells[this.at].level < base) this.moveTo(this.cells.findIndex(({ level }) => level === base));
    const targets = choices.targets(selected);
    this.buttons.forEach((button, cell) => {
      const { level, row, column } = this.cells[cell];
      const place = `level ${level + 1}, row ${"ABCD"[row]}, column ${column + 1}`;
      button.setAttribute("aria-label", `${place}: ${whatIsOn(cell, state, choices, selected, targets, last)}`);
      button.setAttribute("aria-selected", String(cell === selected));
      button.tabIndex = cell === this.at ? 0 : -1;
    });
  }

  moveTo(cell) {
    this.buttons[this.at].tabIndex = -1;
    this.at = cell;
    this.buttons[cell].tabIndex = 0;
  }

  focus() {
    this.buttons[this.at].focus({ preventScroll: true });
  }

  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (STEPS[event.key]) this.step(...STEPS[event.key]);
    else if (CLIMB[event.key]) this.climb(CLIMB[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Moves by a row or a column, as the board is seen now. */
  step(up, right) {
    for (let turns = ((this.board.quarter % 4) + 4) % 4; turns > 0; turns--) [up, right] = [right, -up];
    const { level, row, column } = this.cells[this.at];
    const next = this.cells.findIndex((c) => c.level === level && c.row === row + up && c.column === column + right);
    if (next >= 0) this.moveTo(next);
    this.focus();
  }

  /** Moves to the nearest cell of another level. */
  climb(levels) {
    const { level, row, column } = this.cells[this.at];
    const away = (c) => (c.level === level + levels ? Math.hypot(c.row - row + levels / 2, c.column - column + levels / 2) : Infinity);
    const next = this.cells.reduce((best, c, cell) => (away(c) < away(this.cells[best]) ? cell : best), this.at);
    if (this.cells[next].level === level + levels && level + levels >= this.base) this.moveTo(next);
    this.focus();
  }
}

function whatIsOn(cell, state, choices, selected, targets, last) {
  const side = sideOn(state, cell);
  const words = [];
  if (side) words.push(`${side} ball`);
  else if (!targets.has(cell)) words.push(state.supported.includes(cell) ? "free" : "empty");
  else if (selected !== null) words.push("free, the selected ball can be raised to it");
  else words.push(choices.places.has(cell) ? "free, a ball can be placed" : "free, a ball can be raised to it");
  if (cell === selected) words.push("selected");
  else if (choices.raises.has(cell)) words.push("can be raised");
  if (choices.takes.has(cell)) words.push("can be taken back");
  if (last.includes(cell)) words.push("part of the last turn");
  return words.join(", ");
}
