// Elements, icons, and what all pages share. Data becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** The first element of a selector. @returns {any} */
export const $ = (selector, root = document) => root.querySelector(selector);

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * Makes an element: h("button", {class: "primary", onclick: act}, "Play").
 * @param {string} tag
 * @param {object | null} [props] attributes; `on...` listeners; null, undefined and false are left out.
 * @param {...any} children elements or text; null, undefined and false are left out.
 * @returns {any}
 */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** Makes an element of SVG in the same way. @returns {any} */
export const svg = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

const ICONS = {
  new: "M12 5v14M5 12h14",
  undo: "M9 7 4 12l5 5M4 12h10a6 6 0 0 1 6 6",
  redo: "m15 7 5 5-5 5M20 12H10a6 6 0 0 0-6 6",
  flag: "M6 21V4h12l-3 4 3 4H6",
  first: "M18 6 12 12l6 6M11 6l-6 6 6 6",
  previous: "m15 6-6 6 6 6",
  next: "m9 6 6 6-6 6",
  last: "m6 6 6 6-6 6m7-12 6 6-6 6",
  pause: "M9 5v14M15 5v14",
  play: "M8 5v14l11-7z",
  step: "M6 5v14l9-7zM18 5v14",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  settings: "M4 7h9m4 0h3M4 17h3m4 0h9M15 4.5v5M9 14.5v5",
  share: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  save: "M12 4v11m-5-5 5 5 5-5M5 20h14",
  open: "M12 15V4m-5 5 5-5 5 5M5 20h14",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  help: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.2-1.5 2.4M12 17.5v.01",
  hint: "M9 18h6M10 21h4M8 14a6 6 0 1 1 8 0c-.7.6-1 1.2-1 2H9c0-.8-.3-1.4-1-2z",
  close: "m6 6 12 12M18 6 6 18",
  check: "m5 12 5 5 9-10",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 3v1m0 16v1M3 12h1m16 0h1M5.6 5.6l.7.7m11.4 11.4.7.7m0-12.8-.7.7M6.3 17.7l-.7.7",
  moon: "M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5z",
  bar: "M8 3h8v18H8zM8 14h8",
};

/** A drawing of 24 by 24 in the colour of the text, hidden from screen readers. */
export const icon = (name) =>
  svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: ICONS[name] }));

/** A button with an icon; `label` is its name, and shown unless `bare`. */
export const iconButton = (name, label, onclick, { bare = false, ...props } = {}) =>
  h(
    "button",
    { type: "button", onclick, title: bare ? label : null, "aria-label": bare ? label : null, ...props },
    icon(name),
    bare ? null : h("span", null, label),
  );

/** Replaces all children. */
export const put = (element, ...children) => element.replaceChildren(...children.flat().filter(Boolean));

/** Reads and writes JSON in local storage. Where a browser forbids it nothing is kept. */
export const kept = {
  get(key) {
    try {
      return JSON.parse(localStorage.getItem(`pylos.${key}`));
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`pylos.${key}`, JSON.stringify(value));
    } catch {
      // Forbidden or full: the page works without.
    }
  },
};

const PAGES = [
  ["play", "/", "Play"],
  ["puzzles", "/puzzles", "Puzzles"],
  ["runs", "/runs", "Runs"],
];

/** Fills the page's <header>: name, links, switch of the theme. @param {"play" | "puzzles" | "runs"} current */
export function mountHeader(current, ...extra) {
  const link = ([key, href, text]) => h("a", { href, "aria-current": key === current ? "page" : null }, text);
  put(
    $("header"),
    h("a", { class: "brand", href: "/" }, h("img", { src: "/static/icon.svg", alt: "", width: 28, height: 28 }), "Pylos"),
    h("nav", { "aria-label": "Pages" }, PAGES.map(link)),
    h("span", { class: "spread" }),
    ...extra,
    themeSwitch(),
  );
}

function themeSwitch() {
  const theme = () => document.documentElement.dataset.theme;
  const button = h("button", { type: "button", class: "quiet bare", onclick: turn });
  function turn() {
    try {
      localStorage.setItem("pylos.theme", theme() === "dark" ? "light" : "dark");
    } catch {
      return;
    }
    dispatchEvent(new Event("themeswitch"));
  }
  function draw() {
    const text = theme() === "dark" ? "Use the light theme" : "Use the dark theme";
    button.title = text;
    button.setAttribute("aria-label", text);
    put(button, icon(theme() === "dark" ? "sun" : "moon"));
  }
  addEventListener("themechange", draw);
  draw();
  return button;
}

/**
 * Shows a message for some seconds at the foot of the page. Screen readers say it.
 * @param {string} text
 * @param {"info" | "good" | "bad"} [tone]
 */
export function toast(text, tone = "info") {
  const top = $("dialog[open]") ?? document.body; // A dialog covers everything else.
  const place = $(":scope > .toasts", top) ?? top.appendChild(h("div", { class: "toasts" }));
  const message = h("div", { class: `toast ${tone}`, role: tone === "bad" ? "alert" : "status" }, text);
  message.addEventListener("click", () => message.remove());
  place.append(message);
  setTimeout(() => message.remove(), 3000 + 60 * text.length);
}

/** Copies a text; `place` is where it stands. */
export async function copy(text, place) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.", "good");
  } catch {
    getSelection().selectAllChildren(place); // Without permission people copy by hand.
    place.select?.();
    toast("Press Ctrl+C to copy.");
  }
}

/**
 * Opens a dialog above the page; it goes when it is closed, by its button or by Esc.
 * @param {string} title
 * @param {...any} content
 * @returns {HTMLDialogElement}
 */
export function openDialog(title, ...content) {
  const heading = h("h2", { id: "dialog-title" }, title);
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" });
  const close = iconButton("close", "Close", () => dialog.close(), { bare: true, class: "quiet bare" });
  dialog.append(h("div", { class: "dialog-head" }, heading, close), h("div", { class: "dialog-body" }, ...content));
  dialog.addEventListener("close", () => dialog.remove());
  let outside = false; // A selection of text may end outside.
  dialog.addEventListener("pointerdown", (event) => (outside = event.target === dialog));
  dialog.addEventListener("click", (event) => outside && event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Makes tabs of panels: every child of `list` is a button with `aria-controls`. Arrow keys move between them.
 * @param {HTMLElement} list
 * @param {(id: string) => void} [onOpen] gets the id of the panel that is shown.
 * @returns {(id: string) => void} opens a panel.
 */
export function mountTabs(list, onOpen = () => {}) {
  const tabs = [...list.children];
  list.setAttribute("role", "tablist");
  function open(id) {
    for (const tab of tabs) {
      const panel = document.getElementById(tab.getAttribute("aria-controls"));
      const shown = panel.id === id;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-selected", String(shown));
      tab.tabIndex = shown ? 0 : -1;
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", tab.id);
      panel.hidden = !shown;
    }
    onOpen(id);
  }
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (!tab) return;
    open(tab.getAttribute("aria-controls"));
    if (event.detail > 0) tab.blur(); // Pressed by a pointer: the arrow keys stay with the page.
  });
  list.addEventListener("keydown", (event) => {
    const shown = tabs.filter((tab) => !tab.hidden);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const tab = shown[(shown.indexOf(event.target) + step + shown.length) % shown.length];
    tab.focus();
    open(tab.getAttribute("aria-controls"));
  });
  open(tabs[0].getAttribute("aria-controls"));
  return open;
}
