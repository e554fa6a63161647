// The question that this study asks, and its words: they depend on its type.

import { known, say } from "../base/words.js";
import { state } from "../session/session.js";

const kind = () => state.question.type;
export const bySlider = () => state.question.answer === "sliders"; // one for each clip
export const byText = () => state.question.answer === "words";
export const byGrade = () => !bySlider() && !byText();

// The words for this type of question, where it has some of its own.
export const worded = (key) => say([`${key}_${kind()}`, `${key}_${state.question.family}`].find(known) ?? key);

export const grades = () =>
  state.question.grades.map(({ score, mark, label }) => {
    const own = `${kind()}_${score}`; // the type's, else the study's, else the five grades'
    if (known(own)) return { score, mark, label: say(own) };
    const spoken = state.marks.labels;
    return { score, mark, label: spoken ? label : say(`grade_${score}`), spoken };
  });

// What is asked: in the study's own words, if it has any.
export const asked = () => (state.marks.question ? state.question.question : worded("question"));

// What a clip is called: the last beside sliders is the reference.
export function clipName(place, count) {
  if (bySlider() && place === count - 1) return say("reference");
  return state.question.letters[place];
}
