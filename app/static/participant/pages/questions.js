// The questions beside the clips: before, between and after them, each shown only to whom it is asked.

import { toast } from "../base/notice.js";
import { make, mark } from "../base/parts.js";
import { numeral, say } from "../base/words.js";
import { state, submit } from "../session/session.js";
import { page } from "./page.js";

const TITLES = { questions: "questions_title", between: "between_title", after: "after_title" };

let fields = []; // of the page: { item, node, problem, inputs }

export function questions() {
  fields = state.questions.map(field);
  page({
    title: say(TITLES[state.stage]),
    lead: [state.anew && say("anew"), say("questions_lead")].filter(Boolean).join(" "),
    form: fields.map(({ node }) => node),
    primary: [say("questions_go"), send],
  });
  for (const one of fields) {
    one.node.addEventListener("input", () => {
      point(one, "");
      branch();
    });
  }
  branch();
}

function field(item) {
  const words = item.ask || say(`ask_${item.name}`);
  const asked = item.required || !item.ask ? words : `${words} (${say("optional")})`;
  const problem = make("span", { className: "problem", id: `earmark-problem-${item.name}`, hidden: true });
  const made = ["single", "multiple"].includes(item.type) ? choice : written;
  return { item, problem, ...made(item, asked, problem) };
}

function choice(item, asked, problem) {
  const type = item.type === "single" ? "radio" : "checkbox";
  const inputs = item.options.map((value) => make("input", { type, name: item.name, value }));
  const labels = inputs.map((input) => {
    const words = make("span", { textContent: item.ask ? item.reads[input.value] : say(`answer_${input.value}`) });
    mark(words, item.mark);
    return make("label", {}, input, words);
  });
  const node = make("fieldset", {}, worded("legend", asked, item), ...labels, problem);
  if (type === "radio") {
    node.setAttribute("role", "radiogroup");
    node.setAttribute("aria-required", String(item.required));
  }
  return { node, inputs };
}

function written(item, asked, problem) {
  const input = box(item);
  Object.assign(input, { name: item.name, autocomplete: "off" });
  if (item.required) input.setAttribute("aria-required", "true");
  return { node: make("label", {}, worded("span", asked, item), input, problem), inputs: [input] };
}

function worded(tag, asked, item) {
  const node = make(tag, { textContent: asked });
  mark(node, item.mark);
  return node;
}

// A field of type number drops the comma of 3,5 where the browser is of another language than the page, and keeps 35.
function box({ type, ask }) {
  if (type === "number") return make("input", { maxLength: 40, inputMode: "decimal" });
  return ask ? make("textarea", { rows: 3, maxLength: 2000 }) : make("input", { maxLength: 60 });
}

const DIGITS = /[\u0660-\u0669\u06f0-\u06f9]/g; // Arabic and Persian: their last four bits are the number
const NUMBER = /^[-+]?(\d+(\.\d*)?|\.\d+)$/;

// A number as people write it; NaN for what is none, or may have a comma between thousands.
function numberIn(text) {
  const plain = text.normalize("NFKC").replace(DIGITS, (digit) => digit.charCodeAt(0) & 15);
  const asked = plain.trim().replace(/[\u2212\u2013]/, "-").replace("\u066b", ",");
  if (!asked) return null;
  const point = /,\d{3}$/.test(asked) ? asked : asked.replace(",", ".");
  return NUMBER.test(point) ? Number(point) : Number.NaN;
}

function read({ item, inputs }) {
  const chosen = inputs.filter(({ checked }) => checked).map(({ value }) => value);
  if (item.type === "multiple") return chosen;
  if (item.type === "single") return chosen[0] ?? null;
  if (item.type === "number") return numberIn(inputs[0].value);
  return inputs[0].value;
}

function fits(answer, wanted) {
  if (Array.isArray(answer)) return answer.some((one) => wanted.includes(one));
  return typeof answer === "number" ? wanted.some((one) => Number(one) === answer) : wanted.includes(answer);
}

// Show what is asked of who answers so; what waits for an answer of an earlier page is here only if that was given.
function branch() {
  const here = Object.fromEntries(fields.map((one) => [one.item.name, one]));
  for (const { item, node } of fields) {
    node.hidden = Object.entries(item.when).some(
      ([name, wanted]) => here[name] && (here[name].node.hidden || !fits(read(here[name]), wanted)),
    );
  }
}

// What is wrong with an answer, in words; nothing if it will do.
function fault({ item }, answer) {
  const { low, high, type, required } = item;
  const outside = answer !== null && ((low != null && answer < low) || (high != null && answer > high));
  if (type === "number" && (Number.isNaN(answer) || outside)) {
    const ends = low != null && high != null ? "range" : low != null ? "low" : high != null ? "high" : "any";
    return say(`number_${ends}`, { low: numeral(low ?? 0), high: numeral(high ?? 0) });
  }
  const empty = answer === null || (typeof answer !== "number" && !String(answer).trim());
  return required && empty ? say("field_missing") : "";
}

// Say at a field what is wrong with it, to the eye and to the ear.
function point({ node, problem, inputs }, text) {
  problem.textContent = text;
  problem.hidden = !text;
  const group = inputs.length > 1 || node.matches("fieldset");
  for (const one of group ? [node, inputs[0]] : inputs) {
    if (text) one.setAttribute("aria-describedby", problem.id);
    else one.removeAttribute("aria-describedby");
  }
  const marked = group ? node : inputs[0];
  if (!group || node.getAttribute("role") === "radiogroup") marked.setAttribute("aria-invalid", String(Boolean(text)));
}

function send() {
  const asked = fields.filter(({ node }) => !node.hidden);
  const answers = Object.fromEntries(asked.map((one) => [one.item.name, read(one)]));
  const wrong = asked.filter((one) => {
    const text = fault(one, answers[one.item.name]);
    point(one, text);
    return text;
  });
  if (!wrong.length) return submit("/api/questions", { page: state.stage, after: state.done, answers });
  toast(say("questions_missing"));
  wrong[0].inputs[0].focus();
}
