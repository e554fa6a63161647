// The headphone check: which of three sounds is another, six times.

import { tell } from "../base/notice.js";
import { $ } from "../base/parts.js";
import { say } from "../base/words.js";
import { state, submit } from "../session/session.js";
import { sound } from "../sound/player.js";
import { fetchAhead } from "../sound/sounds.js";
import { gradeButton } from "../trial/grades.js";
import { layNotes } from "./notes.js";
import { page } from "./page.js";

// Ask for the next sound after so many answers.
export function headphones(answers = []) {
  const { kind, tried, urls } = state.headphones;
  const task = say(`headphones_text_${kind}`);
  page({
    title: say("headphones_title"),
    lead: tried ? say("headphones_again") : "",
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
