// The scales of a trial: each is a question with grades, a slider or words, and the words of its ends.

import { $, make, mark } from "../base/parts.js";
import { say, numeral } from "../base/words.js";
import { layGrades } from "./grades.js";
import { asked, byText, byTurns, numbered, scales, several } from "./question.js";
import { laySlider } from "./slider.js";
import { openScales, trial } from "./trial.js";

let laid = []; // in the order of the scales

// Lay all scales; `chosen` is called with the place of a scale and its grade, `changed` when another is answered.
export function layScales(chosen, changed) {
  laid = scales().map((scale, at) => lay(scale, at, (score) => chosen(at, score), changed));
  $("scales").replaceChildren(...laid.map(({ block }) => block));
}

function lay(scale, at, chosen, changed) {
  const heading = make("h2", { className: "question", id: `earmark-question-${at}`, textContent: asked(scale) });
  mark(heading, scale.marks.question);
  if (!scale.required) heading.append(" ", make("small", { textContent: say("optional") }));
  const widget = {
    grades: () => layGrades(scale, at, chosen),
    slider: () => laySlider(scale, at, changed),
    words: () => layWords(at, changed),
    sliders: () => ({ nodes: [], paint() {}, focus() {} }), // beside the clips
  }[scale.answer]();
  if (!byText()) widget.nodes[0]?.setAttribute("aria-labelledby", heading.id);
  const block = make("section", { className: "scale" }, heading, ...widget.nodes);
  block.dataset.scale = at;
  if (numbered(scale)) layEnds(scale, at, block, widget.nodes[0]);
  return { ...widget, block };
}

function layWords(at, changed) {
  const field = make("textarea", { rows: 2, maxLength: 1000, value: trial.answers[at] });
  field.addEventListener("input", () => {
    trial.answers[at] = field.value;
    changed();
  });
  const label = make("label", { className: "comment words" }, field);
  if (byText()) label.prepend(make("span", { textContent: say("comment_text") }));
  return { nodes: byText() ? [label] : [field], paint() {}, focus: () => field.focus() };
}

// The words of the ends, beside buttons with their numbers; a slider that has none shows its numbers.
function layEnds({ ends, low, high, answer, marks }, at, block, described) {
  if (!ends.length && answer !== "slider") return;
  const line = make("p", { className: "ends", id: `earmark-ends-${at}` });
  for (const [place, end] of [low, high].entries()) {
    const word = make("span", { textContent: ends[place] ?? numeral(end) });
    if (ends.length) mark(word, marks.ends);
    // Buttons may take two lines: which of them a word is of is said beside it.
    line.append(answer === "slider" ? word : make("span", {}, make("b", { textContent: numeral(end) }), " ", word));
  }
  block.append(line);
  described.setAttribute("aria-describedby", line.id);
}

export function paintScales() {
  for (const [at, { block, paint }] of laid.entries()) {
    block.hidden = byTurns() && at !== trial.at;
    paint();
  }
}

// The scale that keys answer: the one that has the focus, else the first that is open.
export function scaleAt() {
  const focused = document.activeElement?.closest("[data-scale]");
  return focused ? Number(focused.dataset.scale) : byTurns() ? trial.at : (openScales()[0] ?? 0);
}

export const itemsOf = (at) => laid[at].items ?? [];
export const buttonsOf = (at) => laid[at].buttons ?? [];

export function focusScale(at) {
  laid[at].block.scrollIntoView({ block: "nearest" });
  laid[at].focus();
}

export const markOpen = (text, warning) => {
  $("open").hidden = !several();
  $("open").textContent = text;
  $("open").classList.toggle("warn", warning);
};
