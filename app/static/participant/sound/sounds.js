// The sounds at hand: each is fetched once, ahead of its turn, and let go when it is over.

import { at } from "../base/address.js";

const blobs = new Map(); // url -> promise of an object URL

export function fetchSound(url) {
  if (!blobs.has(url)) {
    const loading = fetch(at(url)).then(async (answer) => {
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      return URL.createObjectURL(await answer.blob());
    });
    loading.catch(() => blobs.delete(url));
    blobs.set(url, loading);
  }
  return blobs.get(url);
}

// One after the other, so that the first gets the whole line.
export function fetchAhead(urls) {
  urls.reduce((before, url) => before.then(() => fetchSound(url)), Promise.resolve()).catch(() => {});
}

export function keepSounds(keep) {
  for (const [url, loading] of blobs) {
    if (keep.includes(url)) continue;
    blobs.delete(url);
    loading.then(URL.revokeObjectURL, () => {});
  }
}

// Fetch it anew the next time: it cannot be played as it came.
export function forgetSound(url) {
  blobs.delete(url);
}
