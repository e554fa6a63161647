// The pages that check the sound before the trials: the volume, and the headphones.

import { tell, toast } from "../base/notice.js";
import { $, act } from "../base/parts.js";
import { say } from "../base/words.js";
import { log, state, submit } from "../session/session.js";
import { setsVolume } from "../sound/output.js";
import { audio, bind, sound, voice } from "../sound/player.js";
import { fetchAhead } from "../sound/sounds.js";
import { gradeButton } from "../trial/grades.js";
import { page } from "./page.js";

// Have their player play this; `painted` is called whenever it changes.
function layNotes(url, painted) {
  const button = act("notes");
  const changed = () => {
    const idle = state.stage === "headphones" ? "headphones_play" : "play_notes";
    button.setAttribute("aria-label", say(sound.status === "playing" ? "pause" : idle));
    const hints = { fetching: "fetching", playing: "hint_playing", broken: "broken", silent: "no_output" };
    const after = sound.complete && state.stage === "headphones" ? "headphones_choose" : idle;
    $("noteshint").textContent = say(hints[sound.status] ?? after);
    $("noteshint").classList.toggle("warn", ["broken", "silent"].includes(sound.status));
    painted();
  };
  const failed = () => tell($("noteshint").textContent);
  bind([voice({ url, button, line: $("notes").querySelector(".line i"), changed, failed })]);
}

// Have the participant set the volume.
export function volume() {
  page({
    title: say("sound_title"),
    lead: state.anew ? say("anew") : "",
    text: say("sound_text"),
    note: setsVolume ? "" : say("sound_buttons"),
    notes: true,
    volume: setsVolume,
    help: [say("sound_help_title"), say("sound_help")],
    primary: [say("sound_confirm"), confirmed],
  });
  if (!setsVolume) log("no_volume");
  const slider = $("volume").lastElementChild;
  slider.value = state.volume ?? 1;
  slider.oninput = () => (audio.volume = Number(slider.value));
  layNotes(state.level, () => act("primary").setAttribute("aria-disabled", String(!sound.plays)));
}

function confirmed() {
  if (sound.plays) submit("/api/step", { page: "sound_check", volume: setsVolume ? audio.volume : null });
  else toast(say("sound_first"));
}

// Ask which of three sounds is another, six times; so many answers are given.
export function headphones(answers = []) {
  const { kind, tried, again, urls } = state.headphones;
  const task = say(`headphones_text_${kind}`);
  page({
    title: say("headphones_title"),
    lead: again ? say("headphones_again") : "",
    text: task,
    facts: [say("headphones_count", { number: answers.length + 1, total: urls.length })],
    notes: true,
    choices: true,
  });
  const choose = (place) => {
    if (!sound.complete) return tell(say("not_yet"));
    answers = [...answers, place];
    if (answers.length < urls.length) headphones(answers);
    else submit("/api/headphones", { tried, answers });
  };
  const group = $("choices");
  group.setAttribute("aria-label", task);
  group.replaceChildren(
    ...["first", "second", "third"].map((name, place) => {
      const button = gradeButton({ score: place + 1, label: say(name) }, () => choose(place));
      button.setAttribute("aria-checked", "false");
      return button;
    }),
  );
  layNotes(urls[answers.length], () => {
    for (const button of group.children) button.setAttribute("aria-disabled", String(!sound.complete));
  });
  fetchAhead(urls.slice(answers.length, answers.length + 2));
}
