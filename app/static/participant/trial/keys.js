// The keys: the space bar plays, digits answer, letters play one of several clips, Enter goes on.

import { $, shell } from "../base/parts.js";
import { state } from "../session/session.js";
import { sounds, toggle } from "../sound/player.js";
import { choose, next } from "./card.js";
import { pressClip } from "./clips.js";
import { numbered, scales } from "./question.js";
import { buttonsOf, itemsOf, scaleAt } from "./scales.js";
import { allHeard, answeredHere, trial } from "./trial.js";

function pressed(event) {
  const { tagName, type } = event.target;
  const writing = tagName === "TEXTAREA" || (tagName === "INPUT" && type !== "range");
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || writing) return;
  if (trial) onCard(event);
  else if (state?.stage === "headphones" && /^[1-3]$/.test(event.key)) $("choices").children[event.key - 1]?.click();
}

// The grade that a digit means: the one of that number, else the one at that place, as in a list without numbers.
function meant(at, key) {
  if (!/^[0-9]$/.test(key)) return undefined;
  const items = itemsOf(at);
  const marked = items.find(({ mark }) => mark === key);
  return (marked ?? (numbered(scales()[at]) ? undefined : items[key - 1]))?.score;
}

function onCard(event) {
  const focused = document.activeElement;
  const radio = focused?.getAttribute("role") === "radio" ? focused : null;
  const onward = shell().dir === "rtl" ? -1 : 1;
  const step = { ArrowUp: -1, ArrowLeft: -onward, ArrowDown: 1, ArrowRight: onward }[event.key];
  const named = trial.several && sounds.find(({ letter }) => letter === event.key.toUpperCase());
  const at = scaleAt();
  const all = buttonsOf(at);
  const scoreOf = (button) => itemsOf(at)[all.indexOf(button)].score;
  const digit = meant(at, event.key);
  if (digit !== undefined) choose(at, digit);
  else if (named) pressClip(named);
  else if (event.key === " ") {
    // On an answer that is not chosen yet, the space bar chooses it, as in every group of radio buttons.
    if (radio && radio.getAttribute("aria-checked") === "false" && allHeard()) choose(at, scoreOf(radio));
    else toggle();
  } else if (event.key === "Enter") {
    if (focused?.classList.contains("play") && !answeredHere()) return;
    next();
  } else if (step && radio) choose(at, scoreOf(all[(all.indexOf(radio) + step + all.length) % all.length]));
  else return;
  event.preventDefault();
}

export function listen() {
  document.addEventListener("keydown", pressed);
}
