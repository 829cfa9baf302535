// The page to play on.

import { get } from "./api.js";
import { mountHeader, mountTabs, $ } from "./dom.js";
import { Game } from "./game.js";

mountHeader("play");
mountTabs($("#tabs"));
const info = await get("info");
const game = new Game();
await game.load({ rules: info.defaults?.rules ?? "standard" });
$("#status").textContent = game.state.say;
