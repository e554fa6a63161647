// The keys: the space bar plays, digits answer, letters play one of several clips, Enter goes on.

import { $ } from "../base/parts.js";
import { state } from "../session/session.js";
import { press, sounds, toggle } from "../sound/player.js";
import { choose, next } from "./card.js";
import { buttons, scoreOf } from "./grades.js";
import { allHeard, answered, trial } from "./trial.js";

function pressed(event) {
  const { tagName, type } = event.target;
  const writing = tagName === "TEXTAREA" || (tagName === "INPUT" && type !== "range");
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || writing) return;
  if (trial) onCard(event);
  else if (state?.stage === "headphones" && /^[1-3]$/.test(event.key)) $("choices").children[event.key - 1]?.click();
}

function onCard(event) {
  const focused = document.activeElement;
  const radio = focused?.getAttribute("role") === "radio" ? focused : null;
  const step = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
  const named = trial.several && sounds.find(({ letter }) => letter === event.key.toUpperCase());
  const scores = $("grades").hidden ? [] : buttons().map(scoreOf);
  const digit = Number(event.key) - 1;
  const marked = state?.question.grades.find(({ mark }) => mark === event.key); // a digit that is a grade means it
  if (/^[1-9]$/.test(event.key) && digit < scores.length) choose(marked?.score ?? scores[digit]);
  else if (named) press(named);
  else if (event.key === " ") {
    // On an answer that is not chosen yet, the space bar chooses it, as in every group of radio buttons.
    if (radio && radio.getAttribute("aria-checked") === "false" && allHeard()) choose(scoreOf(radio));
    else toggle();
  } else if (event.key === "Enter") {
    if (focused?.classList.contains("play") && !answered()) return;
    next();
  } else if (step && radio) {
    const all = buttons();
    choose(scoreOf(all[(all.indexOf(radio) + step + all.length) % all.length]));
  } else return;
  event.preventDefault();
}

export function listen() {
  document.addEventListener("keydown", pressed);
}
