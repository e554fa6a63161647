// What was heard of a sound, told by what its player has played.

const FULL = 0.95; // share of a clip that must have sounded before "to the end" is true

// Seconds of a sound that were played; what an engine says was beyond its known length is a guess of that length.
export function secondsPlayed({ played }, length) {
  const last = length ?? Infinity;
  let seconds = 0;
  for (let i = 0; i < played.length; i++) seconds += Math.max(0, Math.min(played.end(i), last) - played.start(i));
  return seconds;
}

// Which stretches of a sound were heard, those before and those of this time.
export function stretchesHeard({ played }, before) {
  const stretches = [...before];
  for (let i = 0; i < played.length; i++) stretches.push([played.start(i), played.end(i)]);
  const merged = [];
  for (const [start, end] of stretches.sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

// How long a sound is: its end shows it, whatever its header says; before that the server, which measured the clips. Of
// other sounds the header, if it says anything: without a length engines guess, and say Infinity or 0 until they know.
export function lengthOf(audio, sound) {
  if (audio.ended) return audio.currentTime;
  return sound.seconds ?? (audio.duration || Infinity);
}

export const heardWholly = (stretches, length) =>
  stretches.reduce((sum, [start, end]) => sum + end - start, 0) >= FULL * length;
