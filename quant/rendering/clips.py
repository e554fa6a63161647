"""Clips: rendering a stimulus, and the finishing that makes its conditions comparable.

Rendering follows the paper: the decoded audio is peak-normalized, clipped and converted to 16 bits. Then the
conditions of one prompt and seed are brought to the same loudness (ITU-R BS.1770), that of the quietest, so
that nothing clips; the gain of each is recorded.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from quant.errors import NumberError, QuantError
from quant.files import write_atomically
from quant.model.loading import AudioModel
from quant.model.memory import give_back
from quant.rendering.graphs import graphs_of
from quant.rendering.numbers import number_error, origin
from quant.rendering.sampling import Sampling, sample

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
    """Render one clip: int16 (samples, channels), exactly ``settings.seconds`` long.

    Raises
    ------
    NumberError
        If the latent or the audio is not finite, with the step and the layer that this comes from.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> samples = render(load_model("mini"), "a church bell", 1000, Sampling(steps=2, seconds=1.0))
    >>> samples.shape, samples.dtype
    ((22050, 1), dtype('int16'))
    """
    device = next(model.dit.parameters()).device
    latents = sample(model, prompt, seed, settings, progress, graphs_of(model) if device.type == "cuda" else None)
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
