// Where the session stands. The page holds no truth: /api/state says it, and every answer returns the next state.

import { at } from "../base/address.js";
import { toast } from "../base/notice.js";
import { speak } from "../base/words.js";
import { busy, decide, empty, keep, kept, posted, send } from "./server.js";

export let state = null;
let position = null; // of the trial on screen
let draw = null; // shows a stage, or what the address asked for

// Say once who shows a stage, and find out which it is.
export function begin(drawn, asked) {
  draw = drawn;
  return load(asked);
}

export function standAt(place) {
  position = place;
}

export const underWay = () => state !== null && !["consent", "closed", "done"].includes(state.stage);

export function show(next) {
  state = next;
  draw(state.stage);
}

export async function submit(path, body) {
  if (busy) return;
  if (path === "/api/rate") keep(body);
  const answer = await decide(path, body);
  empty();
  if (answer.refused) {
    await load();
    toast(answer.refused);
  } else {
    await speak(answer.language);
    show(answer);
  }
}

export async function load(asked) {
  // An answer that was kept while there was no connection comes first.
  const left = kept();
  let answer = left ? await send("/api/rate", left) : null;
  empty();
  if (!answer || answer.refused) answer = await send("/api/state", null, left ? null : asked);
  await speak(answer.language);
  const [hash, code] = location.hash.split("=");
  if (["#withdraw", "#preview"].includes(hash) || (hash === "#again" && !["consent", "closed"].includes(answer.stage))) {
    state = answer;
    draw(hash.slice(1), code);
  } else show(answer);
}

// Leave what the address asked for.
export function plainly() {
  history.replaceState(null, "", location.pathname);
}

// Tell the server what happens on the page: plays, stalls, tab switches.
export function log(kind, detail = {}) {
  if (!underWay()) return;
  fetch(at("/api/event"), { ...posted({ kind, position, detail }), keepalive: true }).catch(() => {});
}
