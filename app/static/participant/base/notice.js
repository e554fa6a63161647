// What is told in passing: a line at the foot of the window for the eye, a live region for the ear.

import { $ } from "./parts.js";

let fading = 0;
let telling = 0;

// A notice fades, unless it `stays` for as long as something is under way.
export function toast(text, good = false, stays = false) {
  clearTimeout(fading);
  $("toast").textContent = text;
  $("toast").classList.toggle("good", good);
  if (good || (text && !stays)) fading = setTimeout(() => ($("toast").textContent = ""), 4000);
}

export function tell(text) {
  hush(); // the same words again are only read out after a change
  telling = requestAnimationFrame(() => ($("live").textContent = text));
}

// Forget what was told: it was about what is no longer on the page.
export function hush() {
  cancelAnimationFrame(telling);
  $("live").textContent = "";
}
