// What stands around the board: the task, the verdict, the choice of puzzles, the record, the days.

import { h, iconButton, put } from "../dom.js";
import { number, percent } from "../plot/scales.js";
import { asks } from "../status.js";
import { dailyStreak, dayText, daysBefore, progress, ratingOf, today } from "./progress.js";

const KINDS = { opening: "Opening", middle: "Middle game", late: "Late game", take_back: "Take-backs" };
const DAY = { weekday: "long", day: "numeric", month: "long", year: "numeric" };
const dayName = (text) => new Date(`${text}T12:00`).toLocaleDateString("en-GB", DAY);
const addressOf = (query) => `/puzzles?${new URLSearchParams(query)}`;

/** The task above the board. */
export function drawTask(element, { puzzle, before }, titles) {
  const name = puzzle.date ? `Daily puzzle of ${dayName(puzzle.date)}` : `Puzzle ${number(puzzle.number)}`;
  const known = { true: "solved before", false: "tried before" }[String(before)];
  const facts = [name, titles[puzzle.rules] ?? puzzle.rules, KINDS[puzzle.stratum], `rated ${number(puzzle.rating)}`, known];
  put(element, h("h1", null, puzzle.asks), h("p", { class: "small muted" }, facts.filter(Boolean).join(" · ")));
}

/** What to do, or what came out, with the buttons for it; or why a click did nothing. @returns {string} the words */
export function drawVerdict(element, attempt, act, refused = null) {
  const { phase, verdict, moved, puzzle, answers, actions } = attempt;
  const button = (text, onclick, props = {}) => h("button", { type: "button", onclick, ...props }, text);
  const next = button("Next puzzle", act.next, { class: "primary" });
  const show = button("Show the answer", act.reveal);
  const stop = attempt.stop ? iconButton("check", "Done", () => act.push(attempt.stop.action), { class: "primary" }) : null;
  const rating = moved ? ` Your rating ${moved > 0 ? "rises" : "falls"} by ${Math.abs(moved)}.` : "";
  const texts = {
    solving: () => asks(attempt.state, puzzle.rules),
    right: () => verdict.text + (moved === null ? " Only the first try counts." : rating),
    wrong: () => verdict.text + rating,
    shown: () => `${keepers(attempt)}: ${spoken(answers)}.${verdict ? "" : rating}`,
  };
  const buttons = {
    solving: () => [stop, actions.length ? button("Cancel the turn", act.again) : null, show, button("Skip", act.next, { class: "quiet" })],
    right: () => [next, answers.length > 1 ? button("Show all answers", act.reveal) : null],
    wrong: () => [button("Try again", act.again, { class: "primary" }), show, button("Next puzzle", act.next)],
    shown: () => [next, button("Try it yourself", act.again)],
  };
  const policy = `The agent’s first glance, without looking ahead, finds ${puzzle.keeping > 1 ? "one" : "it"} ${percent(puzzle.solved_by_policy)} of the time.`;
  const words = refused ?? texts[phase]();
  element.dataset.phase = phase;
  put(
    element,
    h("p", { class: "words" }, h("span", null, words), phase === "solving" ? null : h("span", { class: "small muted" }, policy)),
    h("div", { class: "row" }, ...buttons[phase]()),
    h(
      "p",
      { class: "links small" },
      h("a", { href: addressOf({ rules: puzzle.rules, number: puzzle.number }) }, "Link to this puzzle"),
      h("a", { href: `/?${new URLSearchParams({ rules: puzzle.rules, start: puzzle.state.text, panel: "analysis" })}` }, "Analyse this position"),
    ),
  );
  return words;
}

const keepers = ({ answers, value }) =>
  `${answers.length === 1 ? "One turn keeps" : `${answers.length} turns keep`} the ${value > 0 ? "win" : "draw"}`;

/** Turns of one step in a sentence. The arrows show them, too. */
const spoken = (turns) => turns.map((turn) => (turn === "=" ? "stop (Done)" : turn.replace(/^-/, "take back "))).join(", ");

/** The choice of what comes next. */
export function drawChoice(element, { overview, rules, stratum, titles }, act) {
  const select = (label, options, value, onchange) => {
    const field = h("select", { onchange: () => onchange(field.value) }, ...options.map(([key, text]) => h("option", { value: key }, text)));
    field.value = value;
    return h("label", { class: "field" }, h("span", null, label), field);
  };
  const kinds = overview.strata.map(({ name, count }) => [name, `${KINDS[name] ?? name} (${number(count)})`]);
  const wanted = h("input", { type: "number", min: 1, max: overview.count, placeholder: `1 to ${overview.count}`, required: true });
  const form = h("form", { class: "go" }, h("label", { class: "field" }, h("span", null, "Puzzle number"), wanted), h("button", null, "Go"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act.open({ rules, number: Number(wanted.value) });
  });
  put(
    element,
    h("h2", { id: "choose-title" }, "Puzzles"),
    h("p", { class: "small muted" }, "In every position some turns keep the win or the draw and the others throw it away: that is known exactly, not guessed. They are chosen near your rating."),
    select("Rules", overview.rules.map((name) => [name, titles[name] ?? name]), rules, act.rules),
    select("Kind of position", [["", `All (${number(overview.count)})`], ...kinds], stratum, act.stratum),
    form,
  );
}

/** Rating, results and streak. */
export function drawRecord(element, rules) {
  const all = progress();
  const { rating, count } = ratingOf(rules, all);
  const right = Object.values(all.results[rules] ?? {}).filter(Boolean).length;
  const fact = (value, label) => h("div", null, h("dd", null, value), h("dt", { class: "small muted" }, label));
  put(
    element,
    h("h2", { id: "record-title" }, "Your record"),
    h(
      "dl",
      { class: "record" },
      fact(number(Math.round(rating)), "rating under these rules"),
      fact(count ? `${right} of ${count}` : "none yet", "solved at the first try"),
      fact(number(all.streak), "solved in a row"),
      fact(number(all.best), "most in a row"),
    ),
    h("p", { class: "small muted" }, "Kept in this browser. Only the first try at a puzzle counts."),
  );
}

/** The puzzles of the last five weeks. */
export function drawDays(element, rules, now = new Date()) {
  const { days } = progress();
  const streak = dailyStreak(days, now);
  const monday = daysBefore(now, ((now.getDay() + 6) % 7) + 28);
  const cells = Array.from({ length: 35 }, (_, i) => daysBefore(monday, -i)).map((date) => {
    const text = dayText(date);
    if (date > now) return h("span", { class: "day later", "aria-hidden": "true" }, String(date.getDate()));
    const state = { day: "solved on the day", late: "solved later" }[days[text]] ?? "not solved";
    const label = `${dayName(text)}: ${state}`;
    const classes = `day ${{ day: "solved", late: "late" }[days[text]] ?? ""} ${text === dayText(now) ? "now" : ""}`;
    return h("a", { class: classes, href: addressOf({ rules, daily: text }), "aria-label": label, title: label }, String(date.getDate()));
  });
  const names = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"].map((name) => h("span", { class: "small muted", "aria-hidden": "true" }, name));
  put(
    element,
    h("h2", { id: "daily-title" }, "Daily puzzle"),
    h("p", null, streakText(streak, days[today()] === "day")),
    h("a", { class: days[today()] ? "button" : "button primary", href: addressOf({ rules, daily: dayText(now) }) }, "Today’s puzzle"),
    h("div", { class: "days" }, ...names, ...cells),
  );
}

function streakText(streak, done) {
  if (!streak) return "Solve it day by day: a streak begins with the first.";
  const length = `${streak} ${streak === 1 ? "day" : "days"} in a row.`;
  return done ? `${length} Come back tomorrow.` : `${length} Solve today’s to go on.`;
}
