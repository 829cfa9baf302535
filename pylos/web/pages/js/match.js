// Who plays, and whose turn it is: asks agents for their turns, undoes, resigns, pauses. Looking back disturbs nothing.

import { post } from "./api.js";

/** The player who is a person. Every other player is the id of an opponent. */
export const HUMAN = "human";
/** Milliseconds until a server that cannot be reached is tried again. */
const PATIENCE = 2000;

const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const otherSide = (side) => (side === "white" ? "black" : "white");

/**
 * A result that no turn decided: "1-0", "0-1" or "1/2-1/2", and why, as far as it is known.
 * @typedef {{result: string, why: string}} Ending
 */

/** Why a game ends that somebody resigns. */
export const RESIGNED = "resigned";
const WINNERS = { "1-0": "white", "0-1": "black", "1/2-1/2": null };

/** An ending by its result and its reason; null where the result is none. @returns {Ending | null} */
export const endingOf = (result, why) => (Object.hasOwn(WINNERS, result ?? "") ? { result, why: why ?? "" } : null);

/** The winner of an ending, and the ending as a sentence. */
function told({ result, why }) {
  const winner = WINNERS[result];
  const ended = winner ? `${capital(winner)} has won` : "A draw";
  const reason = why ? `: ${why.replace(/\.$/, "")}` : ", as the file of the game says";
  const text = why === RESIGNED && winner ? `${capital(otherSide(winner))} has resigned: ${winner} has won.` : `${ended}${reason}.`;
  return { winner, reason: why, text };
}

/**
 * A game being played. `live` is the node where play stands; `game.current` is what is looked at.
 * Emits "change" when anything that the page tells about it has changed, "end" when somebody has ended it, and
 * "trouble" when an agent does not play.
 */
export class Match extends EventTarget {
  players = { white: HUMAN, black: HUMAN };
  /** @type {import("./game.js").Node} */
  live;
  /** Whether agents that play each other wait. */
  paused = false;
  /** Whether somebody tries turns on the board, for both sides: the agents wait. */
  free = false;
  /** How it ended where no turn decided it: somebody resigned, or the file that was opened says so. @type {null | Ending} */
  ended = null;
  /** The agent's turn that is awaited. @type {null | {since: number, abort: AbortController, id: string}} */
  thinking = null;
  /** Whether a person's step is on its way to the server. */
  sending = false;
  /** Why the game does not go on. */
  trouble = "";

  /**
   * @param {import("./game.js").Game} game
   * @param {{pace: () => number, held: () => boolean}} ways the least seconds between the turns of agents, and whether
   *   another part of the page keeps the agents waiting.
   */
  constructor(game, { pace, held }) {
    super();
    this.game = game;
    this.pace = pace;
    this.held = held;
    game.addEventListener("change", ({ detail }) => this.follow(detail.kind));
  }

  get mode() {
    const people = ["white", "black"].filter((side) => this.players[side] === HUMAN).length;
    return ["agents", "agent", "people"][people];
  }

  /** The side of the only person; null if there are two or none. */
  get person() {
    if (this.mode !== "agent") return null;
    return this.players.white === HUMAN ? "white" : "black";
  }

  /** How the game ended: `{winner, text}`; null while it goes on. */
  get over() {
    return this.live.state.over ?? (this.ended && told(this.ended));
  }

  /** Whether the shown position is where play stands. */
  get isLive() {
    return this.game.current === this.live;
  }

  /** Whether the person at the board may act on the shown position. */
  get mayAct() {
    if (this.sending) return false;
    if (this.held() || this.game.free) return true;
    return this.isLive && !this.thinking && this.players[this.live.state.turn] === HUMAN;
  }

  /** Begins with the players of a game that was just loaded. */
  begin(players, { ended = null } = {}) {
    this.stop();
    Object.assign(this, { players, ended, paused: false, free: false, trouble: "", live: this.game.current });
    this.update();
  }

  /** Follows the tree: a turn of a person moves play on, a node that was removed takes it back. */
  follow(kind) {
    const { game } = this;
    if (kind === "new") {
      this.stop();
      this.live = game.current;
    }
    if (kind === "push" && !game.free && game.current.parent === this.live) this.live = game.current;
    for (const node of game.path(this.live)) {
      if (node.parent && !node.parent.children.includes(node)) {
        this.stop();
        this.live = node.parent;
        break;
      }
    }
    this.update();
  }

  /** Lets the agent whose turn it is think, and tells the page. */
  update() {
    this.game.free = this.free || Boolean(this.over);
    const id = this.players[this.live.state.turn];
    const waits = this.over || this.free || this.held() || id === HUMAN || (this.mode === "agents" && this.paused);
    if (waits && !this.thinking?.once) this.stop();
    else if (!waits && !this.thinking && !this.trouble) this.think(id);
    this.dispatchEvent(new Event("change"));
  }

  /** Asks an agent for its turn until it comes, or until somebody stops it. */
  async think(id, once = false) {
    const { live: node, game } = this;
    const abort = new AbortController();
    this.thinking = { since: performance.now(), abort, id, once };
    while (!abort.signal.aborted) {
      try {
        const body = { game: game.request(node, false), opponent: id, seed: game.seed };
        const { turn, milliseconds } = await post("move", body, { signal: abort.signal });
        this.trouble = "";
        await this.wait(abort.signal);
        if (abort.signal.aborted) return;
        this.thinking = null;
        turn.milliseconds = milliseconds;
        this.live = game.extend(node, turn);
        this.update();
        return;
      } catch (error) {
        if (abort.signal.aborted) return;
        this.trouble = error.message;
        if (!error.passing) this.thinking = null;
        if (!error.passing) this.dispatchEvent(new Event("trouble"));
        this.dispatchEvent(new Event("change"));
        if (!error.passing) return;
        await sleep(PATIENCE);
      }
    }
  }

  /** Waits until the turn before has been seen. The pace may change meanwhile. */
  async wait(signal) {
    const { since } = this.thinking;
    while (!signal.aborted && performance.now() < since + 1000 * this.pace()) await sleep(30);
  }

  stop() {
    this.thinking?.abort.abort();
    this.thinking = null;
    this.trouble = "";
  }

  /** Another player takes the place of a side's. */
  replace(side, id) {
    this.players = { ...this.players, [side]: id };
    delete this.game.tags[capital(side)]; // The file that was opened named the other one.
    this.retry();
  }

  /** Tries again after trouble. */
  retry() {
    this.stop();
    this.update();
  }

  /**
   * A step of the person at the board. A server that is gone is tried again until it takes the step.
   * @param {number | string} step
   */
  async act(step) {
    if (!this.mayAct) return;
    const { game } = this;
    const { current, unfinished } = game;
    this.sending = true;
    try {
      while (game.current === current && game.unfinished === unfinished) {
        try {
          await game.push(step);
          break;
        } catch (error) {
          if (!error.passing) throw error;
          this.trouble = error.message;
          this.dispatchEvent(new Event("change"));
          await sleep(PATIENCE);
        }
      }
    } finally {
      this.sending = false;
      this.trouble = "";
      this.update();
    }
  }

  /** Where undo leads: to a turn of the person, or one turn back between two people. */
  get before() {
    if (this.ended && !this.live.state.over) return this.live;
    let node = this.live.parent;
    if (this.mode === "agent") while (node && this.players[node.state.turn] !== HUMAN) node = node.parent;
    return this.mode === "agents" ? null : node;
  }

  /** Whether undo does something. */
  get canUndo() {
    if (this.held()) return false;
    return Boolean(this.game.unfinished || (this.free ? this.game.current.parent : this.before));
  }

  /** Whether redo does something. */
  get canRedo() {
    if (this.held()) return false;
    return Boolean(this.free ? this.game.current.children[0] : this.after);
  }

  /** Where redo leads; null if nothing was undone. */
  get after() {
    if (this.mode === "agents" || this.ended) return null;
    let node = this.live.children[0] ?? null;
    if (this.mode !== "agent") return node;
    while (node?.children.length && this.players[node.state.turn] !== HUMAN) node = node.children[0];
    return node;
  }

  /** Takes back the turn that was begun; else the last turn, and the agent's answer to it. */
  undo() {
    if (this.game.unfinished) this.game.cancel();
    else if (this.free) this.game.previous();
    else this.playFrom(this.before);
  }

  redo() {
    if (this.free) this.game.next();
    else this.playFrom(this.after);
  }

  /** Play goes on at a node. */
  playFrom(node) {
    if (!node) return;
    this.stop();
    this.free = false;
    this.ended = null;
    this.live = node;
    this.game.go(node);
    this.update();
  }

  /** Shows where play stands; tries are over. */
  back() {
    this.free = false;
    this.game.cancel();
    this.game.go(this.live);
    this.update();
  }

  /** Lets turns be tried for both sides, anywhere. */
  setFree(free) {
    this.free = free;
    this.update();
  }

  resign() {
    this.stop();
    const loser = this.person ?? this.live.state.turn;
    this.ended = { result: loser === "white" ? "0-1" : "1-0", why: RESIGNED };
    this.game.cancel();
    this.game.go(this.live);
    this.update();
    this.dispatchEvent(new Event("end"));
  }

  /** Pauses agents that play each other, or lets them go on. */
  pause(paused = !this.paused) {
    if (this.mode !== "agents" || this.over) return;
    this.paused = paused;
    if (paused) this.stop();
    this.update();
  }

  /** One turn while paused. */
  step() {
    if (this.mode !== "agents" || this.over || this.thinking) return;
    this.paused = true;
    this.free = false;
    this.think(this.players[this.live.state.turn], true);
    this.dispatchEvent(new Event("change"));
  }
}

/** A word with a capital letter. */
export const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);
