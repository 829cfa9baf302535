// How the game is played, which keys there are, how turns are written.

import { h, iconButton, openDialog } from "./dom.js";

const KEYS = [
  [["←", "→"], "turn back and forth through the game"],
  [["Home", "End"], "go to the start, to the end"],
  [["Space"], "pause agents that play each other, or go on"],
  [["U"], "undo"],
  [["Esc"], "cancel the turn that was begun"],
  [["N"], "new game"],
  [["T"], "type a turn"],
  [["?"], "show this help"],
];
const BOARD = [
  [["←", "→", "↑", "↓"], "move over the cells, on the board"],
  [["PgUp", "PgDn"], "a level up or down"],
  [["Enter"], "place there; pick a ball up or take it back"],
  [["Esc"], "put the ball down again"],
];

const UNDONE = "Turns that were undone stay in the list of turns. Redo plays them again; after another turn they stand below it as a side line.";

/**
 * Opens the help.
 * @param {{title: string, how_to_play: string[][]} | undefined} rules as `/api/1/info` tells them; they come first.
 * @param {{game?: boolean}} [page] whether there is a game, with its keys.
 */
export function openHelp(rules, { game = false } = {}) {
  const row = ([keys, text]) => [h("dt", null, keys.flatMap((key) => [h("kbd", null, key), " "])), h("dd", null, text)];
  const example = (turn, text) => [h("dt", null, h("code", null, turn)), h("dd", null, text)];
  const part = (title, ...content) => h("section", null, h("h3", null, title), ...content);
  const playing = part("Keys in the game", h("dl", { class: "keys" }, KEYS.flatMap(row)), h("p", { class: "small muted" }, UNDONE));
  openDialog(
    "Help",
    rules && part(`How to play: ${rules.title}`, rules.how_to_play.map(([title, text]) => h("p", null, h("strong", null, `${title}. `), text))),
    game && playing,
    part("Keys on the board", h("p", { class: "small muted" }, "Press Tab until the board has the focus."), h("dl", { class: "keys" }, BOARD.flatMap(row))),
    part(
      "Turns as text",
      h("p", { class: "small" }, "A cell is its level from 1 (the ground) to 4, its row A to D and its column 1 to 4."),
      h(
        "dl",
        { class: "keys" },
        example("1B2", "place a ball on 1B2"),
        example("1B2^2A1", "raise the ball on 1B2 to 2A1"),
        example("1B2-1A1-1C3", "place on 1B2, then take the balls on 1A1 and 1C3 back"),
        example("1B2=", "place on 1B2 and take none back, where that is allowed"),
      ),
    ),
  );
}

/** The button of the help. */
export const helpButton = (open) => iconButton("help", "Help: how to play, keys", open, { bare: true, class: "quiet bare" });
