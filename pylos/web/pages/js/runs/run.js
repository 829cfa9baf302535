// One run: what it is, its curves, its checkpoints; with a second run laid over it.

import { h, put } from "../dom.js";
import { Charts } from "./charts.js";
import { Checkpoints } from "./checkpoints.js";
import { Metrics } from "./metrics.js";
import { watch } from "./poll.js";
import { eloText, progressOf, stateBadge, timeOf } from "./texts.js";

const SLOW = 10_000;
const FACTS = {
  width: "Channels of the network",
  blocks: "Blocks of the network",
  learning_rate: "Learning rate",
  games_per_epoch: "Games an epoch",
  simulations: "Simulations a move in self-play",
  root: "Policy at the root",
  batch_size: "Positions a batch",
  batches_per_epoch: "Batches an epoch",
  buffer_size: "Positions in the replay buffer",
};

/** Shows the run that the address names; live. */
export function mountRun(element, { address, titles, trouble }) {
  const name = address.get("run");
  document.title = `${name} – Runs – Pylos`;
  const head = h("div", { class: "run-summary" });
  const facts = h("details", { class: "run-facts" }, h("summary", null, "How it is trained"), h("dl"));
  const second = h("select", { onchange: () => lay(second.value) });
  const axis = axisChoice(address, () => draw());
  const tools = h(
    "div",
    { class: "tools row" },
    h("label", { class: "field" }, h("span", null, "Lay another run over it"), second),
    axis.element,
  );
  const grid = h("div");
  const table = h("section", { "aria-labelledby": "checkpoints" });
  put(
    element,
    h("p", null, h("a", { href: "/runs" }, "← All runs")),
    h("h1", { class: "run-name" }, name),
    h("div", { class: "card" }, head, facts),
    h("h2", { class: "visually-hidden" }, "Curves"),
    tools,
    grid,
    table,
  );
  const charts = new Charts(grid, address);
  const checkpoints = new Checkpoints(table, address);
  /** The answers: of the run, and of the one laid over it. */
  const runs = { mine: null, other: null };
  let names = [];
  let stopOther = () => {};

  function draw() {
    const { mine, other } = runs;
    if (!mine) return;
    const all = [mine, other].filter(Boolean).map((run) => new Metrics(run));
    axis.show(all.every((metrics) => metrics.timed));
    charts.show(all, axis.minutes());
    checkpoints.show(mine);
  }

  function summarise(run) {
    const elo = eloText(run);
    const fact = (label, ...value) => h("div", null, h("span", { class: "muted small" }, label), h("div", null, ...value));
    put(
      head,
      fact("State", stateBadge(run.state)),
      fact("Progress", progressOf(run)),
      fact("Elo", ...(elo ?? ["not measured yet"])),
      fact("Rules", titles[run.rules] ?? run.rules ?? "not known"),
      fact("Changed", run.updated ? timeOf(run.updated) : run.epochs ? "not known" : "never"),
      run.error ? h("p", { class: "note bad" }, run.error) : null,
    );
    const known = Object.entries(run.config).map(([key, value]) => [h("dt", null, FACTS[key] ?? key), h("dd", null, String(value))]);
    put(facts.lastElementChild, ...known.flat());
    facts.hidden = !known.length;
  }

  function lay(other) {
    stopOther();
    runs.other = null;
    trouble("other", null);
    address.set({ with: other });
    offer();
    const got = (answer) => {
      runs.other = answer;
      draw();
    };
    stopOther = other ? watch(pathOf(other), got, (text) => trouble("other", text)) : () => {};
    draw();
  }

  /** The choice of the second run. The one of the address is offered even before the list is there. */
  function offer() {
    const chosen = address.get("with") ?? "";
    const options = ["", ...new Set([...names, chosen].filter((one) => one && one !== name))];
    if ([...second.options].map((option) => option.value).join("\n") !== options.join("\n")) {
      put(second, ...options.map((one) => h("option", { value: one }, one || "none")));
    }
    second.value = chosen;
  }

  watch(pathOf(name), (run) => { runs.mine = run; summarise(run); draw(); }, (text) => trouble("run", text));
  watch("runs", (list) => { names = list.runs.map((run) => run.name); offer(); }, () => {}, SLOW);
  lay(address.get("with") ?? "");
}

const pathOf = (name) => `runs/${name.split("/").map(encodeURIComponent).join("/")}`;

/** Epochs or minutes: minutes where every run knows its times. */
function axisChoice(address, onChange) {
  const radio = (value, text) => {
    const checked = (address.get("x") ?? "epochs") === value;
    return h("label", null, h("input", { type: "radio", name: "x", value, checked, onchange: choose }), text);
  };
  function choose(event) {
    // The zoom is a range of the other unit.
    address.set({ x: event.target.value === "minutes" ? "minutes" : null, from: null, to: null });
    onChange();
  }
  const parts = [h("legend", null, "Over"), h("div", { class: "choice" }, radio("epochs", "epochs"), radio("minutes", "minutes"))];
  const element = h("fieldset", { hidden: true }, ...parts);
  return {
    element,
    show: (timed) => (element.hidden = !timed),
    minutes: () => !element.hidden && address.get("x") === "minutes",
  };
}
