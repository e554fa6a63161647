// The rating card: a trial on screen, and what the participant does with it.

import { hush, toast } from "../base/notice.js";
import { $, act, focusOn, sheet } from "../base/parts.js";
import { say } from "../base/words.js";
import { busy } from "../session/server.js";
import { log, state, submit } from "../session/session.js";
import { audio, bind, isSpent, sounds, toggle, voice } from "../sound/player.js";
import { layClips, paintSliders } from "./clips.js";
import { layGrades, paintGrades } from "./grades.js";
import { byGrade, bySlider, byText, grades, worded } from "./question.js";
import {
  allHeard,
  answer,
  answered,
  answeredBefore,
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
  $("prompt").classList.toggle("long", shown.prompt.length > 120);
  layAnswer(shown);
  act("back").hidden = !state.previous || answeredBefore();
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
  $("question").textContent = state.question.own ? state.question.question : worded("question");
  $("grades").hidden = !byGrade();
  $("grades").classList.toggle("many", state.question.grades.length > 5);
  if (byGrade() && !$("grades").childElementCount) layGrades(grades(), choose);
  $("comment").hidden = !state.comments && !byText();
  $("comment").firstElementChild.textContent = worded("comment");
  $("comment").lastElementChild.value = shown.comment ?? "";
  $("comment").classList.toggle("words", byText());
  $(bySlider() ? "clips" : "grades").before($("question")); // sliders are part of the answer
}

function laySounds(shown) {
  const moved = (at, length) => ($("time").textContent = clock(at, length || shown.seconds[0]));
  const listeners = { changed: paint, moved, ended: tellHint, spent, refused: () => refuse(say("plays_spent")) };
  moved(0, 0);
  $("one").hidden = trial.several;
  $("clips").hidden = $("hints").parentElement.hidden = !trial.several;
  if (trial.several) bind(layClips(shown, listeners), bySlider());
  else bind([voice({ url: shown.urls[0], button: act("play"), line: $("one").querySelector(".line i"), ...listeners })]);
}

function keys() {
  const key = (text) => `<kbd>${text}</kbd>`;
  return say(trial.several ? (byGrade() ? "keys_several" : "keys_sliders") : "keys", {
    space: key(say("key_space")),
    letters: sounds.map(({ letter }) => letter && key(letter)).join(" "),
    digits: `${key(1)}–${key(state.question.grades.length)}`,
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
  paintGrades();
  paintSliders();
  act("skip").hidden = sounds.every(({ faults }) => faults < 2);
  act("next").textContent = say(busy ? "saving" : "next");
  act("next").setAttribute("aria-disabled", String(!answered() || busy));
}

export function choose(score) {
  if (busy || !trial) return;
  if (!allHeard()) {
    refuse(why());
    return;
  }
  trial.score = score;
  toast("");
  paint();
  $("grades").querySelector(`[data-score="${score}"]`).focus({ preventScroll: true });
}

export function next() {
  if (busy || !trial) return;
  if (!allHeard()) return refuse(why());
  if (!answered()) return refuse(worded("choose_first"));
  const given = answer();
  toast("");
  audio.pause();
  submit("/api/rate", given);
  paint();
}

function back() {
  log("back");
  showTrial(state.previous);
}

const skip = () => submit("/api/skip", { media: trial.shown.media, reason: audio.error?.message || "not played" });

// The words that stand on the card whatever it shows.
export function dressCard() {
  act("next").textContent = say("next");
  act("back").textContent = say("back");
  act("skip").textContent = say("skip");
  $("grades").replaceChildren();
}

// Have the card's own buttons do what they say.
export function wireCard() {
  act("play").addEventListener("click", () => toggle());
  act("next").addEventListener("click", next);
  act("back").addEventListener("click", back);
  act("skip").addEventListener("click", skip);
  $("comment").addEventListener("input", paint);
}
