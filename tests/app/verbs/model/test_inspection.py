"""`earmark inspect` on a tiny model: every figure has its table, and the tables hold what can be found otherwise."""

import csv
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file
from tiny_study import PROMPTS, tiny_study, write_adapter

from app.cli import main

VARIANTS = ("sqs-w8a8", "sqd-w4a8")
FIGURES = ("activation-map", "activation-range", "smoothing", "velocity-error", "groups")
SWEPT = tuple(f"sensitivity-{name}" for name in VARIANTS)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    seed = int(os.environ.get("EARMARK_TEST_SEED") or int.from_bytes(os.urandom(4)))
    print(f"seed: {seed} (repeat with EARMARK_TEST_SEED={seed})")
    folder = tmp_path_factory.mktemp("inspect") / "study"
    tiny_study(folder, seed, "lora: {file: rain.safetensors, strength: 0.5}\n")
    write_adapter(folder / "rain.safetensors", folder / "tiny", seed)
    return folder


@pytest.fixture(scope="module")
def said(study) -> str:
    import contextlib
    import io

    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        assert main(["inspect", str(study), "--layers", "--variant", VARIANTS[0], "--variant", VARIANTS[1]]) == 0
    return heard.getvalue()


@pytest.fixture
def out(study, said) -> Path:
    return study / "inspection"


def table(out, name) -> list[dict[str, str]]:
    with (out / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def numbers(rows, column) -> np.ndarray:
    return np.array([float(row[column]) for row in rows])


def test_every_figure_has_its_table(out, said):
    names = {path.name for path in out.iterdir()}
    wanted = {f"{name}.{kind}" for name in FIGURES + SWEPT for kind in ("png", "svg", "csv")}
    assert names == wanted | {f"{name}-kinds.csv" for name in SWEPT}
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in names if name.endswith("png"))
    assert str(out) in said
    assert said.startswith("rain.safetensors: merged into the model, strength 0.5\n")
    progress = json.loads((out.parent / "progress.json").read_text())
    assert (progress["state"], progress["done"]) == ("done", progress["total"])


def test_ranges_are_those_of_the_calibration_file(out):
    calibration = load_file(out.parent / "models" / "calibration.safetensors")
    rows = table(out, "activation-range")
    layers = dict.fromkeys(row["layer"] for row in rows)
    assert [name.split(".", 3)[3] for name in sorted(layers)] == ["ff.ff.0.proj", "ff.ff.2", "self_attn.to_qkv"]
    for layer in layers:
        mine = [row for row in rows if row["layer"] == layer]
        assert numbers(mine, "sigma") == pytest.approx(calibration["sigmas"].numpy())
        assert numbers(mine, "low") == pytest.approx(calibration[f"low.{layer}"].amin(1).numpy())
        assert numbers(mine, "high") == pytest.approx(calibration[f"high.{layer}"].amax(1).numpy())
        assert numbers(mine, "median_high") == pytest.approx(calibration[f"high.{layer}"].median(1).values.numpy())


def test_smoothing_is_of_the_weights_and_the_calibration(out):
    rows = table(out, "smoothing")
    layer = rows[0]["layer"]
    assert layer.startswith("transformer.layers.1.")  # the last block, as in the paper
    weight = load_file(out.parent / "tiny" / "model.safetensors")[f"model.model.{layer}.weight"]
    calibration = load_file(out.parent / "models" / "calibration.safetensors")
    x = np.maximum(-calibration[f"low.{layer}"][1].numpy(), calibration[f"high.{layer}"][1].numpy())
    w = weight.abs().amax(0).numpy()
    assert numbers(rows, "activation") == pytest.approx(x)
    assert numbers(rows, "weight") == pytest.approx(w)
    assert numbers(rows, "smoothed_activation") == pytest.approx(np.sqrt(x * w), rel=1e-4)
    assert numbers(rows, "smoothed_weight") == pytest.approx(np.sqrt(x * w), rel=1e-4)
    shown = table(out, "activation-map")
    assert {row["layer"] for row in shown} == {layer}
    assert len(shown[0]) == 3 + weight.shape[1]


def test_the_error_is_that_of_the_network_on_the_same_inputs(out):
    import torch

    from quant.adapters.adapter import Adapter
    from quant.engine.convert import quantize_
    from quant.method.calibration import read_calibration
    from quant.method.variants import VARIANTS as ALL
    from quant.model.loading import load_model
    from quant.rendering.sampling import Sampling, sample

    folder = out.parent
    adapters = [Adapter(folder / "rain.safetensors", 0.5)]
    baseline = load_model(str(folder / "tiny"), adapters=adapters)
    calls = []
    baseline.dit.register_forward_hook(
        lambda _, args, kwargs, velocity: calls.append((args, kwargs, velocity)), with_kwargs=True
    )
    for prompt in PROMPTS:
        sample(baseline, prompt, 1000, Sampling(steps=3, seconds=1, cfg_scale=2))
    rows = table(out, "velocity-error")
    for name in VARIANTS:
        model = load_model(str(folder / "tiny"), adapters=adapters)
        quantize_(model, ALL[name], read_calibration(folder / "models" / "calibration.safetensors"))
        signal, noise = np.zeros(3), np.zeros(3)
        for number, (args, kwargs, velocity) in enumerate(calls):
            with torch.no_grad():
                found = model.dit(*args, **kwargs).numpy().astype(np.float64)
            signal[number % 3] += (velocity.numpy().astype(np.float64) ** 2).sum()
            noise[number % 3] += ((found - velocity.numpy()) ** 2).sum()
        mine = [row for row in rows if row["variant"] == name]
        assert numbers(mine, "sqnr_db") == pytest.approx(10 * np.log10(signal / noise), abs=1e-3)
        assert numbers(mine, "overall_db") == pytest.approx(-10 * np.log10(np.mean(noise / signal)), abs=1e-3)


def test_layers_are_ranked_and_kinds_add_them_up(out, said):
    for name in VARIANTS:
        layers, kinds = table(out, f"sensitivity-{name}"), table(out, f"sensitivity-{name}-kinds")
        assert len(layers) == 14
        assert len(kinds) == 7
        for rows in (layers, kinds):
            assert [row["rank"] for row in rows] == [str(n + 1) for n in range(len(rows))]
            assert sorted(numbers(rows, "sqnr_db")) == numbers(rows, "sqnr_db").tolist()
            assert numbers(rows, "share_of_noise").sum() == pytest.approx(1)
        for kind in kinds:
            mine = [row for row in layers if row["kind"] == kind["kind"]]
            assert len(mine) == int(kind["layers"]) == 2
            assert {row["block"] for row in mine} == {"1", "2"}
            noise = (10 ** (-numbers(mine, "sqnr_db") / 10)).sum()
            assert float(kind["sqnr_db"]) == pytest.approx(-10 * math.log10(noise), abs=1e-3)
        assert f"{name}, share of the error: {kinds[0]['kind']} {float(kinds[0]['share_of_noise']):.0%}" in said


def test_groups_go_from_one_to_one_a_step(out):
    rows = table(out, "groups")
    assert [(row["variant"], row["groups"]) for row in rows] == [
        ("baseline", "0"),
        ("sqs-w8a8", "1"),
        ("sqd-w4a8", "1"),
        ("sqd-w4a8", "3"),
    ]
    assert rows[0]["sqnr_db"] == "inf"
    memory, disk = numbers(rows, "memory_bytes"), numbers(rows, "disk_bytes")
    assert memory[0] == disk[0]
    assert disk[2] < disk[1] < disk[3] < disk[0]
    assert (numbers(rows, "milliseconds_per_step") > 0).all()


def test_without_layers_there_is_no_sweep_and_the_output_goes_where_it_is_asked(
    study, said, tmp_path, capsys, monkeypatch
):
    for kind in ("png", "svg"):  # what is drawn is not looked at here
        monkeypatch.setattr(f"quant.inspect.plots.{kind}", lambda figure: b"")
    assert main(["inspect", str(study), "-o", str(tmp_path / "there"), "--variant", "sqs-w8a8"]) == 0
    assert {path.stem for path in (tmp_path / "there").iterdir()} == set(FIGURES)
    assert "share of the error" not in capsys.readouterr().out


def test_the_variants_are_the_studys_or_all_of_the_paper(study):
    from app.verbs.model.inspection import inspected_variants
    from quant.method.variants import PAPER
    from survey import load_config

    config = load_config(study / "study.yaml")
    assert [variant.name for variant in inspected_variants([], config)] == ["sqs-w8a8", "sqd-lora-w8a8"]
    assert [variant.name for variant in inspected_variants(["sqd-w8a8", "sqd-w8a8"], config)] == ["sqd-w8a8"]
    (study / "plain.yaml").write_text("name: s\nmodel: mini\nconditions: [baseline]\nprompts: [rain]\n")
    everything = [variant.name for variant in inspected_variants([], load_config(study / "plain.yaml"))]
    assert everything == [name for name in PAPER if name != "baseline"]
