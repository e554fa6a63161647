"""Makes examples/clips: three sounds of the embedded model as they are, through a telephone's band, and under noise.

Run once, from the repository's root: `.venv/bin/python -m examples.make_clips`.
"""

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import firwin, oaconvolve

from quant.model.loading import load_model
from quant.rendering.clips import render
from quant.rendering.sampling import Sampling

FOLDER = Path(__file__).parent / "clips"
PROMPTS = ("a dog barking", "a church bell", "someone plays the piano")
SECONDS, SEED = 2.0, 1000
BAND = (300, 3400)  # Hz
NOISE_DB = -22.0  # of the sound's power

Sound = NDArray[np.float64]


def narrow(sound: Sound, rate: int) -> Sound:
    """Leave (samples, channels) the band of a telephone."""
    return oaconvolve(sound, firwin(401, BAND, pass_zero=False, fs=rate)[:, None], "same", axes=0)


def noisy(sound: Sound, rng: np.random.Generator) -> Sound:
    """Put white noise under (samples, channels)."""
    level = np.sqrt(np.mean(sound**2)) * 10 ** (NOISE_DB / 20)
    return sound + level * rng.standard_normal(sound.shape)


def main() -> None:
    """Write the clips as Ogg Vorbis, a folder a condition."""
    model, rng = load_model("mini"), np.random.default_rng(SEED)
    for prompt in PROMPTS:
        sound = 0.5 * render(model, prompt, SEED, Sampling(seconds=SECONDS)) / 32768
        rate = model.sample_rate
        for condition, made in {"original": sound, "narrow": narrow(sound, rate), "noisy": noisy(sound, rng)}.items():
            path = FOLDER / condition / f"{prompt}.ogg"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, made.clip(-1, 1), rate, format="OGG", subtype="VORBIS")


if __name__ == "__main__":
    main()
