// What a sound is heard with, as far as the browser tells.

// What Firefox and Chromium say of a sound whose output is not there, or is gone as it plays.
export const saysNoOutput = (reason) => /OnMediaSinkAudioError|AUDIO_RENDERER_ERROR/.test(reason);

// Chromium on a computer lists its outputs to every page; elsewhere the list is short or empty whatever there is.
export async function hasOutput() {
  const { brave, mediaDevices, userAgentData: system } = navigator;
  const told = document.featurePolicy?.allowsFeature("speaker-selection"); // a frame may be told nothing
  if (!told || !mediaDevices || !system || system.mobile || system.platform === "Android" || brave) return true;
  try {
    return (await mediaDevices.enumerateDevices()).some(({ kind }) => kind === "audiooutput");
  } catch {
    return true;
  }
}

export let setsVolume = true; // whether the page does, and not the device's buttons alone

// Try once whether it does: Apple's phones and tablets do not take what is set, or forget it at the next turn.
export async function tryVolume() {
  const probe = document.createElement("audio");
  probe.volume = 0.5;
  await new Promise((resolve) => setTimeout(resolve));
  setsVolume = probe.volume === 0.5;
}
