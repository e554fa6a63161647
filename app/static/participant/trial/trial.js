// The trial on screen: what was heard of it and what is answered.

import { tell } from "../base/notice.js";
import { $ } from "../base/parts.js";
import { say } from "../base/words.js";
import { standAt, state } from "../session/session.js";
import { heardSeconds, sound, sounds } from "../sound/player.js";
import { asked, byText, byTurns, scales, several, worded } from "./question.js";

export let trial = null; // what the participant did with the clips on screen; null on a page of text

const NONE = { sliders: ({ urls }) => Array(urls.length - 1).fill(null), words: () => "" };
const GIVEN = { sliders: (scores) => scores.every((score) => score !== null), words: (text) => text.trim() !== "" };

// Begin with the trial that is open, or with the one before it and its answer.
export function openTrial(shown) {
  const answers = scales().map((scale) => before(scale, shown) ?? NONE[scale.answer]?.(shown) ?? null);
  trial = { answers, at: 0, since: performance.now(), shown, several: shown.urls.length > 1 };
  standAt(shown.position);
}

function before({ name }, shown) {
  if (several()) return shown.score?.[name];
  return byText() ? shown.comment : shown.score;
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

const given = ({ answer }, at) => (GIVEN[answer] ?? ((score) => score !== null))(trial.answers[at]);

// The places of the scales that must still be answered.
export const openScales = () => [...scales().keys()].filter((at) => scales()[at].required && !given(scales()[at], at));

export const answered = () => !openScales().length;

// Of scales one after another: whether all up to the one on screen are answered.
export const answeredHere = () => openScales().every((at) => byTurns() && at > trial.at);

// Why there is no answering yet.
export function why() {
  if (sound.status === "silent") return say("no_output");
  const begun = sounds.some(({ plays }) => plays);
  if (begun && sounds.every(whole)) return say("plays_few", { count: state.min_plays });
  if (!state.must_listen || !begun) return say("not_started");
  return say(trial.several ? "not_yet_all" : "not_yet");
}

// What is missing: a scale that must be answered first.
export const missing = (at) =>
  several() ? say("choose_first_several", { question: asked(scales()[at]) }) : worded("choose_first");

// How many scales are open, where there are several.
export function left() {
  const open = openScales().length;
  return several() && open ? say("hint_open", { open, total: scales().length }) : "";
}

function score() {
  if (!several()) return byText() ? null : trial.answers[0];
  return Object.fromEntries(scales().map((one, at) => [one.name, given(one, at) ? trial.answers[at] : null]));
}

// The answer as the server takes it.
export const answer = () => ({
  media: trial.shown.media,
  score: score(),
  plays: allPlays(),
  each: sounds.map(({ plays }) => plays),
  heard_seconds: Math.round(heardSeconds() * 1000) / 1000,
  response_ms: Math.round(performance.now() - trial.since),
  comment: byText() ? trial.answers[0] : remark(),
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
  const after = !allHeard() ? more : left() || worded(answered() ? "hint_next" : "hint_answer");
  const hints = {
    idle: after,
    fetching: say("fetching"),
    playing: allHeard() ? after : say("hint_playing"),
    paused: say("hint_paused"),
    ended: after,
    skipped: say("hint_skipped"),
    broken: say("broken"),
    silent: say("no_output"),
  };
  hint(hints[sound.status], ["broken", "silent", "skipped"].includes(sound.status));
}

export const tellHint = () => trial && tell(hintNode().textContent);

// Why a press did nothing: on the card for the eye, in the live region for the ear.
export function refuse(text) {
  hint(text, true);
  tell(text);
}
