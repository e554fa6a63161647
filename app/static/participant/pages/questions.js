// The questions before listening.

import { toast } from "../base/notice.js";
import { $, make } from "../base/parts.js";
import { say } from "../base/words.js";
import { state, submit } from "../session/session.js";
import { page } from "./page.js";

export function questions() {
  page({
    title: say("questions_title"),
    lead: say("questions_lead"),
    form: state.questions.map(field),
    primary: [say("questions_go"), send],
  });
}

function field({ name, options }) {
  const words = make("span", { textContent: say(`ask_${name}`) });
  if (!options.length) return make("label", {}, words, make("input", { name, maxLength: 60, autocomplete: "off" }));
  const choices = options.map((value) =>
    make(
      "label",
      {},
      make("input", { type: "radio", name, value }),
      make("span", { textContent: say(`answer_${value}`) }),
    ),
  );
  return make("fieldset", {}, make("legend", { textContent: say(`ask_${name}`) }), ...choices);
}

function send() {
  const given = new FormData($("form"));
  const answers = Object.fromEntries(state.questions.map(({ name }) => [name, given.get(name)]));
  const open = state.questions.find(({ name, options }) => options.length && !answers[name]);
  if (!open) return submit("/api/questions", { answers });
  toast(say("questions_missing"));
  $("form").elements[open.name][0].focus();
}
