// The question that this study asks, and its words: they depend on its type.

import { known, say } from "../base/words.js";
import { state } from "../session/session.js";

const FAMILY = { ab: "pair", ccr: "pair" };
const MARKS = {
  acr: (score) => score,
  ab: (score) => ["A", "=", "B"][score + 1],
  ccr: (score) => (score > 0 ? `+${score}` : `${score}`.replace("-", "−")),
  abx: (score) => "AB"[score],
  mushra: (score) => `${20 * score}–${20 * score + 20}`,
};

export const kind = () => state.question.type;
export const bySlider = () => kind() === "mushra"; // one for each clip
export const byText = () => kind() === "text";
export const byGrade = () => !bySlider() && !byText();

// The words for this type of question, where it has some of its own.
export const worded = (key) => say([`${key}_${kind()}`, `${key}_${FAMILY[kind()]}`].find(known) ?? key);

export const grades = () =>
  state.question.grades.map(({ score, label }) => ({
    score,
    mark: MARKS[kind()](score),
    label: kind() === "acr" ? (state.question.own ? label : say(`grade_${score}`)) : say(`${kind()}_${score}`),
  }));

// What a clip is called: the last beside sliders is the reference, the third of ABX is X.
export function clipName(place, count) {
  if (bySlider() && place === count - 1) return say("reference");
  return kind() === "abx" && place === 2 ? "X" : "ABCDEFGHIJKLMNOPQSTUVWXYZ"[place];
}
