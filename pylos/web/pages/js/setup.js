// @ts-check
/** The free board, shown while its panel is: any position by placing and removing balls, or from pasted text. The server says what is possible. */

import { post } from "./api.js";
import { h, put, toast } from "./dom.js";
import { evaluationOf } from "./evaluation.js";
import { openRecord, readRecord } from "./sharing.js";

/** What a click puts on a cell: its letter in the cells' text, and its name. */
const PALETTE = [["w", "White ball"], ["b", "Black ball"], [".", "Eraser"]];
const BALLS = { w: "white ball", b: "black ball", ".": "empty" };
/** Milliseconds after the last change until the server is asked. */
const REST = 120;

/** A group of radio buttons. */
function choice(name, legend, options, onchange) {
  const radios = options.map(([value, text], index) => {
    const input = h("input", { type: "radio", name, value, checked: index === 0, onchange });
    return h("label", { class: `${name}-${value === "." ? "none" : value}` }, input, h("span", null, text));
  });
  const group = h("fieldset", { class: "choice" }, h("legend", null, legend), ...radios);
  return {
    group,
    get value() {
      return group.querySelector("input:checked").value;
    },
    set value(value) {
      for (const input of group.querySelectorAll("input")) input.checked = input.value === value;
    },
  };
}

/**
 * @param {any} app - the page's parts.
 * @param {HTMLElement} element - an empty one.
 * @returns {{open: () => void, close: () => void}}
 */
export function mountSetup(app, element) {
  let cells = "";
  let base = 0; // The lowest level of these rules' board.
  let stock = {}; // The balls of each side, on the board or not.
  let answer = null; // The server's position; null while it is impossible or being asked.
  let abort = new AbortController();
  let rest = 0;

  const rules = h("select", { onchange: () => ask(true) }, ...app.info.rules.map(({ name, title }) => h("option", { value: name }, title)));
  const palette = choice("ball", "Pressing a cell places", PALETTE);
  const turn = choice("turn", "To move", [["white", "White"], ["black", "Black"]], () => ask());
  const pending = choice("pending", "Balls still to take back", [["0", "none"], ["1", "1"], ["2", "up to 2"]], () => ask());
  const grids = h("div", { class: "setup-grids" });
  const message = h("p", { class: "setup-message", role: "status" });
  const analyse = h("button", { type: "button", class: "primary", onclick: () => begin(false) }, "Analyse from here");
  const play = h("button", { type: "button", onclick: () => begin(true) }, "Play from here");
  const text = h("textarea", { rows: 3, spellcheck: "false", id: "setup-text", placeholder: ".....w........../........./..../. b 0" });
  const read = h("button", { type: "button", class: "small", onclick: paste }, "Read");
  const wrong = h("p", { class: "error", role: "alert", hidden: true });
  const editor = h(
    "div",
    { class: "setup" },
    h("label", { class: "field" }, h("span", null, "Rules"), rules),
    palette.group,
    message,
    h("div", { class: "buttons" }, analyse, play, button("Leave", () => app.openPanel("panel-game"))),
    grids,
    h("div", { class: "buttons" }, button("Empty board", () => ask(true)), button("The shown position", copyShown)),
    turn.group,
    pending.group,
    h("details", { class: "setup-paste" },
      h("summary", null, "Paste a position or a saved game"),
      h("label", { for: "setup-text" }, "A position text, or a game that was saved here"),
      text, h("div", { class: "buttons" }, read), wrong),
  );
  const waits = h("p", { class: "muted", hidden: true }, "Leave the lesson first, in the panel of the review.");
  element.append(editor, waits);

  function button(name, onclick) {
    return h("button", { type: "button", class: "small", onclick }, name);
  }

  function open() {
    editor.hidden = Boolean(app.learning);
    waits.hidden = !app.learning;
    if (app.setup || app.learning) return;
    copyShown();
    evaluationOf(app).settingsChanged();
    app.board.addEventListener("select", onSelect);
  }

  function close() {
    if (!app.setup) return;
    abort.abort();
    clearTimeout(rest);
    app.setup = null;
    evaluationOf(app).settingsChanged();
    app.board.removeEventListener("select", onSelect);
    app.match.update(); // Agents that waited go on.
  }

  const onSelect = ({ detail }) => detail?.cell != null && set(detail.cell);

  /** Puts the palette's ball on a cell; a press on the same ball removes it. */
  function set(cell) {
    const ball = cells[cell] === palette.value ? "." : palette.value;
    cells = cells.slice(0, cell) + ball + cells.slice(cell + 1);
    ask();
  }

  function take(state) {
    rules.value = state.rules;
    cells = state.cells;
    stock = eachSide((side) => state.reserves[side] + count(side));
    turn.value = state.turn;
    pending.value = String(state.pending);
  }

  const eachSide = (of) => ({ white: of("white"), black: of("black") });
  const count = (side) => cells.split(side[0]).length - 1;

  /** What the board shows of a position that the server has not taken: the balls, and where more could lie. */
  function bare() {
    const reserves = eachSide((side) => Math.max(0, stock[side] - count(side)));
    const free = ({ level, below }, cell) => cells[cell] === "." && level >= base && (level === base || below.every((under) => cells[under] !== "."));
    const supported = [...app.info.cells.keys()].filter((cell) => free(app.info.cells[cell], cell));
    return { legal: [], supported, last: [], over: null, reserves, say: "" };
  }

  function copyShown() {
    take(app.game.state);
    ask();
  }

  /** Shows what was set up, and asks the server about it; `empty` begins with the empty board of the rules. */
  function ask(empty = false) {
    abort.abort();
    abort = new AbortController();
    answer = null;
    if (empty) cells = ".".repeat(app.info.cells.length); // At once: the next press may come before the answer.
    draw();
    clearTimeout(rest);
    rest = setTimeout(() => check(abort.signal, empty), empty ? 0 : REST);
  }

  async function check(signal, empty) {
    try {
      const { first } = await post("position", { game: { rules: rules.value, start: null, actions: [] } }, { signal });
      base = app.info.cells[first.supported[0]].level;
      if (empty) take(first);
      const body = { rules: rules.value, cells, turn: turn.value, pending: Number(pending.value) };
      answer = await post("setup", body, { signal });
      message.textContent = `A possible position. ${answer.state.over?.text ?? answer.state.say}.`.replace("..", ".");
      message.classList.remove("error");
    } catch (error) {
      if (signal.aborted) return;
      message.textContent = error.message;
      message.classList.add("error");
    }
    draw();
  }

  /** One level as a square of buttons. The row nearest to the players is at the foot, as on the flat board. */
  function grid(level) {
    const own = app.info.cells.map((cell, index) => ({ ...cell, index })).filter((cell) => cell.level === level);
    const size = Math.sqrt(own.length);
    const rows = Array.from({ length: size }, (_, row) => own.filter((cell) => cell.row === size - 1 - row));
    const cell = ({ name, index }) => {
      const label = `${name}: ${BALLS[cells[index]]}`;
      return h("button", { type: "button", class: `setup-cell ball-${cells[index] === "." ? "none" : cells[index]}`, "aria-label": label, title: name, dataset: { cell: index }, onclick: () => set(index) });
    };
    return h("div", { class: `setup-grid size-${size}`, role: "group", "aria-label": `Level ${level + 1}` },
      ...rows.map((row) => h("div", { class: "setup-row" }, ...row.map(cell))),
      h("span", { "aria-hidden": "true" }, `Level ${level + 1}`));
  }

  function draw() {
    const focused = document.activeElement?.closest?.(".setup-cell")?.dataset.cell;
    const levels = [...new Set(app.info.cells.map((cell) => cell.level))].filter((level) => level >= base);
    put(grids, levels.map(grid));
    if (focused) grids.querySelector(`[data-cell="${focused}"]`)?.focus();
    analyse.disabled = play.disabled = !answer || Boolean(answer.state.over);
    app.setup = { ...bare(), rules: rules.value, cells, turn: turn.value, pending: Number(pending.value), ...answer?.state };
    app.refresh();
  }

  /** Goes on with the position. */
  async function begin(playing) {
    const start = { rules: rules.value, start: answer.text, actions: [] };
    await app.load(start, { free: !playing }).catch((error) => toast(error.message, "bad"));
  }

  async function paste() {
    wrong.hidden = true;
    try {
      const found = await readRecord(text.value, rules.value);
      if (found.kind === "game") await openRecord(app, found);
      else {
        const { first } = await post("position", { game: found.game });
        take(first);
        ask();
      }
    } catch (error) {
      wrong.textContent = error.message;
      wrong.hidden = false;
    }
  }

  return { open, close };
}
