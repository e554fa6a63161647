// What this study asks, on one scale or several, and in which words: they depend on the type of question.

import { known, say, numeral } from "../base/words.js";
import { state } from "../session/session.js";

export const scales = () => state.scales ?? [state.question];
export const several = () => scales().length > 1;
export const byTurns = () => several() && state.layout === "one_by_one"; // one after another in the same trial
export const bySlider = () => state.question.answer === "sliders"; // one for each clip
export const byText = () => !several() && state.question.answer === "words";

const kind = () => (several() ? "several" : state.question.type);

// The words for this type of question, where it has some of its own.
export const worded = (key) => say([`${key}_${kind()}`, `${key}_${state.question.family}`].find(known) ?? key);

// The question of a scale: the study's own, the type's, or that of all types.
export function asked(scale) {
  if (scale.marks.question) return scale.question;
  const own = `question_${scale.type}`;
  return say(known(own) ? own : "question");
}

// Whether the one question that is asked is in the study's own words, so that ours do not say what it is about.
export const ownQuestion = () => !several() && Boolean(state.question.marks.question);

export const numbered = (scale) => scale.low !== undefined;

export const grades = (scale) =>
  scale.grades.map(({ score, mark, label }) => {
    const own = `${scale.type}_${score}`; // the type's, else the study's, else the five grades'
    if (known(own)) return { score, mark, label: say(own) };
    const spoken = scale.marks.labels;
    if (numbered(scale)) return { score, mark: numeral(score), label: "", spoken };
    return { score, mark, label: spoken ? label : say(`grade_${score}`), spoken };
  });

// What a clip is called: one may be the reference in the open.
export function clipName(place, count) {
  const { reference, letters } = state.question;
  const open = reference === null ? null : (reference + count) % count;
  return place === open ? say("reference") : letters[place];
}
