// @ts-check
/** A hint: always at full strength, whatever the level of the opponent. The line stays hidden until it is asked for. */

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
  const words = h("span", { class: "hint-text" });
  const line = h("button", { type: "button", class: "small" }, "Show the line");
  const answer = h("div", { class: "hint-answer", role: "status", hidden: true }, words, line);
  element.append(button, answer);

  async function ask() {
    clear();
    const { signal } = abort;
    button.setAttribute("aria-busy", "true");
    try {
      const hint = await post("hint", { game: app.game.request() }, { signal });
      if (signal.aborted) return;
      words.textContent = hint.text;
      showArrows(app, "hint", stepArrows(app, hint.row.action, hint.line[0], "hint"));
      line.hidden = hint.line.length < 2;
      line.onclick = () => {
        words.textContent = `${hint.text} Expected: ${hint.line.join("  ")}`;
        line.hidden = true;
      };
    } catch (error) {
      if (signal.aborted) return;
      words.textContent = error.message;
      line.hidden = true;
    } finally {
      if (!signal.aborted) ready();
    }
    answer.hidden = false;
  }

  function ready() {
    button.removeAttribute("aria-busy");
    button.disabled = Boolean(app.game.state.over) || evaluation.rests;
  }

  function clear() {
    abort.abort();
    abort = new AbortController();
    answer.hidden = true;
    showArrows(app, "hint", []);
    ready();
  }

  app.game.addEventListener("change", clear);
  evaluation.addEventListener("settings", clear);
  clear();
}
