// Which metrics of a run are drawn together, and what they mean.

import { percent } from "../plot/scales.js";

const SHARE = { within: [0, 1], format: percent };
const SOLVED = "Measured in runs whose rules were solved before: see “pylos solve”.";
const STRATA = { opening: "opening", middle: "middle", late: "late", take_back: "take-backs" };

/**
 * A chart: its curves are the columns that match, with their labels.
 * @typedef {{id: string, title: string, text?: string, empty?: string, y?: object, lines?: object[],
 *   curves: [string | RegExp, string | ((found: RegExpMatchArray) => string)][]}} Spec
 */

/** Shown for every run. @type {Spec[]} */
export const MAIN = [
  {
    id: "elo",
    title: "Elo",
    text: "Playing strength on the scale where random play has 1000, with its 95 % interval, from all games of the run. Levels of play are rated by more games, against each other, so their numbers differ: see docs/experiments.md.",
    empty: "No evaluation yet: Elo comes with the first one.",
    y: { whole: true },
    lines: [{ y: 1000, name: "random play" }],
    curves: [["eval/elo", "Elo"]],
  },
  {
    id: "truth",
    title: "Decisions that keep the exact value",
    text: "In positions where some moves throw something away: how often the choice keeps the win or the draw.",
    empty: "Not measured yet: the first numbers come at the end of an epoch.",
    y: SHARE,
    curves: [
      ["truth/search_accuracy", "search"],
      ["truth/policy_accuracy", "bare policy"],
      ["truth/uniform_accuracy", "random choice"],
    ],
  },
  {
    id: "wins",
    title: "Win rates",
    text: "Points per game against fixed opponents and against the agent of the evaluation before.",
    empty: "No evaluation yet: win rates come with the first one.",
    y: SHARE,
    curves: [
      ["eval/win_rate_vs_random", "random play"],
      [/^eval\/win_rate_vs_(rollouts:\d+)$/, (found) => found[1]],
      ["eval/win_rate_vs_previous", "agent before"],
      [/^eval\/win_rate_vs_(?!random$|previous$|rollouts:\d+$)(.+)$/, (found) => found[1]],
    ],
  },
  {
    id: "loss",
    title: "Losses",
    text: "Measured on the samples of training, which prefer surprising positions: they need not fall steadily.",
    empty: "No epoch has ended yet.",
    curves: [
      ["train/policy_loss", "policy"],
      ["train/value_loss", "value"],
      ["train/loss", "sum"],
    ],
  },
  {
    id: "blunders",
    title: "Blunders in self-play",
    text: "The share of decisions that threw away a win or a draw.",
    empty: SOLVED,
    y: SHARE,
    curves: [["selfplay/blunder_rate", "blunders"]],
  },
  {
    id: "perfect",
    title: "Games against perfect play",
    text: "Points per game against a player who makes no mistake.",
    empty: SOLVED,
    y: SHARE,
    curves: [
      ["eval/score_vs_perfect_as_second", "moving second"],
      ["eval/score_vs_perfect_as_first", "moving first"],
    ],
  },
];

const strata = (kind) => [new RegExp(`^truth/${kind}_accuracy_(opening|middle|late|take_back)$`), (found) => STRATA[found[1]]];

/** Shown on demand. @type {Spec[]} */
const MORE = [
  { id: "policy-strata", title: "Bare policy by kind of position", y: SHARE, curves: [strata("policy")] },
  { id: "search-strata", title: "Search by kind of position", y: SHARE, curves: [strata("search")] },
  {
    id: "value",
    title: "Quality of the value",
    text: "Squared error against 1, 0 and −1; how often the sign is right; how far predicted chances are from the share of wins.",
    curves: [
      ["truth/value_error", "squared error"],
      ["truth/sign_accuracy", "right sign"],
      ["truth/calibration_error", "calibration error"],
    ],
  },
  {
    id: "blunders-by-ply",
    title: "Blunders by stage of the game",
    y: SHARE,
    curves: [[/^selfplay\/blunder_rate_ply_0*(\d+)_(?:0*(\d+)|up)$/, (found) => `ply ${found[1]}${found[2] ? ` to ${found[2]}` : " and later"}`]],
  },
  { id: "survived", title: "Turns survived against perfect play", curves: [["eval/turns_survived_vs_perfect", "turns"]] },
  { id: "length", title: "Length of games", curves: [["selfplay/game_length", "plies"]] },
  {
    id: "outcomes",
    title: "Outcomes of self-play",
    y: SHARE,
    curves: [
      ["selfplay/first_player_score", "points of the first player"],
      ["selfplay/draw_rate", "draws"],
      ["selfplay/network_share", "games of the newest network"],
    ],
  },
  { id: "games", title: "Games an epoch", curves: [["selfplay/games", "games"]] },
  { id: "buffer", title: "Replay buffer", y: SHARE, curves: [["selfplay/buffer_fill", "filled"]] },
  {
    id: "spread",
    title: "Entropy and spread",
    curves: [
      ["train/policy_entropy", "entropy of the policy"],
      ["train/value_std", "spread of the value"],
    ],
  },
  { id: "illegal", title: "Illegal actions", curves: [["train/illegal_loss", "loss"]] },
  { id: "gradient", title: "Norm of the gradient", curves: [["train/gradient_norm", "norm"]] },
  { id: "rate", title: "Learning rate", curves: [["train/learning_rate", "rate"]] },
];

/** The curves of a chart among some columns: [column, label]. */
function curvesOf(spec, columns) {
  const found = spec.curves.flatMap(([wanted, label]) =>
    columns.flatMap((column) => {
      if (typeof wanted === "string") return column === wanted ? [[column, label]] : [];
      const match = column.match(wanted);
      return match ? [[column, label(match)]] : [];
    }),
  );
  return /** @type {[string, string][]} */ (found);
}

/** The charts that some columns offer beside the main ones; metrics that are not known here have one each. */
export function moreCharts(columns) {
  const known = MORE.filter((spec) => curvesOf(spec, columns).length);
  const drawn = new Set([...MAIN, ...MORE].flatMap((spec) => curvesOf(spec, columns).map(([column]) => column)));
  const skipped = new Set(["step", "epoch", "eval/elo_low", "eval/elo_high", ...drawn]);
  const others = columns.filter((column) => !skipped.has(column));
  return [...known, ...others.map((column) => ({ id: column, title: column, curves: [[column, column]] }))];
}

/** What a run told, by epoch. */
export class Metrics {
  constructor(run) {
    this.run = run;
    this.columns = run.columns;
    const place = run.columns.indexOf("epoch");
    this.epochs = run.rows.map((row, i) => (place < 0 || row[place] === null ? i : row[place]) + 1);
    this.minutesAt = new Map(this.epochs.map((epoch, i) => [epoch, run.minutes?.[i] ?? null]));
  }

  /** Whether the time of training is known. */
  get timed() {
    return [...this.minutesAt.values()].some((minutes) => minutes !== null);
  }

  /** Values of a column: epochs and numbers, without gaps. */
  values(column) {
    const place = this.columns.indexOf(column);
    return this.epochs.map((epoch, i) => ({ epoch, value: this.run.rows[i][place] ?? null })).filter((one) => one.value !== null);
  }

  /** The Elo of the evaluated checkpoints, fitted to all games; without a manifest what was logged. */
  ratings() {
    const mine = this.run.checkpoints.filter((one) => one.elo !== null && one.simulations === this.run.simulations);
    if (mine.length) {
      const byEpoch = new Map(mine.map((one) => [one.epoch + 1, one]));
      return [...byEpoch].sort((a, b) => a[0] - b[0]).map(([epoch, one]) => ({ epoch, value: one.elo, low: one.elo_low, high: one.elo_high }));
    }
    const end = (name) => new Map(this.values(name).map(({ epoch, value }) => [epoch, value]));
    const [low, high] = [end("eval/elo_low"), end("eval/elo_high")];
    return this.values("eval/elo").map((one) => ({ ...one, low: low.get(one.epoch), high: high.get(one.epoch) }));
  }

  /**
   * The series of a chart.
   * @param {Spec} spec
   * @param {{minutes: boolean, prefix: string, second: boolean}} how
   */
  series(spec, { minutes, prefix, second }) {
    const columns = spec.id === "elo" ? [["eval/elo", "Elo"]] : curvesOf(spec, this.columns);
    return columns.map(([column, label], i) => {
      const values = spec.id === "elo" ? this.ratings() : this.values(column);
      const placed = values.map((one) => ({ ...one, x: minutes ? this.minutesAt.get(one.epoch) : one.epoch }));
      const known = placed.filter((one) => Number.isFinite(one.x));
      const end = (name) => (spec.id === "elo" ? known.map((one) => one[name] ?? NaN) : undefined);
      return {
        key: `${second ? "2:" : ""}${column}`,
        name: prefix + label,
        points: known.map((one) => [one.x, one.value]),
        low: end("low"),
        high: end("high"),
        tone: (i % 6) + 1,
        marks: second,
      };
    });
  }
}
