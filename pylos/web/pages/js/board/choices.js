// What can be done in a state: read from the legal actions that came with it.

/** The legal actions of a state, by the cells that they touch. */
export class Choices {
  /** @param {object} state @param {boolean} interactive whether somebody may act. */
  constructor(state, interactive) {
    const legal = interactive ? state.legal : [];
    /** Targets of placing, with the action. @type {Map<number, number>} */
    this.places = new Map();
    /** Balls that can be taken back, with the action. @type {Map<number, number>} */
    this.takes = new Map();
    /** Balls that can be raised, with their targets and actions. @type {Map<number, Map<number, number>>} */
    this.raises = new Map();
    for (const { action, kind, source, target } of legal) {
      if (kind === "place") this.places.set(target, action);
      if (kind === "take") this.takes.set(source, action);
      if (kind !== "raise") continue;
      if (!this.raises.has(source)) this.raises.set(source, new Map());
      this.raises.get(source).set(target, action);
    }
  }

  /** The cells on which a ball can be put: those of the selected ball, or all. @returns {Map<number, number|null>} */
  targets(selected) {
    if (selected !== null) return this.raises.get(selected) ?? new Map();
    const targets = new Map(this.places);
    for (const raised of this.raises.values()) {
      // Without a ball in reserve a target may still be reached; the action is known if one ball alone gets there.
      for (const [cell, action] of raised) if (!this.places.has(cell)) targets.set(cell, targets.has(cell) ? null : action);
    }
    return targets;
  }

  /** Whether a click on the cell would mean something. */
  catches(cell, selected) {
    return this.takes.has(cell) || this.raises.has(cell) || this.targets(selected).has(cell);
  }

  /**
   * What a click means.
   *
   * @returns {{action?: number, select?: number|null}} an action, a new selection, or nothing.
   */
  click(cell, selected) {
    if (cell === null || cell === selected) return selected === null ? {} : { select: null };
    if (this.takes.has(cell)) return { action: this.takes.get(cell) };
    const action = this.targets(selected).get(cell);
    if (action !== undefined && action !== null) return { action };
    if (this.raises.has(cell)) return { select: cell };
    return selected === null ? {} : { select: null };
  }
}
