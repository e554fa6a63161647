"""A clip as a picture: which frequencies sound when, drawn without an axis for the page to put beside one."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

WINDOW, COLUMNS = 2048, 1000  # samples that one column is made of, and columns at most
RANGE_DB = 90.0  # below the loudest point, where it is dark
SHADES = np.array([(0, 0, 4), (59, 15, 112), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191)])


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture as PNG, the highest frequency (Hz) at its upper edge, and how loud the loudest sample is (dBFS)."""

    png: bytes
    top_hz: float
    peak_dbfs: float


def spectrogram(path: Path) -> Seen:
    """Draw the spectrogram of a clip, its channels together, on a linear scale of frequencies."""
    sound, rate = soundfile.read(path, always_2d=True, dtype="float32")
    peak = float(np.abs(sound).max(initial=0.0))
    mono = np.pad(sound.mean(axis=1), WINDOW // 2)
    starts = np.linspace(0, len(mono) - WINDOW, min(COLUMNS, max(1, len(mono) - WINDOW))).astype(int)
    frames = mono[starts[:, None] + np.arange(WINDOW)] * np.hanning(WINDOW)
    power = np.abs(np.fft.rfft(frames)).T[::-1] + 1e-12  # the highest frequency above
    level = np.clip(1 + 20 * np.log10(power / power.max()) / RANGE_DB, 0, 1)
    place = level * (len(SHADES) - 1)
    drawn = np.stack([np.interp(place, np.arange(len(SHADES)), SHADES[:, one]) for one in range(3)], axis=-1)
    file = io.BytesIO()
    Image.fromarray(drawn.astype(np.uint8)).resize((len(starts), 512)).save(file, "PNG")
    return Seen(file.getvalue(), rate / 2, 20 * float(np.log10(max(peak, 1e-6))))
