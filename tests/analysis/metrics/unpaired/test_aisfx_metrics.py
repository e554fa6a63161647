"""FD_aisfx and KAD_aisfx: of which clips, against which reference, and what they say where there is no value."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose

from analysis.errors import NoValueError, WeightsError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.networks import Networks
from analysis.metrics.measuring import measure
from analysis.metrics.registry import METRICS
from analysis.metrics.sets.extrapolated import extrapolated_distance
from analysis.metrics.sets.kernel import kernel_distance
from analysis.metrics.sets.vectors import Vectors
from analysis.metrics.unpaired.fd_aisfx import FD_AISFX
from analysis.metrics.unpaired.kad_aisfx import KAD_AISFX


class Plain:
    """A network that takes a sound's samples for its embeddings, a block after the other."""

    name, checkpoint, sha256, convention = "aisfx", "plain", "0", "1"

    def __init__(self, width: int) -> None:
        self.width = width

    def hear(self, audio: Audio) -> dict[str, np.ndarray]:
        if len(audio.samples) < self.width:
            raise NoValueError("too short for aisfx")
        return {"frames": audio.samples.reshape(-1, self.width)}

    def read(self, texts):
        raise NoValueError("it reads no text")


@pytest.fixture
def draw(seed, tmp_path):
    """Give what draws clips: files of noise, so many a prompt."""
    rng = np.random.default_rng(seed)

    def clips(condition: str, prompts: int, seeds: int = 1, samples: int = 18) -> list[Clip]:
        found = []
        for prompt in range(prompts):
            for take in range(seeds):
                path = tmp_path / f"{condition} {prompt} {take}.wav"
                soundfile.write(path, rng.normal(size=samples).astype(np.float32) / 10, 100, subtype="FLOAT")
                found.append(Clip(path, path.stem, f"p{prompt}", "rain", condition, take))
        return found

    return clips


def given(reference: list[Clip], real: dict[str, Clip] | None = None, width: int = 6) -> Given:
    return Given(Networks({"aisfx": lambda weights: Plain(width)}), reference=reference, real=real)


def test_kad_is_that_of_the_blocks_by_prompt_with_what_it_is_of(draw):
    some, reference = draw("w8a8", 13, 2), draw("baseline", 13, 2)
    what = given(reference)
    value = KAD_AISFX.of_set(some, what)
    one, other = (
        Vectors.of([what.heard("aisfx", clip)["frames"] for clip in each], [clip.prompt_id for clip in each])
        for each in (some, reference)
    )
    expected = kernel_distance(one, other)
    assert_allclose([value.value, value.low, value.high], [expected.value, expected.low, expected.high])
    assert value.n == 26
    assert value.details["n_reference"] == 26
    assert value.details["blocks"] == 78
    assert value.details["dimension"] == 6
    assert value.details["bandwidth"] == expected.bandwidth
    assert value.details["pooled"] == expected.pooled
    assert abs(value.details["extrapolated"] - value.value) < value.high - value.low


def test_captions_of_one_reference_clip_are_one_unit(draw):
    some = draw("w8a8", 20)
    real = draw("", 4)
    what = given(real, {f"p{k}": real[k // 5] for k in range(20)})
    one, other = (
        Vectors.of([what.heard("aisfx", clip)["frames"] for clip in each], names)
        for each, names in ((some, [str(k // 5) for k in range(20)]), (real, [str(k) for k in range(4)]))
    )
    assert_allclose(KAD_AISFX.of_set(some, what).value, kernel_distance(one, other).value)


@pytest.mark.parametrize("metric", [FD_AISFX, KAD_AISFX])
def test_a_condition_is_not_measured_against_itself_and_not_against_nothing(draw, metric):
    baseline = draw("baseline", 6)
    with pytest.raises(NoValueError, match="these clips themselves"):
        metric.of_set(baseline, given(baseline))
    with pytest.raises(NoValueError, match="no reference clips"):
        metric.of_set(baseline, given([]))
    real = draw("", 6)
    assert "n_reference" in metric.of_set(baseline, given(real, {one.prompt_id: one for one in real})).details


def test_clips_that_cannot_be_heard_are_left_out_and_said(draw):
    reference = draw("baseline", 8)
    some = [*draw("w8a8", 2, samples=5), *draw("w8a8", 8)[2:]]
    soundfile.write(some[0].path, np.zeros(5), 100)
    soundfile.write(some[1].path, np.zeros(5), 100)
    value = KAD_AISFX.of_set(some, given(reference))
    assert value.n == 6
    assert value.why == "2 of 8 clips left out (too short for aisfx)"
    with pytest.raises(NoValueError, match="8 of 8 clips left out"):
        KAD_AISFX.of_set(draw("w4a8", 8, samples=5), given(reference))


def test_a_frechet_distance_of_few_prompts_is_not_printed_but_kept_beside_the_words(draw):
    some, reference = draw("w8a8", 30, samples=3584), draw("baseline", 30, samples=3584)
    value = FD_AISFX.of_set(some, given(reference, width=512))
    assert value.value is None
    assert value.why.startswith("n = 30 clips (210 blocks) are too few for a Frechet distance in 512 dimensions")
    assert value.why.endswith("KAD has no such bias")
    assert value.details["plain"] > 0
    assert "extrapolated" in value.details
    assert FD_AISFX.of_set(some[:4], given(reference, width=512)).value is None
    words = FD_AISFX.of_set(draw("w4a8", 20), given(draw("baseline", 3))).why
    assert words.startswith("reference: n = 3 clips (9 blocks) are too few for a Frechet distance in 6 dimensions")


def test_a_frechet_distance_of_enough_prompts_is_extrapolated_and_plain_beside_it(draw):
    some, reference = draw("w8a8", 60), draw("baseline", 60)
    value = FD_AISFX.of_set(some, given(reference))
    expected = extrapolated_distance(
        *(
            Vectors.of([one.audio().samples.reshape(-1, 6) for one in each], [one.prompt_id for one in each])
            for each in (some, reference)
        )
    )
    assert_allclose([value.value, value.low, value.high], [expected.value, expected.low, expected.high])
    assert value.details["plain"] == expected.plain
    assert (value.n, value.details["dimension"]) == (60, 6)


def test_they_are_measured_by_condition_and_by_seed(draw):
    some, reference = draw("w8a8", 13, 2), draw("baseline", 13, 2)
    found = measure(
        "s", [*reference, *some], ["baseline", "w8a8"], given(reference), [KAD_AISFX, FD_AISFX], reference="baseline"
    )
    cell = found.cell("kad_aisfx", "w8a8")
    assert set(cell.seeds) == {0, 1}
    assert cell.details["n_reference"] == 26
    assert found.cell("kad_aisfx", "baseline").why == "the reference is these clips themselves"
    assert found.networks == {"aisfx": {"checkpoint": "plain", "sha256": "0"}}


def test_both_are_among_the_metrics_that_are_measured_unasked():
    keys = [metric.key for metric in METRICS]
    assert keys.index("fd_aisfx") < keys.index("kad_aisfx")


def test_without_its_weights_a_metric_has_no_value_and_says_so(draw):
    def missing(weights: Path | None) -> Plain:
        raise WeightsError("aisfx: no weights")

    some, reference = draw("w8a8", 4), draw("baseline", 4)
    what = Given(Networks({"aisfx": missing}), reference=reference)
    found = measure("s", [*reference, *some], ["baseline", "w8a8"], what, [KAD_AISFX], reference="baseline")
    assert found.cell("kad_aisfx", "w8a8").why == "aisfx: no weights"
