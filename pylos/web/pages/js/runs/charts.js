// The charts of a run. They share their zoom, and the readout moves in all of them.

import { h, put } from "../dom.js";
import { lineChart } from "../plot.js";
import { MAIN, moreCharts } from "./metrics.js";

export class Charts {
  /** @param {HTMLElement} element @param {import("./address.js").Address} address */
  constructor(element, address) {
    this.address = address;
    this.cards = new Map();
    this.grid = h("div", { class: "charts" });
    this.choice = h("div", { class: "choice", onchange: () => this.choose() });
    this.more = h("fieldset", { class: "more" }, h("legend", null, "More curves"), this.choice);
    put(element, this.grid, this.more);
  }

  /**
   * Draws runs over each other.
   * @param {import("./metrics.js").Metrics[]} runs one or two
   * @param {boolean} minutes whether over minutes of training
   */
  show(runs, minutes) {
    Object.assign(this, { runs, minutes });
    const columns = [...new Set(runs.flatMap((metrics) => metrics.columns))];
    const offered = moreCharts(columns);
    this.offer(offered);
    const chosen = new Set(this.address.all("show"));
    const specs = [...MAIN, ...offered.filter((spec) => chosen.has(spec.id))];
    const wanted = new Set(specs.map((spec) => spec.id));
    for (const [id, { chart, card }] of this.cards) {
      if (wanted.has(id)) continue;
      chart.destroy();
      card.remove();
      this.cards.delete(id);
    }
    const x = axisOfX(runs, minutes);
    const names = shortNames(runs.map((metrics) => metrics.run.name));
    specs.forEach((spec, place) => {
      const series = runs.flatMap((metrics, i) => {
        const prefix = runs.length > 1 ? `${names[i]}: ` : "";
        return metrics.series(spec, { minutes, prefix, second: i === 1 });
      });
      const { card, chart } = this.cards.get(spec.id) ?? this.add(spec);
      if (this.grid.children[place] !== card) this.grid.insertBefore(card, this.grid.children[place] ?? null);
      chart.update({ series, x });
      chart.setView(this.view);
    });
  }

  /** The zoom of the address. */
  get view() {
    const [from, to] = ["from", "to"].map((end) => parseFloat(this.address.get(end) ?? ""));
    return from < to ? [from, to] : null;
  }

  add(spec) {
    const card = h("section", { class: "card", "aria-label": spec.title });
    const chart = lineChart(card, {
      title: spec.title,
      y: spec.y,
      lines: spec.lines,
      empty: spec.empty,
      hidden: this.address.all("hide"),
      onHover: (x) => this.others(chart).forEach((other) => other.point(x)),
      onView: (view) => this.zoom(chart, view),
      onToggle: () => this.keepHidden(),
    });
    if (spec.text) card.append(h("p", { class: "small muted" }, spec.text));
    this.cards.set(spec.id, { card, chart });
    return this.cards.get(spec.id);
  }

  others(chart) {
    return [...this.cards.values()].map((one) => one.chart).filter((other) => other !== chart);
  }

  zoom(chart, view) {
    const [from, to] = view?.map((end) => end.toPrecision(6)) ?? [null, null];
    this.address.set({ from, to });
    for (const other of this.others(chart)) other.setView(view);
  }

  keepHidden() {
    const hidden = [...this.cards.values()].flatMap(({ chart }) => [...chart.hidden]);
    this.address.set({ hide: [...new Set(hidden)] });
  }

  /** Boxes to tick for the charts that are shown on demand. */
  offer(specs) {
    const ids = specs.map((spec) => spec.id).join("\n");
    if (this.offered === ids) return;
    this.offered = ids;
    this.more.hidden = !specs.length;
    const chosen = new Set(this.address.all("show"));
    const box = (spec) => h("input", { type: "checkbox", value: spec.id, checked: chosen.has(spec.id) });
    put(this.choice, ...specs.map((spec) => h("label", null, box(spec), spec.title)));
  }

  choose() {
    this.address.set({ show: [...this.choice.querySelectorAll("input:checked")].map((input) => input.value) });
    this.show(this.runs, this.minutes);
  }
}

/** One axis for all charts. */
function axisOfX(runs, minutes) {
  const ends = runs.flatMap((metrics) => (minutes ? [...metrics.minutesAt.values()] : metrics.epochs)).filter(Number.isFinite);
  const range = ends.length ? { min: minutes ? 0 : Math.min(...ends), max: Math.max(...ends) } : {};
  return { label: minutes ? "minute" : "epoch", whole: !minutes, ...range };
}

/** The last parts of names, where these differ. */
function shortNames(names) {
  const short = names.map((name) => name.split("/").at(-1));
  return new Set(short).size === short.length ? short : names;
}
