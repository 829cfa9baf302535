// Mouse, touch, wheel and keyboard on a chart.

/** Lets the user read and zoom a chart. */
export function listen(/** @type {import("../plot.js").LineChart} */ chart) {
  const area = chart.area;
  const pixelOf = (event) => event.clientX - area.getBoundingClientRect().left;
  area.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !chart.place) return;
    chart.drag = { from: pixelOf(event), to: pixelOf(event), moved: false };
    area.setPointerCapture(event.pointerId);
  });
  area.addEventListener("pointermove", (event) => {
    if (!chart.place) return;
    if (chart.drag) {
      chart.drag.to = pixelOf(event);
      chart.drag.moved ||= Math.abs(chart.drag.to - chart.drag.from) > 5;
    }
    chart.hover(chart.place.fromX(pixelOf(event)));
  });
  area.addEventListener("pointerup", (event) => release(chart, pixelOf(event)));
  const leave = (event) => {
    chart.drag = null;
    if (event.pointerType === "mouse" || event.type === "pointercancel") chart.hover(null);
  };
  area.addEventListener("pointercancel", leave);
  area.addEventListener("pointerleave", leave);
  area.addEventListener("blur", () => chart.hover(null));
  area.addEventListener("wheel", (event) => turn(chart, event, pixelOf(event)), { passive: false });
  area.addEventListener("keydown", (event) => press(chart, event));
}

/** The end of a drag zooms; a click reads and picks. */
function release(chart, pixel) {
  const drag = chart.drag;
  chart.drag = null;
  if (!drag) return;
  const ends = [drag.from, pixel].map(chart.place.fromX).sort((a, b) => a - b);
  if (drag.moved) return chart.zoom([ends[0], ends[1]]);
  chart.hover(ends[0]);
  if (chart.cursor !== null) chart.options.onPick?.(chart.cursor);
}

/** The wheel zooms once the chart was clicked (or with Ctrl): the page can be scrolled across charts. */
function turn(chart, event, pixel) {
  const zooms = event.ctrlKey || document.activeElement === chart.area;
  if (!chart.place || !zooms || !event.deltaY || (event.deltaY > 0 && !chart.view)) return;
  event.preventDefault();
  zoomBy(chart, event.deltaY > 0 ? 1.3 : 1 / 1.3, chart.place.fromX(pixel));
}

/** Makes the range of x longer or shorter; `centre` keeps its place. */
function zoomBy(chart, factor, centre) {
  const [from, to] = chart.range;
  const middle = Math.min(Math.max(centre, from), to);
  chart.zoom([middle - (middle - from) * factor, middle + (to - middle) * factor]);
}

function press(chart, event) {
  if (!chart.place || event.ctrlKey || event.metaKey || event.altKey) return;
  const numbers = chart.readable;
  const [from, to] = chart.range;
  const middle = chart.cursor ?? (from + to) / 2;
  const pan = (by) => chart.view && chart.zoom([from + by * (to - from), to + by * (to - from)]);
  const step = (by) => {
    const i = chart.cursor === null ? (by > 0 ? -1 : numbers.length) : numbers.indexOf(chart.cursor);
    chart.hover(numbers[Math.min(Math.max(i + by, 0), numbers.length - 1)] ?? null);
  };
  const actions = {
    ArrowLeft: () => (event.shiftKey ? pan(-0.25) : step(-1)),
    ArrowRight: () => (event.shiftKey ? pan(0.25) : step(1)),
    Home: () => chart.hover(numbers[0] ?? null),
    End: () => chart.hover(numbers.at(-1) ?? null),
    "+": () => zoomBy(chart, 1 / 1.5, middle),
    "=": () => zoomBy(chart, 1 / 1.5, middle),
    "-": () => zoomBy(chart, 1.5, middle),
    Escape: () => chart.zoom(null),
    0: () => chart.zoom(null),
    Enter: () => chart.cursor !== null && chart.options.onPick?.(chart.cursor),
  };
  const action = actions[event.key];
  if (!action) return;
  event.preventDefault();
  event.stopPropagation();
  action();
  chart.speak();
}
