// A row for each of several clips, the reference first; beside sliders with its slider.

import { $, act, make } from "../base/parts.js";
import { press, voice } from "../sound/player.js";
import { clipName, bySlider } from "./question.js";
import { slide } from "./sliders.js";

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
    const one = voice({ url, button, line, ...listeners, name, letter, row });
    button.addEventListener("click", () => press(one));
    if (bySlider() && place < count - 1) slide(one, place, listeners.changed);
    return one;
  });
  $("clips").classList.toggle("sliders", bySlider());
  const rows = voices.map(({ row }) => row);
  $("clips").replaceChildren(...(bySlider() ? [rows.at(-1), ...rows.slice(0, -1)] : rows));
  return voices;
}
