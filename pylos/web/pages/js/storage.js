// Keeps the game: its line in the page's address, its tree in the browser. The server keeps none.

import { post } from "./api.js";
import { kept } from "./dom.js";
import { endingOf, HUMAN } from "./match.js";

/** How many games a browser remembers. */
const MOST_GAMES = 20;

/** Ids and seeds need only differ. */
export const randomNumber = () => crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;

/**
 * A game as the part of an address after "#": `standard/5.12.29?black=level:club&seed=7`.
 * @param {{rules: string, start: string | null, actions: number[]}} game
 * @param {Record<string, string | number | null>} [about] players, seed and the like; null is left out.
 */
export function toHash({ rules, start, actions }, about = {}) {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries({ start, ...about })) if (value !== null) query.set(key, String(value));
  const readable = String(query).replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%40", "@");
  return `#${rules}/${actions.join(".")}${readable && `?${readable}`}`;
}

/**
 * Reads such a part; null if there is none. What it says is checked by the server.
 * @param {string} hash
 */
export function fromHash(hash) {
  const text = hash.replace(/^#/, "");
  if (!text) return null;
  const [line, query = ""] = split(text, "?");
  const [rules, actions = ""] = split(line, "/");
  const about = new URLSearchParams(query);
  return {
    game: { rules, start: about.get("start"), actions: actions ? actions.split(".").map(Number) : [] },
    players: { white: about.get("white") ?? HUMAN, black: about.get("black") ?? HUMAN },
    seed: Number(about.get("seed")) || 0,
    ended: endingOf(about.get("result"), about.get("why")),
    id: /^\w{1,20}$/.test(about.get("id") ?? "") ? about.get("id") : null,
  };
}

/** What the address says about an ending that no turn decided. */
const ending = ({ ended }) => ({ result: ended?.result ?? null, why: ended?.why || null });

function split(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** The tree below a node as nested lists: [actions, milliseconds, children]. */
const packed = (node) => [node.actions, node.milliseconds ?? null, node.children.map(packed)];

/** All lines of such a tree, as lists of its nodes, the main line first. */
function* lines([actions, milliseconds, children], before = []) {
  const path = [...before, { actions, milliseconds }];
  if (children.length === 0) yield path;
  for (const child of children) yield* lines(child, path);
}

/** The games that the browser remembers, the latest first: pairs of an id and an address. @returns {string[][]} */
function keptGames() {
  const found = kept.get("games");
  const isGame = (pair) => Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === "string");
  return Array.isArray(found) ? found.filter(isGame) : [];
}

/** Keeps the game of this tab. */
export class Storage {
  id = "";
  #release = () => {};
  #saved = "";

  constructor(game, match) {
    this.game = game;
    this.match = match;
  }

  /** Writes the address and the browser's memory, if something has changed. */
  save() {
    const { game, match } = this;
    const { white, black } = match.players;
    const person = (player) => (player === HUMAN ? null : player);
    const about = { white: person(white), black: person(black), seed: game.seed, ...ending(match), id: this.id };
    const hash = toHash(game.request(match.live, false), about);
    const memory = { tree: packed(game.root), tags: game.tags, start: game.start, rules: game.rules, review: game.review };
    const saved = hash + JSON.stringify(memory);
    if (saved === this.#saved && hash === location.hash) return;
    this.#saved = saved;
    history.replaceState(null, "", hash);
    kept.set(`game.${this.id}`, memory);
    const others = keptGames().filter(([id]) => id !== this.id);
    const games = [[this.id, location.hash], ...others];
    for (const [id] of games.splice(MOST_GAMES)) localStorage.removeItem(`pylos.game.${id}`);
    kept.set("games", games);
  }

  /** Takes an id that no other tab uses: the wished one if it is free. Returns whether it is that one. */
  async claim(wished = null) {
    this.#release();
    const free = wished !== null && (await this.#lock(wished));
    this.id = free ? wished : randomNumber().toString(36);
    if (!free) await this.#lock(this.id);
    return free;
  }

  /** Whether this tab now holds an id. Other tabs see it until the tab is closed. */
  #lock(id) {
    if (!navigator.locks) return Promise.resolve(true);
    return new Promise((found) => {
      const held = (lock) => {
        found(lock !== null);
        return lock && new Promise((release) => (this.#release = release));
      };
      navigator.locks.request(`pylos.game.${id}`, { ifAvailable: true }, held).catch(() => found(true)); // Forbidden.
    });
  }

  /** What this tab shall show: its address, else the last game that no other tab plays; null if there is none. */
  async wanted() {
    const address = fromHash(location.hash);
    if (address) {
      await this.claim(address.id);
      return address;
    }
    const [latest] = keptGames();
    const last = latest && fromHash(latest[1]);
    return last && (await this.claim(last.id)) ? last : null;
  }

  /** Loads what an address says, and the side lines that the browser remembers of it. */
  async load({ game, players, seed, ended, id }) {
    const memory = id && kept.get(`game.${id}`);
    const same = memory && memory.rules === game.rules && memory.start === game.start;
    await this.game.load(game, { seed, ...(same && { tags: memory.tags, review: memory.review }) });
    this.match.begin(players, { ended });
    if (same) await this.#graft(memory.tree).catch(() => {}); // Side lines that cannot be read are no loss.
  }

  async #graft(tree) {
    const { game } = this;
    const { root } = game;
    for (const line of lines(tree)) {
      const actions = line.flatMap((step) => step.actions);
      const { turns } = await post("position", { game: { rules: game.rules, start: game.start, actions } });
      if (game.root !== root) return; // Another game was begun meanwhile.
      let node = root;
      turns.forEach((turn, i) => {
        if (!turn.complete) return;
        node = game.child(node, turn);
        node.milliseconds ??= line[i + 1]?.milliseconds ?? undefined;
      });
    }
    game.changed("add", [], game.state);
  }
}
