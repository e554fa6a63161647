// Who sits here: a browser in which somebody has begun may be somebody else's now.

import { say } from "../base/words.js";
import { empty } from "../session/outbox.js";
import { page } from "./page.js";
import { stay } from "./withdrawal.js";

export function again() {
  page({
    title: say("again_title"),
    lead: say("again_text"),
    primary: [say("again_same"), stay],
    secondary: [say("again_other"), nextPerson],
  });
}

export function nextPerson() {
  empty(); // an answer that could not be sent is not the next person's
  location.assign("/join?new");
}
