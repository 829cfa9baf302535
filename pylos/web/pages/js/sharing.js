// Links, saving, opening.

import { post } from "./api.js";
import { copy, h, iconButton, openDialog, put, toast } from "./dom.js";
import { endingOf, HUMAN } from "./match.js";
import { toHash } from "./storage.js";

/** The buttons below the list of turns. */
export function mountSharing(app, element) {
  put(
    element,
    iconButton("share", "Share", () => openShare(app)),
    iconButton("save", "Save", () => save(app).catch((error) => toast(error.message, "bad"))),
    iconButton("open", "Open", () => openOpen(app)),
  );
}

/** A text with a button that copies it. */
function copyable(label, text) {
  const field = h("input", { readonly: true, value: text, class: "mono" });
  field.addEventListener("focus", () => field.select());
  const button = iconButton("copy", `Copy: ${label}`, () => copy(text, field), { bare: true, class: "bare" });
  return h("div", { class: "copyable" }, h("label", { class: "field" }, h("span", null, label), field), button);
}

function openShare(app) {
  const { game, match } = app;
  const agents = Object.fromEntries(Object.entries(match.players).filter(([, id]) => id !== HUMAN));
  const address = (hash) => location.origin + location.pathname + hash;
  const position = { rules: game.rules, start: game.state.text, actions: [] };
  openDialog(
    "Share",
    h("p", { class: "small muted" }, "Whoever opens a link sees the position, or plays the game on with the same players, on this server. The text shows the position wherever it is pasted into Open."),
    copyable("Link to the game up to the position on the board", address(toHash(game.request(), { ...agents, seed: game.seed }))),
    copyable("Link to this position only", address(toHash(position))),
    copyable("The position as text", game.state.text),
  );
}

const RESULTS = { white: "1-0", black: "0-1" };

/** The tags of the game that is played: those that it was opened with, and what is known now. */
function tagsOf({ game, match }) {
  const { over } = match;
  const { Termination, ...tags } = game.tags; // How it had ended before it was opened; `ended` knows whether that still holds.
  const now = new Date();
  const two = (number) => String(number).padStart(2, "0");
  return {
    Date: `${now.getFullYear()}.${two(now.getMonth() + 1)}.${two(now.getDate())}`,
    White: match.players.white,
    Black: match.players.black,
    ...tags,
    Result: !over ? "*" : (RESULTS[over.winner] ?? "1/2-1/2"),
    ...(match.ended?.why ? { Termination: match.ended.why } : {}),
  };
}

/** How many positions a tree holds. */
const size = (node) => node.children.reduce((sum, child) => sum + size(child), 1);

async function save(app) {
  const { game, match } = app;
  const tags = tagsOf(app);
  const { text } = await post("record", { game: game.request(match.live, false), tags });
  const time = new Date().toLocaleTimeString("en-GB").replaceAll(":", "");
  const link = h("a", { href: URL.createObjectURL(new Blob([text], { type: "text/plain" })), download: `pylos-${tags.Date}-${time}.txt` });
  link.click();
  URL.revokeObjectURL(link.href);
  if (size(game.root) > game.path(match.live).length) toast("The turns that were played are saved; variations are not.");
}

/** The longest text of a saved game, as docs/games.md says it. */
const MOST_CHARACTERS = 65_536;

/** What the text of a game or a position says. Text that is no game is not sent. */
export async function readRecord(text, rules) {
  if (text.length > MOST_CHARACTERS) {
    throw new Error(`This is no saved game: it has ${text.length.toLocaleString("en")} characters, and a game has at most ${MOST_CHARACTERS.toLocaleString("en")}.`);
  }
  return post("parse", { rules, text });
}

function openOpen(app) {
  const text = h("textarea", { id: "record", placeholder: '[Rules "standard"]\n1. 1B2 1C3  2. …', spellcheck: "false" });
  const file = h("input", { type: "file", accept: ".txt,text/plain" });
  const trouble = h("p", { class: "small bad", role: "alert" });
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (chosen?.size > 4 * MOST_CHARACTERS) trouble.textContent = `${chosen.name} is too large for a saved game, which has at most ${MOST_CHARACTERS.toLocaleString("en")} characters.`;
    else if (chosen) {
      text.value = await chosen.text();
      open();
    }
  });
  async function open() {
    trouble.textContent = "";
    try {
      await openRecord(app, await readRecord(text.value, app.game.rules));
      dialog.close();
    } catch (error) {
      trouble.textContent = error.message;
    }
  }
  const dialog = openDialog(
    "Open a game or a position",
    h("label", { class: "field" }, h("span", null, "A saved file"), file),
    h("label", { class: "field" }, h("span", null, "or its text, or the text of a position"), text),
    trouble,
    h("div", { class: "dialog-actions" }, h("button", { type: "button", class: "primary", onclick: open }, "Open")),
  );
}

/** Opens a saved game or a position, as the server has read it. Players that are still there go on. */
export async function openRecord(app, { kind, game, tags }) {
  const { levels, perfect, given, checkpoints } = await app.opponents.load(game.rules);
  const there = [...levels, perfect, given, ...checkpoints].filter(Boolean).map((opponent) => opponent.id);
  const player = (id) => (there.includes(id?.split("@")[0]) ? id : HUMAN);
  const { White, Black } = tags;
  await app.begin(game, { players: { white: player(White), black: player(Black) }, tags, ended: endingOf(tags.Result, tags.Termination) });
  const opened = kind === "position" ? "The position is on the board." : `The game is open: ${White ?? "?"} against ${Black ?? "?"}.`;
  toast(`${opened} The browser's “Back” leads to the game before.`, "good");
}
