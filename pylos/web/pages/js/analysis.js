// @ts-check
/** The analysis panel: the best turns with what the network, the search and the exact solution say about them. */

import { showArrows, stepArrows } from "./arrows.js";
import { copy, h } from "./dom.js";
import { evaluationOf, inTurns, percent, rulesOf } from "./evaluation.js";

/** Simulations of the first search and of each "more". */
const SIMULATIONS = [1000, 4000, 20000];
/** Turns that are shown before all are asked for. */
const FEW = 8;

/** Whether there is no pointer that can hover. */
const TOUCH = matchMedia("(hover: none)");

/** The columns: their heads and what they mean in plain words. */
const COLUMNS = [
  ["Turn", "What can be played. Press it to play it as a variation."],
  ["Exact", "The true result with best play, from the complete solution of the game: a win, a draw or a loss for the side to move, and in how many turns the game ends. Needs the command “pylos solve”, once."],
  ["Chance", "How likely the side to move wins after this turn, as the search found it."],
  ["Visits", "How often the search looked at this turn. The more, the surer is its chance; the most visited turn is usually the one that it would play."],
  ["Prior", "The network's first thought before any search: how likely it thinks that a strong player takes this turn."],
];

/** An exact value in words, for the side to move. */
function exactText(row) {
  if (row.exact == null) return "–";
  return { 1: "win", 0: "draw", "-1": "loss" }[row.exact] + (row.exact === 0 ? "" : inTurns(row.distance).replace(/ turns?$/, ""));
}

/**
 * @param {any} app - the page's parts.
 * @param {HTMLElement} element - an empty one.
 */
export function mountAnalysis(app, element) {
  const evaluation = evaluationOf(app);
  const parts = new Map(); // The parts of a row by its action.
  let depth = 0; // How often "more" was pressed for this position.
  let all = false;
  let shown = null;
  let spoken = null;
  let listed = ""; // The rules whose networks can be chosen.

  const on = h("input", { type: "checkbox", role: "switch", onchange: () => (app.settings.analysis = on.checked) });
  const search = h("input", { type: "checkbox", onchange: () => (app.settings.search = search.checked) });
  const network = h("select", { "aria-label": "Whose network", onchange: () => (app.settings.network = network.value || null) });
  const more = h("button", { type: "button", class: "small", onclick: deeper }, "More");
  const status = h("span", { class: "analysis-status" });
  const head = COLUMNS.map(([name, meaning]) => h("th", { scope: "col", title: meaning }, name));
  const caption = h("caption");
  const table = h("table", { class: "analysis-table" }, caption, h("thead", {}, h("tr", {}, ...head)));
  const rest = h("button", { type: "button", class: "small", onclick: () => ((all = !all), draw()) });
  const meanings = COLUMNS.flatMap(([name, meaning]) => [h("dt", {}, name), h("dd", {}, meaning)]);
  const legend = h("details", { class: "analysis-legend" }, h("summary", {}, "What do the columns mean?"), h("dl", {}, ...meanings));
  const cost = h("div", { class: "analysis-cost" });
  const tools = h("div", { class: "analysis-tools" }, h("label", { class: "check" }, search, "Search"), network, more);
  const body = h("div", { class: "analysis-body" }, tools, status, legend, table, rest, cost);
  const waits = h("p", { class: "muted", hidden: true }, "The analysis waits while you look for better turns: it would tell the answers.");
  const main = h("div", null, h("label", { class: "switch" }, on, "Analyse this position"), body);
  element.append(main, waits);

  function deeper() {
    depth = Math.min(depth + 1, SIMULATIONS.length - 1);
    if (evaluation.error) evaluation.retry();
    ask();
  }

  /** Says what the panel wants to know, and shows what is known. */
  function ask() {
    const wanted = app.settings.search === false ? 0 : SIMULATIONS[depth];
    evaluation.ask("analysis", app.settings.analysis ? wanted : null);
    if (app.settings.analysis && listed !== app.game.rules) listNetworks().catch((error) => app.announce(error.message));
    draw();
  }

  /** Plays turns given by their texts, one after the other, as a variation. */
  async function play(row, count) {
    try {
      app.match.setFree(true);
      const steps = row.line.length ? row.line.slice(0, count) : [row.action];
      for (const step of steps) if (!(await app.game.push(step))) return; // Somebody went elsewhere meanwhile.
    } catch (error) {
      app.announce(error.message);
    }
  }

  /** What the board shows while nobody points at a row: nothing, or the best turn where nobody can point. */
  function pointAtBest() {
    const best = app.game.state.over || body.hidden ? null : evaluation.report?.rows[0];
    showArrows(app, "analysis", best && TOUCH.matches ? stepArrows(app, best.action, best.line[0], "best") : []);
  }

  /** The parts of one turn's rows in the table. They stay while their numbers change, so that focus and hovering do. */
  function makeRow(action) {
    const made = { row: /** @type {any} */ (null), cells: COLUMNS.map(() => h("td")), line: h("td"), text: "" };
    const button = h("button", { type: "button", class: "turn", onclick: () => play(made.row, 1) });
    const name = h("th", { scope: "row" }, button);
    const point = () => showArrows(app, "analysis", stepArrows(app, action, made.row.line[0], made.best ? "best" : "other"));
    const numbers = h("tr", { onclick: (event) => event.target.closest("button") || play(made.row, 1) }, name, ...made.cells.slice(1));
    const group = h("tbody", { onmouseenter: point, onmouseleave: pointAtBest, onfocusin: point, onfocusout: pointAtBest }, numbers, h("tr", { class: "line" }, made.line));
    return Object.assign(made, { group, button });
  }

  function fillRow(made, row, best) {
    Object.assign(made, { row, best });
    made.button.textContent = row.name;
    made.button.setAttribute("aria-label", `Play ${row.name}`);
    const chance = row.mean == null ? "–" : percent((row.mean + 1) / 2);
    const texts = ["", exactText(row), chance, row.visits?.toLocaleString("en") ?? "–", row.prior == null ? "–" : percent(row.prior)];
    for (const [index, cell] of made.cells.entries()) cell.textContent = texts[index];
    made.cells[1].hidden = head[1].hidden;
    made.line.colSpan = COLUMNS.length - (head[1].hidden ? 1 : 0);
    made.cells[1].className = row.exact == null ? "" : `exact ${{ 1: "win", 0: "draw", "-1": "loss" }[row.exact]}`;
    made.group.classList.toggle("best", best);
    if (made.text === row.line.join(" ")) return;
    made.text = row.line.join(" ");
    const turns = row.line.map((turn, index) =>
      h("button", { type: "button", class: "turn", "aria-label": `Play up to ${turn}`, onclick: () => play(made.row, index + 1) }, turn),
    );
    made.line.replaceChildren(...turns);
  }

  /** The table's rows; their order stands still while somebody points at them. */
  function drawRows(rows) {
    const key = `${app.game.rules} ${app.game.state.text}`;
    const pointed = key === shown && table.matches(":hover, :focus-within");
    if (key !== shown) {
      for (const { group } of parts.values()) group.remove();
      parts.clear();
    }
    if (!pointed) pointAtBest();
    shown = key;
    const exact = rows.some((row) => row.exact != null);
    const searched = rows.some((row) => row.visits != null);
    head[1].hidden = !exact;
    const weighed = searched ? "the search weighs chance and prior together" : "the network sees it";
    caption.textContent = exact ? "The best turns first, by their exact value." : `The best turns first, as ${weighed}.`;
    const visible = all ? rows : rows.slice(0, FEW);
    const wanted = new Set(visible.map((row) => row.action));
    for (const [action, { group }] of parts) {
      if (wanted.has(action) || pointed) continue;
      group.remove();
      parts.delete(action);
    }
    for (const [index, row] of rows.entries()) {
      if (!wanted.has(row.action) && !parts.has(row.action)) continue;
      if (!parts.has(row.action)) parts.set(row.action, makeRow(row.action));
      const made = parts.get(row.action);
      fillRow(made, row, index === 0);
      if (!pointed || !made.group.isConnected) table.append(made.group);
    }
    rest.hidden = rows.length <= FEW;
    rest.textContent = all ? "Fewer" : `All ${rows.length}`;
  }

  function statusText() {
    const { report, error, running } = evaluation;
    if (app.game.state.over) return "The game is over: there is nothing left to play.";
    if (error) return error;
    if (!report) return running || app.settings.search !== false ? "Thinking…" : "";
    if (report.waiting) return "Waiting: many other analyses are being made…";
    if (report.simulations === 0) return running ? "The network's first thought…" : "Exact values, without a search.";
    const count = `${report.simulations.toLocaleString("en")} simulations`;
    const early = report.done && report.simulations < SIMULATIONS[depth] && !running ? ": the search has proven the result" : "";
    return running && !report.done ? `${count}…` : count + early;
  }

  /** Says what was found once a search is over; while it runs the numbers change too often. */
  function speak() {
    const { report, running } = evaluation;
    const best = report?.rows[0];
    if (!best || !report.done || running || body.hidden || spoken === report) return;
    spoken = report;
    const worth = best.exact != null ? exactText(best) : `chance ${percent((best.mean + 1) / 2)}`;
    app.announce(`Best: ${best.name}, ${worth}.`);
  }

  /** What the exact solution costs, where it is not there. */
  function drawCost() {
    const { solved, solve, title } = rulesOf(app);
    cost.hidden = solved !== false || !solve;
    if (cost.hidden || cost.dataset.rules === app.game.rules) return;
    cost.dataset.rules = app.game.rules;
    const command = h("code", {}, solve.command);
    cost.replaceChildren(
      h("details", {},
        h("summary", {}, "Exact truth: not solved here yet"),
        h("p", {}, `The game can be solved completely: then this table says of every turn whether it wins, draws or loses. For ${title} this takes ${solve.time} and ${solve.disk} of disk, once. Run in a terminal:`),
        h("p", { class: "command" }, command, h("button", { type: "button", class: "small", onclick: () => copy(solve.command, command) }, "Copy")),
      ),
    );
  }

  function draw() {
    on.checked = Boolean(app.settings.analysis);
    search.checked = app.settings.search !== false;
    body.hidden = !on.checked || Boolean(app.learning);
    main.hidden = Boolean(app.learning);
    waits.hidden = !app.learning;
    if (body.hidden) return pointAtBest();
    network.hidden = !search.checked;
    more.hidden = !search.checked || (depth === SIMULATIONS.length - 1 && !evaluation.error);
    more.textContent = evaluation.error ? "Try again" : `More: ${(SIMULATIONS[depth + 1] ?? "").toLocaleString("en")}`;
    status.textContent = statusText();
    status.classList.toggle("error", Boolean(evaluation.error));
    const rows = app.game.state.over ? [] : (evaluation.report?.rows ?? []);
    table.hidden = rows.length === 0;
    drawRows(rows);
    drawCost();
  }

  /** The opponents that have a network. */
  async function listNetworks() {
    listed = app.game.rules;
    const { given, checkpoints } = await app.opponents.load(listed);
    const options = [["", "The agent of Pylos"], ...[given, ...checkpoints].filter(Boolean).map(({ id, title }) => [id, title])];
    const chosen = options.some(([id]) => id === app.settings.network) ? app.settings.network : "";
    network.replaceChildren(...options.map(([id, title]) => h("option", { value: id }, title)));
    network.value = chosen;
    network.disabled = options.length === 1;
  }

  network.append(h("option", { value: "" }, "The agent of Pylos"));
  evaluation.addEventListener("change", () => {
    draw();
    speak();
  });
  evaluation.addEventListener("settings", ask);
  app.game.addEventListener("change", () => {
    depth = 0;
    ask();
  });
  ask();
}
