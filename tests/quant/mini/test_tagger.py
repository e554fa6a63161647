"""The tagger: what it counts of clips, on sounds that are computed in place of the model's."""

from __future__ import annotations

import numpy as np
import pytest

from quant.mini.listener import load_listener
from quant.mini.sounds import SOUNDS
from quant.mini.tagger import NAMES, Rendered, listen, printed


def test_clips_are_counted_by_what_they_are_heard_as(seed: int) -> None:
    """Whatever is asked for, the clip is a hum: every class is heard as a hum, and only the hum is right."""
    hum, listener = NAMES.index("hum"), load_listener()
    asked: list[tuple[str, int]] = []

    def clip(wording: str, number: int) -> Rendered:
        asked.append((wording, number))
        audio = SOUNDS[hum].render(np.random.default_rng([seed, number, len(asked)]))[:44_100]
        return Rendered(audio[:, None], 22_050)

    heard = listen(listener, range(1000, 1002), clip)
    assert asked == [(sound.phrases[n % len(sound.phrases)], n) for n in (1000, 1001) for sound in SOUNDS]
    assert heard.table.sum(1).tolist() == [2] * 38
    assert heard.table[:, hum].sum() > 70
    found = heard.figures()
    assert found["tagger_top1"] == sum(int(heard.table[row, row]) for row in range(38)) / 76
    assert found["agreement_r1"] < 0.1
    own = [heard.agreements[row, row % 38] for row in range(76)]
    assert found["agreement_matched"] == pytest.approx(np.mean(own), abs=1e-6)
    rest = (heard.agreements.sum() - np.sum(own)) / (76 * 37)
    assert found["agreement_mismatched"] == pytest.approx(rest, abs=1e-5)
    lines = printed(heard)
    assert any(line.split()[:3] == ["rain", f"{heard.table[0, 0]}/2", "hum"] for line in lines)
