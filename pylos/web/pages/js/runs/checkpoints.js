// The table of a run's checkpoints: newest first, to play against or to compare.

import { h, put } from "../dom.js";
import { RUN_SCALE } from "../opponents.js";
import { number, percent } from "../plot/scales.js";
import { eloText, showItems } from "./texts.js";

const COLUMNS = ["Compare", "File", "Label", "Epoch", "Step", "Elo", "Beats random", "Beats the one before", "State", ""];
const MEANINGS = {
  Label: "How often it beats random play, in a word. The levels of play mean another strength by theirs.",
  Elo: RUN_SCALE,
};

export class Checkpoints {
  /** @param {HTMLElement} element @param {import("./address.js").Address} address */
  constructor(element, address) {
    this.address = address;
    this.run = null;
    /** Ids of the checkpoints to compare, two at most. */
    this.chosen = address.all("compare").slice(0, 2);
    const redraw = () => this.draw();
    this.search = h("input", { type: "search", placeholder: "file, label, step …", value: address.get("find") ?? "" });
    this.search.addEventListener("input", () => {
      address.set({ find: this.search.value });
      redraw();
    });
    this.existing = h("input", { type: "checkbox", checked: address.get("gone") === "0" });
    this.existing.addEventListener("change", () => {
      address.set({ gone: this.existing.checked ? "0" : null });
      redraw();
    });
    this.compare = h("a", { class: "button", hidden: true }, "Let these two play each other");
    this.hint = h("p", { class: "small muted", "aria-live": "polite" });
    this.body = h("tbody");
    const names = COLUMNS.map((name) => h("th", { scope: "col", title: MEANINGS[name] ?? null }, name || h("span", { class: "visually-hidden" }, "Play")));
    this.table = h("div", { class: "table card" }, h("table", { class: "checkpoints" }, h("thead", null, h("tr", null, ...names)), this.body));
    put(
      element,
      h("h2", { id: "checkpoints" }, "Checkpoints"),
      h(
        "div",
        { class: "tools row" },
        h("label", { class: "field" }, h("span", null, "Find"), this.search),
        h("label", { class: "check" }, this.existing, "Only files that are there"),
        h("span", { class: "spread" }),
        this.compare,
      ),
      this.hint,
      this.table,
    );
  }

  show(run) {
    this.run = run;
    const ids = new Set(run.checkpoints.map((one) => one.id));
    this.chosen = this.chosen.filter((id) => ids.has(id));
    this.draw();
  }

  draw() {
    const { checkpoints, rules, simulations, state } = this.run;
    const wanted = this.search.value.trim().toLowerCase();
    const text = (one) => [one.file, one.label, one.step, statusOf(one)].join(" ").toLowerCase();
    const found = checkpoints.filter((one) => (one.exists || !this.existing.checked) && text(one).includes(wanted));
    const items = found.reverse().map((one) => ({
      key: `${one.file}:${one.step}:${one.simulations}`,
      data: { ...one, rules, fleeting: state === "training" && /^best-/.test(one.file ?? ""), other: one.simulations !== null && one.simulations !== simulations, chosen: this.chosen.includes(one.id) },
    }));
    showItems(this.body, items, (one) => this.row(one));
    this.table.hidden = !items.length;
    this.hint.textContent = this.wordsFor(checkpoints, found);
    const [white, black] = this.chosen;
    this.compare.hidden = !black;
    if (black) this.compare.href = `/?${new URLSearchParams({ white, black, rules })}`;
  }

  wordsFor(all, found) {
    if (!all.length) return "No checkpoint yet: the first is written at the end of an epoch.";
    if (!found.length) return "No checkpoint fits what you are looking for.";
    if (this.chosen.length === 1) return "Choose a second one to compare.";
    return all.some((one) => one.exists) ? "" : "The files of these checkpoints are gone; what was measured stays.";
  }

  choose(id, on) {
    this.chosen = [...this.chosen.filter((other) => other !== id), ...(on ? [id] : [])].slice(-2);
    this.address.set({ compare: this.chosen });
    this.draw();
    this.body.querySelector(`input[value="${CSS.escape(id)}"]`)?.focus();
  }

  row(one) {
    const name = one.file ?? `step ${one.step}`;
    const cell = (label, ...content) =>
      h("td", { "data-label": label, class: content.includes("–") || content.includes(null) ? "none" : null }, ...content);
    const share = (value) => (value === null ? "–" : percent(value));
    const box = () =>
      h("input", { type: "checkbox", value: one.id, checked: one.chosen, "aria-label": `Compare ${name}`, onchange: (event) => this.choose(one.id, event.target.checked) });
    return h(
      "tr",
      one.exists ? null : { class: "gone" },
      cell("Compare", one.exists ? box() : null),
      cell("File", h("span", { class: "mono" }, one.file ?? "–"), one.other ? h("span", { class: "small muted" }, ` ${one.simulations} simulations`) : null),
      cell("Label", one.label ? `${one.label} vs random` : "–"),
      cell("Epoch", one.epoch === null ? "–" : number(one.epoch + 1)),
      cell("Step", one.step === null ? "–" : number(one.step)),
      cell("Elo", ...(eloText(one) ?? ["–"])),
      cell("Beats random", share(one.win_rate_vs_random)),
      cell("Beats the one before", share(one.win_rate_vs_previous)),
      cell("State", h("span", { class: one.status === "failed" ? "bad" : null }, statusOf(one))),
      cell("", one.exists ? h("a", { class: "button", href: playAddress(one), title: "Begins a game against it at once; you are White", "aria-label": `Play against ${name}` }, "Play") : null, one.exists && one.fleeting ? h("span", { class: "small muted fleeting" }, "may be replaced") : ""),
    );
  }
}

/** What is known about a checkpoint, in words. */
function statusOf({ status, reason, exists, games }) {
  const known = {
    evaluated: `evaluated, ${number(games)} games`,
    failed: `evaluation failed${reason ? `: ${reason}` : ""}`,
    missing: "not evaluated",
  };
  return (known[status] ?? status) + (exists ? "" : "; file gone");
}

const playAddress = ({ id, rules }) => `/?${new URLSearchParams({ opponent: id, rules })}`;
