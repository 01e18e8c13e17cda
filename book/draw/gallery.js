// Test pictures to choose from: one stop for the Tab key, arrow keys within, Enter or Space chooses.
import { h } from "./dom.js";
import { draw, small } from "./picture.js";

// The first picture of every class, in the order of the classes.
export function oneOfEach(pictures) {
  const first = new Map();
  for (const picture of pictures) if (!first.has(picture.label)) first.set(picture.label, picture);
  return [...first.values()].sort((a, b) => a.label - b.label);
}

export function gallery(pictures, { signal, chosen }) {
  const options = pictures.map((picture, i) =>
    h(
      "li",
      {
        role: "option",
        "aria-label": picture.name,
        "aria-selected": "false",
        tabindex: i ? -1 : 0,
        "data-index": picture.index,
      },
      draw(small({ "aria-hidden": "true" }), picture.planes),
      h("span", { "aria-hidden": "true" }, picture.name),
    ),
  );
  const list = h("ul", { class: "dl-gallery", role: "listbox", "aria-label": "Test pictures" }, options);
  const go = (index) => {
    const next = options[Math.max(0, Math.min(options.length - 1, index))];
    for (const option of options) option.tabIndex = option === next ? 0 : -1;
    next.focus();
  };
  const choose = (option) => {
    mark(pictures[options.indexOf(option)].index);
    chosen(pictures[options.indexOf(option)]);
  };
  // Pictures in a row, as they are laid out now.
  const across = () => {
    const top = options[0].offsetTop;
    const wrapped = options.findIndex((option) => option.offsetTop > top);
    return wrapped < 0 ? options.length : wrapped;
  };
  const steps = {
    ArrowRight: () => 1,
    ArrowLeft: () => -1,
    ArrowDown: () => across(),
    ArrowUp: () => -across(),
    Home: () => -options.length,
    End: () => options.length,
  };
  list.addEventListener(
    "keydown",
    (event) => {
      const at = options.indexOf(event.target);
      if (at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key === "Enter" || event.key === " ") choose(options[at]);
      else if (steps[event.key]) go(at + steps[event.key]());
      else return;
      event.preventDefault();
    },
    { signal },
  );
  list.addEventListener(
    "click",
    (event) => {
      const option = event.target.closest("[role=option]");
      if (!option) return;
      go(options.indexOf(option));
      choose(option);
    },
    { signal },
  );
  // Shows which picture the answers are about; none of these if it is not here.
  function mark(index) {
    for (const option of options) option.setAttribute("aria-selected", String(Number(option.dataset.index) === index));
  }
  return { node: list, mark };
}
