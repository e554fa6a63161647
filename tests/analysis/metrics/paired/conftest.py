"""A clip and its full-precision twin, as files."""

from pathlib import Path

import pytest
import soundfile

from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.networks import Networks
from analysis.metrics.registry import LOADERS


@pytest.fixture
def pair(tmp_path: Path):
    """Write two sounds and give the clip, and what knows its twin."""

    def write(sound, twin, rate):
        clips = []
        for name, samples in (("baseline", twin), ("w8a8", sound)):
            path = tmp_path / f"{name}.wav"
            soundfile.write(path, samples, rate)
            clips.append(Clip(path, name, "rain", "rain", name, 1))
        return clips[1], Given(Networks(LOADERS), {("rain", 1): clips[0]})

    return write
