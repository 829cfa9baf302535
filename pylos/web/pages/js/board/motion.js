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
function tracksBetween(from, to, actions) {
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

const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** The balls that are on their way now. */
export class Motion {
  /** The time of a move in seconds; 0 moves at once. */
  speed = 0.6;
  /** @type {Track[]} */
  tracks = [];

  /** Sets balls going; those that still went are where they belong at once. Nothing moves for whoever asks for calm. */
  start(from, to, actions) {
    this.tracks = this.speed > 0 && !STILL.matches ? tracksBetween(from, to, actions) : [];
    this.begun = performance.now();
  }

  end() {
    this.tracks = [];
  }

  get going() {
    return this.tracks.length > 0;
  }

  /** Puts the balls of a scene where they are at a time in ms. */
  apply(scene, now, view) {
    const time = Math.max(0, now - this.begun) / 1000 / (this.speed || 1);
    if (this.tracks.every(({ legs }) => time >= legs.at(-1).start + 1)) this.end();
    if (this.going) scene.ghosts = [];
    for (const { side, legs } of this.tracks) {
      const end = legs.at(-1).to;
      const same = (ball) => ball.side === side && ball.cell === end.cell && (end.cell !== null || ball.slot === end.slot);
      const ball = scene.balls.find(same);
      if (ball) Object.assign(ball, { at: positionOf(legs, time, view), rim: null });
    }
  }
}

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

/** Where a ball is, in the coordinates of a view, `time` moves after the beginning. */
function positionOf(legs, time, view) {
  const leg = legs.findLast(({ start }) => time >= start) ?? legs[0];
  const { part, lift } = flight(Math.min(1, Math.max(0, time - leg.start)));
  return view.between(view.place(leg.from), view.place(leg.to), part, lift);
}
