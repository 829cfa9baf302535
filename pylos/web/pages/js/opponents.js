// Who can be played against: levels, perfect play, checkpoints of runs.

import { get } from "./api.js";
import { h } from "./dom.js";
import { capital, HUMAN } from "./match.js";

/** Simulations that a checkpoint may be given. */
export const SIMULATIONS = [16, 32, 64, 128, 256, 512, 1024];
const USUAL_SIMULATIONS = 64;

/** An opponent's id without its simulations, and these. */
export function splitId(id) {
  const [, base, simulations] = /^(.*?)(?:@(\d+))?$/s.exec(id);
  return { base, simulations: Number(simulations) || USUAL_SIMULATIONS };
}

/** Whether an opponent can be given simulations. */
export const isNetwork = (id) => id === "given" || id.startsWith("run:");

/** Why the Elo of a checkpoint is not to be compared with that of a level. */
export const RUN_SCALE =
  "The Elo of a checkpoint is measured within its run, on a scale of its own: for the same strength it is often some hundreds higher than the Elo of a level.";

const ratingOf = (opponent) => `${opponent.run ? "Elo of the run" : "Elo"} ${Math.round(opponent.elo)}`;
const elo = (opponent) => (opponent.elo == null ? "" : ` · ${ratingOf(opponent)}`);

/** The opponents of every rule set, as the server lists them. */
export class Opponents {
  #lists = new Map();

  /** Asks for the list of a rule set; the last one is kept if the server does not answer. */
  async load(rules) {
    const list = await get(`opponents?rules=${encodeURIComponent(rules)}`);
    this.#lists.set(rules, list);
    return list;
  }

  known(rules) {
    return this.#lists.get(rules) ?? null;
  }

  /** One opponent of a rule set; undefined if it is not listed. */
  find(rules, id) {
    const list = this.known(rules);
    const { base } = splitId(id);
    const all = list ? [...list.levels, list.perfect, list.given, ...list.checkpoints] : [];
    return all.find((opponent) => opponent?.id === base);
  }

  /** Whether an opponent is a checkpoint that is not there any more. */
  isGone(rules, id) {
    return id.startsWith("run:") && this.known(rules) !== null && !this.find(rules, id);
  }

  /** The checkpoint that comes nearest to one that is gone: the last one of its run, else the newest; undefined if none is left. */
  nearest(rules, id) {
    const { base, simulations } = splitId(id);
    const left = this.known(rules)?.checkpoints.filter(({ run }) => base.startsWith(`run:${run}/`)) ?? [];
    const found = left.find(({ file }) => file === "last.ckpt") ?? left.at(-1);
    return found && { id: `${found.id}@${simulations}`, title: found.title };
  }

  /** The name of a player. */
  title(rules, id) {
    if (id === HUMAN) return "Human";
    const found = this.find(rules, id);
    const { base, simulations } = splitId(id);
    const title = found?.title ?? capital(base.replace(/^(level|run):/, ""));
    return isNetwork(id) ? `${title} · ${simulations} simulations` : title;
  }

  /** What the Elo of a player means where it is not that of the levels; empty for these. */
  scale(id) {
    return isNetwork(id) ? RUN_SCALE : "";
  }

  /** The Elo of a player as text; empty if it is not known. */
  elo(rules, id) {
    const found = id === HUMAN ? null : this.find(rules, id);
    return found?.elo == null ? "" : ratingOf(found);
  }

  /** A sentence about an opponent. */
  about(rules, id) {
    const found = this.find(rules, id);
    if (!found) return "";
    if (found.text) return found.text;
    if (found.id === "perfect") return "Plays from the complete solution: it never gives anything away.";
    if (found.id === "given") return "The checkpoint that was named when the server was started.";
    const wins = found.win_rate_vs_random;
    return wins == null ? "Not evaluated yet." : `It wins ${Math.round(100 * wins)} % of its games against random play.`;
  }
}

/** Fills a <select> with the opponents of a list, and keeps its selection if that is still there; else one of middle strength. */
export function fillOpponents(select, list, wished = select.value) {
  const option = (opponent) => h("option", { value: opponent.id }, `${opponent.title}${elo(opponent)}`);
  const group = (label, items) => items.length > 0 && h("optgroup", { label }, items.map(option));
  const runs = Map.groupBy(list.checkpoints, (checkpoint) => checkpoint.run);
  select.replaceChildren(
    ...[
      group("Levels", [...list.levels, ...(list.perfect ? [list.perfect] : [])]),
      group("Given on the command line", list.given ? [list.given] : []),
      ...[...runs].map(([run, checkpoints]) => group(`Run ${run}`, checkpoints)),
    ].filter(Boolean),
  );
  const ids = [...select.options].map((each) => each.value);
  select.value = ids.includes(wished) ? wished : (list.levels[list.levels.length >> 1]?.id ?? ids[0] ?? "");
}
