"""Gold clips from the study's folder: sounds whose answer the researcher knows, made alike to the other clips."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

import atomic
from app.errors import UsageError
from db import CHECK
from quant.rendering.loudness import loudness
from survey import Clip
from survey.config.session import Gold
from survey.trials.design import GOLD

FOLDER = "checks/gold"  # of the clips
LONGEST = 600  # seconds


def gold_clips(study: Path, entries: Sequence[Gold]) -> list[Clip]:
    """Write the gold clips of study.yaml beside the others, as FLAC without a name or tags.

    Each is named by its content and its text, so that neither another order nor another entry makes it another clip.

    Raises
    ------
    UsageError
        If a file cannot be used; it says which, and what to do.
    """
    made = []
    for number, entry in enumerate(entries, 1):
        sound, rate = read_gold(study, entry, number)
        file = io.BytesIO()
        soundfile.write(file, sound, rate, format="FLAC", subtype="PCM_16")
        content = file.getvalue()
        name = hashlib.sha256(content + entry.prompt.encode()).hexdigest()[:12]
        with atomic.replacing(study / "clips" / FOLDER / f"{name}.flac") as temporary:
            temporary.write_bytes(content)
        made.append(
            Clip(
                stimulus=f"gold.{name}",
                prompt_id=f"gold-{name}",
                prompt=entry.prompt,
                condition=CHECK,
                seed=0,
                file=f"{FOLDER}/{name}.flac",
                sha256=hashlib.sha256(content).hexdigest(),
                seconds=len(sound) / rate,
                sample_rate=rate,
                channels=sound.shape[1],
                gain_db=0.0,
                loudness_lufs=loudness(sound, rate, full_scale=1.0),
                kind=GOLD,
                expected=entry.expected,
                tolerance=entry.tolerance,
            )
        )
    return made


def read_gold(study: Path, entry: Gold, number: int) -> tuple[NDArray[Any], int]:
    """Return the sound (samples, channels) of the `number`-th gold clip, no sample beyond full scale, with its rate.

    Raises
    ------
    UsageError
        If it cannot be used.
    """
    place = f"study.yaml: session.gold: number {number}: {entry.file}"
    path = (study / entry.file).resolve()
    if not path.is_relative_to(study.resolve()):
        raise UsageError(f"{place} lies outside the study; copy it into the folder")
    if not path.is_file():
        raise UsageError(f"{place}: there is no such file; put it there, or change its name")
    try:
        facts = soundfile.info(path)
        if facts.channels > 2:
            raise UsageError(f"{place} has {facts.channels} channels; give one or two")
        if facts.duration > LONGEST:
            raise UsageError(f"{place} lasts {facts.duration:,.0f} s; cut it to at most {LONGEST} s")
        sound, rate = soundfile.read(path, dtype="float64", always_2d=True)
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{place} cannot be read as sound ({error}); save it as FLAC or WAV") from error
    if not sound.size or not np.isfinite(sound).all() or not sound.any():
        raise UsageError(f"{place} is silent or damaged; record it again")
    return sound / max(1.0, float(np.abs(sound).max())), rate
