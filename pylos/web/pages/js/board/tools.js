// The buttons in the corner of the board: how many levels are shown, and the camera as it was.

import { svg } from "../dom.js";

const LEVELS = ["M12 4 21 9 12 14 3 9Z", "M3 13.5 12 18.5 21 13.5"];
const RESET = ["M5 12a7 7 0 1 0 2.2-5.1", "M7.6 2.8 7 7.2 11.4 7.6"];

/** Buttons for a board. */
export class Tools {
  /** @param {HTMLElement} element @param {object} board a `BoardView`. */
  constructor(element, board) {
    this.board = board;
    this.levels = button(LEVELS, () => this.peel());
    this.count = document.createElement("span");
    this.levels.append(this.count);
    this.reset = button(RESET, () => board.resetCamera());
    name(this.reset, "Turn the board back");
    this.root = document.createElement("div");
    this.root.className = "board-tools";
    this.root.append(this.levels, this.reset);
    element.append(this.root);
  }

  destroy() {
    this.root.remove();
  }

  /** Takes one level off; after the last one all are there again. */
  peel() {
    const { board } = this;
    board.peel = board.peel - 1 > board.base ? board.peel - 1 : 4;
  }

  /** Puts the buttons into the corner of the board that is drawn. */
  place([right, bottom] = [6, 6]) {
    Object.assign(this.root.style, { right: `${right}px`, bottom: `${bottom}px` });
  }

  show() {
    const { peel, turns } = this.board;
    name(this.levels, peel === 4 ? "All levels are shown: take the highest off" : `Up to level ${peel} is shown: show fewer, or all again`);
    this.count.textContent = `Levels: ${peel}`;
    this.levels.classList.toggle("on", peel < 4);
    this.reset.hidden = !turns;
  }
}

function button(paths, onClick) {
  const made = document.createElement("button");
  made.type = "button";
  made.append(svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, ...paths.map((d) => svg("path", { d }))));
  made.addEventListener("click", onClick);
  return made;
}

function name(element, text) {
  element.setAttribute("aria-label", text);
  element.title = text;
}
