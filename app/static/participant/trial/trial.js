// The trial on screen: what was heard of it and what is answered.

import { tell } from "../base/notice.js";
import { $ } from "../base/parts.js";
import { say } from "../base/words.js";
import { standAt, state } from "../session/session.js";
import { heardSeconds, sound, sounds } from "../sound/player.js";
import { bySlider, byText, worded } from "./question.js";

export let trial = null; // what the participant did with the clips on screen; null on a page of text

// Begin with the trial that is open, or with the one before it and its answer.
export function openTrial(shown) {
  const several = shown.urls.length > 1;
  const score = bySlider() ? (shown.score ?? Array(shown.urls.length - 1).fill(null)) : (shown.score ?? null);
  trial = { score, since: performance.now(), shown, several };
  standAt(shown.position);
}

export function closeTrial() {
  trial = null;
  standAt(null);
}

const whole = (one) => (state.must_listen ? one.complete : one.plays > 0);
// A clip that was answered before was heard before.
export const heard = (one) => answeredBefore() || (whole(one) && one.plays >= state.min_plays);
const allPlays = () => sounds.reduce((sum, { plays }) => sum + plays, 0);

// Whether a clip was played as often as it may be; of the plays before an answer only the sum is known.
export function spent(one) {
  const most = state.max_plays;
  return most > 0 && (one.plays >= most || allPlays() + (trial.shown.plays ?? 0) >= most * sounds.length);
}

export const allHeard = () => sounds.every(heard);
export const answeredBefore = () => trial.shown.score !== undefined;
export const remark = () => $("comment").lastElementChild.value;

export function answered() {
  if (byText()) return remark().trim() !== "";
  return bySlider() ? trial.score.every((score) => score !== null) : trial.score !== null;
}

// Why there is no answering yet.
export function why() {
  const begun = sounds.some(({ plays }) => plays);
  if (begun && sounds.every(whole)) return say("plays_few", { count: state.min_plays });
  if (!state.must_listen || !begun) return say("not_started");
  return say(trial.several ? "not_yet_all" : "not_yet");
}

// The answer as the server takes it.
export const answer = () => ({
  media: trial.shown.media,
  score: trial.score,
  plays: allPlays(),
  each: sounds.map(({ plays }) => plays),
  heard_seconds: Math.round(heardSeconds() * 1000) / 1000,
  response_ms: Math.round(performance.now() - trial.since),
  comment: remark(),
  revises: answeredBefore(),
});

const hintNode = () => $(trial.several ? "hints" : "hint");

// The line under the player that says what to do next.
function hint(text, warning) {
  hintNode().textContent = text;
  hintNode().parentElement.classList.toggle("warn", warning);
}

export function paintHint() {
  const start = say(trial.several ? "hint_all" : state.must_listen ? "hint_listen" : "hint_free");
  const more = sounds.every(whole) ? say("plays_few", { count: state.min_plays }) : start;
  const after = !allHeard() ? more : worded(answered() ? "hint_next" : "hint_answer");
  const hints = {
    idle: after,
    fetching: say("fetching"),
    playing: allHeard() ? after : say("hint_playing"),
    paused: say("hint_paused"),
    ended: after,
    skipped: say("hint_skipped"),
    broken: say("broken"),
  };
  hint(hints[sound.status], sound.status === "broken" || sound.status === "skipped");
}

export const tellHint = () => trial && tell(hintNode().textContent);

// Why a press did nothing: on the card for the eye, in the live region for the ear.
export function refuse(text) {
  hint(text, true);
  tell(text);
}
