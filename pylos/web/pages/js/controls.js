// The buttons below the board, and the box in which a turn is typed.

import { h, iconButton, openDialog, put } from "./dom.js";

/** Buttons of the game; those that make no sense now are hidden or off. */
export function mountControls(app, element) {
  const { match, settings } = app;
  const begin = iconButton("new", "New game", () => app.newGame());
  const undo = iconButton("undo", "Undo", () => match.undo(), { title: "Take the last turn back. The list of turns keeps it." });
  const redo = iconButton("redo", "Redo", () => match.redo());
  const resign = iconButton("flag", "Resign", () => confirmResign(match));
  const pause = iconButton("pause", "Pause", () => match.pause());
  const go = iconButton("play", "Go on", () => match.pause(false));
  const step = iconButton("step", "One turn", () => match.step());
  const speed = h("input", { type: "range", min: 0, max: 3, step: 0.1, value: settings.delay, id: "delay" });
  const speedText = h("output", { for: "delay" });
  const speedLabel = h("label", { class: "speed" }, h("span", null, "Between turns"), speed, speedText);
  speed.addEventListener("input", () => (settings.delay = Number(speed.value)));
  const hint = h("div", { class: "hint-place", id: "hint" });
  put(element, begin, undo, redo, resign, pause, go, step, speedLabel, hint);

  return function draw() {
    const agents = match.mode === "agents";
    const over = Boolean(match.over);
    begin.classList.toggle("primary", over);
    undo.hidden = redo.hidden = !settings.undo || agents;
    undo.disabled = !match.canUndo;
    redo.disabled = !match.canRedo;
    resign.hidden = agents || over || match.free;
    resign.disabled = match.live.parent === null;
    pause.hidden = !agents || over || match.paused;
    go.hidden = step.hidden = !agents || over || !match.paused;
    step.disabled = Boolean(match.thinking);
    speedLabel.hidden = !agents;
    speedText.textContent = `${settings.delay.toFixed(1)} s`;
  };
}

function confirmResign(match) {
  const yes = h("button", { type: "button", class: "primary", onclick: () => (dialog.close(), match.resign()) }, "Resign");
  const no = h("button", { type: "button", onclick: () => dialog.close() }, "Play on");
  const dialog = openDialog("Resign this game?", h("p", null, "It then counts as lost."), h("div", { class: "dialog-actions" }, no, yes));
}

const TURNS = "A turn is written like 1B2, 1B2^2A1 or 1B2-1A1.";
/** What may be a turn names a cell, or ends one that was begun. Whether it is one the server says. */
const MAYBE = /\d[a-d]\d|=/i;

/** The box for typed turns. Returns what gives it the focus. */
export function mountTyped(app, form) {
  const box = h("input", { id: "turn", autocomplete: "off", autocapitalize: "characters", spellcheck: "false", placeholder: "1B2^2A1" });
  const trouble = h("p", { class: "small bad", role: "alert", id: "turn-error" });
  const label = h("label", { for: "turn", class: "small muted" }, "Type a turn");
  put(form, label, h("div", { class: "row" }, box, h("button", null, "Play")), trouble);
  box.addEventListener("input", () => (trouble.textContent = ""));
  const forget = () => {
    if (trouble.textContent) box.value = trouble.textContent = ""; // What was refused belongs to the position before.
  };
  app.game.addEventListener("change", forget);
  app.match.addEventListener("change", forget);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = box.value.trim();
    trouble.textContent = "";
    if (!MAYBE.test(text)) {
      trouble.textContent = TURNS;
      return;
    }
    if (!app.match.mayAct) {
      trouble.textContent = "It is not your turn here.";
      return;
    }
    try {
      await app.match.act(text);
      box.value = "";
    } catch (error) {
      trouble.textContent = error.message;
    }
  });
  return () => box.focus();
}
