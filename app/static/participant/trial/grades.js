// Grades to choose one of: a group of radio buttons.

import { make, mark } from "../base/parts.js";
import { grades } from "./question.js";
import { allHeard, trial } from "./trial.js";

// What stands before a grade, and its words.
export function grade({ score, mark: sign, label, spoken }) {
  const words = make("span", { textContent: label });
  mark(words, spoken);
  return [make("b", { textContent: sign ?? score }), words];
}

export function gradeButton(item, choose) {
  const button = make("button", { type: "button", className: "grade", onclick: choose }, ...grade(item));
  button.setAttribute("role", "radio");
  return button;
}

// Lay the grades of the scale at a place; `chosen` is called with a score.
export function layGrades(scale, at, chosen) {
  const items = grades(scale);
  const buttons = items.map((item) => {
    const button = gradeButton(item, () => chosen(item.score));
    button.dataset.score = item.score;
    return button;
  });
  const group = make("div", { className: "grades" }, ...buttons);
  group.classList.toggle("many", items.length > 5);
  group.classList.toggle("row", items.every(({ label }) => !label));
  // Seven numbers fit beside each other on a phone.
  const longest = Math.max(...items.map((item) => String(item.mark).length));
  group.style.setProperty("--least", `${items.length > 7 ? 44 : Math.max(32, 12 * longest)}px`);
  group.setAttribute("role", "radiogroup");
  const paint = () => paintGrades(buttons, items, at);
  return { nodes: [group], items, buttons, paint, focus: () => buttons.find(({ tabIndex }) => tabIndex === 0).focus() };
}

function paintGrades(buttons, items, at) {
  for (const [place, button] of buttons.entries()) {
    const chosen = items[place].score === trial.answers[at];
    button.setAttribute("aria-checked", String(chosen));
    button.setAttribute("aria-disabled", String(!allHeard()));
    // One stop for the tab key, as in every group of radio buttons.
    button.tabIndex = chosen || (trial.answers[at] === null && place === 0) ? 0 : -1;
  }
}
