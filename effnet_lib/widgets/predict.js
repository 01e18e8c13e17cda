// A guess first, then the answer. The guess is kept as {question, guess}, guess being the option's text or a number;
// what does not fit the question as it stands now is forgotten.
import { answers } from "./answers.js";
import { h, prose, redraw, datum, short, times, uid, whole } from "./dom.js";
import { mount } from "./kit.js";

const SIZES = { "": 1, k: 1e3, thousand: 1e3, m: 1e6, mio: 1e6, million: 1e6, g: 1e9, b: 1e9, billion: 1e9, t: 1e12 };

// "5.3 M", "5,300,000", "5.3e6", "2 billion": a number; NaN for what is none or not finite.
export function parseNumber(text) {
  const found = /^([+-]?(?:\d{1,3}(?:[, _]\d{3})+|\d+)?(?:\.\d*)?(?:e[+-]?\d+)?)\s*([a-z]*)\s*%?$/i.exec(text.trim());
  if (!found || !/\d/.test(found[1])) return NaN;
  const size = SIZES[found[2].toLowerCase()];
  const number = Number(found[1].replace(/[, _]/g, "")) * (size ?? NaN);
  return Number.isFinite(number) ? number : NaN;
}

// How far a guess is from the answer: {close, text}.
export function distance(guess, answer, tolerance) {
  if (guess === answer) return { close: true, text: "Exactly right." };
  if (guess > 0 && answer > 0) {
    const ratio = Math.max(guess / answer, answer / guess);
    const close = tolerance >= 1 ? ratio <= tolerance : Math.abs(guess - answer) <= tolerance * answer;
    const share = Math.round(Math.abs(guess / answer - 1) * 100);
    const side = guess < answer ? "below" : "above";
    if (ratio >= 1.95)
      return { close, text: guess < answer ? `The answer is ${times(ratio)} times your guess.`
        : `Your guess is ${times(ratio)} times the answer.` };
    return { close, text: share < 1 ? `Your guess is less than 1\u00a0% ${side} the answer.`
      : `Your guess is ${share}\u00a0% ${side} the answer.` };
  }
  const off = Math.abs(guess - answer);
  const close = tolerance < 1 && off <= tolerance * Math.abs(answer);
  return { close, text: `Your guess is ${short(off)} ${guess < answer ? "below" : "above"} the answer.` };
}

// Guess and answer on a line whose steps are factors.
function scale(guess, answer) {
  const low = Math.min(guess, answer), high = Math.max(guess, answer);
  const room = Math.max(Math.log(high / low) * 0.3, Math.log(1.6));
  const place = (n) => `${(100 * (Math.log(n / low) + room)) / (Math.log(high / low) + 2 * room)}%`;
  const mark = (kind, n, word) => h("span", { class: `efx-mark efx-${kind}`, style: { "--at": place(n) } }, h("span", {}, word));
  return h("div", { class: "efx-line", "aria-hidden": "true" }, mark("mine", guess, "your guess"), mark("true", answer, "answer"));
}

function build(kit) {
  const field = uid("guess");
  let draft = "";
  let chosen = -1;
  const get = (name) => kit.model.get(name);
  const say = (n) => [datum(n), get("unit") ? `\u00a0${get("unit")}` : ""];

  function remembered() {
    const kept = answers.get(get("id"));
    if (kept === null) return null;
    const fits = kept.question === get("question") && (get("options").length ? get("options").includes(kept.guess)
      : typeof kept.guess === "number" && Number.isFinite(kept.guess));
    return fits ? kept.guess : undefined;
  }

  function option(text, i, guess) {
    const done = guess !== null;
    const mine = done && text === guess, right = done && i === get("answer");
    const input = h("input", { type: "radio", name: field, value: i, disabled: done, "data-key": `option-${i}` });
    input.checked = done ? mine : i === chosen;
    return h("label", { class: `efx-option${right ? " efx-is-right" : mine ? " efx-is-wrong" : ""}` }, input,
      h("span", {}, prose(text)), h("span", { class: "efx-tag" }, [right && "✓ the answer", mine && "your guess"].filter(Boolean).join(" · ")));
  }

  function number(guess) {
    const echo = h("span", { class: "efx-soft", id: `${field}-echo`, "data-echo": "" });
    const input = h("input", { type: "text", id: field, inputmode: "decimal", autocomplete: "off", size: 12, "data-key": "number",
      "aria-describedby": `${field}-echo`, "aria-label": `Your guess${get("unit") ? `, ${get("unit")}` : ""}`, disabled: guess !== null });
    input.value = guess === null ? draft : short(guess);
    return h("div", { class: "efx-field" }, input, get("unit") && h("span", {}, get("unit")), echo);
  }

  function result(guess) {
    const answer = get("answer");
    let lead;
    let picture = null;
    if (get("options").length) {
      lead = guess === get("options")[answer] ? ["✓ You guessed right."]
        : ["You guessed “", prose(guess), "”. It is “", prose(get("options")[answer]), "”."];
    } else {
      const { close, text } = distance(guess, answer, get("tolerance"));
      lead = [close ? "✓ Close. " : "", "The answer is ", say(answer), ", you said ", say(guess), ". ", text];
      if (guess > 0 && answer > 0 && guess !== answer) picture = scale(guess, answer);
    }
    return h("div", { class: "efx-answer", tabindex: -1, "data-key": "answer" }, h("p", { class: "efx-lead" }, lead), picture,
      h("p", {}, prose(get("explanation"))));
  }

  const complaint = h("p", { class: "efx-why", role: "alert" });

  kit.watch(["id", "question", "options", "answer", "explanation", "unit", "tolerance"], () => {
    const kept = remembered();
    if (kept === undefined) return void answers.clear(get("id")); // which draws again
    kit.root.id = `effnet-predict-${get("id")}`;
    complaint.textContent = "";
    const choices = get("options").length ? get("options").map((text, i) => option(text, i, kept)) : number(kept);
    redraw(kit.body, [
      h("form", { class: "efx-question" },
        h("p", { class: "efx-kicker" }, kept === null ? "Predict" : "Your prediction"),
        h("fieldset", {}, h("legend", {}, prose(get("question"))), choices),
        kept === null ? [complaint, h("button", { type: "submit", class: "efx-main" }, "This is my guess")] : null),
      kept === null ? null : result(kept),
      kept === null ? null : h("p", { class: "efx-after" },
        h("button", { type: "button", "data-key": "forget", "data-act": "forget" }, "Take my guess back")),
    ].filter(Boolean));
    kit.body.querySelector("form").noValidate = true;
  });

  kit.on(kit.body, "change", (event) => { if (event.target.type === "radio") chosen = Number(event.target.value); });
  kit.on(kit.body, "input", (event) => {
    if (event.target.id !== field) return;
    draft = event.target.value;
    const n = parseNumber(draft);
    kit.body.querySelector("[data-echo]").textContent = Number.isNaN(n) || Math.abs(n) < 1000 ? "" : `= ${whole(n)}`;
  });
  kit.on(kit.body, "submit", (event) => {
    event.preventDefault();
    const numeric = get("options").length === 0;
    const guess = numeric ? parseNumber(draft) : get("options")[chosen];
    if (numeric ? Number.isNaN(guess) : guess === undefined) {
      complaint.textContent = numeric ? "A number, please: 1200, 5.3e6 or 5.3 M." : "Choose an answer first.";
      kit.body.querySelector("input")?.focus();
      return;
    }
    answers.set(get("id"), { question: get("question"), guess });
    const shown = kit.body.querySelector(".efx-answer");
    shown?.focus({ preventScroll: true });
    kit.say(shown?.textContent ?? "");
  });
  kit.on(kit.body, "click", (event) => {
    if (event.target.dataset?.act !== "forget") return;
    chosen = -1;
    draft = "";
    answers.clear(get("id"));
    kit.body.querySelector("input")?.focus();
    kit.say("Your guess is forgotten.");
  });
  kit.onAnswer((id) => { if (id === undefined || id === get("id")) kit.run(); });
}

export default { render: (context) => mount(context, "Prediction", build) };
