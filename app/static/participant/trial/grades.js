// Grades to choose one of: a group of radio buttons.

import { $, make } from "../base/parts.js";
import { allHeard, trial } from "./trial.js";

// A grade's mark and its words.
export const grade = ({ score, mark, label }) => [
  make("b", { textContent: mark ?? score }),
  make("span", { textContent: label }),
];

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
