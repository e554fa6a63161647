// Talking to the server, for as long as it takes; an answer that could not be sent yet is kept in the browser.

import { at } from "../base/address.js";
import { toast } from "../base/notice.js";
import { say } from "../base/words.js";

const PENDING = `earmark.pending${at("")}`; // studies under other paths share this storage
const RETRY_MS = [500, 1000, 2000, 3000];

export let busy = false; // a request is under way that decides what comes next

const wait = (ms) =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    }
    window.addEventListener("online", done);
  });

export const posted = (body) => ({
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

// Send until it arrives; `asked` is a first try that is under way. A refusal (4xx) is final and comes back as
// { refused }.
export async function send(path, body, asked) {
  for (let attempt = 0; ; attempt++) {
    try {
      const first = attempt ? null : asked;
      const answer = await (first ?? fetch(at(path), { cache: "no-store", ...(body && posted(body)) }));
      if (answer.status < 500 && answer.status !== 429) {
        const content = await answer.json();
        if (attempt && path === "/api/rate") toast(say("sent"), true);
        else if (attempt) toast("");
        return answer.ok ? content : { refused: content.error };
      }
    } catch {
      // no connection: try again below
    }
    toast(say(path === "/api/rate" ? "offline" : "loading_failed"), false, busy);
    await wait(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]);
  }
}

// Send what decides what comes next.
export async function decide(path, body) {
  busy = true;
  const answer = await send(path, body);
  busy = false;
  return answer;
}

export function kept() {
  try {
    return JSON.parse(localStorage.getItem(PENDING));
  } catch {
    return null; // private windows may refuse storage; then the answer lives as long as the page
  }
}

export function keep(answer) {
  try {
    localStorage.setItem(PENDING, JSON.stringify(answer));
  } catch {
    // as above
  }
}

export function empty() {
  try {
    localStorage.removeItem(PENDING);
  } catch {
    // as above
  }
}
