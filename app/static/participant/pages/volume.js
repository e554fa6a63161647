// The page on which the participant sets the volume.

import { toast } from "../base/notice.js";
import { $, act } from "../base/parts.js";
import { say } from "../base/words.js";
import { state, submit } from "../session/session.js";
import { audio, sound } from "../sound/player.js";
import { layNotes } from "./notes.js";
import { page } from "./page.js";

export function volume() {
  page({
    title: say("sound_title"),
    text: say("sound_text"),
    notes: true,
    volume: true,
    help: [say("sound_help_title"), say("sound_help")],
    primary: [say("sound_confirm"), confirmed],
  });
  const slider = $("volume").lastElementChild;
  slider.value = state.volume ?? 1;
  slider.oninput = () => (audio.volume = Number(slider.value));
  layNotes(state.level, () => act("primary").setAttribute("aria-disabled", String(!sound.plays)));
}

function confirmed() {
  if (sound.plays) submit("/api/step", { page: "sound_check", volume: audio.volume });
  else toast(say("sound_first"));
}
