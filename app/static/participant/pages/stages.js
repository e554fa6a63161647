// What each stage of a session shows, and what an address may ask for beside it.

import { tellFrame } from "../base/frame.js";
import { say } from "../base/words.js";
import { load, log, show, state, submit } from "../session/session.js";
import { showTrial } from "../trial/card.js";
import { grades, ownQuestion, several, worded } from "../trial/question.js";
import { headphones, volume } from "./checks.js";
import { page } from "./page.js";
import { questions } from "./questions.js";
import { again, deletionNote, nextPerson, withdrawal } from "./withdrawal.js";

let listening = performance.now(); // since when the ears have had no rest
let rests = 0; // trials before the rest that was taken last

const ASKING = ["acr", "ab", "ccr", "dcr", "text"]; // types whose third step is nothing but the question
const TASKS = ["abx", "mushra", "text"]; // types that are explained alike, whatever is asked

const confirm = (name) => () => submit("/api/step", { page: name });

// Within how many hours one has to be back, where that is limited.
const comeBack = () => (state.hours ? say("come_back", state) : "");

// A browser in kiosk mode stays on the study.
const wayOut = (url) => url && !state.kiosk && [say("done_link"), url];

export const STAGES = {
  closed() {
    page({ title: say("closed_title"), lead: say(`closed_${state.reason}`) });
    const later = { not_ready: 5000, busy: 60000, paused: 60000 }[state.reason];
    if (later) setTimeout(load, later);
  },

  consent() {
    page({
      title: say("consent_title", state),
      lead: ownQuestion() ? say("consent_lead") : worded("consent_lead"),
      facts: [say("fact_minutes", state), say("fact_headphones"), say("fact_quiet")],
      text: state.consent ?? say("consent_text"),
      spoken: state.consent_mark ?? {},
      note: state.retention,
      primary: [say("agree"), confirm("consent")],
      secondary: [say("decline"), declined],
    });
  },

  questions,
  between: questions,
  after: questions,

  sound_check: volume,

  headphones: () => headphones(),

  instructions() {
    const practice = state.practice === 1 ? "how_practice_one" : "how_practice";
    const { type, question, marks } = state.question;
    const asks = ownQuestion() && ASKING.includes(type);
    const note = ownQuestion() && !TASKS.includes(type) ? say("how_note_several") : worded("how_note");
    page({
      title: say("how_title"),
      steps: [say("how_1"), worded("how_2"), asks ? question : worded("how_3")],
      asks: asks && marks.question,
      legend: state.question.legend && !several() ? grades(state.question) : [],
      note: [note, state.practice ? say(practice, state) : "", comeBack()].filter(Boolean).join(" "),
      primary: [say("how_start"), confirm("instructions")],
    });
  },

  practice: () => showTrial(state.trial),

  ready() {
    page({
      title: say("ready_title"),
      lead: comeBack() ? `${say("ready_text_within", state)} ${comeBack()}` : say("ready_text", state),
      primary: [say("ready_start"), confirm("ready")],
    });
  },

  trials: () => (tired() ? rest() : showTrial(state.trial)),

  done() {
    tellFrame(state.embed, state.outcome, state.code);
    const end = { finished: "done", lapsed: "lapsed" }[state.outcome] ?? "screened";
    page({
      title: say(`${end}_title`),
      lead: say(state.elsewhere ? "done_elsewhere" : state.outcome === "discarded" ? "discarded_text" : `${end}_text`),
      link: wayOut(state.url),
      code: state.code,
      secondary: state.next ? [say("next_person"), nextPerson] : [],
      small: deletionNote(),
      withdraw: true,
    });
  },

  withdrawn() {
    page({ title: say("withdrawn_title"), lead: say("withdrawn_text") });
  },

  // Nobody came by this address: a panel's placeholder, or its preview.
  preview() {
    page({ title: say("preview_title"), lead: say("preview_text") });
  },

  withdraw: withdrawal,

  again,
};

function declined() {
  const { code, url } = state.declined;
  tellFrame(state.embed, "no_consent", code);
  page({
    title: say("declined_title"),
    lead: say("declined_text"),
    secondary: [say("reconsider"), () => show(state)],
    link: wayOut(url),
    code,
  });
}

export function rested() {
  listening = performance.now();
}

function tired() {
  const { break_minutes, break_trials, trial } = state;
  const answered = trial.number - 1;
  if (break_trials && answered && answered % break_trials === 0 && answered !== rests) return true;
  return break_minutes && performance.now() - listening > break_minutes * 60000;
}

function rest() {
  log("break");
  page({ title: say("break_title"), lead: say("break_text"), primary: [say("break_go"), goOn] });
}

function goOn() {
  rested();
  rests = state.trial.number - 1;
  show(state);
}
