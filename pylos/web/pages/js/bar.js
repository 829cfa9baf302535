// @ts-check
/** The evaluation bar beside the board. An exact result looks and reads otherwise than an estimate. */

import { h, iconButton, put } from "./dom.js";
import { evaluationOf, rulesOf, verdictOf } from "./evaluation.js";

/** Simulations that the bar asks for where the rules are not solved. */
const SIMULATIONS = 400;

/** A button that shows and hides the bar: one tap. */
export function barSwitch(app, props = {}) {
  const button = iconButton("bar", "Evaluation", () => (app.settings.bar = !app.settings.bar), { title: "Show who stands better", ...props });
  const draw = () => button.setAttribute("aria-pressed", String(Boolean(app.settings.bar)));
  evaluationOf(app).addEventListener("settings", draw);
  draw();
  return button;
}

/**
 * Shows who stands better, while `app.settings.bar` is set.
 * @param {any} app - the page's parts.
 * @param {HTMLElement} element - an empty one.
 */
export function mountBar(app, element) {
  const evaluation = evaluationOf(app);
  const white = h("div", { class: "bar-white" });
  const meter = h(
    "div",
    { class: "bar-meter", role: "meter", "aria-label": "White's chance to win", "aria-valuemin": 0, "aria-valuemax": 1 },
    white,
  );
  const text = h("div", { class: "bar-text" });
  element.classList.add("evaluation-bar");
  element.append(meter, text);

  /** Where the rules are solved the truth says more than any search. */
  function ask() {
    evaluation.ask("bar", app.settings.bar ? (rulesOf(app).solved ? 0 : SIMULATIONS) : null);
    draw();
  }

  function draw() {
    element.hidden = !app.settings.bar || evaluation.rests;
    if (element.hidden) return;
    const verdict = verdictOf(app.game.state, evaluation.report);
    const words = verdict?.text ?? evaluation.error ?? "Thinking…";
    meter.classList.toggle("exact", verdict?.exact ?? false);
    meter.classList.toggle("unknown", !verdict);
    element.style.setProperty("--share", `${100 * (verdict?.white ?? 0.5)}%`);
    meter.setAttribute("aria-valuenow", (verdict?.white ?? 0.5).toFixed(2));
    meter.setAttribute("aria-valuetext", words);
    meter.title = words;
    const [head, rest] = verdict?.short ?? ["…", ""];
    put(text, h("strong", null, head), rest);
  }

  evaluation.addEventListener("change", draw);
  app.game.addEventListener("change", ask);
  evaluation.addEventListener("settings", ask);
  ask();
}
