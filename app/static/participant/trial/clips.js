// A row for each of several clips, the reference first; beside sliders with its slider.

import { $, act, make } from "../base/parts.js";
import { say } from "../base/words.js";
import { busy } from "../session/server.js";
import { state } from "../session/session.js";
import { press, sounds, voice } from "../sound/player.js";
import { bySlider, clipName } from "./question.js";
import { heard, refuse, trial } from "./trial.js";

// Lay the rows and give their voices; `listeners` are what the player calls.
export function layClips(shown, listeners) {
  const count = shown.urls.length;
  const voices = shown.urls.map((url, place) => {
    const button = act("play").cloneNode(true);
    button.removeAttribute("data-action");
    const line = make("i", {});
    const name = clipName(place, count);
    const title = make("b", { textContent: name });
    const row = make("div", { className: "clip" }, button, title, make("div", { className: "line" }, line));
    const letter = name.length > 1 ? "R" : name; // the reference, in every language
    const one = voice({ url, button, line, seconds: shown.seconds[place], ...listeners, name, letter, row });
    button.addEventListener("click", () => pressClip(one));
    if (bySlider() && place < count - 1) slide(one, place, listeners.changed);
    return one;
  });
  $("clips").classList.toggle("sliders", bySlider());
  const rows = voices.map(({ row }) => row);
  $("clips").replaceChildren(...(bySlider() ? [rows.at(-1), ...rows.slice(0, -1)] : rows));
  return voices;
}

// Play or pause a clip; an open reference that comes first is heard before the clip beside it.
export function pressClip(one) {
  const waits = state.question.reference === 0 && one !== sounds[0] && !heard(sounds[0]);
  if (waits) refuse(say("reference_first"));
  else press(one);
}

const band = (score) => say(`mushra_${Math.min(4, Math.floor(score / 20))}`);

// Add a slider to a clip's row. Nothing is set until the participant sets it: before that it shows no value.
function slide(one, place, changed) {
  const slider = make("input", { type: "range", min: 0, max: 100, step: 1, value: trial.answers[0][place] ?? 0 });
  const value = make("output", {});
  slider.setAttribute("aria-label", say("slider", { name: one.name }));
  one.slider = slider;
  one.value = value;
  const set = () => {
    if (busy) return;
    if (!heard(one)) {
      slider.value = trial.answers[0][place] ?? 0;
      refuse(say("not_yet"));
      return;
    }
    trial.answers[0][place] = Number(slider.value);
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
    const score = trial.answers[0][place];
    slider.classList.toggle("unset", score === null);
    slider.setAttribute("aria-valuetext", score === null ? say("unset") : `${score}, ${band(score)}`);
    value.textContent = score === null ? "–" : `${score} ${band(score)}`;
  }
}
