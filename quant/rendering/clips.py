"""Clips: rendering a stimulus, and the finishing that makes its conditions comparable.

Rendering follows the paper: the decoded audio is peak-normalized, clipped and converted to 16 bits. Then the
conditions of one prompt and seed are brought to the same loudness (ITU-R BS.1770), that of the quietest, so
that nothing clips; the gain of each is recorded.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from quant.errors import NumberError, QuantError
from quant.files import write_atomically
from quant.method.timesteps import STEP_NAME
from quant.model.loading import AudioModel
from quant.model.memory import give_back
from quant.rendering.graphs import graphs_of
from quant.rendering.numbers import naming, number_error, origin
from quant.rendering.sampling import KEPT_NOISE, Sampling, draw_ahead, sample
from quant.rendering.together import at_once, in_processes, on_one_core, one_thread

Samples = NDArray[np.int16]

FULL_SCALE = 32767


def to_pcm(audio: NDArray[np.float32]) -> Samples:
    """Peak-normalize, clip and convert (samples, channels) to 16 bits.

    Raises
    ------
    NumberError
        If a sample is NaN or infinity, which 16 bits cannot say.

    Examples
    --------
    >>> to_pcm(np.array([[0.25], [-0.5]], dtype=np.float32)).tolist()
    [[16384], [-32767]]
    """
    if not np.isfinite(audio).all():
        raise NumberError("the audio holds NaN or infinity, which 16 bits cannot say; render it again")
    peak = float(np.abs(audio).max(initial=0.0))
    if peak > 0:
        audio = audio / peak
    return np.rint(audio.clip(-1, 1) * FULL_SCALE).astype(np.int16)


def render(
    model: AudioModel,
    prompt: str,
    seed: int,
    settings: Sampling,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Samples:
    """Render one clip, as :func:`render_batch` does.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> samples = render(load_model("mini"), "a church bell", 1000, Sampling(steps=2, seconds=1.0))
    >>> samples.shape, samples.dtype
    ((22050, 1), dtype('int16'))
    """
    return render_batch(model, [prompt], [seed], settings, progress)[0]


def render_batch(
    model: AudioModel,
    prompts: Sequence[str],
    seeds: Sequence[int],
    settings: Sampling,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Samples]:
    """Render a clip of each prompt and its seed: int16 (samples, channels), exactly ``settings.seconds`` long.

    Each has the bytes that it has alone, whatever is beside it, how many and in which order.

    Parameters
    ----------
    progress
        Called after each step of any clip with (steps done, steps of all clips).

    Raises
    ------
    NumberError
        If the latent or the audio of a clip is not finite, with the step and the layer that this comes from.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> model, settings = load_model("mini"), Sampling(steps=2, seconds=1.0)
    >>> bell, rain = render_batch(model, ["a church bell", "rain"], [1000, 1001], settings)
    >>> np.array_equal(rain, render(model, "rain", 1001, settings))
    True
    """
    found = {one.index: one.samples for one in render_each(model, prompts, seeds, settings, progress)}
    return [found[index] for index in range(len(prompts))]


@dataclass(frozen=True)
class Rendered:
    """A clip of several: its place among them, its samples, and the seconds from its begin to its end.

    Examples
    --------
    >>> Rendered(0, np.zeros((100, 1), dtype=np.int16), seconds=2.0, together=4).share
    0.5
    """

    index: int
    samples: Samples
    seconds: float
    together: int

    @property
    def share(self) -> float:
        """Seconds for each clip, with ``together`` rendered at once."""
        return self.seconds / self.together


def render_each(
    model: AudioModel,
    prompts: Sequence[str],
    seeds: Sequence[int],
    settings: Sampling,
    progress: Callable[[int, int], None] = lambda done, total: None,
    names: Sequence[str] = (),
) -> Generator[Rendered]:
    """Render as :func:`render_batch`, and yield each clip when it is done, so that it stays if a later one fails.

    A clip that fails ends none of those that are rendered beside it: what it raised comes after them. ``names``, of
    stimuli, stand before what is said of a clip.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> model, settings = load_model("mini"), Sampling(steps=2, seconds=1.0)
    >>> [one.index for one in render_each(model, ["rain"], [7], settings)]
    [0]
    """
    clips, done = list(zip(prompts, seeds, strict=True)), 0
    together, alone = at_once(model, len(clips)), on_one_core(model)
    of_seed = Counter(seeds)

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, len(clips) * settings.steps)

    def one(index: int, step: Callable[[], None]) -> tuple[Samples, float]:
        began = time.perf_counter()
        with contextlib.ExitStack() as stack:
            if names:
                stack.enter_context(naming(names[index]))
            if alone:
                stack.enter_context(one_thread())
            samples = _render(model, *clips[index], settings, lambda done, total: step())
        return samples, time.perf_counter() - began

    def before(index: int) -> None:
        # What a fork draws is gone with it. Seeds that come once are drawn there, several at once.
        _, seed = clips[index]
        if of_seed[seed] > 1 and len(of_seed) <= KEPT_NOISE:
            draw_ahead(model, seed, settings)

    made = (
        in_processes(one, len(clips), together, step, before)
        if together > 1
        else ((index, one(index, step)) for index in range(len(clips)))
    )
    for index, (samples, seconds) in made:
        yield Rendered(index, samples, seconds, together)


def _render(
    model: AudioModel, prompt: str, seed: int, settings: Sampling, progress: Callable[[int, int], None]
) -> Samples:
    device = next(model.dit.parameters()).device
    step = getattr(model.dit, STEP_NAME, None)
    # A graph computes the same at every step; what takes outputs again does not.
    captured = device.type == "cuda" and (step is None or step.reuse is None)
    latents = sample(model, prompt, seed, settings, progress, graphs_of(model) if captured else None)
    give_back()  # to the decoder, which takes the most
    audio = model.decode(latents.to(device))[0].cpu().numpy()
    if not np.isfinite(audio).all():
        layer = origin(model.wrapper.pretransform, lambda: model.decode(latents.to(device)))
        raise number_error(model, prompt, seed, f"in the autoencoder, {layer}")
    length = round(settings.seconds * model.sample_rate)
    return to_pcm(audio[:, :length].T)


def encode_flac(samples: Samples, sample_rate: int) -> bytes:
    """Encode as 16-bit FLAC without tags.

    Examples
    --------
    >>> encode_flac(np.zeros((100, 1), dtype=np.int16), 22050)[:4]
    b'fLaC'
    """
    encoded = io.BytesIO()  # libsndfile has errors of its own for a full disk; those of a plain file are known
    soundfile.write(encoded, samples, sample_rate, format="FLAC", subtype="PCM_16")
    return encoded.getvalue()


def write_flac(path: Path, samples: Samples, sample_rate: int) -> None:
    """Write 16-bit FLAC without tags, atomically.

    Examples
    --------
    >>> write_flac(Path("clip.flac"), np.array([[1], [-2]], dtype=np.int16), 22050)
    >>> samples, rate = read_flac(Path("clip.flac"))
    >>> samples.tolist(), rate
    ([[1], [-2]], 22050)
    """
    encoded = encode_flac(samples, sample_rate)
    write_atomically(path, lambda temporary: temporary.write_bytes(encoded))


def read_flac(path: Path) -> tuple[Samples, int]:
    """Read a clip: int16 (samples, channels) and its sample rate.

    Raises
    ------
    QuantError
        If the file is missing or no audio.

    Examples
    --------
    >>> write_flac(Path("clip.flac"), np.array([[1], [-2]], dtype=np.int16), 22050)
    >>> samples, rate = read_flac(Path("clip.flac"))
    >>> samples.tolist(), rate
    ([[1], [-2]], 22050)
    """
    try:
        samples, rate = soundfile.read(path, dtype="int16", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise QuantError(f"{path}: cannot be read ({error}); remove it and run earmark generate again") from error
    return samples, int(rate)


def apply_gain(samples: Samples, gain_db: float) -> Samples:
    """Scale 16-bit samples by a gain of at most 0 dB.

    Examples
    --------
    >>> apply_gain(np.array([[1000]], dtype=np.int16), -20.0).tolist()
    [[100]]
    """
    return np.rint(samples * 10 ** (gain_db / 20)).astype(np.int16)
