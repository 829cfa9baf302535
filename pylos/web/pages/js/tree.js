// @ts-check
/** The list of turns: two columns, variations as an indented tree, the marks of a review, and keys to walk along it. */

import { h, iconButton } from "./dom.js";

/** Symbols of a review's verdicts: what a colour says is also readable. */
export const SYMBOLS = { inaccuracy: "?!", mistake: "?", blunder: "??" };

/** The children of a node's parent: the turns that were tried at this point. */
const siblings = (node) => node.parent.children;

/** The number of a node's turn; white and black share one. */
function turnNumber(game, node) {
  const path = game.path(node);
  return Math.floor((path.length - 2 + (path[1].by === "black" ? 1 : 0)) / 2) + 1;
}

/** A turn as it is spoken: "3, black: 1B2, a mistake". */
function spoken(game, node) {
  const verdict = node.review?.verdict;
  const judged = verdict in SYMBOLS ? `, ${verdict}` : "";
  return `${turnNumber(game, node)}, ${node.by}: ${node.turn}${judged}${seconds(node) ? `, after ${seconds(node)}` : ""}`;
}

/** How long a turn was thought about. */
function seconds(node) {
  const time = node.milliseconds;
  if (time == null) return "";
  return time < 9950 ? `${(time / 1000).toFixed(1)} s` : `${Math.round(time / 1000)} s`;
}

/** Whether a key belongs to something else than the list of turns. */
function isTaken(event) {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return true;
  const elsewhere = "input:not([type=checkbox]), textarea, select, dialog, [contenteditable], [role=grid], [role=slider], [role=tab], [data-keys]";
  return event.target instanceof Element && event.target.closest(elsewhere) !== null;
}

/**
 * Shows the turns of `app.game` in an element.
 * @param {any} app - the page's parts.
 * @param {HTMLElement} element - an empty one.
 */
export function mountTree(app, element) {
  const { game } = app;
  const buttons = new Map();
  let drawn = null; // The end of the game in the list.
  const list = h("div", { class: "turn-list" });
  const step = (label, image, go) => iconButton(image, label, go, { bare: true, class: "quiet bare" });
  const promote = h("button", { type: "button", class: "small", onclick: () => game.promote(game.current) }, "Make main line");
  const remove = h("button", { type: "button", class: "small", onclick: () => game.remove(game.current) }, "Delete from here");
  const steps = h(
    "div",
    { class: "turn-steps", role: "group", "aria-label": "Walk through the turns" },
    step("First position (Home)", "first", () => game.first()),
    step("Previous turn (left arrow)", "previous", () => game.previous()),
    step("Next turn (right arrow)", "next", () => game.next()),
    step("Last position (End)", "last", () => game.last()),
  );
  const place = h("span", { class: "turn-place" });
  const tools = h("div", { class: "turn-tools" }, promote, remove);
  element.append(list, h("div", { class: "turn-bar" }, steps, place), tools);

  /** The button of a turn. */
  function button(node) {
    const verdict = node.review?.verdict ?? "";
    const made = h(
      "button",
      { type: "button", class: "turn", "aria-label": spoken(game, node), onclick: () => game.go(node) },
      h("span", { class: "turn-text" }, node.turn),
      verdict in SYMBOLS ? h("span", { class: `verdict ${verdict}` }, SYMBOLS[verdict]) : null,
      seconds(node) ? h("span", { class: "turn-time" }, seconds(node)) : null,
    );
    buttons.set(node, made);
    return made;
  }

  /** A variation: its turns one after the other, and those that branch off from it. */
  function variation(first) {
    const item = h("li", { class: "variation" });
    let branches = null;
    for (let node = first; node; node = node.children[0]) {
      const numbered = node.by === "white" || node === first || branches;
      if (numbered) item.append(h("span", { class: "turn-number" }, `${turnNumber(game, node)}${node.by === "white" ? "." : "…"}`));
      item.append(button(node));
      branches = node === first ? null : variations(node);
      if (branches) item.append(branches);
    }
    return item;
  }

  /** What else was tried where a turn was played; null if nothing was. */
  function variations(node) {
    const others = siblings(node).slice(1);
    if (siblings(node)[0] !== node || others.length === 0) return null;
    return h("ol", { class: "variations", "aria-label": `Instead of ${node.turn}` }, ...others.map(variation));
  }

  /** Where the game has ended: what follows was only tried. Null while it goes on. */
  const endOf = () => (app.match.over ? app.match.live : null);

  /** The main line: a row for each number. */
  function mainLine() {
    const rows = h("ol", { class: "turn-rows", "aria-label": "Turns of the game" });
    let row = null;
    const last = endOf();
    for (let node = game.root.children[0]; node; node = node.children[0]) {
      if (node.parent === last) break;
      if (!row || node.by === "white") {
        row = h("li", { class: "turn-row" }, h("span", { class: "turn-number" }, `${turnNumber(game, node)}.`));
        if (node.by === "black") row.append(h("span", { class: "turn-gap", "aria-hidden": "true" }, "…"));
        rows.append(row);
      }
      row.append(button(node));
      const branches = variations(node);
      if (branches) {
        row.append(branches);
        row = null;
      }
    }
    if (last?.children.length) {
      const tried = h("ol", { class: "variations", "aria-label": "Tried after the end" }, ...last.children.map(variation));
      rows.append(h("li", { class: "turn-row" }, tried));
    }
    return rows;
  }

  /** Marks the turn that is shown. */
  function mark() {
    for (const [node, made] of buttons) {
      if (node === game.current) made.setAttribute("aria-current", "true");
      else made.removeAttribute("aria-current");
    }
    const made = buttons.get(game.current);
    if (made) reveal(list, made);
    else list.scrollTop = 0;
    const at = game.number();
    const whole = game.mainLine().length - 1;
    place.textContent = `${at} / ${whole}`;
    promote.hidden = game.path().every((node) => !node.parent || siblings(node)[0] === node);
    remove.hidden = at === 0 || !game.free || Boolean(app.learning); // In play turns are taken back by undo.
    tools.hidden = promote.hidden && remove.hidden;
    for (const [index, made] of [...steps.children].entries()) made.disabled = index < 2 ? at === 0 : at === whole;
  }

  /** Makes the whole list. */
  function draw() {
    const focused = list.contains(document.activeElement);
    drawn = endOf();
    buttons.clear();
    const empty = game.root.children.length === 0;
    list.replaceChildren(empty ? h("p", { class: "muted" }, "No turn has been played yet.") : mainLine());
    mark();
    if (focused) buttons.get(game.current)?.focus();
  }

  /** The turn that was tried before or after the current one at the same point. */
  function beside(difference) {
    // On the main line the variations belong to the turn that they replace, so they are looked for up the line.
    const node = game.current;
    if (!node.parent) return;
    const index = siblings(node).indexOf(node) + difference;
    if (siblings(node)[index]) game.go(siblings(node)[index]);
  }

  const keys = {
    Home: () => game.first(),
    End: () => game.last(),
    ArrowLeft: () => game.previous(),
    ArrowRight: () => game.next(),
    ArrowUp: () => beside(-1),
    ArrowDown: () => beside(1),
  };
  document.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || isTaken(event)) return;
    const vertical = event.key === "ArrowUp" || event.key === "ArrowDown";
    if (vertical && !(game.current.parent && siblings(game.current).length > 1)) return; // the page may scroll
    event.preventDefault();
    keys[event.key]();
    if (list.contains(document.activeElement)) buttons.get(game.current)?.focus({ preventScroll: true });
  });
  const seen = () => buttons.get(game.current) && reveal(list, buttons.get(game.current));
  new ResizeObserver(seen).observe(list); // A list that was hidden is shown from its start.
  game.addEventListener("change", (event) => (event.detail?.kind === "go" ? mark() : draw()));
  app.match.addEventListener("change", () => endOf() !== drawn && draw());
  draw();
}

/** Scrolls a list, and nothing around it, until a part of it is seen. */
function reveal(list, part) {
  const outer = list.getBoundingClientRect();
  const inner = part.getBoundingClientRect();
  if (inner.top < outer.top) list.scrollTop -= outer.top - inner.top + 8;
  else if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom + 8;
}
