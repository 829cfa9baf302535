// @ts-check
/** The review of a game: its graph, every turn judged, counts for both sides, and the way to learn from the mistakes. */

import { sentence, stream } from "./api.js";
import { h, put } from "./dom.js";
import { percent } from "./evaluation.js";
import { Lesson } from "./learn.js";
import { lineChart } from "./plot.js";
import { SYMBOLS } from "./tree.js";

const SIDES = ["white", "black"];
const NAMES = { white: "White", black: "Black" };
/** The verdicts that are counted, and their heads. */
const COUNTED = [["inaccuracy", "Inaccuracies"], ["mistake", "Mistakes"], ["blunder", "Blunders"]];
/** The verdicts that are dots on the graph, and their colours. */
const DOTS = { mistake: "warn", blunder: "bad" };
/** Verdicts of turns that kept what the position was worth. */
const KEEPING = ["best", "good"];

/**
 * @param {any} app - the page's parts.
 * @param {HTMLElement} element - an empty one.
 * @returns {{start: () => Promise<void>}}
 */
export function mountReview(app, element) {
  const { game } = app;
  let abort = new AbortController();
  let reviewed = null; // {root, nodes, result}: what the shown review is about.
  let lesson = null;

  const start = h("button", { type: "button", onclick: review }, "Review this game");
  const stop = h("button", { type: "button", class: "small", onclick: () => abort.abort(), hidden: true }, "Stop");
  const ended = h("p", { class: "review-ended", hidden: true });
  const bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": "Turns judged" });
  const status = h("p", { class: "review-status", role: "status" });
  const chart = h("div", { class: "review-chart" });
  const about = h("p", { class: "review-turn", "aria-live": "polite" });
  const counts = h("div", { class: "review-counts" });
  const lessons = h("div", { class: "buttons" });
  const found = h("div", { class: "review-found", hidden: true }, chart, about, counts, lessons);
  const place = h("div", { class: "review-lesson", hidden: true });
  const body = h("div", { class: "review" }, ended, h("div", { class: "buttons" }, start, stop), bar, status, found);
  element.append(body, place);

  /** Judges the line through the shown turn. */
  async function review() {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    const nodes = game.mainLine();
    reviewed = null;
    busy(true);
    status.textContent = "Judging the turns…";
    status.classList.remove("error");
    try {
      const body = { game: game.request(nodes.at(-1), false), opponent: app.settings.network ?? null };
      await stream("review", body, (event) => take(event, nodes), { signal });
      if (!reviewed) throw new Error("The review ended early. Try again.");
    } catch (error) {
      status.textContent = signal.aborted ? "Stopped." : error.message;
      status.classList.toggle("error", !signal.aborted);
    }
    if (abort.signal === signal) busy(false);
  }

  function busy(on) {
    stop.hidden = bar.hidden = !on;
    start.disabled = on;
    draw();
  }

  function take(event, nodes) {
    if (event.error) throw new Error(sentence(event.error));
    if (!event.done) {
      bar.value = event.turns ? event.turns_judged / event.turns : 0;
      status.textContent = `${event.turns_judged} of ${event.turns} turns judged`;
      return;
    }
    game.review = { actions: game.request(nodes.at(-1), false).actions, result: event };
    adopt(nodes, event);
  }

  /** Shows the review of a line. */
  function adopt(nodes, result) {
    for (const [index, turn] of result.turns.entries()) {
      const white = result.points[index + 1];
      nodes[index + 1].review = { ...turn, chance: turn.by === "white" ? white : 1 - white }; // Of who played it.
    }
    reviewed = { root: game.root, nodes, result };
    status.textContent =
      result.source === "truth"
        ? "Judged by the complete solution of the game: every verdict is exact."
        : "Judged by a search: verdicts are good estimates, not proofs.";
    drawChart();
    game.changed("marks", [], game.state);
  }

  /** Shows the review that the browser remembers, once its line is there. Returns whether it does. */
  function recall() {
    try {
      const nodes = game.line(game.review.actions);
      if (nodes) adopt(nodes, game.review.result);
      return nodes !== null;
    } catch {
      game.review = null; // What was kept cannot be read.
      return false;
    }
  }

  function drawChart() {
    const { result } = reviewed;
    const points = result.points.map((value, ply) => [ply, value]);
    put(chart);
    reviewed.chart = lineChart(chart, {
      title: "White's chance to win after each turn",
      series: [{ name: "White's chance", points, tone: "accent" }],
      x: { label: "turn", whole: true, min: 0, max: points.length - 1 },
      y: { min: 0, max: 1, format: percent },
      lines: [{ y: 0.5, name: "even" }],
      dots: result.turns.flatMap(({ verdict }, index) => (DOTS[verdict] ? [{ x: index + 1, y: result.points[index + 1], tone: DOTS[verdict] }] : [])),
      height: 190,
      onPick: (ply) => game.go(reviewed.nodes[ply]),
    });
  }

  /** A table of what each side did. */
  function countTable() {
    const { turns } = reviewed.result;
    const of = (side) => turns.filter((turn) => turn.by === side);
    const row = (head, cell) => h("tr", null, h("th", { scope: "row" }, ...head), ...SIDES.map((side) => h("td", null, cell(of(side)))));
    const kept = (own) => (own.length ? percent(own.filter(({ verdict }) => KEEPING.includes(verdict)).length / own.length) : "–");
    return h("table", null,
      h("caption", { class: "visually-hidden" }, "What each side did"),
      h("thead", null, h("tr", null, h("td"), ...SIDES.map((side) => h("th", { scope: "col" }, NAMES[side])))),
      h("tbody", null,
        row(["Kept what the position was worth"], kept),
        ...COUNTED.map(([verdict, name]) =>
          row([h("span", { class: `verdict ${verdict}` }, SYMBOLS[verdict]), ` ${name}`], (own) => own.filter((turn) => turn.verdict === verdict).length))));
  }

  /** The mistakes of a side, in order. */
  const mistakes = (side) => reviewed.nodes.slice(1).filter(({ by, review }) => by === side && ["mistake", "blunder"].includes(review?.verdict));

  /** A button for each side from whose mistakes there is something to learn; only yours against an agent. */
  function lessonButtons() {
    const humans = app.match.person ? [app.match.person] : SIDES;
    const sides = humans.filter((side) => mistakes(side).length);
    if (!sides.length) return [h("p", { class: "muted" }, humans.length === 1 ? "No mistake of yours: nothing to learn here." : "No mistakes: nothing to learn here.")];
    return sides.map((side) => {
      const whose = humans.length === 1 ? "your" : `${NAMES[side]}'s`;
      return h("button", { type: "button", class: "primary", onclick: () => learn(mistakes(side)) }, `Learn from ${whose} mistakes (${mistakes(side).length})`);
    });
  }

  function learn(nodes) {
    body.hidden = true;
    place.hidden = false;
    lesson = new Lesson(app, place, nodes, reviewed.result.accepted_below, () => {
      lesson = null;
      body.hidden = false;
      place.hidden = true;
      draw();
      start.focus();
    });
  }

  /** What is said about the shown turn. */
  function drawTurn() {
    const { review } = game.current;
    const verdict = review?.verdict;
    put(about, ...(review
      ? [h("strong", null, `${NAMES[review.by]}: ${review.turn} `), h("span", { class: `verdict ${verdict}` }, `${SYMBOLS[verdict] ?? ""} ${verdict}. `), review.text]
      : [h("span", { class: "muted" }, "Press the graph, or walk through the turns, to see what was right and wrong.")]));
    const ply = reviewed.nodes.indexOf(game.current);
    reviewed.chart.update({ marker: ply < 0 ? null : ply });
  }

  function draw() {
    if (lesson) return;
    const { over } = app.match;
    const any = game.root.children.length > 0;
    const there = (node) => !node.parent || node.parent.children.includes(node);
    if (reviewed && (reviewed.root !== game.root || !reviewed.nodes.every(there))) {
      abort.abort();
      if (reviewed.root === game.root) game.review = null;
      reviewed = null;
      status.textContent = "";
    }
    if (!reviewed && game.review && stop.hidden && recall()) return;
    ended.hidden = !over || Boolean(reviewed);
    if (over) ended.textContent = `${over.text} See where it was decided:`;
    start.hidden = !any;
    start.classList.toggle("primary", Boolean(over) && !reviewed);
    start.textContent = reviewed ? "Review again" : "Review this game";
    if (!any) status.textContent = "Play some turns, then they can be reviewed here.";
    else if (status.textContent.startsWith("Play some")) status.textContent = "";
    found.hidden = !reviewed;
    if (!reviewed) return;
    put(counts, countTable());
    put(lessons, ...lessonButtons());
    drawTurn();
  }

  game.addEventListener("change", draw);
  app.match.addEventListener("change", draw);
  draw();
  return { start: review };
}
