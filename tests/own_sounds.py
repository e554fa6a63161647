"""Sounds of somebody's own: files of noise in any format, laid out as people have them."""

import hashlib
from pathlib import Path

import numpy as np
import soundfile


def noise(
    rng: np.random.Generator, seconds: float = 0.7, rate: int = 16_000, channels: int = 1, peak: float = 0.3
) -> np.ndarray:
    """Return soft-edged noise (samples, channels) of a colour of its own."""
    raw = rng.standard_normal((round(seconds * rate), channels))
    width = int(rng.integers(2, 12))
    sound = np.apply_along_axis(lambda one: np.convolve(one, np.ones(width) / width, "same"), 0, raw)
    return sound * peak / np.abs(sound).max()


def write_sound(path: Path, sound: np.ndarray, rate: int = 16_000, subtype: str | None = None) -> Path:
    """Write a file, with its folders, in the format of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, subtype=subtype)
    return path


def write_tree(
    root: Path,
    rng: np.random.Generator,
    conditions: tuple[str, ...] = ("System A", "système b"),
    prompts: tuple[str, ...] = ("a_dog", "Glöckchen läuten"),
    **sound: float,
) -> Path:
    """Write a folder of condition/prompt.wav."""
    for condition in conditions:
        for prompt in prompts:
            write_sound(root / condition / f"{prompt}.wav", noise(rng, **sound), int(sound.get("rate", 16_000)))
    return root


def hashes(root: Path) -> dict[str, str]:
    """Return what every file below a folder holds."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
