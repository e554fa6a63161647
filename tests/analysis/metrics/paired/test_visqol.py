"""ViSQOL against the whole pipeline of the package visqol-python, and what it refuses.

The package's regression needs libsvm, which is not installed: ours stands in its place, itself held to libsvm's values
in test_svr.py. The audio of the package's conformance tests is in neither wheel nor source archive.
"""

import numpy as np
import pytest
import soundfile
import soxr
from scipy.signal import butter, sosfilt
from visqol.alignment import globally_align
from visqol.analysis_window import AnalysisWindow
from visqol.audio_utils import AudioSignal
from visqol.gammatone import GammatoneSpectrogramBuilder
from visqol.patch_creator import ImagePatchCreator
from visqol.quality_mapper import SimilarityToQualityMapper
from visqol.visqol_core import VisqolCore

from analysis.errors import NoValueError, SoundError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.paired.visqol import SHORTEST, VISQOL, band_similarity, regression, score

RATE = 48_000
IDENTITY = 4.732101253042348  # castanets against themselves in ViSQOL's conformance test


class Regression(SimilarityToQualityMapper):
    """The package's place for a regression, with ours in it."""

    def init(self):
        """Nothing to do."""

    def predict_quality(self, fvnsim, *_):
        return float(np.clip(regression()(fvnsim), 1, 5))


def by_the_package(twin, sound):
    """What the package's manager does in audio mode."""
    one, other = AudioSignal(twin, RATE), AudioSignal(sound, RATE)
    return VisqolCore().calculate_similarity(
        one,
        globally_align(one, other)[0],
        GammatoneSpectrogramBuilder(32, 50.0),
        AnalysisWindow(RATE, 0.25),
        ImagePatchCreator(30),
        60,
        Regression(),
    )


def tones(draw, seconds):
    """Dying tones that begin at some time, over noise that comes and goes."""
    time = np.arange(int(seconds * RATE)) / RATE
    sound = 0.01 * draw.standard_normal(len(time)) * (np.sin(2 * np.pi * 0.7 * time) > 0)
    for _ in range(8):
        after = np.maximum(time - draw.uniform(0, 0.8 * seconds), 0)
        pitch = np.exp(draw.uniform(np.log(60), np.log(12_000)))
        sound += draw.uniform(0.05, 0.3) * np.exp(-after * draw.uniform(0.5, 5)) * np.sin(2 * np.pi * pitch * after)
    return 0.8 * sound / np.abs(sound).max()


def gap(sound, draw):
    """Take three tenths of a second out."""
    out = sound.copy()
    out[RATE // 2 : RATE // 2 + 3 * RATE // 10] = 0
    return out


CHANGES = {
    "low pass": lambda sound, draw: sosfilt(butter(6, 3500, output="sos", fs=RATE), sound),
    "late": lambda sound, draw: (
        np.concatenate([np.zeros(700), sound])[: len(sound)] + 0.003 * draw.standard_normal(len(sound))
    ),
    "another sound": lambda sound, draw: tones(draw, len(sound) / RATE),
    "shorter": lambda sound, draw: sound[: len(sound) * 9 // 10] + 0.003 * draw.standard_normal(len(sound) * 9 // 10),
    "a gap": gap,
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_says_what_the_package_says(seed, change):
    draw = np.random.default_rng(seed)
    twin = tones(draw, 1.6)
    sound = CHANGES[change](twin, draw)
    theirs = by_the_package(twin, sound)
    np.testing.assert_allclose(band_similarity(twin, sound), theirs.fvnsim, atol=1e-8)
    found = score(audio(sound), audio(twin))
    assert found == pytest.approx(theirs.moslqo, abs=1e-3)  # float32 files
    assert 1 <= found <= IDENTITY + 1e-3


def test_a_patch_that_runs_past_the_end_is_measured_as_the_package_does(seed):
    """Where twin and clip end in silence, what lies past the end of a clip cut short is as good as more of it."""
    draw = np.random.default_rng(seed)
    twin = tones(draw, 1.6)
    twin[int(1.3 * RATE) :] = 0
    sound = np.clip(2 * twin, -0.5, 0.5)[: int(1.42 * RATE)]
    theirs = by_the_package(twin, sound)
    assert theirs.patch_sims[1].deg_patch_start_time + 0.6 > 1.42
    np.testing.assert_allclose(band_similarity(twin, sound), theirs.fvnsim, atol=1e-8)


def audio(*channels, rate=RATE):
    return Audio(np.stack(channels, axis=1).astype(np.float32), rate)


def test_a_sound_against_itself_has_the_golden_value_whatever_its_level_and_delay(seed):
    sound = tones(np.random.default_rng(seed), 1.2)
    late = np.concatenate([np.zeros(480), sound])
    for other in (sound, sound / 8, late):
        assert score(audio(other), audio(sound)) == pytest.approx(IDENTITY, abs=1e-3)


def test_unlike_sounds_have_the_lowest_score(seed):
    """Below a mean similarity of 0.15 the regression is not asked, which was fitted to no such thing."""
    noise = np.random.default_rng(seed).standard_normal(RATE + 9600) / 10
    hum = np.sin(2 * np.pi * 60 * np.arange(len(noise)) / RATE) / 2
    bands = band_similarity(hum, noise)
    assert bands.mean() < 0.1
    assert regression()(bands) > 1.2
    assert score(audio(noise), audio(hum)) == by_the_package(hum, noise).moslqo == 1.0


def test_channels_are_averaged_and_other_rates_resampled(seed):
    draw = np.random.default_rng(seed)
    twin, left, right = tones(draw, 1.2), tones(draw, 1.2), tones(draw, 1.2)
    expected = score(audio((left + right) / 2), audio(twin))
    assert score(audio(left, right), audio(twin)) == pytest.approx(expected, abs=1e-3)
    slow = soxr.resample(twin, RATE, 44_100, quality="VHQ")
    back = soxr.resample(slow.astype(np.float32), 44_100, RATE, quality="VHQ")
    expected = score(audio(left), audio(back))
    assert score(audio(left), audio(slow, rate=44_100)) == pytest.approx(expected, abs=1e-3)


def test_what_has_no_score_is_named(seed):
    sound = tones(np.random.default_rng(seed), 1.2)
    silence, brief = np.zeros_like(sound), sound[: SHORTEST - 1]
    with pytest.raises(NoValueError, match=r"^it is silent$"):
        score(audio(silence), audio(sound))
    with pytest.raises(NoValueError, match=r"^its full-precision twin is silent$"):
        score(audio(sound), audio(silence))
    with pytest.raises(NoValueError, match=r"^it is 0\.96 s long; ViSQOL needs 0\.96 s$"):
        score(audio(brief), audio(sound))
    with pytest.raises(NoValueError, match=r"^its full-precision twin is 0\.96 s long"):
        score(audio(sound), audio(brief))
    assert score(audio(sound[:SHORTEST]), audio(sound[:SHORTEST])) == pytest.approx(IDENTITY)
    by_the_package(sound[:SHORTEST], sound[:SHORTEST])
    with pytest.raises(ValueError, match="smaller than minimum patch size"):
        by_the_package(brief, brief)


def test_clips_are_compared_with_their_twins(seed, tmp_path, pair):
    draw = np.random.default_rng(seed)
    twin, sound = tones(draw, 1.2), tones(draw, 1.2)
    clip, given = pair(sound, twin, RATE)
    assert VISQOL.of_clip(clip, given) == pytest.approx(score(audio(sound), audio(twin)), abs=1e-2)
    with pytest.raises(NoValueError, match="it is the full-precision clip itself"):
        VISQOL.of_clip(given.twins["rain", 1], given)
    sound[7] = np.nan
    soundfile.write(clip.path, sound, RATE, subtype="FLOAT")
    with pytest.raises(SoundError, match="holds NaN or infinity; replace or remove it"):
        VISQOL.of_clip(clip, given)
