// The buttons of a player, and its clock.
import { h } from "./dom.js";

const TICKS = 6; // a second
const LEAPS = 10; // from start to end, one a second, where the reader asked for less motion
const LONGEST = 25; // seconds of the whole

// {root, playing(), show(step, budget)}; moves the setting "step".
export function transport(kit) {
  const button = (name, words, label) => h("button", { type: "button", "data-name": name, "aria-label": label }, words);
  const [start, back, play, step, end] = [
    button("start", "« Start", "To the start"),
    button("back", "‹ Back", "One evaluation back"),
    button("play", "▶ Play"),
    button("forward", "Step ›", "One evaluation on"),
    button("end", "End »", "To the end"),
  ];
  const root = h("div", { class: "efx-transport", role: "group", "aria-label": "Replay" }, start, back, play, step, end);
  let timer = 0;
  let [now, budget] = [0, 1];

  const go = (to) => kit.set({ step: Math.max(0, Math.min(budget, to)) });
  function stop() {
    clearInterval(timer);
    timer = 0;
  }
  function pause(to) {
    stop();
    if (to === undefined) kit.run();
    else go(to);
  }
  function run() {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const stride = calm ? Math.ceil(budget / LEAPS) : Math.ceil(budget / (TICKS * LONGEST));
    timer = setInterval(
      () => {
        if (now + stride >= budget) stop();
        go(now + stride);
      },
      calm ? 1000 : 1000 / TICKS,
    );
    if (now >= budget) go(0);
    else kit.run();
  }
  kit.on(play, "click", () => (timer ? pause() : run()));
  kit.on(start, "click", () => pause(0));
  kit.on(back, "click", () => pause(now - 1));
  kit.on(step, "click", () => pause(now + 1));
  kit.on(end, "click", () => pause(budget));
  kit.signal.addEventListener("abort", stop);

  return {
    root,
    stop,
    playing: () => timer !== 0,
    show(at, all) {
      [now, budget] = [at, all];
      play.textContent = timer ? "❚❚ Pause" : "▶ Play";
      play.setAttribute("aria-label", timer ? "Pause" : now >= budget ? "Play from the start" : "Play");
      // Not disabled: that would take the focus away at the end.
      for (const one of [start, back]) one.setAttribute("aria-disabled", String(now <= 0));
      for (const one of [step, end]) one.setAttribute("aria-disabled", String(now >= budget));
    },
  };
}
