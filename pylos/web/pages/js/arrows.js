// @ts-check
/** Turns as arrows on the board. */

/**
 * The arrows of a turn, for `BoardView`.
 * @param {any} app - the page's parts.
 * @param {string} turn - such as "1B2-1A1-1C3"; its steps are read by the names of their cells.
 * @param {"best" | "other" | "hint"} tone
 * @param {number} [weight] - from 0 to 1.
 */
export function turnArrows(app, turn, tone, weight = 1) {
  const cell = (name) => app.info.cells.findIndex((one) => one.name === name);
  const arrow = (kind, source, target) => ({ action: { kind, source, target }, tone, weight });
  const [first, ...taken] = turn.replace("=", "").split("-");
  const arrows = taken.map((name) => arrow("take", cell(name), null));
  const [source, target] = first.split("^");
  if (target) arrows.unshift(arrow("raise", cell(source), cell(target)));
  else if (source) arrows.unshift(arrow("place", null, cell(source)));
  return arrows.filter(({ action }) => action.source !== -1 && action.target !== -1);
}

/**
 * Draws arrows for somebody, beside those of others, instead of those that were drawn for the same one before.
 * @param {any} app - the page's parts.
 * @param {string} owner
 * @param {any[]} arrows - none to take them away.
 */
export function showArrows(app, owner, arrows) {
  const owned = (app.arrows ??= new Map());
  if (arrows.length === 0 && !owned.has(owner)) return;
  if (JSON.stringify(owned.get(owner)) === JSON.stringify(arrows)) return;
  if (arrows.length === 0) owned.delete(owner);
  else owned.set(owner, arrows);
  app.overlay.arrows = [...owned.values()].flat();
  app.refresh();
}

/** The arrow of a legal step of the shown position and, if the whole turn is known, those of the steps after it. */
export function stepArrows(app, action, turn, tone, weight = 1) {
  const entry = app.game.state.legal.find((legal) => legal.action === action);
  if (!entry || entry.kind === "stop") return [];
  const rest = turn ? turnArrows(app, turn, tone, weight).slice(1) : [];
  return [{ action: entry, tone, weight }, ...rest];
}
