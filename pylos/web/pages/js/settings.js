// How the page looks and behaves. Kept in the browser.

import { h, kept, openDialog } from "./dom.js";

const DEFAULTS = {
  view: "auto", // "3d", "flat", or whichever is better here
  speed: 0.5, // seconds that a ball moves
  ghosts: true, // where a ball may go
  bar: false, // who stands better
  undo: true,
  sounds: false,
  delay: 1, // seconds between turns of agents that play each other
};

/**
 * Settings that are kept when they are set.
 * @param {(name: string) => void} onChange
 * @returns {any}
 */
export function makeSettings(onChange) {
  const values = { ...DEFAULTS, ...kept.get("settings") };
  return new Proxy(values, {
    set(target, name, value) {
      if (target[name] === value) return true;
      target[name] = value;
      kept.set("settings", target);
      onChange(String(name));
      return true;
    },
  });
}

const VIEWS = [
  ["auto", "Whichever is better here"],
  ["3d", "3D"],
  ["flat", "Flat"],
];
const SPEEDS = [
  ["0", "None"],
  ["0.25", "Fast"],
  ["0.5", "Normal"],
  ["1", "Slow"],
  ["2", "Very slow"],
];

/** Opens the settings. They act at once. */
export function openSettings(settings) {
  const select = (label, name, options, convert) => {
    const field = h("select", { onchange: () => (settings[name] = convert(field.value)) }, options.map(([value, text]) => h("option", { value }, text)));
    field.value = String(settings[name]);
    return h("label", { class: "field" }, h("span", null, label), field);
  };
  const check = (label, name) => {
    const field = h("input", { type: "checkbox", checked: settings[name], onchange: () => (settings[name] = field.checked) });
    return h("label", { class: "check" }, field, label);
  };
  openDialog(
    "Settings",
    select("The board", "view", VIEWS, String),
    select("Movement of the balls", "speed", SPEEDS, Number),
    h(
      "div",
      null,
      check("Show where a ball may go", "ghosts"),
      check("Turns may be taken back", "undo"),
      check("Show who stands better", "bar"),
      check("Sounds", "sounds"),
    ),
  );
}
