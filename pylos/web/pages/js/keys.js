// Keys of the page. Keys of the board and of the list of turns are theirs.

/** Whether a key belongs to what has the focus. */
function isTaken(event) {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || document.querySelector("dialog[open]")) return true;
  return event.target instanceof Element && event.target.closest("input, textarea, select, [contenteditable]") !== null;
}

/** Listens to keys. */
export function mountKeys(app, openHelp) {
  const acts = {
    u: () => app.settings.undo && app.match.mode !== "agents" && app.match.canUndo && app.match.undo(),
    n: () => app.newGame(),
    t: () => app.typeTurn(),
    "?": openHelp,
  };
  document.addEventListener("keydown", (event) => {
    if (isTaken(event)) return;
    if (event.key === " ") {
      // On a button, space presses it.
      if (app.match.mode !== "agents" || event.target.closest("button, a, summary, [role=grid]")) return;
      event.preventDefault();
      app.match.pause();
    } else if (event.key === "Escape") app.game.cancel();
    else acts[event.key.toLowerCase()]?.(event.preventDefault());
  });
}
