"""What a metric may compare a clip with."""

from pathlib import Path

import pytest

from analysis.errors import NoValueError, SoundError
from analysis.metrics.basis.clips import Clip, Given
from analysis.metrics.basis.networks import Networks


def clip(condition: str, prompt: str = "p1", seed: int = 1) -> Clip:
    return Clip(Path(f"{condition}-{prompt}-{seed}.wav"), f"{condition}{prompt}{seed}", prompt, "rain", condition, seed)


TWINS = {("p1", 1): clip("baseline"), ("p1", 2): clip("baseline", seed=2)}


def test_a_twin_is_of_the_same_prompt_and_seed_and_no_clip_is_its_own():
    given = Given(Networks({}), twins=TWINS)
    assert given.twin(clip("w8a8", seed=2)) == TWINS["p1", 2]
    for other in (clip("w8a8", seed=3), clip("w8a8", "p2")):
        with pytest.raises(NoValueError, match="no full-precision clip of the same prompt and seed"):
            given.twin(other)
    with pytest.raises(NoValueError, match="the full-precision clip itself"):
        given.twin(TWINS["p1", 1])


def test_a_clip_alone_is_compared_with_real_audio_where_there_is_some_else_with_its_twin():
    real = clip("", "p1", 0)
    assert Given(Networks({}), twins=TWINS).reference_of(clip("w8a8")) == TWINS["p1", 1]
    given = Given(Networks({}), twins=TWINS, reference=[real], real={"p1": real})
    assert given.reference_of(clip("w8a8")) == real
    assert given.reference_of(TWINS["p1", 1]) == real
    with pytest.raises(NoValueError, match="no reference audio of this prompt"):
        given.reference_of(clip("w8a8", "p2"))


def test_a_clip_whose_file_is_gone_is_named():
    with pytest.raises(SoundError, match=r"w8a8-p1-1\.wav"):
        clip("w8a8").audio()
