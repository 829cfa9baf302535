// Balls on their way: which ball went where between two states, and where it is at a moment.

import { sideOn } from "./scene.js";

/**
 * @typedef {{side: string, legs: {from: object, to: object, start: number}[]}} Track
 *   the way of one ball: its legs begin at `start`, in moves. The last `to` is where it lies at the end.
 */

/**
 * The tracks that lead from a state to another.
 *
 * @param {object} from the state before. @param {object} to the state after. @param {number[]} actions what was done;
 *   the first is looked up among the legal actions, balls that are gone after it were taken back.
 * @returns {Track[]}
 */
export function tracksBetween(from, to, actions) {
  const first = from.legal.find(({ action }) => action === actions[0]);
  if (!first || first.kind === "stop") return [];
  const side = from.turn;
  const tracks = [];
  const here = [...from.cells];
  let start = 0;
  if (first.target !== null) {
    const begin = first.source === null ? { cell: null, slot: from.reserves[side] - 1, side } : { cell: first.source, side };
    tracks.push({ side, legs: [{ from: begin, to: { cell: first.target, side }, start }] });
    here[first.target] = side[0];
    if (first.source !== null) here[first.source] = ".";
    start = 1;
  }
  const taken = [...here.keys()].filter((cell) => here[cell] !== "." && here[cell] !== to.cells[cell]);
  taken.forEach((cell, i) => {
    const leg = { from: { cell, side }, to: { cell: null, slot: to.reserves[side] - taken.length + i, side }, start: start + 0.35 * i };
    const known = tracks.find(({ legs }) => legs.at(-1).to.cell === cell);
    if (known) known.legs.push(leg);
    else tracks.push({ side, legs: [leg] });
  });
  return tracks.filter(({ legs }) => legs[0].to.cell === null || legs.length > 1 || sideOn(to, legs[0].to.cell) === side);
}

/** When the last ball has arrived, in moves. */
export const lengthOf = (tracks) => Math.max(0, ...tracks.map(({ legs }) => legs.at(-1).start + 1));

const FALLEN = 0.8;

/** How far a ball is on its way, 0 to 1, and how high above the straight line, in balls. */
function flight(time) {
  if (time >= FALLEN) {
    const after = (time - FALLEN) / (1 - FALLEN);
    return { part: 1, lift: 0.32 * after * (1 - after) };
  }
  const u = time / FALLEN;
  return { part: u * u * (3 - 2 * u), lift: 4 * u * (1 - u) };
}

/** Where a ball of a track is, in the coordinates of a view, `time` moves after the beginning. */
export function positionOf({ legs }, time, view) {
  const leg = legs.findLast(({ start }) => time >= start) ?? legs[0];
  const { part, lift } = flight(Math.min(1, Math.max(0, time - leg.start)));
  return view.between(view.place(leg.from), view.place(leg.to), part, lift);
}
