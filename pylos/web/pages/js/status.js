// Says whose turn it is and what to do next, in words; shows both players and their reserves.

import { h, iconButton, put, svg } from "./dom.js";
import { capital, HUMAN } from "./match.js";

/** What completes a take-back under these rules, in words. */
const formation = (rules) => (rules.includes("mature") ? "A square or a line" : "A square");

/** The name of a side: "You", "Black", or the title of the agent. */
function nameOf(app, side) {
  const { match, opponents, game } = app;
  const id = match.players[side];
  if (id !== HUMAN) return opponents.title(game.rules, id);
  return match.mode === "agent" ? "You" : capital(side);
}

/** What a person may do in a state. */
export function asks(state, rules) {
  const has = (kind) => state.legal.some((entry) => entry.kind === kind);
  const stop = has("stop");
  if (state.pending === 2) {
    return `${formation(rules)}! Take one or two of your free balls back${stop ? ", or press Done" : ""}.`;
  }
  if (state.pending === 1) return "Take a second ball back, or press Done.";
  if (has("place") && has("raise")) return "Place a ball, or raise one of yours.";
  return has("raise") ? "Your reserve is empty: raise one of your balls." : "Place a ball.";
}

/** A turn as a sentence. @param {import("./game.js").Node} node */
export function spokenTurn(node) {
  const before = [node.parent.state, ...node.states];
  const parts = node.actions.map((action, i) => {
    const entry = before[i].legal.find((each) => each.action === action);
    if (entry === undefined || entry.kind === "stop") return "";
    const name = entry.name.replace("^", " to ").replace("-", "");
    return { place: "places on ", raise: "raises ", take: "takes back " }[entry.kind] + name;
  });
  return `${capital(node.by)} ${parts.filter(Boolean).join(", ")}.`;
}

/** The two players, above the board. */
export function mountPlayers(app, element) {
  const cards = Object.fromEntries(
    ["white", "black"].map((side) => {
      const name = h("span", { class: "player-name" });
      const elo = h("span", { class: "player-elo" });
      const dots = Array.from({ length: 15 }, (_, i) => svg("circle", { cx: 6 + 12 * i, cy: 6, r: 4.6 }));
      const reserve = svg("svg", { class: "reserve", preserveAspectRatio: "xMinYMid", "aria-hidden": "true" }, dots);
      const count = h("span", { class: "player-count" });
      const ball = svg("svg", { class: "player-ball", viewBox: "0 0 24 24", role: "img", "aria-label": capital(side) }, svg("circle", { cx: 12, cy: 12, r: 10 }));
      const words = h("div", { class: "player-words" }, h("div", { class: "player-title" }, name, elo), h("div", { class: "player-stock" }, reserve, count));
      const card = h("div", { class: `player ${side}`, role: "group" }, ball, words);
      return [side, { card, name, elo, dots, reserve, count }];
    }),
  );
  put(element, ...Object.values(cards).map((parts) => parts.card));

  return function draw() {
    const { game, match, opponents } = app;
    const { state, root } = app.setup ? { state: app.setup, root: app.setup } : { state: game.state, root: game.root.state };
    for (const [side, parts] of Object.entries(cards)) {
      const id = match.players[side];
      const left = state.reserves[side];
      const all = Math.max(root.reserves[side] + count(root, side), left);
      parts.name.textContent = match.mode === "people" ? capital(side) : nameOf(app, side);
      parts.elo.textContent = opponents.elo(game.rules, id);
      parts.elo.title = opponents.scale(id);
      parts.reserve.setAttribute("viewBox", `0 0 ${12 * all} 12`);
      parts.dots.forEach((dot, i) => dot.setAttribute("class", i >= all ? "none" : i < left ? "left" : "used"));
      parts.count.textContent = `${left} in reserve`;
      parts.card.classList.toggle("to-move", !state.over && (app.setup || !match.over) && state.turn === side);
      parts.card.setAttribute("aria-label", `${capital(side)}: ${parts.name.textContent}`);
    }
  };
}

const count = (state, side) => [...state.cells].filter((cell) => cell === side[0]).length;

/** The line below the board, with the buttons that belong to it. */
export function mountStatus(app, element) {
  const words = h("p", { class: "status-words" });
  const buttons = h("div", { class: "status-buttons" });
  put(element, words, buttons);
  let clock = 0;
  let shown = "";

  function draw() {
    clearTimeout(clock);
    const { text, tone, actions } = said(app, describe(app));
    if (tone === "bad" && words.textContent !== text) app.announce(text);
    words.textContent = text;
    element.dataset.tone = tone;
    // Buttons that stay the same keep the focus.
    const key = JSON.stringify(actions.map(([label]) => label));
    const fromKeyboard = buttons.querySelector(":focus-visible") !== null;
    if (key !== shown) put(buttons, actions.map(([label, act, props]) => button(label, act, props)));
    if (fromKeyboard && key !== shown) app.board.keys.focus(); // The button that was pressed is gone.
    shown = key;
    if (app.match.thinking) clock = setTimeout(draw, 500);
  }
  return draw;
}

function button(label, act, { symbol = null, ...props } = {}) {
  return symbol ? iconButton(symbol, label, act, props) : h("button", { type: "button", onclick: act, ...props }, label);
}

/** What was said about the shown position takes the place of the words that stand there always. */
function said({ note, refused }, usual) {
  if (usual.tone === "bad" || usual.tone === "wait") return usual;
  const { text, actions } = note ?? { text: usual.text, actions: [] };
  return { ...usual, text: refused ?? text, actions: [...usual.actions, ...actions] };
}

/** Why a click on a ball did nothing in a state in which somebody may act. */
export function refusal(state, cells, cell) {
  const { name } = cells[cell];
  if (state.cells[cell] !== state.turn[0]) return `The ball on ${name} is not yours.`;
  const covered = cells.some(({ below }, above) => below.includes(cell) && state.cells[above] !== ".");
  const may = state.pending ? "taken back" : "raised";
  return `The ball on ${name} cannot be ${may}: ${covered ? "another ball lies on it" : "there is no higher place for it now"}.`;
}

/** What the status says: `{text, tone, actions: [[label, act, props], ...]}`. */
function describe(app) {
  const { game, match } = app;
  const { state } = game;
  const back = ["Back to the game", () => match.back(), { class: "primary" }];
  if (app.setup) return { text: "Set up a position in the panel.", tone: "note", actions: [] };
  if (app.learning) return { text: state.pending ? asks(state, game.rules) : app.learning, tone: "act", actions: turnButtons(app) };
  if (match.trouble && match.thinking) return { text: `${match.trouble} Trying again …`, tone: "bad", actions: [] };
  if (match.trouble && match.sending) return { text: `${match.trouble} Your move is kept; trying again …`, tone: "bad", actions: [] };
  if (match.trouble) {
    const side = match.live.state.turn;
    const next = app.opponents.isGone(game.rules, match.players[side]) ? app.opponents.nearest(game.rules, match.players[side]) : null;
    const on = next ? [`Go on against ${next.title}`, () => match.replace(side, next.id), {}] : ["Try again", () => match.retry(), {}];
    return { text: match.trouble, tone: "bad", actions: [on, ["New game", () => app.newGame(), {}]] };
  }
  if (match.free || (match.over && !match.isLive)) return describeFree(app, back);
  if (!match.isLive) {
    const at = `You are looking at turn ${game.number()} of ${game.number(match.live)}. The game goes on where it was.`;
    return { text: at, tone: "note", actions: [back, ["Try turns here", () => app.setFree(true), {}]] };
  }
  if (match.over) {
    const { winner, text } = match.over;
    const review = ["Review the game", () => (app.openPanel("panel-review"), app.review.start()), {}];
    if (!match.person || !winner) return { text, tone: "over", actions: [review] };
    const won = winner === match.person;
    return { text: `${won ? "You won!" : "You lost."} ${text}`, tone: won ? "won" : "lost", actions: [review] };
  }
  return describeTurn(app);
}

/** Which turn of a game that is over is shown; a variation is counted from where it leaves the game. */
function placeOf({ game, match }) {
  const played = game.path(match.live);
  const shown = game.path();
  const last = played.findLastIndex((node, i) => node === shown[i]);
  const beyond = shown.length - 1 - last;
  const whole = played.length - 1;
  if (!beyond) return `Turn ${last} of ${whole}`;
  return `A variation, ${beyond} ${beyond === 1 ? "turn" : "turns"} after ${last ? `turn ${last} of ${whole}` : "the start"}`;
}

/** Tries on the board, for both sides. */
function describeFree(app, back) {
  const { game, match } = app;
  const { state } = game;
  const turn = state.over ? state.over.text : `${capital(state.turn)} to move. ${state.pending ? asks(state, game.rules) : ""}`;
  const play = ["Play on from here", () => app.playOn(), {}];
  const actions = [...turnButtons(app), back, ...(state.over || state.pending ? [] : [play])];
  const at = match.over ? `${placeOf(app)}. Try other turns for both sides.` : "Free board, both sides are yours.";
  return { text: `${at} ${turn}`, tone: "note", actions };
}

/** The turn that is being played. */
function describeTurn(app) {
  const { game, match } = app;
  const { state } = game;
  const id = match.players[state.turn];
  const name = nameOf(app, state.turn);
  if (id === HUMAN) {
    const whose = match.mode === "agent" ? "Your turn." : `${capital(state.turn)} to move.`;
    const text = state.pending ? asks(state, game.rules) : `${whose} ${asks(state, game.rules)}`;
    return { text, tone: "act", actions: turnButtons(app) };
  }
  if (match.paused && !match.thinking) return { text: `Paused. ${capital(state.turn)} (${name}) to move.`, tone: "note", actions: [] };
  const seconds = match.thinking ? Math.floor((performance.now() - match.thinking.since) / 1000) : 0;
  const side = match.mode === "agents" ? `${capital(state.turn)} (${name})` : name;
  return { text: `${side} is thinking …${seconds > 1 ? ` ${seconds} s` : ""}`, tone: "wait", actions: [] };
}

/** What may be done with a turn that was begun. */
function turnButtons(app) {
  const { game, match } = app;
  if (!game.unfinished) return [];
  const stop = game.state.legal.find((entry) => entry.kind === "stop");
  const cancel = ["Cancel the turn", () => game.cancel(), {}];
  return stop ? [["Done", () => app.act(stop.action), { class: "primary", symbol: "check" }], cancel] : [cancel];
}
