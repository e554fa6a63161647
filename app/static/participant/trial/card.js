// The rating card: a trial on screen, and what the participant does with it.

import { hush, toast } from "../base/notice.js";
import { $, act, focusOn, mark, sheet } from "../base/parts.js";
import { say } from "../base/words.js";
import { busy } from "../session/server.js";
import { log, state, submit } from "../session/session.js";
import { audio, bind, halt, isSpent, sounds, toggle, voice } from "../sound/player.js";
import { layClips, paintSliders } from "./clips.js";
import { bySlider, byText, byTurns, numbered, scales, several, worded } from "./question.js";
import { buttonsOf, focusScale, itemsOf, layScales, markOpen, paintScales } from "./scales.js";
import {
  allHeard,
  answer,
  answeredBefore,
  answeredHere,
  left,
  missing,
  openScales,
  openTrial,
  paintHint,
  refuse,
  spent,
  tellHint,
  trial,
  why,
} from "./trial.js";

// Show the trial that is open, or the one before it with its answer.
export function showTrial(shown) {
  sheet("page").hidden = true;
  sheet("trial").hidden = false;
  openTrial(shown);
  hush();
  showCount(shown);
  $("eyebrow").textContent = say("description");
  $("prompt").textContent = shown.words ? say(shown.words) : shown.prompt;
  mark($("prompt"), shown.words ? {} : shown.mark);
  $("prompt").classList.toggle("long", shown.prompt.length > 120);
  layAnswer(shown);
  toast(answeredBefore() ? say("back_on") : "");
  laySounds(shown);
  $("keys").hidden = byText();
  $("keys").innerHTML = keys();
  focusOn($("heading"));
}

function showCount(shown) {
  const count = say(shown.kind === "practice" ? "practice" : trial.several ? "comparison" : "sound", shown);
  $("top").hidden = false;
  $("count").textContent = $("heading").textContent = count;
  const bar = $("bar");
  bar.setAttribute("aria-label", count);
  bar.setAttribute("aria-valuemax", shown.total);
  bar.setAttribute("aria-valuenow", shown.number - 1);
  bar.firstElementChild.style.transform = `translateX(${((shown.number - 1) / shown.total - 1) * 100}%)`;
}

function layAnswer(shown) {
  layScales(choose, paint);
  $("scales").classList.toggle("several", several() && !byTurns());
  $("comment").hidden = !state.comments || byText();
  $("comment").firstElementChild.textContent = say("comment");
  $("comment").lastElementChild.value = byText() ? "" : (shown.comment ?? "");
  $(bySlider() ? "clips" : "comment").before($("scales")); // sliders are part of the answer
}

function laySounds(shown) {
  const moved = (at, length) => ($("time").textContent = clock(at, length || shown.seconds[0]));
  const told = { ended: tellHint, failed: tellHint };
  const listeners = { changed: paint, moved, ...told, spent, refused: () => refuse(say("plays_spent")) };
  moved(0, 0);
  $("one").hidden = trial.several;
  $("clips").hidden = $("hints").parentElement.hidden = !trial.several;
  if (trial.several) bind(layClips(shown, listeners), bySlider());
  else {
    const line = $("one").querySelector(".line i");
    bind([voice({ url: shown.urls[0], button: act("play"), line, seconds: shown.seconds[0], ...listeners })]);
  }
}

function keys() {
  const key = (text) => `<kbd>${text}</kbd>`;
  const marks = itemsOf(0).map(({ mark }, at) => (numbered(scales()[0]) ? mark : `${at + 1}`));
  const digits = marks.filter((mark) => mark.length === 1);
  const alone = trial.several ? ["keys_several", "keys_sliders"] : ["keys", "keys_slider"];
  const name = several() ? "keys_scales" : alone[digits.length ? 0 : 1];
  const space = key(say("key_space"));
  return say(name, {
    space,
    letters: trial.several ? sounds.map(({ letter }) => letter && key(letter)).join(" ") : space,
    digits: `${key(digits[0])}–${key(digits.at(-1))}`,
    tab: key(say("key_tab")),
    enter: key(say("key_enter")),
  });
}

function clock(at, of) {
  // Both are rounded alike, so that a clip heard to its end reads as one.
  const two = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  return [at, of].map((seconds) => two(Math.round(seconds))).join(" / ");
}

function paint() {
  if (!trial) return; // a sound that falls silent as its trial goes
  for (const one of sounds) {
    const { button, status, plays, name } = one;
    const label = status === "playing" ? "pause" : plays && status !== "paused" ? "again" : "play";
    button.setAttribute("aria-disabled", String(isSpent(one)));
    button.setAttribute("aria-label", name ? `${name}: ${say(label)}` : say(label));
  }
  paintHint();
  markOpen(allHeard() ? left() : "", false);
  paintScales();
  paintSliders();
  act("skip").hidden = sounds.every(({ faults }) => faults < 2);
  act("back").hidden = !trial.at && (!state.previous || answeredBefore());
  act("next").textContent = say(busy ? "saving" : "next");
  act("next").setAttribute("aria-disabled", String(!answeredHere() || busy));
}

export function choose(at, score) {
  if (busy || !trial) return;
  if (!allHeard()) {
    refuse(why());
    return;
  }
  trial.answers[at] = score;
  toast("");
  paint();
  buttonsOf(at)[itemsOf(at).findIndex((item) => item.score === score)].focus({ preventScroll: true });
}

export function next() {
  if (busy || !trial) return;
  if (!allHeard()) return refuse(why());
  if (!answeredHere()) return pointOut(openScales()[0]);
  if (byTurns() && trial.at < scales().length - 1) return turn(1);
  const given = answer();
  toast("");
  halt("page");
  submit("/api/rate", given);
  paint();
}

// Say which scale is missing, and go there.
function pointOut(at) {
  refuse(missing(at));
  if (!several()) return;
  markOpen(missing(at), true);
  focusScale(at);
}

// Go from one scale to another of the same trial.
function turn(by) {
  trial.at += by;
  paint();
  focusScale(trial.at);
}

function back() {
  if (trial.at) return turn(-1);
  log("back");
  showTrial(state.previous);
}

const skip = () => submit("/api/skip", { media: trial.shown.media, reason: audio.error?.message || "not played" });

// The words that stand on the card whatever it shows.
export function dressCard() {
  act("next").textContent = say("next");
  act("back").textContent = say("back");
  act("skip").textContent = say("skip");
}

// Have the card's own buttons do what they say.
export function wireCard() {
  act("play").addEventListener("click", () => toggle());
  act("next").addEventListener("click", next);
  act("back").addEventListener("click", back);
  act("skip").addEventListener("click", skip);
}
