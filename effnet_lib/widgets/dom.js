// Elements, numbers and tables. Text only, never HTML.

const SVG = "http://www.w3.org/2000/svg";
let count = 0;
export const uid = (word) => `efx-${word}-${Date.now().toString(36)}-${++count}`;

// ---- elements -------------------------------------------------------------------------------------------------

function fill(node, props, children) {
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "style") for (const [name, word] of Object.entries(value)) node.style.setProperty(name, word);
    else node.setAttribute(key, value === true && !key.startsWith("aria-") ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// h("p", {class: "x", hidden: true}, "text", node, [more]): an HTML element. Strings become text.
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
// The same for SVG.
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);
// Text in which `backticks` mark code.
export const prose = (text) =>
  String(text ?? "")
    .split("`")
    .map((part, i) => (i % 2 ? h("code", {}, part) : part));

// ---- numbers --------------------------------------------------------------------------------------------------

const grouped = new Intl.NumberFormat("en-US");
export const whole = (n) => grouped.format(n);
const three = (n) => (n >= 999.5 ? grouped.format(Math.round(n)) : String(+n.toPrecision(3)));
export function short(n) {
  for (const [size, word] of [
    [1e12, "\u00a0T"],
    [1e9, "\u00a0G"],
    [1e6, "\u00a0M"],
    [1e3, "\u00a0k"],
  ])
    if (Math.abs(n) >= size * 0.9995) return three(n / size) + word;
  return three(n);
}
export function bytes(n) {
  for (const [power, word] of [
    [3, "\u00a0GiB"],
    [2, "\u00a0MiB"],
    [1, "\u00a0KiB"],
  ])
    if (n >= 1024 ** power) return three(n / 1024 ** power) + word;
  return `${whole(n)}\u00a0B`;
}
export const percent = (part, all) => {
  const p = all > 0 ? (100 * part) / all : 0;
  return p > 0 && p < 0.1 ? "<0.1\u00a0%" : `${p < 9.95 ? p.toFixed(1) : Math.round(p)}\u00a0%`;
};
// A number in the page: short to the eye, exact to machines and in the tooltip.
export const datum = (n, form = short) => h("data", { value: n, title: whole(n) }, form(n));
export const times = (ratio) => (ratio >= 9.95 ? whole(Math.round(ratio)) : String(+ratio.toFixed(1)));

// ---- tables ---------------------------------------------------------------------------------------------------

// rows of cells (string, node or list of nodes); the first cell of a row is its heading. Roles are written out, since a
// narrow page lays some tables out as blocks, which would take them away.
export function table(caption, head, rows, props = {}) {
  const heading = (cell) => h("th", { scope: "col", role: "columnheader" }, cell);
  const row = ([first, ...rest]) =>
    h(
      "tr",
      { role: "row" },
      h("th", { scope: "row", role: "rowheader" }, first),
      rest.map((cell) => h("td", { role: "cell" }, cell)),
    );
  return h(
    "table",
    { role: "table", ...props },
    h("caption", {}, caption),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head.map(heading))),
    h("tbody", { role: "rowgroup" }, rows.map(row)),
  );
}

// ---- redrawing ----------------------------------------------------------------------------------------------

// Makes the content of `node` equal to `children`, changing as little as possible: what stays keeps its focus.
export function redraw(node, children) {
  const key = node.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const next = node.cloneNode(false);
  next.append(...children);
  align(node, next);
  if (key && !node.contains(document.activeElement))
    [...node.querySelectorAll("[data-key]")].find((found) => found.dataset.key === key)?.focus();
}
const keyOf = (node) => node.getAttribute?.("data-key");
function align(old, next) {
  for (const name of old.getAttributeNames()) if (!next.hasAttribute(name)) old.removeAttribute(name);
  for (const name of next.getAttributeNames()) {
    const value = next.getAttribute(name);
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  let there = old.firstChild;
  for (let child = next.firstChild; child;) {
    const [current, after] = [there, child.nextSibling];
    there = there && there.nextSibling;
    if (!current) old.append(child);
    else if (current.nodeName !== child.nodeName || keyOf(current) !== keyOf(child)) current.replaceWith(child);
    else if (child.nodeType !== Node.TEXT_NODE) align(current, child);
    else if (current.data !== child.data) current.data = child.data;
    child = after;
  }
  while (there) {
    const after = there.nextSibling;
    there.remove();
    there = after;
  }
}
