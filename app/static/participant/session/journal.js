// What happens on the page, told to the server: plays, stalls, tab switches.

import { posted } from "./server.js";
import { underWay } from "./session.js";

let position = null; // of the trial on screen

export function standAt(place) {
  position = place;
}

export function log(kind, detail = {}) {
  if (!underWay()) return;
  fetch("/api/event", { ...posted({ kind, position, detail }), keepalive: true }).catch(() => {});
}
