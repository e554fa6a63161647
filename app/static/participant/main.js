// The participant's page: it wires the parts, and shows where the session stands.

import { $, act, shell, take } from "./base/parts.js";
import { learn, say } from "./base/words.js";
import { STAGES, rested } from "./pages/stages.js";
import { withdrawal } from "./pages/withdrawal.js";
import { begin, log, state } from "./session/session.js";
import { tryVolume } from "./sound/output.js";
import { devicesChanged, halt, plug, toggle } from "./sound/player.js";
import { fetchAhead, fetchSound, keepSounds } from "./sound/sounds.js";
import { dressCard, wireCard } from "./trial/card.js";
import { listen } from "./trial/keys.js";

// Bring the page in `element` to life, in English until another language is chosen; `asked` is the first request for
// the state, under way already.
export function mount(element, english, asked) {
  take(element);
  learn(english, dress);
  plug($("audio"));
  dress();
  wireCard();
  listen();
  act("notes").addEventListener("click", () => toggle());
  act("withdraw").addEventListener("click", () => withdrawal());
  $("form").addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("visibilitychange", left);
  navigator.mediaDevices?.addEventListener("devicechange", devicesChanged);
  window.addEventListener("offline", () => log("offline"));
  window.addEventListener("online", () => log("online"));
  document.addEventListener("contextmenu", (event) => state?.kiosk && event.preventDefault());
  tryVolume().then(() => begin(draw, asked));
}

// Another tab, a lock, a call: nobody listens then, and a page that is put to sleep hears nothing of it.
function left() {
  log(document.hidden ? "hidden" : "visible");
  if (document.hidden) halt("hidden");
}

// What stands on the page whatever is shown.
function dress() {
  act("copy").textContent = say("copy");
  act("withdraw").textContent = say("withdraw");
  $("kiosk").textContent = say("kiosk_title");
  $("volume").firstElementChild.textContent = say("volume");
  dressCard();
}

// Show the stage at hand, or what the address asked for instead, with the code that it holds.
function draw(stage, code) {
  shell().dataset.stage = stage;
  $("kiosk").hidden = !state.kiosk;
  halt("page");
  STAGES[stage](code);
  if (stage === state.stage) fetchNext();
  window.__ready = true;
}

function fetchNext() {
  const ahead = [state.trial?.urls, state.upcoming, state.previous?.urls].flatMap((urls) => urls ?? []);
  keepSounds(ahead);
  if (state.stage === "sound_check") fetchSound(state.level).catch(() => {});
  if (state.stage !== "trials") rested();
  fetchAhead(ahead);
}
