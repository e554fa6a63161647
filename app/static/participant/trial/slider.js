// A slider between two ends. Nothing is set until the participant sets it: before that it shows no thumb.

import { make, shell } from "../base/parts.js";
import { say, numeral } from "../base/words.js";
import { busy } from "../session/server.js";
import { allHeard, refuse, trial, why } from "./trial.js";

const SIDES = { ArrowLeft: -1, ArrowRight: 1 };
const STEPS = { ArrowDown: -1, ArrowUp: 1 };

// Lay the slider of the scale at a place; `changed` is called when it is set.
export function laySlider(scale, at, changed) {
  const { low, high, step } = scale;
  const middle = (low + high) / 2;
  const slider = make("input", { type: "range", className: "slide", min: low, max: high, step });
  slider.value = trial.answers[at] ?? middle;
  const value = make("output", { className: "value", hidden: !scale.counted });
  const set = () => {
    if (busy) return;
    if (!allHeard()) {
      slider.value = trial.answers[at] ?? middle;
      refuse(why());
      return;
    }
    trial.answers[at] = Number(slider.value);
    changed();
  };
  slider.addEventListener("input", set);
  slider.addEventListener("click", set); // also where it is pressed in the middle, which is no change
  slider.addEventListener("keydown", (event) => {
    if (["Home", "End"].includes(event.key)) requestAnimationFrame(set);
    const by = (SIDES[event.key] ?? 0) * (shell().dir === "rtl" ? -1 : 1) + (STEPS[event.key] ?? 0);
    if (!by || scale.counted) return;
    event.preventDefault(); // its own step is too small for the keys
    slider.value = Number(slider.value) + (by * (high - low)) / 100;
    set();
  });
  const paint = () => {
    const given = trial.answers[at];
    slider.classList.toggle("unset", given === null);
    slider.setAttribute("aria-disabled", String(!allHeard()));
    slider.setAttribute("aria-valuetext", given === null ? say("unset") : numeral(given));
    value.textContent = given === null ? "–" : numeral(given);
  };
  return { nodes: [slider, value], paint, focus: () => slider.focus() };
}
