// Facts of runs in words.

import { h } from "../dom.js";
import { number } from "../plot/scales.js";

const STATES = { training: "training now", stopped: "stopped", finished: "finished" };

/** A word for the state of a run. */
export const stateBadge = (state) => h("span", { class: `badge ${state}` }, STATES[state] ?? state);

/** An Elo with its interval, of which an end may be open. */
export function eloText({ elo, elo_low: low, elo_high: high }) {
  if (elo === null || elo === undefined) return null;
  const between = { 3: `${number(low ?? 0)} to ${number(high ?? 0)}`, 2: `at least ${number(low ?? 0)}`, 1: `at most ${number(high ?? 0)}` };
  const interval = between[(low === null ? 0 : 2) + (high === null ? 0 : 1)];
  return [h("strong", null, number(elo)), interval ? h("span", { class: "muted" }, ` (${interval})`) : null];
}

/** How far a run is: a bar where the end is known, and words. */
export function progressOf({ epochs, max_epochs: most }) {
  const words = most ? `${number(epochs)} of ${number(most)} epochs` : `${number(epochs)} ${epochs === 1 ? "epoch" : "epochs"}`;
  const bar = most ? h("progress", { max: most, "aria-label": "Epochs that have ended" }) : null;
  if (bar) bar.value = Math.min(epochs, most);
  return h("div", { class: "progress" }, bar, h("span", { class: "small" }, words));
}

const UNITS = [[60, "second"], [60, "minute"], [24, "hour"], [30, "day"], [12, "month"], [Infinity, "year"]];

/** How long ago a time was. */
function ago(time, now = Date.now()) {
  let span = Math.max(0, (now - new Date(time).getTime()) / 1000);
  if (span < 10) return "just now";
  for (const [size, unit] of UNITS) {
    if (span < size) return `${Math.floor(span)} ${unit}${Math.floor(span) === 1 ? "" : "s"} ago`;
    span /= size;
  }
  return "";
}

/** A time as how long ago it was; `refreshTimes` keeps it true. */
export const timeOf = (time) =>
  h("time", { datetime: time, title: new Date(time).toLocaleString("en-GB") }, ago(time));

/** Brings all times of the page up to date. */
export function refreshTimes() {
  for (const element of document.querySelectorAll("time[datetime]")) {
    const text = ago(element.getAttribute("datetime"));
    if (element.textContent !== text) element.textContent = text;
  }
}

/**
 * Shows items as elements and keeps the elements of items that have not changed: focus and selection stay.
 * @param {Element} parent
 * @param {{key: string, data: any}[]} items data that JSON can hold, of which each element is made
 * @param {(data: any) => Element} make
 */
export function showItems(parent, items, make) {
  const known = new Map([...parent.children].map((element) => [element.dataset.key, element]));
  const elements = items.map(({ key, data }) => {
    const text = JSON.stringify(data);
    const old = known.get(key);
    if (old?.dataset.content === text) return old;
    const made = make(data);
    Object.assign(made.dataset, { key, content: text });
    return made;
  });
  const wanted = new Set(elements);
  for (const element of [...parent.children]) if (!wanted.has(element)) element.remove();
  elements.forEach((element, i) => {
    if (parent.children[i] !== element) parent.insertBefore(element, parent.children[i] ?? null);
  });
}
