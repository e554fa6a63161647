// What the page says, in the participant's language.

import { at } from "./address.js";
import { shell } from "./parts.js";

let ENGLISH = {};
let TEXT = {};
let tongue = "en";
let changed = null; // called when the language is another

// Say once what the English words are, and who puts them on the page.
export function learn(english, dress) {
  ENGLISH = TEXT = english;
  changed = dress;
}

export const say = (key, values = {}) => (TEXT[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name]);
export const known = (key) => key in TEXT;

// A number as the language writes it, in the digits that the keys have.
export function numeral(number) {
  const form = new Intl.NumberFormat(`${tongue}-u-nu-latn`, { useGrouping: false, maximumFractionDigits: 6 });
  return form.format(number).replace("-", "−");
}

// English is here already; another language is one more file.
export async function speak(language) {
  if (language === tongue) return;
  try {
    TEXT = { ...ENGLISH, ...(language === "en" ? {} : await (await fetch(at(`/texts/${language}.json`))).json()) };
    tongue = language;
  } catch {
    return; // English does
  }
  // Gradio's own frame says a direction of its own in between.
  for (const node of [document.documentElement, shell()]) {
    node.lang = language;
    node.dir = TEXT.direction;
  }
  document.title = TEXT.title;
  changed();
}
