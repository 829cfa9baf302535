// Ranges, ticks and numbers of plots.

/** @typedef {{key?: string, name: string, points: [number, number][], low?: number[], high?: number[], tone?: number|string, marks?: boolean}} Series */

/** The next of 1, 2, 5, 10, ... that is no smaller. */
function roundStep(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  const leading = step / power;
  return power * (leading <= 1 ? 1 : leading <= 2 ? 2 : leading <= 5 ? 5 : 10);
}

/**
 * Round numbers within a range.
 * @param {number} low @param {number} high @param {number} most about how many
 * @param {boolean} [whole] only whole numbers
 * @returns {{values: number[], digits: number, finer: number}} the numbers; how many digits tell them apart, and how
 *   many tell apart what the eye can on a plot
 */
export function ticks(low, high, most, whole = false) {
  const step = roundStep(Math.max((high - low) / Math.max(most, 1), whole ? 1 : 1e-12));
  const values = [];
  for (let k = Math.ceil(low / step - 1e-6); k * step <= high + step * 1e-6; k++) values.push(k * step);
  const digitsOf = (size) => Math.max(0, -Math.floor(Math.log10(size) + 1e-9));
  return { values, digits: digitsOf(step), finer: whole ? 0 : digitsOf(step / 100) };
}

/** A number for people: grouped thousands, a real minus; very small ones with an exponent. */
export function number(value, digits = 0) {
  if (value !== 0 && digits > 5 && Math.abs(value) < 0.001) return value.toExponential(1).replace("-", "−");
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  const text = value.toLocaleString("en-GB", options).replace("-", "−");
  return /^−0(\.0*)?$/.test(text) ? text.slice(1) : text;
}

/** A share of one as a percentage. */
export const percent = (value, digits = 0) => `${number(value * 100, Math.max(0, digits - 2))} %`;

/** The range of x of all series, hidden ones too: hiding a curve does not move the others. */
export function rangeOfX(series, x = {}) {
  let low = Infinity;
  let high = -Infinity;
  for (const { points } of series) {
    if (!points.length) continue;
    low = Math.min(low, points[0][0]);
    high = Math.max(high, points.at(-1)[0]);
  }
  low = x.min ?? low;
  high = x.max ?? high;
  return low < high ? [low, high] : [low - 0.5, low + 0.5];
}

/** The value of a curve between two of its points; null beyond its ends. */
function between(points, x) {
  const after = points.findIndex((point) => point[0] >= x);
  if (after < 0 || (after === 0 && points[0][0] > x)) return null;
  if (points[after][0] === x) return points[after][1];
  const [[x0, y0], [x1, y1]] = [points[after - 1], points[after]];
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

/**
 * The range of y that shows all curves (and their intervals) between two values of x, with a margin.
 * @param {Series[]} series the curves that are shown
 * @param {number[]} extra further values to show
 * @param {{min?: number, max?: number, within?: [number, number]}} y fixed ends, or bounds of what is possible
 */
export function rangeOfY(series, extra, y, from, to) {
  const values = [...extra];
  for (const { points, low, high } of series) {
    points.forEach((point, i) => {
      if (point[0] < from || point[0] > to) return;
      values.push(...[point[1], low?.[i], high?.[i]].filter(Number.isFinite));
    });
    for (const edge of [between(points, from), between(points, to)]) if (edge !== null) values.push(edge);
  }
  if (!values.length) values.push(0, 1);
  let low = values.reduce((a, b) => Math.min(a, b));
  let high = values.reduce((a, b) => Math.max(a, b));
  const margin = high > low ? (high - low) * 0.06 : Math.abs(high) * 0.1 || 0.5;
  const [least, greatest] = y.within ?? [-Infinity, Infinity];
  low = y.min ?? Math.max(low - margin, Math.min(least, low));
  high = y.max ?? Math.min(high + margin, Math.max(greatest, high));
  return low < high ? [low, high] : [low - 0.5, low + 0.5];
}

/** Every x at which one of the series has a point, ascending. */
export function allX(series) {
  return [...new Set(series.flatMap(({ points }) => points.map((point) => point[0])))].sort((a, b) => a - b);
}

/** The one of some ascending numbers that is nearest; null if there is none. */
export function nearest(numbers, x) {
  return numbers.reduce((best, n) => (best === null || Math.abs(n - x) < Math.abs(best - x) ? n : best), null);
}
