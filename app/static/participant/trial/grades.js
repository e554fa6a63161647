// Grades to choose one of: a group of radio buttons.

import { $, make, mark } from "../base/parts.js";
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

export const buttons = () => [...$("grades").children];
export const scoreOf = (button) => Number(button.dataset.score);

export function layGrades(items, choose) {
  $("grades").replaceChildren(
    ...items.map((item) => {
      const button = gradeButton(item, () => choose(item.score));
      button.dataset.score = item.score;
      return button;
    }),
  );
}

export function paintGrades() {
  for (const button of buttons()) {
    const chosen = scoreOf(button) === trial.score;
    button.setAttribute("aria-checked", String(chosen));
    button.setAttribute("aria-disabled", String(!allHeard()));
    // One stop for the tab key, as in every group of radio buttons.
    button.tabIndex = chosen || (trial.score === null && button === $("grades").firstElementChild) ? 0 : -1;
  }
}
