// What is to be seen, whichever view draws it.

/**
 * @typedef {{side: "white"|"black", cell: number|null, slot: number|null, at: number[]|null, rim: string|null}} Ball
 *   a ball on a cell, in the reserve, or on its way (`at`, in the coordinates of the view).
 * @typedef {{base: number, supported: number[], balls: Ball[],
 *   ghosts: {cell: number, side: string, bright: boolean}[], empty: {cell: number, rim: string}[]}} Scene
 */

const SIDE = { w: "white", b: "black" };

/** The side whose ball lies on a cell, or null. */
export const sideOn = (state, cell) => SIDE[state.cells[cell]] ?? null;

/** The lowest level that is played on: a small board has no ball and no free cell below. */
export function baseOf(state, cells) {
  const used = (cell) => sideOn(state, cell) || state.supported.includes(cell);
  return Math.min(3, ...cells.flatMap(({ level }, cell) => (used(cell) ? [level] : [])));
}

/**
 * The scene of a view.
 *
 * @param {object} view what `BoardView.show` was given.
 * @param {object[]} cells the cells of the board.
 * @param {{choices: object, selected: number|null, hover: number|null, peel: number}} now the state of the interaction.
 * @returns {Scene}
 */
export function sceneOf(view, cells, { choices, selected, hover, peel }) {
  const { state } = view;
  const targets = choices.targets(selected);
  const rims = new Map();
  for (const cell of view.last ?? state.last) rims.set(cell, "last");
  for (const cell of choices.takes.keys()) rims.set(cell, "take");
  if (hover !== null && (sideOn(state, hover) || targets.has(hover))) {
    for (const cell of cells[hover].below) rims.set(cell, "below");
  }
  if (selected !== null) rims.set(selected, "selected");
  else if (targets.get(hover) === null) {
    // Several balls can be raised to this cell and none placed: they show that one of them must be chosen first.
    for (const [source, raised] of choices.raises) if (raised.has(hover)) rims.set(source, "other");
  }

  const shown = cells.map(({ level }) => level < peel);
  const balls = [];
  for (const cell of cells.keys()) {
    const side = sideOn(state, cell);
    if (side && shown[cell]) balls.push({ side, cell, slot: null, at: null, rim: rims.get(cell) ?? null });
  }
  for (const [side, count] of Object.entries(state.reserves)) {
    for (let slot = 0; slot < count; slot++) balls.push({ side, cell: null, slot, at: null, rim: null });
  }
  const ghosts = [...targets.keys()]
    .filter((cell) => shown[cell] && (view.ghosts || selected !== null || cell === hover))
    .map((cell) => ({ cell, side: state.turn, bright: cell === hover }));
  const empty = [...rims]
    .filter(([cell]) => !sideOn(state, cell) && shown[cell])
    .map(([cell, rim]) => ({ cell, rim }));
  const supported = state.supported.filter((cell) => shown[cell]);
  return { base: baseOf(state, cells), supported, balls, ghosts, empty };
}
