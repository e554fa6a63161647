"""Changes from step to step: what calibration records of them, and a run that takes outputs again by its schedule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import PROMPTS, fresh
from torch import Tensor, nn

from quant.engine.caching import KINDS, LAGS, reused, schedule
from quant.engine.convert import quantize_
from quant.method.calibration import Calibration, read_calibration
from quant.method.timesteps import STEP_NAME
from quant.method.variants import VARIANTS, EngineName, Variant
from quant.model.loading import AudioModel
from quant.rendering.calibrate import calibrate
from quant.rendering.changes import EVERY
from quant.rendering.sampling import Sampling, sample, sample_batch

SLOW = Sampling(steps=9, seconds=0.25, sigma_min=0.3, sigma_max=3.0, cfg_scale=4.0)
"""Steps so small that some outputs change little."""

pytestmark = pytest.mark.filterwarnings("ignore:Should have")  # torchsde, of times that it rounds


def branches(dit: Any) -> dict[tuple[str, int], nn.Module]:
    blocks = dit.transformer.layers
    return {(kind, number): getattr(block, kind) for number, block in enumerate(blocks) for kind in KINDS}


@pytest.fixture(scope="module")
def slow(loaded: dict[str, AudioModel], tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    path = tmp_path_factory.mktemp("slow") / "calibration.safetensors"
    calibrate(loaded["v"], PROMPTS, SLOW, path)
    return read_calibration(path)


def middle(calibration: Calibration) -> float:
    """A threshold that some outputs stay below, and others do not."""
    first = torch.cat([table.mean(0)[0, 1:] for table in calibration.changes.values()])
    return float(first.median())


def test_changes_are_those_of_all_outputs_kept(loaded: dict[str, AudioModel], slow: Calibration) -> None:
    model = loaded["v"]
    outputs: dict[tuple[str, int], list[np.ndarray]] = {place: [] for place in branches(model.dit)}
    hooks = [
        branch.register_forward_hook(lambda _, __, out, place=place: outputs[place].append(out.double().numpy()))
        for place, branch in branches(model.dit).items()
    ]
    sample_batch(model, PROMPTS, range(len(PROMPTS)), SLOW)
    for hook in hooks:
        hook.remove()
    assert set(slow.changes) == set(KINDS)
    for kind, table in slow.changes.items():
        assert table.shape == (2, LAGS, SLOW.steps)
        for (block, lag, step), found in np.ndenumerate(table.numpy()):
            if step <= lag:
                assert found == np.inf
                continue
            now, then = (outputs[kind, block][row][:, ::EVERY] for row in (step, step - lag - 1))
            sizes = np.abs(now).sum((1, 2))
            each = np.abs(now - then).sum((1, 2))[sizes > 0] / sizes[sizes > 0]
            assert len(each) == len(PROMPTS) * (1 if kind == "cross_attn" else 2), "the null half has none"
            assert found == pytest.approx(each.mean(), rel=1e-5)


def test_a_mean_over_batches_is_that_of_all_clips(loaded: dict[str, AudioModel], tmp_path: Path) -> None:
    """Five clips and one: the tables are weighed by how many clips they are of."""
    model, prompts = loaded["v"], [*PROMPTS, "wind", "surf", "a bell", "hail"]
    both = calibrate(model, prompts, SLOW, tmp_path / "both.safetensors").changes
    first = calibrate(model, prompts[:5], SLOW, tmp_path / "first.safetensors").changes
    with_last = calibrate(model, prompts, SLOW, tmp_path / "first.safetensors").changes
    for kind, table in both.items():
        last = (table * 6 - first[kind] * 5)[:, :, LAGS:]
        assert bool((last > 0).all())
        assert torch.equal(with_last[kind], table), "a stopped calibration ends the same"
        assert not torch.allclose(first[kind][:, :, LAGS:], table[:, :, LAGS:])


def quantized(folder: Path, calibration: Calibration, variant: Variant, engine: EngineName) -> AudioModel:
    model = fresh(folder)
    quantize_(model, variant, calibration, engine=engine)
    return model


def replayed(model: AudioModel, sources: Tensor, run: Callable[[], Tensor]) -> Tensor:
    """Run a model that computes everything, and put each branch's output of the step that ``sources`` names."""
    outputs: dict[tuple[str, int], dict[int, Tensor]] = {place: {} for place in branches(model.dit)}
    step: Any = model.dit.get_submodule(STEP_NAME)

    def exchange(place: tuple[str, int], out: Tensor) -> Tensor:
        source = int(sources[KINDS.index(place[0]), step.index])
        return outputs[place].setdefault(source, out)

    hooks = [
        branch.register_forward_hook(lambda _, __, out, place=place: exchange(place, out))
        for place, branch in branches(model.dit).items()
    ]
    found = run()
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize(
    ("engine", "keep"), [("reference", ()), ("integer", ("self_attn.to_qkv", "cross_attn.to_q", "ff.2"))]
)
def test_a_run_is_the_one_in_which_outputs_are_exchanged(
    at_home: Path, folders: dict[str, Path], slow: Calibration, engine: EngineName, keep: tuple[str, ...]
) -> None:
    """In the library's own blocks, bit by bit."""
    plain = replace(VARIANTS["sqd-w8a8"], keep=keep)
    cached = replace(plain, cache=middle(slow))
    sources = schedule(slow.changes, SLOW.steps, cached.cache)
    assert 0.1 < reused(sources) < 0.9
    model = quantized(folders["v"], slow, plain, engine)
    expected = replayed(model, sources, lambda: sample(model, "wind", 3, SLOW))
    found = sample(quantized(folders["v"], slow, cached, engine), "wind", 3, SLOW)
    assert torch.equal(found, expected)
    assert not torch.equal(found, sample(model, "wind", 3, SLOW))


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
def test_an_integer_block_takes_the_branch_that_is_named(
    at_home: Path, folders: dict[str, Path], slow: Calibration, kind: int
) -> None:
    """The same input twice, and that branch's weights exchanged in between: nothing is seen of it, unless computed."""
    model = quantized(folders["v"], slow, replace(VARIANTS["sqd-w8a8"], cache=1e9), "integer")
    step: Any = model.dit.get_submodule(STEP_NAME)
    block: Any = model.dit.transformer.layers[0]
    assert type(block).__name__ == "IntegerBlock"
    computed = torch.arange(SLOW.steps).repeat(len(KINDS), 1)
    step.reuse = computed.clone()
    step.reuse[kind, 1] = 0
    calls: list[tuple[Any, ...]] = []
    with torch.no_grad():
        handle = block.register_forward_pre_hook(lambda *call: calls.append(call[1:]), with_kwargs=True)
        sample(model, "wind", 3, replace(SLOW, steps=2))
        handle.remove()
        args, options = calls[0]
        step.begin()
        step.index = 0
        first = block(*args, **options)
        layer = {"self_attn": block.self_attn.to_out, "cross_attn": block.cross_attn.to_out, "ff": block.ff.ff[2]}
        scale = layer[KINDS[kind]].scale
        scale *= 3
        for kept in (block._ready, block._values):
            kept.clear()
        step.index = 1
        again = block(*args, **options)
        step.reuse = computed
        changed = block(*args, **options)
    # The output of a branch is kept as the difference of two sums.
    peak = float(first.abs().max())
    assert torch.allclose(again, first, atol=1e-5 * peak)
    assert float((changed - first).abs().max()) > 0.001 * peak


@pytest.mark.parametrize("engine", ["integer", "reference"])
def test_nothing_of_one_clip_is_in_the_next(
    at_home: Path, folders: dict[str, Path], slow: Calibration, engine: EngineName
) -> None:
    variant = replace(VARIANTS["sqd-w8a8"], cache=1e9)
    used = quantized(folders["v"], slow, variant, engine)
    few = replace(SLOW, steps=2)
    # Had `begun` gone on, it would have taken its last output again at the step that `later` begins at.
    begun, later = replace(few, sigma_min=2.9), replace(SLOW, sigma_max=2.0)
    for seed, settings in enumerate((SLOW, few, few, SLOW, begun, later)):
        prompt = "rain" if seed == 0 else "wind"
        found = sample(used, prompt, seed, settings)
        assert torch.equal(found, sample(quantized(folders["v"], slow, variant, engine), prompt, seed, settings))


def test_an_output_older_than_was_calibrated_is_not_taken(
    at_home: Path, folders: dict[str, Path], slow: Calibration
) -> None:
    """Every third step alone, of a schedule that carries an output for one step: all is computed."""
    model = quantized(folders["v"], slow, replace(VARIANTS["sqd-w8a8"], cache=1e9), "integer")
    step: Any = model.dit.get_submodule(STEP_NAME)
    few = replace(SLOW, steps=3)
    step.reuse = torch.arange(SLOW.steps).repeat(len(KINDS), 1) - torch.arange(SLOW.steps) % 2
    found = sample(model, "wind", 3, few)
    assert torch.equal(found, sample(quantized(folders["v"], slow, VARIANTS["sqd-w8a8"], "integer"), "wind", 3, few))
