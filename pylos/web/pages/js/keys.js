// Keys of the page, and the dialog that lists them. Keys of the board and of the list of turns are theirs.

import { h, openDialog } from "./dom.js";

const KEYS = [
  [["←", "→"], "turn back and forth through the game"],
  [["Home", "End"], "go to the start, to the end"],
  [["Space"], "pause agents that play each other, or go on"],
  [["U"], "undo"],
  [["Esc"], "cancel the turn that was begun"],
  [["N"], "new game"],
  [["T"], "type a turn"],
  [["?"], "show this list"],
];
const BOARD = [
  [["←", "→", "↑", "↓"], "move over the cells, on the board"],
  [["PgUp", "PgDn"], "a level up or down"],
  [["Enter"], "place there; pick a ball up or take it back"],
  [["Esc"], "put the ball down again"],
];

/** Opens the list of keys, and how turns are written. */
export function openHelp() {
  const row = ([keys, text]) => [h("dt", null, keys.flatMap((key) => [h("kbd", null, key), " "])), h("dd", null, text)];
  const example = (turn, text) => [h("dt", null, h("code", null, turn)), h("dd", null, text)];
  openDialog(
    "Keys, and how turns are written",
    h("h3", null, "In the game"),
    h("dl", { class: "keys" }, KEYS.flatMap(row)),
    h("h3", null, "On the board"),
    h("p", { class: "small muted" }, "Press Tab until the board has the focus."),
    h("dl", { class: "keys" }, BOARD.flatMap(row)),
    h("h3", null, "Turns as text"),
    h("p", { class: "small" }, "A cell is its level from 1 (the ground) to 4, its row A to D and its column 1 to 4."),
    h(
      "dl",
      { class: "keys" },
      example("1B2", "place a ball on 1B2"),
      example("1B2^2A1", "raise the ball on 1B2 to 2A1"),
      example("1B2-1A1-1C3", "place on 1B2, then take the balls on 1A1 and 1C3 back"),
      example("1B2=", "place on 1B2 and take none back, where that is allowed"),
    ),
  );
}

/** Whether a key belongs to what has the focus. */
function isTaken(event) {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return true;
  return event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]") !== null;
}

/** Listens to keys. */
export function mountKeys(app) {
  const acts = {
    u: () => app.settings.undo && app.match.mode !== "agents" && app.match.canUndo && app.match.undo(),
    n: () => app.newGame(),
    t: () => app.typeTurn(),
    "?": openHelp,
  };
  document.addEventListener("keydown", (event) => {
    if (isTaken(event)) return;
    if (event.key === " ") {
      // On a button, space presses it.
      if (app.match.mode !== "agents" || event.target.closest("button, a, summary, [role=grid]")) return;
      event.preventDefault();
      app.match.pause();
    } else if (event.key === "Escape") app.game.cancel();
    else acts[event.key.toLowerCase()]?.(event.preventDefault());
  });
}
