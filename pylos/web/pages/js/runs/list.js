// The list of the runs.

import { h, put } from "../dom.js";
import { runAddress } from "./address.js";
import { watch } from "./poll.js";
import { eloText, progressOf, showItems, stateBadge, timeOf } from "./texts.js";

/** Shows the runs in the folder, those that train first, then the newest; live. */
export function mountList(element, { address, titles, trouble }) {
  document.title = "Runs – Pylos";
  const filter = h("fieldset", { class: "choice filter", hidden: true });
  const cards = h("ul", { class: "cards", "aria-label": "Runs" });
  const words = h("p", { class: "muted", "aria-live": "polite" });
  const help = h("div", { class: "card empty", hidden: true });
  put(element, h("h1", null, "Runs"), words, filter, cards, help);
  let answer = null;

  function draw() {
    const { runs, folder } = answer;
    const rules = [...new Set(runs.map((run) => run.rules).filter(Boolean))].sort();
    const chosen = rules.includes(address.get("rules")) ? address.get("rules") : "";
    const shown = runs.filter((run) => !chosen || run.rules === chosen).sort(byInterest);
    drawFilter(rules, chosen);
    words.textContent = runs.length
      ? `${runs.length === 1 ? "One run" : `${runs.length} runs`} in the folder “${folder}”. Runs that train are followed live.`
      : "";
    help.hidden = runs.length > 0;
    if (!runs.length && !help.children.length) put(help, ...firstSteps(folder));
    const items = shown.map((run) => ({ key: run.name, data: { ...run, title: titles[run.rules] ?? run.rules } }));
    showItems(cards, items, card);
  }

  function drawFilter(rules, chosen) {
    filter.hidden = rules.length < 2;
    const items = ["", ...rules].map((name) => ({ key: name, data: { name, chosen: name === chosen } }));
    if (!filter.children.length) filter.append(h("legend", { class: "visually-hidden" }, "Rule set"), h("div", { class: "choice" }));
    showItems(filter.lastElementChild, items, ({ name, chosen: checked }) =>
      h(
        "label",
        null,
        h("input", { type: "radio", name: "rules", value: name, checked, onchange: () => choose(name) }),
        name ? titles[name] ?? name : "All rules",
      ),
    );
  }

  function choose(name) {
    address.set({ rules: name });
    draw();
    filter.querySelector("input:checked")?.focus();
  }

  const stop = watch(
    "runs",
    (got) => {
      answer = got;
      draw();
    },
    (text) => trouble("list", text),
  );
  return stop;
}

function byInterest(a, b) {
  const training = (run) => (run.state === "training" ? 0 : 1);
  return training(a) - training(b) || String(b.updated ?? "").localeCompare(String(a.updated ?? "")) || a.name.localeCompare(b.name);
}

function card(run) {
  const elo = eloText(run);
  const facts = [
    run.title,
    `${run.checkpoints || "no"} ${run.checkpoints === 1 ? "checkpoint file" : "checkpoint files"}`,
    run.updated ? timeOf(run.updated) : null,
  ];
  return h(
    "li",
    { class: "card run" },
    h("div", { class: "run-head" }, h("h2", null, h("a", { href: runAddress(run.name) }, run.name)), stateBadge(run.state)),
    progressOf(run),
    h("p", { class: "elo" }, elo ? ["Elo ", ...elo] : h("span", { class: "muted" }, "No Elo yet")),
    h("p", { class: "facts small muted" }, ...dotted(facts)),
    run.error ? h("p", { class: "small bad" }, run.error) : null,
  );
}

/** Facts on a line, with dots between them. */
function dotted(facts) {
  return facts.filter(Boolean).flatMap((fact, i) => [i ? " · " : null, h("span", null, fact)]);
}

/** What to do without a run. */
function firstSteps(folder) {
  return [
    h("h2", null, "No run yet"),
    h("p", null, "A run is one training of an agent, from random weights to a strong player. Start one in the folder of the project:"),
    h("pre", null, h("code", null, "make train")),
    h("p", null, "or, with all choices open:"),
    h("pre", null, h("code", null, "pylos fit -c quick")),
    h(
      "p",
      null,
      `It appears here within seconds, as a folder in “${folder}”, and grows while it trains: no reload needed. On two processor cores the first results take a few seconds, a strong agent some minutes.`,
    ),
    h("p", { class: "muted" }, "Another folder is watched with ", h("code", null, "pylos play --runs FOLDER"), "."),
  ];
}
