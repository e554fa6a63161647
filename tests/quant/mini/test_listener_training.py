"""Training the listener: what captions say, which pairs are alike, and the figures; nothing is trained here."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from quant.mini.listener import Listener, ListenerNetwork, load_listener, log_mel_image
from quant.mini.listener_training import FRESH, Renders, _auc, agreement_loss, captions_of, figures, key_of
from quant.mini.sounds import SOUNDS, pair, single

COMPUTED = [sound for sound in SOUNDS if sound.source.startswith("computed")]


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_captions_say_what_was_rendered(rng: np.random.Generator) -> None:
    takes = [single(COMPUTED[0], rng) for _ in range(30)] + [pair(*COMPUTED[:2], rng) for _ in range(24)]
    ways = set()
    for take in takes:
        key = key_of(take)
        ways.add(key.split("|")[1])
        for caption in (take.caption, *captions_of(key, rng, 3)):
            for name, sound in zip(take.label.split("+"), COMPUTED, strict=False):
                assert sound.name == name
                assert any(phrase in caption for phrase in sound.phrases)
            assert (" in the distance" in caption) == key.endswith("far")
            assert (" followed by " in caption) == key.endswith("then")
            assert (" while " in caption) == key.endswith("while")
    assert {"near", "far", "then", "while"} >= ways >= {"near", "then", "while"}


def test_targets_are_one_class_or_half_each_of_two() -> None:
    keys = ["dog|near", "rain+clock|then"]
    targets = Renders(torch.zeros(2, 80, 44), keys, ["", ""]).targets
    assert targets.sum(1).tolist() == [1.0, 1.0]
    names = [sound.name for sound in SOUNDS]
    assert targets[0, names.index("dog")] == 1
    assert targets[1, [names.index("rain"), names.index("clock")]].tolist() == [0.5, 0.5]


def test_agreement_loss_is_the_mean_of_both_cross_entropies(generator: torch.Generator) -> None:
    sound, text = (torch.randn(5, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    keys, scale = [0, 1, 0, 2, 1], 1.3
    alike = torch.tensor([[one == other for other in keys] for one in keys])
    loss = float(agreement_loss(sound, text, alike, torch.tensor(scale)))
    logits, total = np.exp(np.float32(scale)) * (sound @ text.T).numpy(), 0.0
    for table in (logits, logits.T):
        for row, key in enumerate(keys):
            others = [column for column, other in enumerate(keys) if other == key]
            logs = table[row] - np.log(np.exp(table[row]).sum())
            total -= sum(logs[column] for column in others) / len(others)
    assert loss == pytest.approx(total / 10, rel=1e-6)


def test_auc_is_the_share_of_pairs_in_order(generator: torch.Generator) -> None:
    matched, mismatched = torch.randn(20, generator=generator) + 1, torch.randn(30, generator=generator)
    share = np.mean([float(one > other) for one in matched for other in mismatched])
    assert _auc(matched, mismatched) == pytest.approx(share, abs=1e-9)


def test_the_shipped_listener_knows_computed_renders_and_an_untrained_one_does_not(rng: np.random.Generator) -> None:
    takes = [single(sound, rng) for sound in COMPUTED for _ in range(3)]
    takes += [pair(*rng.choice(np.array(COMPUTED, dtype=object), 2, replace=False), rng) for _ in range(4)]
    images = torch.stack([torch.from_numpy(log_mel_image(take.audio[:, None], 22_050)).half() for take in takes])
    renders = Renders(images, [key_of(take) for take in takes], [take.caption for take in takes])
    listener = load_listener()
    found = figures(listener, renders)
    untrained = figures(Listener(ListenerNetwork(38), listener.classes, ""), renders)
    assert found["top1"] > 0.7 > untrained["top1"]
    assert found["auc"] > 0.9
    assert found["matched"] > found["mismatched"] + 0.3
    assert abs(untrained["matched"] - untrained["mismatched"]) < 0.3


def test_fresh_wordings_were_never_trained_on() -> None:
    assert len(FRESH) == len(SOUNDS)
    trained = {phrase for sound in SOUNDS for phrase in sound.phrases}
    assert not trained & set(FRESH)
