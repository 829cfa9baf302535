// A game as a tree of turns. What a turn leads to comes from the server: no rule is known here.

import { post } from "./api.js";

/**
 * A position of the tree, with the turn that led to it.
 * @typedef {{parent: Node | null, children: Node[], actions: number[], turn: string, by: string, state: any,
 *   states: any[], milliseconds?: number, review?: any}} Node
 */

const makeNode = (parent, { actions, turn, by, state, states }) => ({
  parent, children: [], actions, turn, by, state, states,
});
const sameActions = (a, b) => a.length === b.length && a.every((action, i) => action === b[i]);

/** Emits "change" with {kind: "push" | "go" | "cancel" | "new" | "add" | "tree" | "marks", actions, from} in its detail. */
export class Game extends EventTarget {
  rules = "";
  /** The text of the position at which it began; null is the empty board. @type {string | null} */
  start = null;
  seed = 0;
  /** @type {Record<string, string>} */
  tags = {};
  /** @type {Node} */
  root;
  /** The node that is shown. @type {Node} */
  current;
  /** The last review: the actions of the line that was judged, and what came out. @type {null | {actions: number[], result: any}} */
  review = null;
  /** The turn that was begun at `current`. @type {null | {actions: number[], states: any[]}} */
  unfinished = null;
  /** Whether turns are tries, for both sides and anywhere, that leave the main line as it is. */
  free = false;

  /** The state that is shown. */
  get state() {
    return this.unfinished ? this.unfinished.states.at(-1) : this.current?.state;
  }

  /** The number of the turn that led to a node; 0 is the start. */
  number(node = this.current) {
    return this.path(node).length - 1;
  }

  /** The nodes from the root to this one. */
  path(node = this.current) {
    const nodes = [];
    for (let step = node; step; step = step.parent) nodes.unshift(step);
    return nodes;
  }

  /** The nodes from the root through this one to the end of its line. */
  mainLine(node = this.current) {
    const nodes = this.path(node);
    while (nodes.at(-1)?.children.length) nodes.push(nodes.at(-1).children[0]);
    return nodes;
  }

  /** The nodes from the root along these actions; null if the tree has no such line. */
  line(actions) {
    const nodes = [this.root];
    for (let at = 0; at < actions.length; at += nodes.at(-1).actions.length) {
      const next = nodes.at(-1).children.find((child) => child.actions.every((action, i) => action === actions[at + i]));
      if (!next) return null;
      nodes.push(next);
    }
    return nodes;
  }

  /** What the server calls a game: everything up to a node. */
  request(node = this.current, withUnfinished = true) {
    const actions = this.path(node).flatMap((step) => step.actions);
    if (withUnfinished && node === this.current && this.unfinished) actions.push(...this.unfinished.actions);
    return { rules: this.rules, start: this.start, actions };
  }

  /**
   * Replaces everything by another game. Nothing changes when the server refuses it.
   * @param {{rules: string, start?: string | null, actions?: number[]}} game
   * @param {{seed?: number, tags?: Record<string, string>, review?: any}} [about]
   */
  async load({ rules, start = null, actions = [] }, { seed = 0, tags = {}, review = null } = {}) {
    const found = await post("position", { game: { rules, start, actions } });
    const from = this.state ?? null;
    Object.assign(this, { rules, start, seed, tags, review, unfinished: null });
    this.root = makeNode(null, { actions: [], turn: "", by: "", state: found.first, states: [found.first] });
    this.current = this.root;
    for (const turn of found.turns) {
      if (turn.complete) this.current = this.child(this.current, turn);
      else this.unfinished = { actions: turn.actions, states: turn.states };
    }
    this.changed("new", [], from);
  }

  /** The child of a node by this turn, which is made if it is new. */
  child(node, turn) {
    const known = node.children.find((child) => sameActions(child.actions, turn.actions));
    if (known) return known;
    node.children.push(makeNode(node, turn));
    return node.children.at(-1);
  }

  /**
   * Plays one step at the shown position. A turn that it finishes becomes a child of the node, or follows one.
   * @param {number | string} step an action that is legal in `state`, or typed text.
   * @returns {Promise<boolean>} whether it was played; not if another position is shown when the answer comes.
   */
  async push(step) {
    const { current, unfinished, state: from } = this;
    const asked = typeof step === "string" ? { text: step } : { action: step };
    const found = await post("push", { game: this.request(), ...asked });
    if (this.current !== current || this.unfinished !== unfinished) return false; // Somebody went elsewhere meanwhile.
    const actions = [...(unfinished?.actions ?? []), ...found.actions];
    const states = [...(unfinished?.states ?? []), ...found.states];
    if (found.turn_over) this.add(current, { actions, states, turn: found.turn });
    else this.unfinished = { actions, states };
    this.changed("push", found.actions, from);
    return true;
  }

  /**
   * Adds a finished turn to a node, and shows it if that node is shown.
   * @param {Node} node
   * @param {{actions: number[], states: any[], turn: string}} turn with the state after each action, and its name.
   * @returns {Node} the node after the turn.
   */
  add(node, { actions, states, turn }) {
    const child = this.child(node, { actions, states, turn, by: node.state.turn, state: states.at(-1) });
    // In play the newest turn is the game; a try is a side line.
    if (!this.free) node.children = [child, ...node.children.filter((other) => other !== child)];
    if (node === this.current) {
      this.current = child;
      this.unfinished = null;
    }
    return child;
  }

  /** Adds an agent's turn to a node, animated if that node is shown. Returns the node after it. */
  extend(node, turn) {
    const shown = node === this.current;
    const from = this.state;
    const child = this.add(node, turn);
    this.changed(shown ? "push" : "add", shown ? turn.actions : [], from);
    return child;
  }

  /** Drops the turn that was begun. */
  cancel() {
    if (!this.unfinished) return;
    const from = this.state;
    this.unfinished = null;
    this.changed("cancel", [], from);
  }

  /** Shows a node. A turn that was begun is dropped. */
  go(node) {
    if (!node || (node === this.current && !this.unfinished)) return;
    const from = this.state;
    const forward = node.parent === this.current && !this.unfinished;
    this.current = node;
    this.unfinished = null;
    this.changed("go", forward ? node.actions : [], from);
  }

  previous() {
    if (this.unfinished) this.cancel();
    else this.go(this.current.parent);
  }

  next() {
    this.go(this.current.children[0]);
  }

  first() {
    this.go(this.root);
  }

  last() {
    this.go(this.mainLine().at(-1));
  }

  /** Removes a node and all that follows it. The position before it is shown if one of them was. */
  remove(node) {
    const from = this.state;
    const shown = this.path().includes(node);
    node.parent.children = node.parent.children.filter((child) => child !== node);
    if (shown) Object.assign(this, { current: node.parent, unfinished: null });
    this.changed("tree", [], from);
  }

  /** Makes the line to a node the main line. */
  promote(node) {
    for (const step of this.path(node).slice(1)) {
      step.parent.children = [step, ...step.parent.children.filter((child) => child !== step)];
    }
    this.changed("tree", [], this.state);
  }

  changed(kind, actions, from) {
    this.dispatchEvent(new CustomEvent("change", { detail: { kind, actions, from } }));
  }
}
