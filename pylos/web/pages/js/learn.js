// @ts-check
/** Learn from your mistakes: back before each of them, and try again. The answer is shown only when it is asked for. */

import { post } from "./api.js";
import { showArrows, turnArrows } from "./arrows.js";
import { h, put } from "./dom.js";
import { evaluationOf, percent } from "./evaluation.js";

const SEARCHING = "Find a better turn.";
const RESULTS = { 1: "a win", 0: "a draw", "-1": "a loss" };

/** What a judged turn gave up, in words that do not tell what would have been better. */
function given(turn) {
  if (turn.exact_before == null || turn.exact_after == null) return `It gave up ${percent(turn.lost)} of the chance to win.`;
  if (turn.exact_before === turn.exact_after) return `The position was ${RESULTS[turn.exact_before]} before and after it.`;
  return `It turned ${RESULTS[turn.exact_before]} into ${RESULTS[turn.exact_after]}.`;
}

/** What is asked for. A judged turn is accepted for what it gives up, so that is what the question names. */
const asked = (turn, limit) =>
  turn.exact_before == null ? `Find a turn that gives up less than ${percent(limit)}` : `Find a turn that keeps ${RESULTS[turn.exact_before]}`;

/** One walk through the mistakes of a side. While it lasts, `app.learning` says what to do: no agent answers, no analysis shows. */
export class Lesson {
  #index = 0;
  #tries = [];
  #listening = new AbortController();
  #solved = 0;
  #done = false; // With the present mistake.

  /**
   * @param {any} app - the page's parts.
   * @param {HTMLElement} element - where it speaks.
   * @param {any[]} nodes - the mistakes: nodes of the game with a review.
   * @param {number} limit - how much of the chance to win an accepted turn may not give up.
   * @param {() => void} onEnd - called when the lesson is left; the game is then where it was.
   */
  constructor(app, element, nodes, limit, onEnd) {
    Object.assign(this, { app, element, nodes, limit, onEnd, root: app.game.root, before: app.game.current, free: app.match.free, judge: app.settings.network ?? null });
    app.learning = SEARCHING;
    evaluationOf(app).settingsChanged();
    app.match.setFree(true);
    app.game.addEventListener("change", () => this.#changed(), { signal: this.#listening.signal });
    const button = (name, onclick, kind = "") => h("button", { type: "button", class: kind, onclick }, name);
    this.title = h("h2", { tabindex: -1 });
    this.words = h("p", { role: "status" });
    this.answer = button("Show the answer", () => this.#reveal());
    this.next = button("Next", () => this.#show(this.#index + 1), "primary");
    this.back = button("Back to the position", () => app.game.go(this.#node.parent));
    const leave = button("Back to the review", () => this.leave());
    put(element, this.title, this.words, h("div", { class: "buttons" }, this.back, this.next, this.answer, leave));
    this.#show(0);
    this.title.focus();
  }

  get #node() {
    return this.nodes[this.#index];
  }

  /** Sets the board back before a mistake, or ends after the last one. */
  #show(index) {
    this.#forget();
    showArrows(this.app, "lesson", []);
    this.#index = index;
    if (index >= this.nodes.length) return this.#end();
    const { review, parent, turn, by } = this.#node;
    this.known = new Set(parent.children);
    this.#finish(false, SEARCHING);
    this.title.textContent = `Mistake ${index + 1} of ${this.nodes.length}`;
    this.words.className = "";
    this.words.textContent = `Here ${by} played ${turn}. ${given(review)} ${asked(review, this.limit)}: play it on the board.`;
    this.#buttons();
    this.app.game.go(parent);
    this.app.refresh();
  }

  #end() {
    this.app.learning = "All mistakes are done.";
    this.title.textContent = "All mistakes are done";
    this.words.className = "good";
    this.words.textContent = `You found ${this.#solved} of ${this.nodes.length} without the answer.`;
    this.answer.hidden = this.next.hidden = true;
    this.app.game.go(this.before);
    this.app.refresh();
  }

  /** Whether the present mistake is done with, and what the status says. */
  #finish(done, words) {
    this.#done = done;
    this.app.learning = words;
    this.app.refresh();
  }

  #buttons() {
    this.answer.hidden = this.#done;
    this.next.textContent = !this.#done ? "Skip" : this.#index + 1 < this.nodes.length ? "Next" : "See the result";
    this.next.classList.toggle("primary", this.#done);
  }

  /** Looks whether a turn was tried, or whether there is another game. */
  #changed() {
    const node = this.#node;
    const { current, root } = this.app.game;
    if (root !== this.root) return this.#close();
    this.back.hidden = !node || current === node.parent;
    if (!node || this.#done || current === node.parent || current.parent !== node.parent) return;
    if (!this.#tries.includes(current)) this.#tries.push(current);
    if (current === node) return this.#refuse("That is what was played. Try another turn.");
    return this.#judge(current);
  }

  async #judge(tried) {
    const { app } = this;
    const node = this.#node;
    const { signal } = this.#listening;
    this.words.textContent = "Judging your turn…";
    try {
      const judged = await post("judge", { game: app.game.request(node.parent, false), actions: tried.actions, opponent: this.judge }, { signal });
      if (this.#done || node !== this.#node) return; // Somebody went on meanwhile.
      if (!judged.accepted) return this.#refuse(`${tried.turn} is not it. ${given(judged)} ${asked(judged, this.limit)}.`);
      this.#finish(true, "That is better.");
      this.#solved += 1;
      this.words.className = "good";
      this.words.textContent = `Yes, ${tried.turn}! ${judged.text}`;
    } catch (error) {
      if (signal.aborted || this.#done || node !== this.#node) return;
      this.#refuse(error.message);
    }
    this.#buttons();
  }

  /** Takes a try back. */
  #refuse(words) {
    this.words.className = "bad";
    this.words.textContent = words;
    this.#forget();
    this.app.game.go(this.#node.parent);
    this.app.announce(words);
  }

  #reveal() {
    const { review, turn } = this.#node;
    const { best, chance, lost } = review;
    this.#finish(true, "The arrows show the answer.");
    this.app.game.go(this.#node.parent);
    showArrows(this.app, "lesson", best.length ? turnArrows(this.app, best[0], "best") : []);
    this.words.className = "";
    const answer = best.length > 1 ? `Any of these is right: ${best.join(", ")}.` : `The answer: ${best[0]}.`;
    const why = review.exact_before == null
      ? `The chance to win is ${percent(chance + lost)} with it, and ${percent(chance)} with ${turn}, which was played.`
      : `The position was ${RESULTS[review.exact_before]}; ${turn} made it ${RESULTS[review.exact_after]}.`;
    this.words.textContent = `${answer} ${why}`;
    this.#buttons();
  }

  /** Removes the turns that were only tried, and leaves those of the game. */
  #forget() {
    const { game } = this.app;
    const tries = this.#tries.filter((node) => !this.known.has(node));
    this.#tries = [];
    if (tries.includes(game.current)) game.go(game.current.parent);
    for (const node of tries) game.remove(node);
  }

  /** Ends the lesson, and shows the game where it was. */
  leave() {
    const { game, match } = this.app;
    this.#listening.abort();
    this.#forget();
    game.go(this.before);
    match.setFree(this.free);
    this.#close();
    game.changed("marks", [], game.state);
  }

  #close() {
    this.#listening.abort();
    showArrows(this.app, "lesson", []);
    this.app.learning = "";
    evaluationOf(this.app).settingsChanged();
    this.app.refresh();
    this.onEnd();
  }
}
