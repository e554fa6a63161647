// A slider for each of several clips. Nothing is set until the participant sets it: before that it shows no value.

import { make } from "../base/parts.js";
import { say } from "../base/words.js";
import { busy } from "../session/server.js";
import { sounds } from "../sound/player.js";
import { refuse } from "./hints.js";
import { heard, trial } from "./trial.js";

const band = (score) => say(`mushra_${Math.min(4, Math.floor(score / 20))}`);

// Add a slider to a clip's row; `changed` is called when it is set.
export function slide(one, place, changed) {
  const slider = make("input", { type: "range", min: 0, max: 100, step: 1, value: trial.score[place] ?? 0 });
  const value = make("output", {});
  slider.setAttribute("aria-label", say("slider", { name: one.name }));
  one.slider = slider;
  one.value = value;
  const set = () => {
    if (busy) return;
    if (!heard(one)) {
      slider.value = trial.score[place] ?? 0;
      refuse(say("not_yet"));
      return;
    }
    trial.score[place] = Number(slider.value);
    changed();
  };
  slider.addEventListener("input", set);
  slider.addEventListener("click", set);
  slider.addEventListener("keydown", (event) => ["Home", "End"].includes(event.key) && requestAnimationFrame(set));
  one.row.append(slider, value);
}

export function paintSliders() {
  for (const [place, { slider, value }] of sounds.entries()) {
    if (!slider) continue;
    const score = trial.score[place];
    slider.classList.toggle("unset", score === null);
    slider.setAttribute("aria-valuetext", score === null ? say("unset") : `${score}, ${band(score)}`);
    value.textContent = score === null ? "–" : `${score} ${band(score)}`;
  }
}
