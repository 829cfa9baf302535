// The dialog that begins a new game. It asks only what the mode needs.

import { h, openDialog, toast } from "./dom.js";
import { HUMAN } from "./match.js";
import { fillOpponents, isNetwork, RUN_SCALE, SIMULATIONS, splitId } from "./opponents.js";
import { randomNumber } from "./storage.js";

/** Milliseconds after which the lists are read again: a run may have saved a checkpoint. */
const REFRESH = 5000;

const MODES = [
  ["agent", "You against an agent"],
  ["people", "Two people"],
  ["agents", "Agent against agent"],
];
const SIDES = [
  ["white", "White (first)"],
  ["black", "Black"],
  ["either", "By chance"],
];

/** A row of radio buttons. */
function choice(legend, name, options, checked, onchange) {
  const radio = ([value, text]) =>
    h("label", null, h("input", { type: "radio", name, value, checked: value === checked, onchange }), text);
  return h("fieldset", null, h("legend", null, legend), h("div", { class: "choice" }, options.map(radio)));
}

/** A choice of an opponent: who, how strong, and a sentence about it. */
function opponentField(app, legend, wished) {
  const { base, simulations } = splitId(wished);
  const who = h("select", { onchange: draw });
  const amount = h("select", null, SIMULATIONS.map((n) => h("option", { value: n }, `${n} simulations`)));
  const strength = h("label", { class: "field" }, h("span", null, "Strength: thinks ahead by"), amount);
  const about = h("p", { class: "small muted" });
  const element = h("div", { class: "opponent" }, h("label", { class: "field" }, h("span", null, legend), who), strength, about);
  amount.value = String(SIMULATIONS.includes(simulations) ? simulations : 64);
  let rules = "";

  function draw() {
    strength.hidden = !isNetwork(who.value);
    about.textContent = app.opponents.about(rules, who.value);
  }
  return {
    element,
    fill(name, list) {
      rules = name;
      fillOpponents(who, list, who.value || base);
      draw();
    },
    get id() {
      return isNetwork(who.value) ? `${who.value}@${amount.value}` : who.value;
    },
  };
}

/** Opens the dialog. */
export function openNewGame(app) {
  const { game, match, info, opponents, settings } = app;
  const agents = Object.entries(match.players).filter(([, id]) => id !== HUMAN);
  const last = agents[0]?.[1] ?? app.usualOpponent;
  const form = h("form", { method: "dialog", class: "new-game" });
  const modes = choice("Who plays", "mode", MODES, match.mode, draw);
  const side = choice("You play", "side", SIDES, match.person ?? "white");
  const rules = h("select", { onchange: () => refresh(true) });
  const groups = [["Full board", (name) => !name.startsWith("mini-")], ["Small board, for a quick game", (name) => name.startsWith("mini-")]];
  for (const [label, belongs] of groups) {
    const entries = info.rules.filter((entry) => belongs(entry.name));
    if (entries.length) rules.append(h("optgroup", { label }, entries.map((entry) => h("option", { value: entry.name }, entry.title))));
  }
  rules.value = game.rules;
  const special = h("p", { class: "small muted" });
  const one = opponentField(app, "Agent", last);
  const white = opponentField(app, "White", match.mode === "agents" ? match.players.white : last);
  const black = opponentField(app, "Black", match.mode === "agents" ? match.players.black : last);
  const undo = h("input", { type: "checkbox", checked: settings.undo });
  const here = h("input", { type: "checkbox", onchange: draw });
  const hereLabel = h("label", { class: "check" }, here, "Begin at the position on the board");
  const trouble = h("p", { class: "small bad", role: "alert" });
  const start = h("button", { class: "primary" }, "Start");
  const pair = h("div", { class: "pair" }, white.element, black.element);
  const scale = h("p", { class: "small muted" }, "Elo measures strength: who has 200 more wins about three games of four.");
  const scales = h("p", { class: "small muted" }, RUN_SCALE);
  const undoLabel = h("label", { class: "check" }, undo, "Turns may be taken back");
  const actions = h("div", { class: "dialog-actions" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), start);
  const rulesField = h("div", null, h("label", { class: "field" }, h("span", null, "Rules"), rules), special);
  form.append(modes, rulesField, side, one.element, pair, scale, scales, undoLabel, hereLabel, trouble, actions);
  const dialog = openDialog("New game", form);
  const timer = setInterval(() => refresh(false), REFRESH);
  dialog.addEventListener("close", () => clearInterval(timer));

  let listed = "";
  const chosen = (name) => form.querySelector(`input[name=${name}]:checked`).value;

  /** Shows what the mode needs. */
  function draw() {
    const mode = chosen("mode");
    side.hidden = one.element.hidden = mode !== "agent";
    pair.hidden = mode !== "agents";
    scale.hidden = mode === "people";
    scales.hidden = scale.hidden || !opponents.known(rules.value)?.checkpoints.length;
    undoLabel.hidden = mode === "agents";
    hereLabel.hidden = game.state.ply === 0 || Boolean(game.state.over) || rules.value !== game.rules;
    special.textContent = info.rules.find((entry) => entry.name === rules.value)?.text ?? "";
  }

  /** Reads the lists again. Selections stay. */
  async function refresh(loud) {
    const name = rules.value;
    draw();
    try {
      const list = await opponents.load(name);
      if (name !== rules.value) return;
      // A list that is open closes when it is filled.
      const text = name + JSON.stringify(list);
      if (text !== listed) for (const field of [one, white, black]) field.fill(name, list);
      listed = text;
      trouble.textContent = "";
      draw();
    } catch (error) {
      if (loud || !opponents.known(name)) trouble.textContent = error.message;
    }
    start.disabled = !opponents.known(name) && chosen("mode") !== "people";
  }

  form.addEventListener("submit", () => {
    const mode = chosen("mode");
    const mine = { white: "white", black: "black", either: randomNumber() % 2 ? "white" : "black" }[chosen("side")];
    const players = {
      people: { white: HUMAN, black: HUMAN },
      agents: { white: white.id, black: black.id },
      agent: mine === "white" ? { white: HUMAN, black: one.id } : { white: one.id, black: HUMAN },
    }[mode];
    settings.undo = undo.checked;
    const begin = here.checked && !hereLabel.hidden ? game.state.text : null;
    app.begin({ rules: rules.value, start: begin, actions: [] }, { players }).catch((error) => toast(error.message, "bad"));
  });
  if (opponents.known(rules.value)) for (const field of [one, white, black]) field.fill(rules.value, opponents.known(rules.value));
  refresh(true);
}
