// A board to draw on with mouse, finger or pen. Strokes are kept as points, so they can be taken back, and what the
// networks see is computed from them, not read from the screen.
import { h, uid } from "./dom.js";
import { SIDE, draw, ground, painted, fitted } from "./picture.js";

const PIXELS = 480; // of the canvas; the page shows it at any size
const CLOSE = 0.003; // of the side: points closer than this to the last one add nothing
const PENS = [4, 16, 8]; // thinnest, thickest, first: per cent of the side

export function board({ signal, changed }) {
  let strokes = [];
  let seed = 1;
  let current = null;
  let under = ground(seed);
  const on = (node, event, act) => node.addEventListener(event, act, { signal });

  const canvas = h("canvas", {
    class: "dl-board",
    width: PIXELS,
    height: PIXELS,
    role: "img",
    "aria-label": "Drawing board, for mouse, finger or pen. With the keyboard, choose a test picture further down.",
  });
  const hint = h("span", { "aria-hidden": "true" }, "Draw here");
  const paper = h("canvas", { width: SIDE, height: SIDE });
  const context = canvas.getContext("2d");
  const id = uid("pen");
  const pen = h("input", { type: "range", id, min: PENS[0], max: PENS[1], value: PENS[2], step: 1 });
  const fit = h("input", { type: "checkbox", checked: true });
  const button = (label, act) => {
    const made = h("button", { type: "button" }, label);
    on(made, "click", act);
    return made;
  };

  function redraw() {
    context.imageSmoothingEnabled = true;
    context.drawImage(paper, 0, 0, PIXELS, PIXELS);
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = context.fillStyle = `rgb(${under.ink.map((value) => Math.round(255 * value)).join(" ")})`;
    for (const { width, points } of strokes) {
      context.lineWidth = width * PIXELS;
      context.beginPath();
      for (const [x, y] of points.length > 1 ? points : [points[0], points[0]]) context.lineTo(x * PIXELS, y * PIXELS);
      context.stroke();
    }
    hint.hidden = strokes.length > 0;
    undo.disabled = clear.disabled = !strokes.length;
  }
  function lay() {
    under = ground(seed);
    const planes = Uint8Array.from(under.planes, (value) => Math.round(255 * value));
    draw(paper, planes);
    redraw();
  }
  const tell = (done) => {
    redraw();
    changed(strokes.length > 0, done);
  };

  const undo = button("Undo", () => {
    strokes = strokes.slice(0, -1);
    tell(true);
  });
  const clear = button("Clear", () => {
    strokes = [];
    tell(true);
  });
  const other = button("Another ground", () => {
    seed += 1;
    lay();
    changed(strokes.length > 0, true);
  });
  on(fit, "change", () => changed(strokes.length > 0, true));

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  const extend = (event) => {
    const { points } = current.stroke;
    const [x, y] = place(event);
    const [u, v] = points[points.length - 1];
    if (Math.hypot(x - u, y - v) >= CLOSE) points.push([x, y]);
  };
  on(canvas, "pointerdown", (event) => {
    if (current || event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    const stroke = { width: pen.valueAsNumber / 100, points: [place(event)] };
    current = { pointer: event.pointerId, stroke };
    strokes.push(stroke);
    tell(false);
  });
  on(canvas, "pointermove", (event) => {
    if (current?.pointer !== event.pointerId) return;
    for (const step of event.getCoalescedEvents?.() ?? [event]) extend(step);
    extend(event);
    tell(false);
  });
  for (const end of ["pointerup", "pointercancel"])
    on(canvas, end, (event) => {
      if (current?.pointer !== event.pointerId) return;
      current = null;
      tell(true);
    });

  lay();
  const node = h(
    "div",
    { class: "dl-draw" },
    h("div", { class: "dl-paper" }, canvas, hint),
    h(
      "div",
      { class: "dl-tools" },
      h("div", { class: "efx-knob" }, h("label", { for: id }, "Pen"), pen),
      h("div", { class: "dl-buttons" }, undo, clear, other),
    ),
    h("label", { class: "efx-toggle" }, fit, "Shrink my letter to the size they were trained on"),
  );
  const planes = () => painted(fit.checked ? fitted(strokes) : strokes, under);
  return { node, planes };
}
