// The page of the puzzles. Its address names the puzzle; what was solved is kept in the browser.

import { get } from "./api.js";
import { turnArrows } from "./arrows.js";
import { BoardView } from "./board/board.js";
import { mountHeader, put, toast, h, $ } from "./dom.js";
import { helpButton, openHelp } from "./help.js";
import { Attempt } from "./puzzles/attempt.js";
import { drawChoice, drawDays, drawRecord, drawTask, drawVerdict } from "./puzzles/panels.js";
import { ratingOf, resultOf } from "./puzzles/progress.js";
import { makeSettings } from "./settings.js";
import { refusal } from "./status.js";
import { randomNumber } from "./storage.js";

const DRAWS = 8;

/** All parts of the page. */
class Page {
  attempt = null;
  overview = null;
  /** Why the last click did nothing. @type {string | null} */
  refused = null;

  constructor(info) {
    this.info = info;
    this.titles = Object.fromEntries(info.rules.map(({ name, title }) => [name, title]));
    this.settings = makeSettings(() => {});
    this.board = new BoardView($("#board"), info.cells);
    Object.assign(this.board, { mode: this.settings.view, speed: this.settings.speed });
    this.board.addEventListener("action", ({ detail }) => this.act.push(detail.action));
    this.board.addEventListener("refused", ({ detail }) => this.refuse(detail.cell));
    this.board.addEventListener("select", () => this.refuse(null));
    const guarded = (work) => (...values) => work(...values).catch((error) => toast(error.message, "bad"));
    this.act = {
      push: guarded(async (action) => this.attempt.push(action)),
      again: guarded(async () => this.attempt.again()),
      reveal: guarded(async () => this.attempt.reveal()),
      next: guarded(() => this.next()),
      open: guarded((wanted) => this.open(wanted)),
      rules: guarded((rules) => this.choose({ rules, stratum: "" })),
      stratum: guarded((stratum) => this.choose({ rules: this.rules, stratum })),
    };
    $(".skip").addEventListener("click", (event) => (event.preventDefault(), this.board.keys.focus()));
    addEventListener("popstate", () => this.begin().catch((error) => toast(error.message, "bad")));
    addEventListener("themechange", () => this.attempt && this.draw());
    addEventListener("storage", () => this.attempt && this.drawProgress());
  }

  /** Shows what the address names: a puzzle, that of a day, or any. */
  async begin() {
    const query = new URLSearchParams(location.search);
    const rules = query.get("rules") ?? this.info.defaults.rules;
    await this.load({ rules, stratum: query.get("stratum") ?? "" });
    const [number, date] = ["number", "daily"].map((name) => query.get(name));
    if (number !== null) await this.present(get(`puzzles/${rules}/${encodeURIComponent(number)}`));
    else if (date !== null) await this.present(get(`puzzles/daily?${new URLSearchParams({ rules, date })}`));
    else await this.next(true);
  }

  /** Gets to know the puzzles of a rule set. */
  async load({ rules, stratum }) {
    if (this.rules !== rules) this.overview = await get(`puzzles?${new URLSearchParams({ rules })}`);
    const known = this.overview.strata.some(({ name }) => name === stratum);
    Object.assign(this, { rules, stratum: known ? stratum : "" });
    drawChoice($("#choose"), this, this.act);
  }

  async choose(wanted) {
    await this.load(wanted);
    await this.next();
  }

  /** A puzzle near the rating, one that is new if there are such. */
  async next(replaces = false) {
    const { stratum } = this;
    await this.present(this.find(), ({ rules, number }) => this.go({ rules, number, stratum }, replaces));
  }

  async find() {
    const [least, most] = this.overview.ratings;
    const rating = Math.round(Math.min(Math.max(ratingOf(this.rules).rating, least), most));
    let puzzle = null;
    for (let draw = 0; draw < DRAWS && (!puzzle || resultOf(puzzle) !== undefined); draw++) {
      const query = { rules: this.rules, stratum: this.stratum, rating, seed: randomNumber() };
      puzzle = await get(`puzzles/next?${new URLSearchParams(query)}`);
    }
    return puzzle;
  }

  async open({ rules, number }) {
    await this.present(get(`puzzles/${rules}/${number}`), () => this.go({ rules, number, stratum: this.stratum }));
  }

  /** Shows the puzzle that is found, unless another one is asked for meanwhile. */
  async present(finding, before = () => {}) {
    this.finding = finding;
    const puzzle = await finding;
    if (this.finding !== finding) return;
    before(puzzle);
    this.show(puzzle);
  }

  /** Writes the address. */
  go(query, replaces = false) {
    const named = Object.entries(query).filter(([, value]) => value !== "");
    const address = `/puzzles?${new URLSearchParams(named)}`;
    if (replaces) history.replaceState(null, "", address);
    else history.pushState(null, "", address);
  }

  show(puzzle) {
    const attempt = (this.attempt = new Attempt(puzzle));
    document.title = `${puzzle.date ? `Puzzle of ${puzzle.date}` : `Puzzle ${puzzle.number}`} – Pylos`;
    attempt.addEventListener("change", ({ detail }) => attempt === this.attempt && this.changed(detail));
    drawTask($("#asks"), this.attempt, this.titles);
    this.draw();
    this.drawProgress();
    this.announce(`${puzzle.asks} ${$("#asks p").textContent}`);
  }

  changed(animate) {
    this.refused = null;
    this.announce(this.draw(animate.from ? animate : null));
    this.drawProgress();
    if (this.attempt.phase !== "solving") $("#status button")?.focus({ preventScroll: true });
  }

  draw(animate = null) {
    const { attempt, settings } = this;
    const { state, phase, answers } = attempt;
    const arrows = phase === "shown" ? answers.flatMap((turn) => turnArrows(this, turn, "best")) : [];
    const view = { state, interactive: phase === "solving", ghosts: settings.ghosts, last: state.last, arrows };
    // The button that was pressed goes: the keyboard goes on at the board.
    const fromKeyboard = $("#status :focus-visible") !== null;
    this.board.show(view, { animate });
    const words = drawVerdict($("#status"), attempt, this.act);
    if (fromKeyboard && phase === "solving") this.board.keys.focus();
    return words;
  }

  /** Says why a click on a cell did nothing, until something else happens on the board; null ends it. */
  refuse(cell) {
    const { attempt } = this;
    const acts = cell !== null && attempt.open;
    if (!acts && !this.refused) return;
    this.refused = acts ? refusal(attempt.state, this.info.cells, cell) : null;
    const words = drawVerdict($("#status"), attempt, this.act, this.refused);
    if (acts) this.announce(words);
  }

  drawProgress() {
    drawRecord($("#record"), this.rules);
    drawDays($("#daily"), this.rules);
  }

  announce(text) {
    $("#live").textContent = text;
  }
}

let page;
mountHeader("puzzles", helpButton(() => openHelp(page?.info.rules.find(({ name }) => name === page.rules))));
try {
  page = new Page(await get("info"));
  await page.begin();
} catch (error) {
  put($("#status"), h("p", { class: "bad", role: "alert" }, error.message), h("p", null, h("a", { href: "/puzzles" }, "Another puzzle")));
}
