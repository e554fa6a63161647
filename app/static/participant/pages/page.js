// A page of text. What it does not name is emptied, so that no page keeps anything of the one before.

import { hush, toast } from "../base/notice.js";
import { $, act, focusOn, make, mark, sheet } from "../base/parts.js";
import { say } from "../base/words.js";
import { grade } from "../trial/grades.js";
import { closeTrial } from "../trial/trial.js";

const all = (tag, texts = []) => texts.map((textContent) => make(tag, { textContent }));

export function page(parts) {
  closeTrial();
  hush();
  $("top").hidden = true;
  sheet("trial").hidden = true;
  sheet("page").hidden = false;
  for (const name of ["title", "lead", "note"]) $(name).textContent = parts[name] ?? "";
  $("facts").replaceChildren(...all("li", parts.facts));
  $("steps").replaceChildren(...(parts.steps ?? []).map((textContent) => make("li", {}, make("span", { textContent }))));
  if (parts.asks) mark($("steps").lastElementChild.firstElementChild, parts.asks); // the study's own words
  $("text").replaceChildren(...all("p", (parts.text ?? "").split(/\n+/).filter(Boolean)));
  mark($("text"), parts.spoken);
  $("legend").replaceChildren(...(parts.legend ?? []).map((item) => make("li", {}, ...grade(item))));
  $("notes").hidden = !parts.notes;
  $("volume").hidden = !parts.volume;
  $("choices").hidden = !parts.choices;
  $("form").replaceChildren(...(parts.form ?? []));
  $("small").hidden = !parts.small;
  $("small").textContent = parts.small ?? "";
  act("withdraw").hidden = !parts.withdraw;
  showCode(parts.code);
  showHelp(parts.help);
  showButtons(parts);
  focusOn($("title"));
}

function showCode(code) {
  $("code").hidden = !code;
  $("code").firstElementChild.textContent = code ? say("done_code", { code }) : "";
  act("copy").onclick = () => copy(code);
}

// A frame may not be allowed to copy: then the code is marked, to be copied by hand.
function copy(code) {
  const mark = () => getSelection().selectAllChildren($("code").firstElementChild);
  navigator.clipboard?.writeText(code).then(() => toast(say("copied"), true), mark);
}

function showHelp(help) {
  $("help").hidden = !help;
  $("help").open = false;
  if (help) [$("help").firstElementChild.textContent, $("help").lastElementChild.textContent] = help;
}

function showButtons(parts) {
  for (const name of ["primary", "secondary"]) {
    const [label, action] = parts[name] ?? [];
    act(name).hidden = !label;
    act(name).textContent = label ?? "";
    act(name).onclick = action ?? null;
    act(name).removeAttribute("aria-disabled");
  }
  $("link").hidden = !parts.link;
  if (parts.link) Object.assign($("link"), { textContent: parts.link[0], href: parts.link[1] });
}
