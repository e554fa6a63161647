// A break for the ears.

import { say } from "../base/words.js";
import { log } from "../session/journal.js";
import { show, state } from "../session/session.js";
import { page } from "./page.js";

let listening = performance.now();

export function rested() {
  listening = performance.now();
}

export const tired = () => state.break_minutes && performance.now() - listening > state.break_minutes * 60000;

export function rest() {
  log("break");
  page({ title: say("break_title"), lead: say("break_text"), primary: [say("break_go"), goOn] });
}

function goOn() {
  rested();
  show(state);
}
