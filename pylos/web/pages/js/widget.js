// The board in a cell of a notebook: it shows what Python sends, and sends back what somebody does.

import { BoardView } from "./board/board.js";
import { h } from "./dom.js";

/**
 * Draws the widget; anywidget calls this for every output that shows it.
 *
 * @param {{model: any, el: HTMLElement}} context the model has `cells`, `mode`, and `game`: see `pylos/web/widget.py`.
 * @returns {() => void} takes it away.
 */
export function render({ model, el }) {
  const place = h("div", { class: "pylos-board" });
  const words = h("p", { class: "pylos-words", role: "status" });
  const send = (kind, more = {}) => model.send({ kind, ...more });
  const done = button("Done", () => send("action", { action: stopOf(model.get("game").state) }));
  const undo = button("Undo", () => send("undo"));
  const again = button("New game", () => send("new", { side: model.get("game").side }));
  const change = button("", () => send("new", { side: other(model.get("game").side) }));
  const root = h("div", { class: "pylos-widget" }, place, h("div", { class: "pylos-bar" }, words, done, undo, again, change));
  root.dataset.lmSuppressShortcuts = "true"; // The keys of the board are none of JupyterLab's.
  root.addEventListener("keydown", (event) => event.stopPropagation());
  el.append(root);
  const board = new BoardView(place, model.get("cells"));
  board.mode = model.get("mode");
  board.addEventListener("action", ({ detail }) => send("action", { action: detail.action }));

  function draw(animated = true) {
    const { state, played, side, opponent, thinking, trouble, can_undo: canUndo } = model.get("game");
    const mine = !thinking && !state.over && (!side || state.turn === side);
    const view = { state, interactive: mine, ghosts: mine, arrows: [] };
    board.show(view, { animate: animated ? played : null });
    words.textContent = trouble || (thinking ? `${opponent} thinks …` : state.say);
    words.classList.toggle("pylos-trouble", Boolean(trouble));
    done.hidden = !mine || stopOf(state) === undefined;
    undo.disabled = !canUndo;
    change.hidden = !side;
    change.textContent = `Play ${other(side)}`;
  }
  const follow = () => draw();
  model.on("change:game", follow);
  draw(false);
  return () => {
    model.off("change:game", follow);
    board.destroy();
    root.remove();
  };
}

const button = (text, onclick) => h("button", { type: "button", onclick }, text);
const other = (side) => (side === "white" ? "black" : "white");
const stopOf = (state) => state.legal.find(({ kind }) => kind === "stop")?.action;
