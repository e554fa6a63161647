// Clips of one prompt under the participants' player: pressing another goes on where the one before was.

import { bind, halt, plug, press, sound, voice } from "./sound/player.js";
import { fetchAhead } from "./sound/sounds.js";

const rows = [...document.querySelectorAll("[data-url]")];
const fault = document.querySelector('[data-part="fault"]');

const voices = rows.map((row) =>
  voice({
    url: row.dataset.url,
    seconds: Number(row.dataset.seconds),
    button: row.querySelector("button"),
    line: row.querySelector("i"),
    changed: () => {},
    failed: () => (fault.hidden = false),
  }),
);

plug(document.querySelector("audio"));
bind(voices, true);
fetchAhead(voices.map(({ url }) => url));

for (const one of voices) one.button.addEventListener("click", () => press(one));
document.addEventListener("keydown", (event) => {
  if (event.target.closest("button, a, input") && event.key === " ") return;
  const one = voices[Number(event.key) - 1];
  if (one && one !== sound) press(one);
  if (event.key !== " ") return;
  event.preventDefault();
  if (sound.status === "playing") halt("press");
  else press(sound);
});
