// Taking one's answers back. Who sits here need not be who took part: it takes the code that the last page showed, or a
// personal link. Only the session under way in this browser needs none.

import { at } from "../base/address.js";
import { toast } from "../base/notice.js";
import { make } from "../base/parts.js";
import { say } from "../base/words.js";
import { busy, decide, empty } from "../session/server.js";
import { plainly, show, state, underWay } from "../session/session.js";
import { page } from "./page.js";

export const deletionNote = () =>
  state.deletion && say("deletion_code", { code: state.deletion, address: `${location.origin}${at("/withdraw")}` });

// Ask whether to delete everything; the address may hold the code.
export function withdrawal(code = "") {
  const field = make("input", { name: "code", value: code, maxLength: 20, autocomplete: "off", spellcheck: false });
  const where = state.owner ? say("withdraw_empty") : say("withdraw_elsewhere");
  page({
    title: say("withdraw_title"),
    lead: say("withdraw_text"),
    form: [make("label", {}, make("span", { textContent: say("withdraw_code") }), field)],
    note: underWay() ? where : "",
    small: deletionNote(),
    primary: [say("withdraw_yes"), () => withdraw(field.value)],
    secondary: [say("withdraw_no"), stay],
  });
}

async function withdraw(code) {
  if (busy) return;
  const answer = await decide("/api/withdraw", { code });
  if (answer.refused) return toast(answer.refused);
  plainly();
  show(answer);
}

// Leave the question that the address asked for, and go on.
export function stay() {
  plainly();
  show(state);
}

// A browser in which somebody has begun may be somebody else's now.
export function again() {
  page({
    title: say("again_title"),
    lead: say("again_text"),
    primary: [say("again_same"), stay],
    secondary: [say("again_other"), nextPerson],
  });
}

export function nextPerson() {
  if (state.kiosk) return location.assign(at("/kiosk")); // the experimenter decides
  empty(); // an answer that could not be sent is not the next person's
  location.assign(at("/join?new"));
}
