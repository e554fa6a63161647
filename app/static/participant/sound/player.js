// One player serves the sound check and all clips; `sound` is the one of `sounds` that it is bound to.

import { log, state } from "../session/session.js";
import { fetchSound, forgetSound } from "./sounds.js";

const SLOW_MS = 2000;
const FULL = 0.95; // share of a clip that must have sounded before "to the end" is true

export let audio = null;
export let sounds = [];
export let sound = null;
let onward = false; // whether another sound goes on where the one before was

// A sound with its button and its line. It calls `changed` whenever its status is another, `moved` as it plays
// with where it is and how long it is, `ended` at its end; `spent` says whether it may be played no more, `refused` is
// called when it is pressed then.
export const voice = (parts) => ({
  moved: () => {},
  ended: () => {},
  spent: () => false,
  refused: () => {},
  heard: 0,
  covered: [],
  plays: 0,
  complete: false,
  status: "idle",
  faults: 0,
  from: 0,
  left: 0, // where it was left before its end, if its plays are counted: going on there is the same play
  ...parts, // url, button, line, changed
});

export function bind(voices, together = false) {
  leave();
  audio.volume = state.volume ?? 1;
  sounds = voices;
  sound = voices[0];
  onward = together;
  for (const { line } of voices) line.style.transform = "";
  paint();
}

// Let go of the sound at hand, keeping what was heard of it.
function leave() {
  if (sound) {
    sound.heard += heardNow();
    sound.covered = covered();
    sound.complete ||= wholly();
    if (state.max_plays && ["playing", "paused"].includes(sound.status)) sound.left = audio.currentTime;
    if (["playing", "paused"].includes(sound.status)) sound.status = sound.complete ? "ended" : "idle";
  }
  audio.pause();
  audio.removeAttribute("src");
  audio.load(); // also empties `played`
}

function heardNow() {
  let seconds = 0;
  for (let i = 0; i < audio.played.length; i++) seconds += audio.played.end(i) - audio.played.start(i);
  return seconds;
}

// Seconds of all sounds that were heard, each as often as it was.
export const heardSeconds = () => sounds.reduce((sum, one) => sum + one.heard, heardNow());

// Which stretches of the sound at hand were heard, this time and before.
function covered() {
  const stretches = [...sound.covered];
  for (let i = 0; i < audio.played.length; i++) stretches.push([audio.played.start(i), audio.played.end(i)]);
  const merged = [];
  for (const [start, end] of stretches.sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

const wholly = () => covered().reduce((sum, [start, end]) => sum + end - start, 0) >= FULL * audio.duration;

// Whether a press would begin a play that it may not have.
export const isSpent = (one) => !one.left && !["playing", "paused", "fetching"].includes(one.status) && one.spent(one);

// Play or pause one of several sounds.
export function press(one) {
  if (one === sound) return toggle();
  const at = onward && !audio.paused ? audio.currentTime : one.left;
  leave();
  sound = one;
  paint();
  return toggle(at);
}

export async function toggle(at = 0) {
  const mine = sound;
  if (!mine || mine.status === "fetching") return;
  if (!audio.paused) {
    audio.pause();
    return;
  }
  if (mine.status !== "paused") {
    if (isSpent(mine)) return mine.refused();
    mine.fresh = !mine.left;
    mine.status = "fetching";
    paint();
    // WebKit lets a player sound that a press has loaded, however long the clip then takes to come.
    if (!audio.getAttribute("src")) audio.load();
    const slow = setTimeout(() => log("stall", { ms: SLOW_MS }), SLOW_MS);
    try {
      const source = await fetchSound(mine.url);
      if (mine !== sound) return;
      mine.heard += heardNow();
      mine.covered = covered();
      audio.src = source; // a fresh source also empties `played`
      mine.from = at;
      if (at) {
        // Set before there is metadata, what comes before `at` would count as heard.
        await new Promise((resolve) => audio.addEventListener("loadedmetadata", resolve, { once: true }));
        if (mine !== sound) return;
        audio.currentTime = at;
      }
    } catch (error) {
      broken(mine, String(error));
      return;
    } finally {
      clearTimeout(slow);
    }
  }
  try {
    await audio.play();
  } catch (error) {
    if (mine === sound && error.name !== "AbortError") broken(mine, String(error));
  }
}

// Told twice of one fault, by the element and by the promise of play().
function broken(mine, reason) {
  if (mine !== sound || mine.status === "broken") return;
  if (state.max_plays && mine.status === "playing") mine.plays -= 1; // it has to be played again
  mine.status = "broken";
  mine.faults += 1;
  forgetSound(mine.url);
  log("error", { reason: reason.slice(0, 200) });
  paint();
}

function paint() {
  for (const { button, status } of sounds) {
    button.classList.toggle("on", status === "playing");
    button.classList.toggle("busy", status === "fetching");
  }
  sound.changed();
}

function sweep() {
  if (!sound) return;
  const share = audio.duration ? audio.currentTime / audio.duration : 0;
  sound.line.style.transform = `translateX(${Math.min(0, (share - 1) * 100)}%)`;
  sound.moved(audio.currentTime, audio.duration);
  if (!audio.paused) requestAnimationFrame(sweep);
}

const EVENTS = {
  playing() {
    if (sound.status === "playing") return; // again, after a wait
    if (sound.fresh) sound.plays += 1;
    sound.fresh = false;
    sound.left = 0;
    sound.status = "playing";
    log("play", { plays: sound.plays, at: audio.currentTime });
    paint();
    sweep();
  },
  pause() {
    if (!sound || audio.ended || sound.status !== "playing") return;
    sound.status = "paused";
    log("pause", { at: audio.currentTime });
    paint();
  },
  ended() {
    const whole = wholly();
    sound.status = whole || sound.complete ? "ended" : "skipped";
    sound.complete = sound.complete || whole;
    if (state.max_plays && sound.status === "skipped") sound.plays -= 1; // it has to be played again
    log("ended", { heard: heardNow(), whole });
    paint();
    sound.ended();
    sweep();
  },
  seeking() {
    if (Math.abs(audio.currentTime - sound.from) > 0.01) log("seek", { at: audio.currentTime });
  },
  waiting() {
    // A player also waits for a moment as it starts and where it is sent, with all of the sound at hand.
    if (sound?.status === "playing" && !audio.seeking) log("stall", { at: audio.currentTime });
  },
  error() {
    if (audio.getAttribute("src")) broken(sound, audio.error ? audio.error.message || "undecodable" : "undecodable");
  },
};

// Say once which element plays.
export function plug(element) {
  audio = element;
  for (const [name, heard] of Object.entries(EVENTS)) audio.addEventListener(name, heard);
}
