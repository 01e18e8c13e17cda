// Questions with explained options. What was tried is kept as {tried: {question text: [option texts in order]}}; what
// does not fit the questions as they stand now is left out.
import { answers } from "./answers.js";
import { h, prose, redraw, uid } from "./dom.js";
import { mount } from "./kit.js";

// The tries that still make sense, a list for each question: indices of options, each once, none after the right one.
export function usable(kept, questions) {
  const tried = kept !== null && typeof kept === "object" && kept.tried !== null && typeof kept.tried === "object" ? kept.tried : {};
  return questions.map(({ question, options, answer }) => {
    const texts = Object.hasOwn(tried, question) && Array.isArray(tried[question]) ? tried[question] : [];
    const indices = [...new Set(texts.map((text) => options.findIndex((option) => option.text === text)))];
    const valid = indices.filter((i) => i >= 0);
    return valid.includes(answer) ? valid.slice(0, valid.indexOf(answer) + 1) : valid;
  });
}

function build(kit) {
  const group = uid("quiz");
  const chosen = new Map();
  const get = (name) => kit.model.get(name);
  const tries = () => usable(answers.get(get("id")), get("questions"));

  function option(question, q, i, tried) {
    const solved = tried.includes(question.answer);
    const shown = tried.includes(i) || solved;
    const right = i === question.answer;
    const input = h("input", { type: "radio", name: `${group}-${q}`, value: i, disabled: solved || tried.includes(i),
      "data-key": `${q}-${i}`, "data-question": q, "aria-describedby": shown ? `${group}-${q}-${i}` : null });
    input.checked = solved ? right : chosen.get(q) === i;
    const kind = shown && right ? " efx-is-right" : tried.includes(i) ? " efx-is-wrong" : "";
    return [
      h("label", { class: `efx-option${kind}` }, input, h("span", {}, prose(question.options[i].text)),
        h("span", { class: "efx-tag" }, shown && right ? "✓ right" : tried.includes(i) ? "✗ not this one" : "")),
      shown ? h("p", { class: "efx-reason", id: `${group}-${q}-${i}` }, prose(question.options[i].explanation)) : null,
    ];
  }

  function block(question, q, tried) {
    const solved = tried.includes(question.answer);
    return h("li", {}, h("form", { class: "efx-question", "data-question": q, tabindex: -1, "data-key": `question-${q}` },
      h("fieldset", {}, h("legend", {}, `${q + 1}. `, prose(question.question)), question.options.map((_, i) => option(question, q, i, tried))),
      h("p", { class: "efx-why", role: "alert", "data-complaint": q }),
      solved ? null : h("button", { type: "submit", class: "efx-main", "data-key": `check-${q}` }, tried.length ? "Try again" : "Check")));
  }

  function score(all) {
    const questions = get("questions");
    const solved = all.filter((tried, q) => tried.includes(questions[q].answer)).length;
    const first = all.filter((tried, q) => tried[0] === questions[q].answer).length;
    const total = questions.length;
    if (all.every((tried) => tried.length === 0)) return `${total} question${total === 1 ? "" : "s"}. Try as often as you like.`;
    const done = solved === total ? "All solved" : `${solved} of ${total} solved`;
    return `${done}, ${first} at the first try.`;
  }

  kit.watch(["id", "questions"], () => {
    const all = tries();
    redraw(kit.body, [
      h("p", { class: "efx-kicker" }, "Quiz"),
      h("ol", { class: "efx-questions" }, get("questions").map((question, q) => block(question, q, all[q]))),
      h("p", { class: "efx-after" }, h("span", { class: "efx-score" }, score(all)),
        all.some((tried) => tried.length) ? h("button", { type: "button", "data-act": "again", "data-key": "again" }, "Start over") : null),
    ]);
  });

  kit.on(kit.body, "change", (event) => {
    if (event.target.type !== "radio") return;
    chosen.set(Number(event.target.dataset.question), Number(event.target.value));
  });
  kit.on(kit.body, "submit", (event) => {
    event.preventDefault();
    const q = Number(event.target.dataset.question);
    const question = get("questions")[q];
    const pick = chosen.get(q);
    const all = tries();
    if (pick === undefined || all[q].includes(pick)) {
      kit.body.querySelector(`[data-complaint="${q}"]`).textContent = all[q].length ? "Choose another answer." : "Choose an answer first.";
      event.target.querySelector("input:not([disabled])")?.focus();
      return;
    }
    all[q] = [...all[q], pick];
    chosen.delete(q);
    const kept = get("questions").map((one, i) => [one.question, all[i].map((j) => one.options[j].text)]);
    answers.set(get("id"), { tried: Object.fromEntries(kept.filter(([, texts]) => texts.length)) });
    const right = pick === question.answer;
    const block = kit.body.querySelector(`form[data-question="${q}"]`);
    (right ? block : block?.querySelector("input:not([disabled])"))?.focus({ preventScroll: true });
    kit.say(`${right ? "Right." : "Not this one."} ${question.options[pick].explanation} ${score(all)}`);
  });
  kit.on(kit.body, "click", (event) => {
    if (event.target.dataset?.act !== "again") return;
    chosen.clear();
    answers.clear(get("id"));
    kit.body.querySelector("input")?.focus();
    kit.say("All answers are forgotten.");
  });
  kit.onAnswer((id) => { if (id === undefined || id === get("id")) kit.run(); });
}

export default { render: (context) => mount(context, "Quiz", build) };
