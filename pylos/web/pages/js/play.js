// The page to play on: makes its parts and connects them.

import { mountAnalysis } from "./analysis.js";
import { get } from "./api.js";
import { barSwitch, mountBar } from "./bar.js";
import { BoardView } from "./board/board.js";
import { mountControls, mountTyped } from "./controls.js";
import { $, h, iconButton, mountHeader, mountTabs, put, toast } from "./dom.js";
import { rulesOf } from "./evaluation.js";
import { Game } from "./game.js";
import { helpButton, openHelp } from "./help.js";
import { mountHint } from "./hint.js";
import { mountKeys } from "./keys.js";
import { HUMAN, Match } from "./match.js";
import { openNewGame } from "./newgame.js";
import { Opponents } from "./opponents.js";
import { mountReview } from "./review.js";
import { makeSettings, openSettings } from "./settings.js";
import { mountSetup } from "./setup.js";
import { mountSharing } from "./sharing.js";
import { tock } from "./sounds.js";
import { asks, mountPlayers, mountStatus, refusal, spokenTurn } from "./status.js";
import { fromHash, randomNumber, Storage } from "./storage.js";
import { mountTree } from "./tree.js";

const PANELS = ["game", "analysis", "review", "setup"];
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** All parts of the page; the panels get it. */
class App {
  overlay = { arrows: [] };
  /** What the free board shows instead of the game; null if it is closed. */
  setup = null;
  /** What is said to somebody who looks for better turns than those that were played; empty if nobody does. */
  learning = "";
  /** What the status says about the shown position in place of its usual words. @type {null | {text: string, actions: any[]}} */
  note = null;
  /** Why the last click did nothing. @type {string | null} */
  refused = null;
  #draws = [];
  #asked = false;

  constructor(info) {
    this.info = info;
    this.settings = makeSettings((name) => this.changed(name));
    this.opponents = new Opponents();
    this.game = new Game();
    const held = () => this.learning !== "" || this.setup !== null;
    this.match = new Match(this.game, { pace: () => this.pace(), held });
    this.storage = new Storage(this.game, this.match);
    this.board = new BoardView($("#board"), info.cells);
  }

  /** The id of the opponent of the first game. */
  get usualOpponent() {
    return this.info.defaults.opponent ?? `level:${this.info.defaults.level}`;
  }

  /** Asks who the opponents are; until the answer comes the page shows their ids. */
  learnNames(rules) {
    this.opponents.load(rules).then(() => this.refresh(), () => {});
  }

  /** The least seconds between the turns of agents. */
  pace() {
    const seen = calm.matches ? 0 : this.settings.speed;
    return this.match.mode === "agents" ? this.settings.delay : seen;
  }

  /** Connects the parts, once there is a game. */
  mount() {
    const { game, match, board, settings } = this;
    this.#draws = [
      mountPlayers(this, $("#players")),
      mountStatus(this, $("#status")),
      mountControls(this, $("#controls")),
      () => this.#show(),
      () => this.storage.save(),
    ];
    const focusTyped = mountTyped(this, $("#typed"));
    this.typeTurn = () => (this.openPanel("panel-game"), focusTyped());
    mountTree(this, $("#moves"));
    mountSharing(this, $("#sharing"));
    mountBar(this, $("#evaluation"));
    mountHint(this, $("#hint"));
    $("#hint").prepend(barSwitch(this));
    mountAnalysis(this, $("#analysis"));
    this.review = mountReview(this, $("#review"));
    const setup = mountSetup(this, $("#setup"));
    mountKeys(this, () => this.help());
    this.openPanel = mountTabs($("#tabs"), (id) => (id === "panel-setup" ? setup.open() : setup.close()));
    for (const name of ["view", "speed"]) this.changed(name);
    board.addEventListener("refused", ({ detail }) => this.refuse(detail.cell));
    board.addEventListener("select", () => this.refuse(null));
    board.addEventListener("action", ({ detail }) => this.act(detail.action));
    match.addEventListener("change", () => this.refresh());
    match.addEventListener("trouble", () => this.learnNames(game.rules)); // Is it still there?
    match.addEventListener("end", () => this.announce(match.over.text));
    game.addEventListener("change", ({ detail }) => this.followed(detail));
    $(".skip").addEventListener("click", (event) => (event.preventDefault(), board.keys.focus()));
    addEventListener("hashchange", () => this.open(fromHash(location.hash)));
    addEventListener("themechange", () => this.refresh());
    settings.delay = Number(settings.delay) || 0;
    this.refresh();
  }

  /** A setting was changed. */
  changed(name) {
    if (name === "view") this.board.mode = this.settings.view;
    if (name === "speed") this.board.speed = this.settings.speed;
    this.evaluation?.settingsChanged();
    this.refresh();
  }

  /** Draws everything soon, once. */
  refresh() {
    if (this.#asked || !this.#draws.length) return;
    this.#asked = true;
    queueMicrotask(() => {
      this.#asked = false;
      for (const draw of this.#draws) draw();
    });
  }

  #animate = null;
  /** Shows the position. */
  #show() {
    const { game, match, overlay, settings } = this;
    const { state } = game;
    const ghosts = settings.ghosts && !(match.over && match.isLive); // After the end nothing invites to go on.
    const view = { state, interactive: match.mayAct, ghosts, last: state.last, ...overlay };
    if (this.setup) Object.assign(view, { state: this.setup, setup: true, interactive: false, last: [], arrows: [] });
    this.board.show(view, { animate: this.#animate });
    this.#animate = null;
  }

  /** The tree of the game has changed. */
  followed({ kind, actions, from }) {
    const { game, match } = this;
    this.refused = null;
    if (actions.length && from) {
      this.#animate = { actions, from };
      if (this.settings.sounds) tock(kind === "push" ? 1 : 0.5);
    }
    if (kind === "push") {
      const said = game.unfinished ? asks(game.state, game.rules) : spokenTurn(game.current);
      this.announce(said + (match.over ? ` ${match.over.text}` : ""));
    }
    if (kind === "go") this.announce(game.current.parent ? `Turn ${game.number()}: ${spokenTurn(game.current)}` : "The start of the game.");
    this.refresh();
  }

  /** Lets screen readers say something. */
  announce(text) {
    $("#live").textContent = text;
  }

  /** Says something in the status until another position is shown; null ends it. */
  say(text, actions = []) {
    this.note = text && { text, actions };
    if (text) this.announce(text);
    this.refresh();
  }

  /** Says why a click on a cell did nothing, until something else happens on the board; null ends it. */
  refuse(cell) {
    const { game, match, info } = this;
    const acts = cell !== null && !game.state.over && match.mayAct; // Else what the status says is the reason.
    this.refused = acts ? refusal(game.state, info.cells, cell) : null;
    if (acts) this.announce(this.refused);
    this.refresh();
  }

  /** A step of whoever sits at the board. */
  async act(step) {
    try {
      await this.match.act(step);
    } catch (error) {
      toast(error.message, "bad");
    }
  }

  newGame() {
    openNewGame(this);
  }

  /** Explains the rules that are played, and the keys. */
  help() {
    openHelp(rulesOf(this), { game: true });
  }

  /** Lets turns be tried for both sides, at any position, while the game waits. */
  setFree(free) {
    this.match.setFree(free && !this.match.over); // After the end they may be tried anyway.
  }

  /** Play goes on from the shown position: against the agent if there is one. */
  playOn() {
    const { game, match } = this;
    game.promote(game.current);
    match.playFrom(game.current);
  }

  /** Begins a game: these players, at the position after these actions. */
  async begin(game, { players, tags = {}, ended = null, seed = randomNumber() }) {
    const { match, storage } = this;
    this.learnNames(game.rules);
    if (match.live && location.hash) history.pushState(null, "", location.href); // Back leads to the game before.
    await storage.claim(); // Before the game changes: what was played before is kept under its own id.
    await this.game.load(game, { tags, seed });
    match.begin(players, { ended });
    this.playFairly();
    storage.save();
    this.openPanel?.("panel-game");
  }

  /** A game against an agent begins without the analysis, whatever was analysed before. */
  playFairly() {
    if (this.match.mode === "agent") this.settings.analysis = false;
  }

  /** Replaces the game by one that was set up: to look at freely, or to play on with the same players. */
  async load(game, { free = false } = {}) {
    const { players } = this.match;
    await this.begin(game, { players: free ? { white: HUMAN, black: HUMAN } : players });
    this.setFree(free);
    if (!free) return;
    this.settings.analysis = true;
    this.openPanel("panel-analysis");
  }

  /** Opens what an address says; a new game if it says nothing that the server takes. */
  async open(wanted) {
    if (!wanted) return this.first();
    try {
      if (wanted.id === null || wanted.id !== this.storage.id) await this.storage.claim(wanted.id);
      this.learnNames(wanted.game.rules);
      await this.storage.load(wanted);
      this.playFairly();
      this.storage.save();
    } catch (error) {
      if (!this.match.live) await this.first();
      else this.storage.save();
      toast(`The game in the address cannot be opened: ${error.message}`, "bad");
    }
  }

  /** The game that a visitor finds: white against the usual agent. */
  first() {
    const { rules } = this.info.defaults;
    const players = { white: HUMAN, black: this.usualOpponent };
    return this.begin({ rules, start: null, actions: [] }, { players });
  }
}

/** What a link of another page asks for; null if it is none. */
function asked(app) {
  const query = new URLSearchParams(location.search);
  if (!["rules", "start", "white", "black", "opponent"].some((name) => query.has(name))) return null;
  history.replaceState(null, "", location.pathname);
  const rules = query.get("rules") ?? app.info.defaults.rules;
  const players = { white: query.get("white") ?? HUMAN, black: query.get("opponent") ?? query.get("black") ?? HUMAN };
  return { game: { rules, start: query.get("start"), actions: [] }, players, panel: query.get("panel") };
}

/** The page's parts, for those who look into it. @type {App | undefined} */
export let app;

/** Starts the page. */
async function start() {
  mountHeader(
    "play",
    helpButton(() => app?.help()),
    iconButton("settings", "Settings", () => app && openSettings(app.settings), { bare: true, class: "quiet bare" }),
  );
  app = new App(await get("info"));
  let link = asked(app);
  if (link) {
    await app.begin(link.game, link).catch((error) => {
      link = null;
      toast(error.message, "bad");
    });
  }
  if (!app.match.live) await app.open(await app.storage.wanted());
  app.mount();
  if (link?.panel === "analysis") {
    app.setFree(true);
    app.settings.analysis = true;
  }
  if (PANELS.includes(link?.panel)) app.openPanel(`panel-${link.panel}`);
}

try {
  await start();
} catch (error) {
  const again = h("button", { type: "button", class: "primary", onclick: () => location.reload() }, "Try again");
  put($("#status"), h("p", { class: "status-words bad", role: "alert" }, error.message), again);
  throw error;
}
