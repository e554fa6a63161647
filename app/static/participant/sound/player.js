// One player serves the sound check and all clips; `sound` is the one of `sounds` that it is bound to.

import { log, state } from "../session/session.js";
import { heardWholly, lengthOf, secondsPlayed, stretchesHeard } from "./hearing.js";
import { hasOutput, saysNoOutput } from "./output.js";
import { fetchSound, forgetSound } from "./sounds.js";

const SLOW_MS = 2000;
const STUCK_MS = 4000; // a sound that is here and stands still for so long goes nowhere

export let audio = null;
export let sounds = [];
export let sound = null;
let onward = false; // whether another sound goes on where the one before was
let halter = null; // who is pausing the sound
let stood = { at: -1, since: 0, seen: 0 }; // where the sound is, since when, and when that was last seen

// A sound with its button and its line. It calls `changed` whenever its status is another, `moved` as it plays
// with where it is and how long it is, `ended` at its end; `spent` says whether it may be played no more, `refused` is
// called when it is pressed then, `failed` when it cannot be played.
export const voice = (parts) => ({
  moved: () => {},
  ended: () => {},
  spent: () => false,
  refused: () => {},
  failed: () => {},
  heard: 0,
  covered: [],
  plays: 0,
  complete: false,
  status: "idle",
  faults: 0,
  from: 0,
  left: 0, // where it was left before its end, if its plays are counted: going on there is the same play
  ...parts, // url, button, line, changed; seconds, if they are known
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
    keepHeard();
    sound.complete ||= wholly();
    if (state.max_plays && ["playing", "paused"].includes(sound.status)) sound.left = audio.currentTime;
    if (["playing", "paused"].includes(sound.status)) sound.status = sound.complete ? "ended" : "idle";
  }
  unload();
}

function keepHeard() {
  sound.heard += heardNow();
  sound.covered = covered();
}

function unload() {
  audio.pause();
  audio.removeAttribute("src");
  audio.load(); // also empties `played`
}

const heardNow = () => secondsPlayed(audio, sound?.seconds);
const covered = () => stretchesHeard(audio, sound.covered);
const wholly = () => heardWholly(covered(), lengthOf(audio, sound));

// Seconds of all sounds that were heard, each as often as it was.
export const heardSeconds = () => sounds.reduce((sum, one) => sum + one.heard, heardNow());

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
  if (!audio.paused) return halt("press");
  const audible = hasOutput();
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
      keepHeard();
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
  if (!(await audible)) return silent(mine, "none is listed");
  try {
    await audio.play();
  } catch (error) {
    if (mine === sound && error.name !== "AbortError") broken(mine, String(error));
  }
}

// Pause for a reason; what pauses a sound without one is the device's own doing.
export function halt(by) {
  if (!audio.paused) halter = by;
  audio.pause();
}

// Headphones that are pulled out leave a loudspeaker, or nothing at all.
export async function devicesChanged() {
  const mine = sound;
  if (mine?.status !== "playing") return;
  halt("devices");
  if (!(await hasOutput())) silent(mine, "none is listed");
}

// Told twice of one fault, by the element and by the promise of play().
function broken(mine, reason) {
  if (saysNoOutput(reason)) return silent(mine, reason);
  if (mine !== sound || ["broken", "silent"].includes(mine.status)) return;
  if (state.max_plays && mine.status === "playing") mine.plays -= 1; // it has to be played again
  mine.status = "broken";
  mine.faults += 1;
  forgetSound(mine.url);
  log("error", { reason: reason.slice(0, 200) });
  paint();
  mine.failed();
}

// There is nothing to hear it with. Firefox would run through the sound all the same.
function silent(mine, reason) {
  if (mine !== sound || mine.status === "silent") return;
  const at = audio.currentTime;
  if (["playing", "paused"].includes(mine.status)) mine.plays -= 1; // it has to be played again
  mine.status = "silent";
  keepHeard();
  unload();
  log("no_output", { at, reason });
  paint();
  mine.failed();
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
  const length = lengthOf(audio, sound);
  const share = length ? audio.currentTime / length : 0;
  sound.line.style.transform = `translateX(${Math.min(0, (share - 1) * 100)}%)`;
  sound.moved(audio.currentTime, length);
  if (audio.paused) return;
  watch();
  requestAnimationFrame(sweep);
}

// An output that takes no sound stops its clock. Where the page itself slept, nothing is known.
function watch() {
  const now = performance.now();
  if (audio.currentTime !== stood.at || now - stood.seen > 1000) stood = { at: audio.currentTime, since: now };
  stood.seen = now;
  if (now - stood.since > STUCK_MS && audio.readyState > 2) silent(sound, "the clock stands still");
}

const EVENTS = {
  playing() {
    if (sound.status === "playing") return; // again, after a wait
    if (sound.fresh) sound.plays += 1;
    sound.fresh = false;
    sound.left = 0;
    sound.status = "playing";
    halter = null;
    log("play", { plays: sound.plays, at: audio.currentTime });
    paint();
    if (document.hidden) halt("hidden"); // it was long in coming
    sweep();
  },
  pause() {
    if (!sound || audio.ended || sound.status !== "playing") return;
    sound.status = "paused";
    log("pause", { at: audio.currentTime, by: halter ?? "device" });
    halter = null;
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
