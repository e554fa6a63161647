// The player of the pages before the trials.

import { $, act } from "../base/parts.js";
import { say } from "../base/words.js";
import { state } from "../session/session.js";
import { bind, sound, voice } from "../sound/player.js";

// Have it play this; `painted` is called whenever it changes.
export function layNotes(url, painted) {
  const button = act("notes");
  const changed = () => {
    const idle = state.stage === "headphones" ? "headphones_play" : "play_notes";
    button.setAttribute("aria-label", say(sound.status === "playing" ? "pause" : idle));
    const hints = { fetching: "fetching", playing: "hint_playing", broken: "broken" };
    const after = sound.complete && state.stage === "headphones" ? "headphones_choose" : idle;
    $("noteshint").textContent = say(hints[sound.status] ?? after);
    painted();
  };
  bind([voice({ url, button, line: $("notes").querySelector(".line i"), changed })]);
}
