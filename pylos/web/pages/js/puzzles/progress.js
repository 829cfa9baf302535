// What somebody has solved: rating, streaks, days. Kept in the browser only.

import { kept } from "../dom.js";

const KEY = "puzzles";
const FIRST_RATING = 1500;
/** The first results move a rating faster. */
const SWIFT = { step: 64, results: 15 };
const STEP = 24;

/**
 * @typedef {{rating: number, count: number}} Rating
 * @typedef {{ratings: Record<string, Rating>, results: Record<string, Record<number, boolean>>, streak: number,
 *   best: number, days: Record<string, "day" | "late">}} Progress
 */

/** Everything that is kept. Another tab may have changed it, so it is read each time. @returns {Progress} */
export function progress() {
  const all = { ratings: {}, results: {}, streak: 0, best: 0, days: {} };
  const found = kept.get(KEY) ?? {};
  for (const key of Object.keys(all)) if (found[key] !== null && typeof found[key] === typeof all[key]) all[key] = found[key];
  return all;
}

/** The rating of a rule set. */
export const ratingOf = (rules, known = progress()) => known.ratings[rules] ?? { rating: FIRST_RATING, count: 0 };

/** The first result of a puzzle: true, false, or undefined where it is new. */
export const resultOf = ({ rules, number }) => progress().results[rules]?.[number];

/**
 * Notes a result. Only the first one of a puzzle counts.
 * @param {{rules: string, number: number, rating: number, date?: string}} puzzle `date` is that of a daily puzzle
 * @param {boolean} right
 * @returns {number | null} by how much the rating moved; null where nothing counted
 */
export function noteResult(puzzle, right) {
  const all = progress();
  const results = (all.results[puzzle.rules] ??= {});
  const first = results[puzzle.number] === undefined;
  let moved = null;
  if (first) {
    const mine = ratingOf(puzzle.rules, all);
    const expected = 1 / (1 + 10 ** ((puzzle.rating - mine.rating) / 400));
    const step = mine.count < SWIFT.results ? SWIFT.step : STEP;
    const rating = mine.rating + step * (Number(right) - expected);
    moved = Math.round(rating) - Math.round(mine.rating);
    all.ratings[puzzle.rules] = { rating, count: mine.count + 1 };
    results[puzzle.number] = right;
    all.streak = right ? all.streak + 1 : 0;
    all.best = Math.max(all.best, all.streak);
  }
  if (puzzle.date && right && !all.days[puzzle.date]) all.days[puzzle.date] = puzzle.date === today() ? "day" : "late";
  kept.set(KEY, all);
  return moved;
}

const two = (number) => String(number).padStart(2, "0");

/** A day as text, such as 2026-11-27, by the clock of this place. */
export const dayText = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
export const today = () => dayText(new Date());

/** The day so many days before another. */
export function daysBefore(date, days) {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() - days);
}

/** How many days without a gap had their puzzle solved on the day, up to today or yesterday. */
export function dailyStreak(days, now = new Date()) {
  let day = days[dayText(now)] === "day" ? now : daysBefore(now, 1);
  let count = 0;
  for (; days[dayText(day)] === "day"; day = daysBefore(day, 1)) count += 1;
  return count;
}
