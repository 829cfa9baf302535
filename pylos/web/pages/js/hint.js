// @ts-check
/** A hint: always at full strength, whatever the level of the opponent. The status says it; the line stays hidden until it is asked for. */

import { post } from "./api.js";
import { showArrows, stepArrows } from "./arrows.js";
import { h, icon } from "./dom.js";
import { evaluationOf } from "./evaluation.js";

/**
 * @param {any} app - the page's parts.
 * @param {HTMLElement} element - an empty one.
 */
export function mountHint(app, element) {
  const evaluation = evaluationOf(app);
  let abort = new AbortController();
  const button = h("button", { type: "button", onclick: ask, title: "What the strongest agent would play here" }, icon("hint"), h("span", null, "Hint"));
  element.append(button);

  async function ask() {
    clear();
    const { signal } = abort;
    button.setAttribute("aria-busy", "true");
    try {
      const hint = await post("hint", { game: app.game.request() }, { signal });
      if (signal.aborted) return;
      showArrows(app, "hint", stepArrows(app, hint.row.action, hint.line[0], "hint"));
      const whole = () => app.say(`${hint.text} Expected: ${hint.line.join("  ")}`);
      app.say(hint.text, hint.line.length < 2 ? [] : [["Show the line", whole, {}]]);
    } catch (error) {
      if (signal.aborted) return;
      app.say(error.message);
    } finally {
      if (!signal.aborted) ready();
    }
  }

  function ready() {
    button.removeAttribute("aria-busy");
    button.disabled = Boolean(app.game.state.over) || evaluation.rests;
  }

  function clear() {
    abort.abort();
    abort = new AbortController();
    app.say(null);
    showArrows(app, "hint", []);
    ready();
  }

  app.game.addEventListener("change", clear);
  app.match.addEventListener("end", clear);
  evaluation.addEventListener("settings", clear);
  clear();
}
