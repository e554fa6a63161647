"""Calibration: running ranges against all activations kept, resuming, and refusals."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tiny_models import LAYERS, QUICK, SAMPLER_OF, fresh, one_line
from torch import Tensor

from quant.engine.caching import KINDS, LAGS
from quant.engine.reference import linear_layers
from quant.errors import CalibrationError
from quant.method.calibration import FORMAT, PARTS, Calibration, calibration_sha256, read_calibration
from quant.method.samples import KEPT
from quant.method.timesteps import CurrentStep
from quant.model.loading import AudioModel
from quant.rendering import calibrate as module
from quant.rendering.calibrate import calibrate
from quant.rendering.sampling import Sampling, sample, sample_batch

PROMPTS = ["rain on a roof", "a dog barks", "a church bell", "surf", "an engine idles", "wind", "a door creaks"]
BATCHES = [PROMPTS[:5], PROMPTS[5:]]


def brute_force(
    model: AudioModel, batches: list[list[str]], settings: Sampling
) -> list[tuple[float, dict[str, Tensor]]]:
    """Every input of every layer at every call of the network: (time, activations (tokens, channels) by layer).

    Keys and values are computed once a prompt; what they are made of is the context that every call is given.
    """
    calls: list[tuple[float, dict[str, Tensor]]] = []
    names = [name for name in linear_layers(model.dit) if name.endswith("cross_attn.to_kv")]

    def note_context(_: object, args: object, kwargs: dict[str, Tensor]) -> None:
        context = kwargs["context"]
        prompts_alone = context[context.flatten(1).any(1)].flatten(0, -2)
        calls[-1][1].update(dict.fromkeys(names, prompts_alone))

    hooks = [
        model.dit.register_forward_pre_hook(lambda _, args: calls.append((float(args[1][0]), {}))),
        model.dit.transformer.register_forward_pre_hook(note_context, with_kwargs=True),
    ]
    for name, layer in linear_layers(model.dit).items():
        hooks.append(
            layer.register_forward_pre_hook(
                lambda _, args, name=name: calls[-1][1].__setitem__(name, args[0].reshape(-1, args[0].shape[-1]))
            )
        )
    done = 0
    for batch in batches:
        sample_batch(model, batch, range(done, done + len(batch)), settings)
        done += len(batch)
    for hook in hooks:
        hook.remove()
    return calls


def same(left: Calibration, right: Calibration) -> None:
    for part in ("model_sha256", "sampling", "done", "prompts"):
        assert getattr(left, part) == getattr(right, part), part
    assert torch.equal(left.sigmas, right.sigmas)
    for mine, theirs in ((left.low, right.low), (left.high, right.high), (left.changes, right.changes)):
        assert mine.keys() == theirs.keys()
        for name in mine:
            assert torch.equal(mine[name], theirs[name]), name
    assert left.samples.keys() == right.samples.keys() == left.low.keys()
    for name, drawn in left.samples.items():
        for part in PARTS:
            assert torch.equal(getattr(drawn, part), getattr(right.samples[name], part)), (name, part)


@pytest.mark.parametrize("objective", ["v", "rf_denoiser"])
def test_ranges_equal_those_of_all_activations(loaded: dict[str, AudioModel], tmp_path: Path, objective: str) -> None:
    model, settings = loaded[objective], replace(QUICK, sampler=SAMPLER_OF[objective])
    calibration = calibrate(model, PROMPTS, settings, tmp_path / "c.safetensors")
    calls = brute_force(model, BATCHES, settings)
    assert len(calls) == 2 * settings.steps
    assert set(calibration.low) == set(calibration.high) == set(calls[0][1])
    assert len(calibration.low) == LAYERS
    for step in range(settings.steps):
        (time, first), (_, second) = calls[step], calls[step + settings.steps]
        if objective == "v":
            assert float(calibration.sigmas[step]) == pytest.approx(math.tan(time * math.pi / 2), rel=1e-6)
        for name in calibration.low:
            everything = torch.cat([first[name], second[name]])
            assert torch.equal(calibration.low[name][step], everything.amin(0))
            assert torch.equal(calibration.high[name][step], everything.amax(0))
            assert torch.equal(calibration.absmax(name)[step], everything.abs().amax(0))
            samples, rows = calibration.samples[name], {tuple(row) for row in everything.half().tolist()}
            if not name.endswith("to_kv"):  # computed once a prompt, and so drawn from once
                assert len(samples.rows) == min(KEPT, sum(len(inputs[name]) for _, inputs in calls))
            drawn = samples.rows[samples.steps == step].tolist()
            assert {tuple(row) for row in drawn} <= rows, "each is an input of the step that it is said to be of"
    for name in calibration.low:
        counted = (inputs[name][:: -(-len(inputs[name]) // KEPT)].double() for _, inputs in calls)
        once = name.endswith("to_kv")
        expected = sum(x.mT @ x for x in list(counted)[:: settings.steps if once else 1])
        found = calibration.samples[name].moments
        assert found is not None
        assert torch.allclose(found[0].double(), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max())), name


def test_noise_levels_are_the_samplers(loaded: dict[str, AudioModel], tmp_path: Path) -> None:
    settings = replace(QUICK, steps=5, sigma_min=0.3, sigma_max=500.0)
    calibration = calibrate(loaded["v"], PROMPTS[:1], settings, tmp_path / "c.safetensors")
    expected = [500 * (0.3 / 500) ** (i / 4) for i in range(5)]
    assert calibration.sigmas.tolist() == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(("objective", "sampler"), [("v", "k-heun"), ("rectified_flow", "rk4")])
def test_samplers_of_higher_order_find_a_range_for_every_call(
    loaded: dict[str, AudioModel], tmp_path: Path, objective: str, sampler: str
) -> None:
    """They call the network several times at a noise level; what one call receives must not be cut by another's."""
    model, settings = loaded[objective], replace(QUICK, sampler=sampler, steps=2)
    calibration = calibrate(model, PROMPTS[:1], settings, tmp_path / "c.safetensors")
    assert len(calibration.sigmas.unique()) == len(calibration.sigmas)
    step = CurrentStep(calibration.sigmas.log(), objective)
    calls = brute_force(model, [PROMPTS[:1]], settings)
    assert len(calls) > settings.steps
    for time, inputs in calls:
        step.set(torch.tensor([time]))
        for name, x in inputs.items():
            assert bool((x.abs().amax(0) <= calibration.absmax(name)[step.index]).all()), (time, name)


def test_file_grows_with_layers_steps_channels_and_samples_alone(loaded: dict[str, AudioModel], tmp_path: Path) -> None:
    widths = {name: layer.in_features for name, layer in linear_layers(loaded["v"].dit).items()}
    sizes = []
    for count in (1, 7):
        path = tmp_path / f"{count}.safetensors"
        calibrate(loaded["v"], ["x"] * count, QUICK, path)
        with safe_open(path, framework="pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
            sizes.append(sum(file.get_tensor(key).nbytes for key in shapes))
        assert shapes.pop("sigmas") == (QUICK.steps,)
        for kind in KINDS:
            assert shapes.pop(f"change.{kind}") == (2, LAGS, QUICK.steps)
        for name, width in widths.items():
            assert [shapes.pop(f"{side}.{name}") for side in ("low", "high")] == 2 * [(QUICK.steps, width)]
            rows = shapes.pop(f"rows.{name}")
            assert rows == (min(rows[0], KEPT), width)
            assert shapes.pop(f"moments.{name}") == (1, width, width)
            assert [shapes.pop(f"{part}.{name}") for part in ("steps", "keys")] == 2 * [rows[:1]]
        assert not shapes
    tables, drawn = sum(widths.values()) * QUICK.steps * 2 * 4, sum(2 * width + 16 for width in widths.values()) * KEPT
    changes = len(KINDS) * 2 * LAGS * QUICK.steps * 4 + sum(4 * width**2 for width in widths.values())
    assert sizes[0] <= sizes[1] <= tables + drawn + QUICK.steps * 8 + changes


def test_stopped_calibration_goes_on_and_ends_the_same(loaded: dict[str, AudioModel], tmp_path: Path) -> None:
    model, whole, path = loaded["v"], tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    hooks = {name: len(module._forward_pre_hooks) for name, module in model.dit.named_modules()}
    steps: list[int] = []
    uninterrupted = calibrate(model, PROMPTS, QUICK, whole, lambda done, total: steps.append(done))
    assert steps == [5, 10, 15, 17, 19, 21]

    def stop(done: int, total: int) -> None:
        assert total == len(PROMPTS) * QUICK.steps
        if done == 19:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(model, PROMPTS, QUICK, path, stop)
    assert read_calibration(path).done == 5
    assert {name: len(module._forward_pre_hooks) for name, module in model.dit.named_modules()} == hooks

    steps.clear()
    same(calibrate(model, PROMPTS, QUICK, path, lambda done, total: steps.append(done)), uninterrupted)
    assert steps == [17, 19, 21]
    assert path.read_bytes() == whole.read_bytes()


def test_finished_calibration_is_read_not_made_again(loaded: dict[str, AudioModel], tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    made = calibrate(loaded["v"], PROMPTS[:1], QUICK, path)
    before = calibration_sha256(path)

    def never(done: int, total: int) -> None:
        raise AssertionError

    same(calibrate(loaded["v"], PROMPTS[:1], QUICK, path, never), made)
    assert calibration_sha256(path) == before
    longer = calibrate(loaded["v"], PROMPTS[:2], QUICK, path)
    assert longer.prompts == PROMPTS[:2]
    assert calibration_sha256(path) != before


def test_more_prompts_give_what_they_give_at_once(loaded: dict[str, AudioModel], tmp_path: Path) -> None:
    """Whatever was calibrated before, batches cut short among it."""
    whole = calibrate(loaded["v"], PROMPTS, QUICK, tmp_path / "whole.safetensors")
    for count in (2, 5, 6):
        path = tmp_path / f"{count}.safetensors"
        calibrate(loaded["v"], PROMPTS[:count], QUICK, path)
        same(calibrate(loaded["v"], PROMPTS, QUICK, path), whole)
        assert path.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


@pytest.mark.parametrize("change", ["model", "prompts", "settings", "fewer"])
def test_calibration_of_something_else_is_made_anew(loaded: dict[str, AudioModel], tmp_path: Path, change: str) -> None:
    path, reference = tmp_path / "c.safetensors", tmp_path / "r.safetensors"
    calibrate(loaded["v"], PROMPTS[:2], QUICK, path)
    model, prompts, settings = loaded["v"], PROMPTS[:2], QUICK
    if change == "model":
        model, settings = loaded["rf_denoiser"], replace(QUICK, sampler="pingpong")
    elif change == "prompts":
        prompts = PROMPTS[1:]
    elif change == "settings":
        settings = replace(QUICK, cfg_scale=1.5)
    else:
        prompts = PROMPTS[:1]
    same(calibrate(model, prompts, settings, path), calibrate(model, prompts, settings, reference))


def test_ranges_survive_the_file(calibration_file: Path, tmp_path: Path, loaded: dict[str, AudioModel]) -> None:
    same(
        read_calibration(calibration_file),
        calibrate(loaded["v"], ["rain on a roof", "a dog barks"], QUICK, tmp_path / "again.safetensors"),
    )


def test_keys_and_values_have_one_range_for_all_steps(loaded: dict[str, AudioModel], tmp_path: Path) -> None:
    """They are computed once a prompt, also for a prompt that the model has just rendered."""
    sample(loaded["v"], PROMPTS[0], 0, QUICK)
    calibration = calibrate(loaded["v"], PROMPTS[:2], QUICK, tmp_path / "c.safetensors")
    names = [name for name in calibration.low if name.endswith("cross_attn.to_kv")]
    assert len(names) == 2
    for name in names:
        table = calibration.absmax(name)
        assert len(table) == QUICK.steps
        assert torch.equal(table, table[:1].expand_as(table))
        assert bool((table.amax(1) > 0).all())
    others = [calibration.absmax(name) for name in calibration.low if name not in names]
    assert not any(torch.equal(table[0], table[1]) for table in others)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("step", [0, 2])
def test_value_that_is_no_number_names_its_layer_and_step(
    folders: dict[str, Path], tmp_path: Path, value: float, step: int
) -> None:
    """A weight may be spoilt before the clip, or during it."""
    model, path = fresh(folders["v"]), tmp_path / "c.safetensors"
    feed = model.dit.transformer.layers[1].ff.ff

    def spoil(done: int, total: int) -> None:
        if done == 15 + 2 * step:
            feed[0].proj.bias[5] = value

    calibrate(model, BATCHES[0], QUICK, path)
    spoil(15, 21)
    with pytest.raises(CalibrationError) as caught:
        calibrate(model, PROMPTS, QUICK, path, spoil)
    assert one_line(caught.value) == (
        f"calibrating in full precision: 'wind', seed 5: NaN or infinity at step {step + 1} of 3, "
        "first from transformer.layers.1.ff.ff.0.proj (its bias is not finite); check the model's weights"
    )
    assert read_calibration(path).done == 5


MANY = [f"{prompt}, {where}" for where in ("near", "far") for prompt in PROMPTS]


@pytest.fixture
def as_large(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Calibrate the small models of tests as large ones are."""
    monkeypatch.setattr(module, "LARGE", 0)
    return monkeypatch


@pytest.mark.parametrize(("share", "done"), [(1e6, 10), (-1.0, 14)])
def test_large_model_is_calibrated_until_its_ranges_settle(
    loaded: dict[str, AudioModel], tmp_path: Path, as_large: pytest.MonkeyPatch, share: float, done: int
) -> None:
    """The growth is that from five prompts to ten, whatever else was asked for; a settled one is not gone on with."""
    model, path = loaded["v"], tmp_path / "c.safetensors"
    as_large.setattr(module, "SETTLED", share)
    found = calibrate(model, MANY, QUICK, path)
    assert (found.done, found.settled) == (done, done == 10)
    last = 10 if done == 14 else 5
    first, then = (calibrate(model, MANY[:n], QUICK, tmp_path / f"{n}.safetensors") for n in (last, done))
    means = [{name: (c.low[name].abs().maximum(c.high[name].abs())).mean() for name in c.low} for c in (first, then)]
    expected = max(float(means[1][name] / means[0][name]) for name in means[0]) - 1
    assert found.growth == pytest.approx(expected, rel=1e-4, abs=1e-6)

    def never(done: int, total: int) -> None:
        raise AssertionError

    again = calibrate(model, MANY, QUICK, path, never)
    same(again, found)
    assert (again.settled, again.growth, again.precision) == (found.settled, found.growth, found.precision)


def test_large_model_is_calibrated_in_few_steps_or_as_it_was(
    loaded: dict[str, AudioModel], tmp_path: Path, as_large: pytest.MonkeyPatch
) -> None:
    many, path = replace(QUICK, steps=6), tmp_path / "c.safetensors"
    as_large.setattr(module, "STEPS", 4)
    few = calibrate(loaded["v"], PROMPTS[:2], many, path)
    assert (len(few.sigmas), few.sampling["steps"]) == (4, 4)
    as_large.setattr(module, "LARGE", 1e9)
    whole = calibrate(loaded["v"], PROMPTS[:2], many, path)
    assert len(whole.sigmas) == 6
    as_large.setattr(module, "LARGE", 0)
    same(calibrate(loaded["v"], PROMPTS[:2], many, path), whole)


def test_no_prompts_are_refused(loaded: dict[str, AudioModel], tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="at least one prompt"):
        calibrate(loaded["v"], [], QUICK, tmp_path / "c.safetensors")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["truncated", "empty", "text", "foreign", "newer", "folder", "missing", "hollow"])
def test_file_that_is_no_calibration_is_refused_in_one_line(
    calibration_file: Path, tmp_path: Path, loaded: dict[str, AudioModel], damage: str
) -> None:
    path = tmp_path / "c.safetensors"
    content = calibration_file.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("participant,score\n1,5\n")
    elif damage == "foreign":
        save_file({"x": torch.zeros(2)}, path)
    elif damage == "newer":
        save_file({"x": torch.zeros(2)}, path, metadata={"earmark": '{"kind": "calibration", "format": 99}'})
    elif damage == "hollow":
        save_file({"x": torch.zeros(2)}, path, metadata={"earmark": f'{{"kind": "calibration", "format": {FORMAT}}}'})
    elif damage == "folder":
        path.mkdir()
    with pytest.raises(CalibrationError) as caught:
        read_calibration(path)
    message = one_line(caught.value)
    assert message.startswith(f"{path}: ")
    assert "earmark calibrate" in message
    if damage not in ("missing", "folder"):
        before = path.read_bytes()
        with pytest.raises(CalibrationError):
            calibrate(loaded["v"], PROMPTS, QUICK, path)
        assert path.read_bytes() == before
