// @ts-check
/** What is known about the shown position: one stream for the bar, the table and whoever else asks. */

import { post, sentence, stream } from "./api.js";

/** How many positions are remembered, so that going back shows at once what was found. */
const REMEMBERED = 200;
/** Milliseconds that a position must be shown before it is searched: keys held down start no searches. */
const REST = 90;

/** The one evaluation of a page. */
export const evaluationOf = (app) => (app.evaluation ??= new Evaluation(app));

/** The facts about the rules that are played. */
export const rulesOf = (app) => app.info.rules.find((rules) => rules.name === app.game.rules) ?? {};

/**
 * Follows the shown position. Emits "change" when `report`, `error` or `running` have changed, and "settings".
 * A report is what `/api/1/analyse` sends; without a search its numbers of the search are null.
 */
export class Evaluation extends EventTarget {
  /** What is known; null before the first answer. @type {any} */
  report = null;
  /** @type {string | null} */
  error = null;
  /** The simulations that are being made; 0 if none are. */
  running = 0;
  #wishes = new Map();
  #found = new Map();
  #key = "";
  #abort = new AbortController();
  #rest = 0;

  constructor(app) {
    super();
    this.app = app;
    app.game.addEventListener("change", () => this.update());
    document.addEventListener("visibilitychange", () => this.update());
  }

  /** The opponent whose network is asked; null is the agent that ships. */
  get network() {
    return this.app.settings.network ?? null;
  }

  /**
   * Says what somebody wants to know from now on.
   * @param {string} who
   * @param {number | null} simulations - null: nothing; 0: the exact truth is enough.
   */
  ask(who, simulations) {
    if (simulations === null) this.#wishes.delete(who);
    else this.#wishes.set(who, simulations);
    this.update();
  }

  /** Starts, goes on with or ends the search, whichever the shown position and the wishes ask for. */
  update() {
    const { state, rules } = this.app.game;
    const key = [rules, this.network, state.text, state.over?.reason].join(" ");
    if (key !== this.#key) {
      this.#stop();
      this.#key = key;
      this.report = this.#found.get(key)?.report ?? null;
      this.error = null;
      this.#changed();
    }
    const wanted = Math.max(-1, ...this.#wishes.values());
    if (wanted < 0 || state.over || document.hidden || this.rests) return this.#stop();
    const most = Math.max(this.#found.get(key)?.asked ?? -1, this.running || -1);
    if (most >= wanted || this.error) return;
    if (wanted === 0 && !rulesOf(this.app).solved) return;
    this.#stop();
    this.#rest = setTimeout(() => this.#start(key, wanted), REST);
  }

  /** Whether nothing may be told: the free board shows another position, or somebody looks for a better turn. */
  get rests() {
    return Boolean(this.app.learning || this.app.setup);
  }

  /** Says that settings, or whether it rests, have changed: emits "settings". */
  settingsChanged() {
    this.dispatchEvent(new CustomEvent("settings"));
  }

  /** Asks again after an error. */
  retry() {
    this.error = null;
    this.update();
  }

  #stop() {
    clearTimeout(this.#rest);
    this.#rest = 0;
    this.#abort.abort();
    this.#abort = new AbortController();
    if (!this.running) return;
    this.running = 0;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }

  async #start(key, simulations) {
    this.#rest = 0;
    const { signal } = this.#abort;
    const game = this.app.game.request();
    try {
      if (simulations === 0) this.#take(key, await truth(game, signal), 0);
      else {
        this.running = simulations;
        this.#changed();
        const body = { game, simulations, opponent: this.network };
        await stream("analyse", body, (report) => !signal.aborted && this.#take(key, report, simulations), { signal });
      }
    } catch (error) {
      if (signal.aborted) return;
      this.error = error.message;
    }
    if (signal.aborted) return;
    this.running = 0;
    this.#changed();
  }

  #take(key, report, asked) {
    if (report.error) throw new Error(sentence(report.error));
    if (report.done) {
      this.#found.delete(key);
      this.#found.set(key, { report, asked });
      if (this.#found.size > REMEMBERED) this.#found.delete(this.#found.keys().next().value);
    }
    // A larger search begins anew; what the smaller one found stays until it is overtaken.
    if (this.report && !report.done && report.simulations < this.report.simulations) return;
    this.report = report;
    this.#changed();
  }
}

/** The exact values as a report without a search. */
async function truth(game, signal) {
  const answer = await post("truth", { game }, { signal });
  const rows = (answer.rows ?? []).map((row) => ({ ...row, prior: null, visits: null, mean: null, line: [] }));
  return { simulations: 0, done: true, value: null, win: null, rows, error: null };
}

/**
 * White's chance and how it is known.
 * @returns {null | {white: number, exact: boolean, text: string, short: string[]}} `short` is for a narrow place.
 */
export function verdictOf(state, report) {
  if (state.over) {
    const white = { white: 1, black: 0 }[state.over.winner] ?? 0.5;
    return { white, exact: true, text: state.over.text, short: [winnerName(state.over.winner), "game over"] };
  }
  if (!report) return null;
  const best = bestExact(report.rows);
  if (best) {
    const value = state.turn === "white" ? best.exact : -best.exact;
    const winner = winnerName(["black", null, "white"][value + 1]);
    const text = value === 0 ? "Exactly even: a draw with best play" : `${winner} wins${inTurns(best.distance)} with best play`;
    const when = best.distance == null ? "" : ` in ${best.distance}`;
    return { white: (value + 1) / 2, exact: true, text, short: [winner, value === 0 ? "exactly" : `wins${when}, exactly`] };
  }
  if (report.win == null) return null;
  const text = `White's chance to win is about ${percent(report.win)}`;
  // Whoever sees this before the first ball thinks that something is broken.
  const second = !/[wb]/.test(state.cells) && report.win < 0.5;
  const why = second ? ". The second player has the better game" : "";
  return { white: report.win, exact: false, text: text + why, short: [percent(report.win), `for White, an estimate${why}`] };
}

const winnerName = (side) => ({ white: "White", black: "Black" })[side] ?? "Draw";

/** The best row whose exact value is known, if all are. */
function bestExact(rows) {
  if (rows.length === 0 || rows.some((row) => row.exact == null)) return null;
  const better = (a, b) => (a.exact - b.exact || a.exact * ((b.distance ?? 0) - (a.distance ?? 0))) > 0;
  return rows.reduce((best, row) => (better(row, best) ? row : best));
}

/** " in 9 turns", or nothing where the distance is not known. */
export const inTurns = (distance) => (distance == null ? "" : ` in ${distance} ${distance === 1 ? "turn" : "turns"}`);

/** 0.634 as "63 %"; never "0 %" or "100 %" for what is only likely. */
export function percent(share) {
  if (share > 0 && share < 0.005) return "<1 %";
  if (share < 1 && share > 0.995) return ">99 %";
  return `${Math.round(100 * share)} %`;
}
