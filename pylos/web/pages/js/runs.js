// The page of the runs: a list, or one run. The address says which, and all that is chosen.

import { get } from "./api.js";
import { mountHeader, $ } from "./dom.js";
import { helpButton, openHelp } from "./help.js";
import { Address } from "./runs/address.js";
import { mountList } from "./runs/list.js";
import { mountRun } from "./runs/run.js";
import { refreshTimes } from "./runs/texts.js";

let info;
mountHeader("runs", helpButton(() => openHelp(info?.rules?.find(({ name }) => name === info.defaults.rules))));
const address = new Address();
const troubles = new Map();

/** Says what is wrong until it is over (null), one line for each cause. */
function trouble(cause, text) {
  if (text === null) troubles.delete(cause);
  else troubles.set(cause, text);
  const note = $("#trouble");
  const all = [...new Set(troubles.values())].join(" ");
  note.hidden = !all;
  if (note.textContent !== all) note.textContent = all;
}

/** What the server says about itself; the page works without, with the short names of the rule sets. */
info = await get("info").catch(() => ({}));
const titles = Object.fromEntries((info.rules ?? []).map(({ name, title }) => [name, title]));
if (info.runs === false) {
  trouble("folder", "No folder of runs is watched. Start the server with “pylos play --runs FOLDER”.");
} else {
  const mount = address.get("run") === null ? mountList : mountRun;
  mount($("#runs"), { address, titles, trouble });
  setInterval(refreshTimes, 10_000);
}
