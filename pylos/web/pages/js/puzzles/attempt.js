// A try at a puzzle: one whole turn, step by step, and what the server says about it.

import { post } from "../api.js";
import { noteResult, resultOf } from "./progress.js";

/** Emits "change" with {actions, from} in its detail: the steps to be seen as motion. */
export class Attempt extends EventTarget {
  constructor(puzzle) {
    super();
    this.puzzle = puzzle;
    /** The first result, where the puzzle was tried before. */
    this.before = resultOf(puzzle);
    /** @type {"solving" | "right" | "wrong" | "shown"} */
    this.phase = "solving";
    this.actions = [];
    this.states = [];
    this.verdict = null;
    /** The turns that keep the value, once they may be seen. @type {string[] | null} */
    this.answers = null;
    /** What they keep: 1 is a win, 0 a draw. Known with them. */
    this.value = null;
    this.moved = null;
    this.busy = false;
  }

  /** The position that is shown. */
  get state() {
    return this.phase === "shown" ? this.puzzle.state : (this.states.at(-1) ?? this.puzzle.state);
  }

  /** Whether somebody may move. */
  get open() {
    return this.phase === "solving" && !this.busy;
  }

  /** The step that ends a turn early, or undefined. */
  get stop() {
    return this.phase === "solving" ? this.state.legal.find((entry) => entry.kind === "stop") : undefined;
  }

  /** Takes one step; a finished turn is judged. */
  async push(action) {
    if (!this.open) return;
    const from = this.state;
    await this.during(async () => {
      const game = { ...this.puzzle.game, actions: this.actions };
      const found = await post("push", { game, action });
      const actions = [...this.actions, ...found.actions];
      const verdict = found.turn_over ? await this.ask({ actions }) : null;
      this.actions = actions;
      this.states.push(...found.states);
      if (verdict) this.judged(verdict);
    });
    this.changed([action], from);
  }

  judged(verdict) {
    this.verdict = verdict;
    this.phase = verdict.kept ? "right" : "wrong";
    if (verdict.keeping_turns) this.learn(verdict);
    this.note(verdict.kept);
  }

  /** Shows all answers. A puzzle that was not solved counts as missed. */
  async reveal() {
    if (this.busy) return;
    await this.during(async () => {
      if (!this.answers) this.learn(await this.ask({ reveal: true }));
      if (this.phase === "solving") this.note(false);
      this.phase = "shown";
    });
    this.changed();
  }

  learn({ keeping_turns: answers, value }) {
    Object.assign(this, { answers, value });
  }

  /** Takes back the steps of the turn. */
  again() {
    if (this.busy) return;
    const from = this.state;
    Object.assign(this, { phase: "solving", actions: [], states: [], verdict: null });
    this.changed([], from);
  }

  /** Notes the first result; `moved` is by how much it moved the rating, null where this result does not count. */
  note(right) {
    this.moved = noteResult(this.puzzle, right);
  }

  ask(body) {
    return post(`puzzles/${this.puzzle.rules}/${this.puzzle.number}`, body);
  }

  async during(work) {
    this.busy = true;
    try {
      await work();
    } finally {
      this.busy = false;
    }
  }

  changed(actions = [], from = null) {
    this.dispatchEvent(new CustomEvent("change", { detail: { actions, from } }));
  }
}
