"""Adapters of every trainer and kind: merged as an independent loop merges them, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import adapter_files
import numpy as np
import pytest
import torch
from adapter_files import CONV, RANK, SHAPES, TO_OUT, TO_Q, Layers, by_hand, random_layers, write, write_peft
from tiny_models import one_line
from torch import Tensor

from quant.adapters.adapter import Adapter
from quant.adapters.changes import read_adapter
from quant.adapters.merging import merged
from quant.errors import ModelError

ROOT = "model.model.transformer."


@pytest.fixture
def state(generator: torch.Generator) -> dict[str, Tensor]:
    """Weights of a model, among them some that end alike."""
    weights = {f"{ROOT}{name}.weight": torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}
    others = {f"{ROOT}layers.10.cross_attn.to_q.weight": (6, 5), "pretransform.model.layers.0.weight": (4, 4, 1)}
    biases = {f"{ROOT}{TO_Q}.bias": torch.randn(6, generator=generator)}
    return weights | {name: torch.randn(shape, generator=generator) for name, shape in others.items()} | biases


def merge(state: dict[str, Tensor], *adapters: tuple[Path, float]) -> dict[str, Tensor]:
    return merged(state, [read_adapter(Adapter(path, strength)) for path, strength in adapters])


def refusal(state: dict[str, Tensor], path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        merge(state, (path, 1.0))
    return one_line(caught.value)


def assert_merged(state: dict[str, Tensor], found: dict[str, Tensor], layers: Layers, scale: float) -> None:
    """Every weight is what the loop makes, to a rounding of float32, and all else is as it was."""
    assert found.keys() == state.keys()
    for name, before in state.items():
        layer = name.removeprefix(ROOT).removesuffix(".weight")
        if layer in layers and name.startswith(ROOT) and name.endswith(".weight"):
            expected = by_hand(before, layers[layer], scale).astype(np.float32)
            assert found[name].dtype == torch.float32
            np.testing.assert_allclose(found[name].numpy(), expected, rtol=2e-7, atol=1e-7)
            assert not torch.allclose(found[name], before, atol=1e-3)
        else:
            assert torch.equal(found[name], before)


def by_peft(layers: Layers, folder: Path, alpha: float) -> Path:
    return write_peft(folder, adapter_files.peft(layers), lora_alpha=alpha, use_dora=True)


def by_kohya(layers: Layers, folder: Path, alpha: float) -> Path:
    return write(folder / "kohya.safetensors", adapter_files.kohya(layers, alpha))


def natively(suffix: str) -> Callable[[Layers, Path, float], Path]:
    def written(layers: Layers, folder: Path, alpha: float) -> Path:
        roles = {role for parts in layers.values() for role in parts} - {"up", "down"}
        kind = {"rows": "dora-rows", "columns": "dora-cols"}.get("".join(roles), "bora" if roles else "lora")
        config = {"rank": RANK, "alpha": alpha, "adapter_type": kind, "include": None, "exclude": None}
        return write(folder / f"native{suffix}", adapter_files.native(layers), config)

    return written


@pytest.mark.parametrize("strength", [1.0, 0.7, -0.4])
@pytest.mark.parametrize(
    ("kind", "writer"),
    [
        *((kind, natively(".safetensors")) for kind in ("lora", "dora-rows", "dora-cols", "bora")),
        ("dora-rows", natively(".ckpt")),
        *((kind, by_peft) for kind in ("lora", "dora-rows")),
        *((kind, by_kohya) for kind in ("lora", "dora-rows")),
    ],
)
def test_an_adapter_is_merged_as_its_trainer_computes_it(
    state: dict[str, Tensor],
    generator: torch.Generator,
    tmp_path: Path,
    kind: str,
    writer: Callable[[Layers, Path, float], Path],
    strength: float,
) -> None:
    layers = random_layers(generator, kind)
    found = merge(state, (writer(layers, tmp_path, 2.0), strength))
    assert_merged(state, found, layers, strength * 2.0 / RANK)


def test_numbers_that_can_be_checked_in_the_head(tmp_path: Path) -> None:
    state = {"model.model.to_q.weight": torch.tensor([[1.0, 0.0], [0.0, 2.0]])}
    pair = {"to_q.lora_down.weight": torch.tensor([[1.0, 3.0]]), "to_q.lora_up.weight": torch.tensor([[1.0], [2.0]])}
    path = write(tmp_path / "pair.safetensors", {**pair, "to_q.alpha": torch.tensor(0.5)})
    assert merge(state, (path, 2.0))["model.model.to_q.weight"].tolist() == [[2.0, 3.0], [2.0, 8.0]]
    state = {"model.model.to_q.weight": torch.tensor([[2.0, 1.0], [1.0, -2.0]])}
    lengths = {"to_q.dora_scale": torch.tensor([[10.0], [5.0]]), "to_q.alpha": torch.tensor(1.0)}
    path = write(tmp_path / "dora.safetensors", pair | lengths)
    found = merge(state, (path, 1.0))["model.model.to_q.weight"]
    assert found.tolist() == [[6.0, 8.0], [3.0, 4.0]], "both rows have the direction (3, 4)"


@pytest.mark.parametrize("writer", [adapter_files.loraw, adapter_files.kohya])
def test_a_product_without_alpha_is_added_as_it_is_and_this_is_said(
    state: dict[str, Tensor],
    generator: torch.Generator,
    tmp_path: Path,
    writer: Callable[[Layers], dict[str, Tensor]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    layers = random_layers(generator)
    path = write(tmp_path / "adapter.ckpt", writer(layers))
    for _ in range(2):
        assert_merged(state, merge(state, (path, 1.0)), layers, 1.0)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"{path}: does not say its alpha; it is taken to be the rank, with which trainers begin"
    ]


def test_peft_scales_by_pattern_and_by_the_root_of_the_rank(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path
) -> None:
    layers = random_layers(generator)
    options = {"lora_alpha": 6, "use_rslora": True, "alpha_pattern": {"to_q": 3, r"layers\.\d\..*\.to_out": 12}}
    found = merge(state, (write_peft(tmp_path / "peft", adapter_files.peft(layers), **options), 0.5))
    for name, alpha in ((TO_Q, 3), (TO_OUT, 12), (CONV, 6)):
        one = f"{ROOT}{name}.weight"
        expected = by_hand(state[one], layers[name], 0.5 * alpha / RANK**0.5)
        np.testing.assert_allclose(found[one].numpy(), expected.astype(np.float32), rtol=2e-7, atol=1e-7)


def test_layers_and_biases_that_peft_saved_whole_take_the_place_of_the_models(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path
) -> None:
    layers = random_layers(generator, shapes={TO_OUT: SHAPES[TO_OUT]})
    whole = {f"{TO_Q}.weight": torch.randn(6, 5, generator=generator), f"{TO_Q}.bias": torch.ones(6)}
    tensors = adapter_files.peft(layers) | {f"base_model.model.model.transformer.{n}": v for n, v in whole.items()}
    found = merge(state, (write_peft(tmp_path / "peft", tensors, modules_to_save=["to_q"]), 1.0))
    for name, value in whole.items():
        assert torch.equal(found[f"{ROOT}{name}"].float(), value)
    assert_merged({n: v for n, v in state.items() if TO_Q not in n}, {n: v for n, v in found.items() if TO_Q not in n},
                  layers, 1.0)  # fmt: skip


@pytest.mark.parametrize("kind", ["lora-xs", "dora-rows-xs"])
def test_an_adapter_between_the_weights_own_singular_vectors(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path, kind: str
) -> None:
    """Their signs do not matter: each occurs twice."""
    name = f"{ROOT}{TO_Q}.weight"
    core, rows = torch.randn(RANK, RANK, generator=generator), torch.rand(6, generator=generator) + 0.5
    start = f"model.transformer.{TO_Q}.parametrizations.weight.0"
    tensors = {f"{start}.M_xs": core} | ({f"{start}.magnitude": rows} if kind != "lora-xs" else {})
    path = write(tmp_path / "xs.safetensors", tensors, {"rank": RANK, "alpha": 6, "adapter_type": kind})
    found = merge(state, (path, 0.5))[name].double().numpy()
    weight = state[name].double().numpy()
    left, _, right = np.linalg.svd(weight)
    signs = np.sign([column[np.argmax(np.abs(column))] for column in left.T])[:RANK]
    expected = weight + 0.5 * 6 / RANK * (left[:, :RANK] * signs) @ core.double().numpy() @ (
        signs[:, None] * right[:RANK]
    )
    if kind != "lora-xs":
        expected *= (rows.double().numpy() / np.sqrt((expected**2).sum(axis=1)))[:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_magnitudes_of_columns_are_known_by_their_shape_in_old_files(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path
) -> None:
    layers = random_layers(generator, "dora-cols")
    tensors = adapter_files.native(layers)
    tensors = {n: v.unsqueeze(0) if n.endswith("magnitude") else v for n, v in tensors.items()}
    path = write(tmp_path / "old.safetensors", tensors, {"rank": RANK, "alpha": RANK, "adapter_type": "dora"})
    assert_merged(state, merge(state, (path, 1.0)), layers, 1.0)


def test_adapters_are_applied_one_after_the_other(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path
) -> None:
    first, second = random_layers(generator), random_layers(generator, "dora-rows")
    paths = [natively(".safetensors")(one, tmp_path / str(number), RANK) for number, one in enumerate((first, second))]
    found = merge(state, (paths[0], 0.5), (paths[1], 1.0))
    for layer in SHAPES:
        name = f"{ROOT}{layer}.weight"
        between = torch.from_numpy(by_hand(state[name], first[layer], 0.5))
        expected = by_hand(between, second[layer], 1.0).astype(np.float32)
        np.testing.assert_allclose(found[name].numpy(), expected, rtol=2e-7, atol=1e-7)


@pytest.mark.parametrize("kind", ["lora", "dora-rows"])
def test_strength_zero_is_the_model_itself(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path, kind: str
) -> None:
    path = natively(".safetensors")(random_layers(generator, kind), tmp_path, 1.0)
    found = merge(state, (path, 0.0))
    assert all(found[name] is value for name, value in state.items())


@pytest.mark.parametrize(
    "start",
    [
        *("", "transformer.", "model.transformer.", "model.model.transformer.", "diffusion.model.model.transformer."),
        *("base_model.model.model.transformer.", "diffusion_model.transformer.", "model._orig_mod.transformer."),
        *("lora.model.model.transformer.", "transformer.base_model.model.transformer."),
    ],
)
def test_a_layer_may_be_named_from_any_root(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path, start: str
) -> None:
    layers = random_layers(generator)
    path = write(tmp_path / "a.safetensors", adapter_files.native(layers, start), {"rank": RANK, "alpha": RANK})
    assert_merged(state, merge(state, (path, 1.0)), layers, 1.0)


# --- refusals -------------------------------------------------------------------------------------


def test_names_of_another_model_are_counted(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path
) -> None:
    shapes = {TO_Q: SHAPES[TO_Q], "layers.7.cross_attn.to_q": (6, 5), "blocks.0.attn.qkv": (6, 5)}
    path = write(tmp_path / "other.safetensors", adapter_files.native(random_layers(generator, shapes=shapes)))
    message = refusal(state, path)
    assert message.startswith(f"{path}: an adapter of another model: 1 of its 3 names match")
    assert all(name in message for name in ("layers.7.cross_attn.to_q", "blocks.0.attn.qkv"))


def test_a_name_that_could_be_several_layers_matches_none(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path
) -> None:
    tensors = adapter_files.native(random_layers(generator, shapes={"to_q": (6, 5)}), "cross_attn.")
    assert "0 of its 1 names match" in refusal(state, write(tmp_path / "short.safetensors", tensors))


@pytest.mark.parametrize("kind", ["lora", "dora-rows"])
def test_an_adapter_of_another_width_is_refused_with_both_shapes(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path, kind: str
) -> None:
    path = natively(".safetensors")(random_layers(generator, kind, {TO_Q: (12, 10)}), tmp_path, 1.0)
    message = refusal(state, path)
    assert f"an adapter of another model: at {ROOT}{TO_Q}.weight its product is 12 x 10, the weight is 6 x 5" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("part", ["lora_A", "lora_B", "magnitude"])
def test_what_is_no_number_is_refused_by_its_name(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path, value: float, part: str
) -> None:
    tensors = adapter_files.native(random_layers(generator, "dora-rows"))
    name = next(name for name in tensors if name.endswith(part))
    tensors[name].view(-1)[0] = value
    path = write(tmp_path / "nan.safetensors", tensors)
    assert refusal(state, path).startswith(f"{path}: {name} holds NaN or infinity")


def without(part: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: {name: value for name, value in tensors.items() if not name.endswith(part)}


def beside(name: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: {**tensors, name: torch.zeros(2, 2)}


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (without("lora_A"), "3 of 3 weights have half an adapter"),
        (without("lora_B"), "lora_B (lora_up)"),
        (beside("to_q.lokr_w1"), "1 of 7 tensors are of no adapter that can be merged, such as to_q.lokr_w1"),
        (beside("model/transformer/layers/0/dora_mag.weight"), "dora_mag.weight"),
        (beside("model.transformer.project_in.weight"), "no adapter that can be merged"),
        (lambda tensors: {"step": torch.zeros(1)}, "1 of 1 tensors are of no adapter that can be merged, such as step"),
        (lambda tensors: {n: v[:2] if n.endswith("A") else v for n, v in tensors.items()}, "do not go together"),
        (lambda tensors: {n: v[:0] if n.endswith("A") else v for n, v in tensors.items()}, "matrices are none"),
        (lambda tensors: {n: v.flatten() for n, v in tensors.items()}, "matrices are none"),
        (lambda tensors: {n: v.to(torch.int8) for n, v in tensors.items()}, "holds whole numbers"),
    ],
)
def test_a_damaged_adapter_is_refused(
    state: dict[str, Tensor],
    generator: torch.Generator,
    tmp_path: Path,
    spoilt: Callable[[dict[str, Tensor]], dict[str, Tensor]],
    said: str,
) -> None:
    path = write(tmp_path / "bad.safetensors", spoilt(adapter_files.native(random_layers(generator))))
    message = refusal(state, path)
    assert message.startswith(f"{path}: ")
    assert said in message


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"peft_type": "LOHA"}, "peft_type is LOHA"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa'"),
        ({"layer_replication": [[0, 2]]}, "layer_replication is set"),
        ({"lora_alpha": "much"}, "says no lora_alpha"),
        ({"alpha_pattern": {"(": 1}}, "is no pattern"),
        ({"alpha_pattern": {"to_q": "x"}}, "no mapping of numbers"),
    ],
)
def test_what_peft_does_beyond_sums_is_refused(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path, option: dict[str, Any], said: str
) -> None:
    folder = write_peft(tmp_path / "peft", adapter_files.peft(random_layers(generator)), **option)
    message = refusal(state, folder)
    assert message.startswith(f"{folder / 'adapter_config.json'}: ")
    assert said in message


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\udcff"])
def test_a_configuration_of_peft_that_is_none_is_refused(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path, text: str
) -> None:
    folder = write_peft(tmp_path / "peft", adapter_files.peft(random_layers(generator)))
    (folder / "adapter_config.json").write_bytes(text.encode(errors="surrogateescape"))
    assert refusal(state, folder).startswith(f"{folder / 'adapter_config.json'}: ")
    (folder / "adapter_config.json").unlink()
    assert "lacks adapter_config.json beside it" in refusal(state, folder)


@pytest.mark.parametrize("config", [[], "lora", {"alpha": "much"}])
def test_a_configuration_of_stable_audio_tools_that_is_none_is_refused(
    state: dict[str, Tensor], generator: torch.Generator, tmp_path: Path, config: Any
) -> None:
    path = write(tmp_path / "a.safetensors", adapter_files.native(random_layers(generator)), config)
    assert "its lora_config is damaged" in refusal(state, path)


def test_files_that_are_no_adapter_are_refused(state: dict[str, Tensor], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "cut.safetensors").write_bytes(b"\0" * 20)
    (tmp_path / "two").mkdir()
    for name in ("a.safetensors", "b.ckpt"):
        (tmp_path / "two" / name).touch()
    assert refusal(state, tmp_path / "absent.safetensors").startswith(f"{tmp_path}/absent.safetensors: no such adapter")
    assert "holds no adapter" in refusal(state, tmp_path / "empty")
    assert "not the name of an adapter's file" in refusal(state, tmp_path / "notes.txt")
    assert "damaged or truncated" in refusal(state, tmp_path / "cut.safetensors")
    assert "a.safetensors, b.ckpt" in refusal(state, tmp_path / "two")
