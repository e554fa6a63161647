// The line under the player that says what to do next.

import { tell } from "../base/notice.js";
import { $ } from "../base/parts.js";
import { say } from "../base/words.js";
import { state } from "../session/session.js";
import { sound } from "../sound/player.js";
import { worded } from "./question.js";
import { allHeard, answered, trial } from "./trial.js";

const node = () => $(trial.several ? "hints" : "hint");

function hint(text, warning) {
  node().textContent = text;
  node().parentElement.classList.toggle("warn", warning);
}

export function paintHint() {
  const start = say(trial.several ? "hint_all" : state.must_listen ? "hint_listen" : "hint_free");
  const after = !allHeard() ? start : worded(answered() ? "hint_next" : "hint_answer");
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

export const tellHint = () => tell(node().textContent);

// Why a press did nothing: on the card for the eye, in the live region for the ear.
export function refuse(text) {
  hint(text, true);
  tell(text);
}
