"""Weight files that are whole and will not do: each is refused in one line with exit code 2, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from broken_folders import Spoil, command, config, one_line, pickled, spoilt, state

from app.cli import main


def first(found: dict[str, torch.Tensor], part: str = "project_in.weight") -> str:
    return next(name for name in found if name.endswith(part))


def only(*parts: str) -> Spoil:
    return state(lambda found: {name: value for name, value in found.items() if name.startswith(parts)})


class Own:
    """An object of the trainer's own."""


def with_int8(found: dict[str, torch.Tensor]) -> None:
    found[first(found)] = found[first(found)].to(torch.int8)


def with_blocks(found: dict[str, torch.Tensor]) -> None:
    name = first(found)
    found[name] = found[name].to(torch.float8_e4m3fn)
    found[f"{name.removesuffix('.weight')}.weight_scale"] = torch.ones(found[name].shape[0], 3)


def with_inverse(found: dict[str, torch.Tensor]) -> None:
    found[f"{first(found)}_scale_inv"] = torch.ones(1)


def with_values(*values: float) -> Spoil:
    def change(found: dict[str, torch.Tensor]) -> None:
        found[first(found)].view(-1)[: len(values)] = torch.tensor(values)

    return state(change)


def average(found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    kept = [name for name in found if name.startswith("model.")][:-3]
    return found | {f"ema.{name}": found[name].clone() for name in kept}


BY_THE_WEIGHTS: dict[str, tuple[Spoil, str]] = {
    "the DiT alone": (only("model."), "the whole of its"),
    "the DiT alone, by its own names": (
        state(lambda s: {k.removeprefix("model.model."): v for k, v in s.items() if k.startswith("model.")}),
        "the whole of its conditioners and autoencoder",
    ),
    "the autoencoder alone": (only("pretransform."), "the whole of its conditioners and DiT"),
    "none of the names": (
        state(lambda s: {f"blocks.{n}.w": v for n, v in enumerate(s.values())}),
        "that it does not have, such as blocks.0.w and blocks.1.w",
    ),
    "a deeper model": (
        state(lambda s: s | {k.replace("layers.1.", "layers.2."): v.clone() for k, v in s.items() if "layers.1." in k}),
        "has no place for",
    ),
    "a bias too many": (
        state(lambda s: s.update({"model.model.transformer.layers.0.self_attn.to_out.bias": torch.ones(64)})),
        "has no place for 1 of its weights",
    ),
    "another width": (
        config(lambda c: c["model"]["diffusion"]["config"].update(embed_dim=32, num_heads=1)),
        " and should be ",
    ),
    "another shape": (state(lambda s: s.update({first(s): torch.zeros(3, 3)})), "is 3×3 and should be 64×128"),
    "the model twice": (
        state(lambda s: {f"{who}.{k}": v.clone() for who in ("first", "other") for k, v in s.items()}),
        "holds the model twice, under first. and other.",
    ),
    "a tensor twice": (
        state(lambda s: s.update({f"module.{first(s)}": s[first(s)].clone()})),
        "project_in.weight twice",
    ),
    "an average of a part": (state(average), "moving average lacks 2 of"),
    "weights in int8": (state(with_int8), "is stored as int8"),
    "scales by blocks": (state(with_blocks), "one scale a weight or one an output"),
    "scales turned round": (state(with_inverse), "not understood"),
    "NaN": (with_values(float("nan")), "project_in.weight holds 1 values of 8192 that are NaN or infinite"),
    "infinity": (with_values(float("inf"), -float("inf")), "holds 2 values"),
    "too great for float32": (
        state(lambda s: s.update({first(s): s[first(s)].double() + 1e300})),
        "holds 8192 values",
    ),
    "an object of the trainer's own": (pickled(lambda s: {"state_dict": s, "own": Own()}), ".Own, which would be run"),
    "a checkpoint of a number": (pickled(lambda s: 3), "no state dict"),
    "a checkpoint of optimizers": (pickled(lambda s: {"optimizer": {"state": {}}}), "no state dict"),
    "two models in a checkpoint": (pickled(lambda s: {"model": s, "generator": s}), "2 state dicts (model, generator)"),
    "two unknown ones in a checkpoint": (pickled(lambda s: {"a": s, "b": s}), "2 state dicts (a, b)"),
}
"""What is spoilt in a file that is whole, and words of the refusal."""


@pytest.mark.parametrize("kind", BY_THE_WEIGHTS)
def test_weights_that_will_not_do_are_one_line(
    good: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    spoil, words = BY_THE_WEIGHTS[kind]
    folder = spoilt(good, tmp_path / "model", spoil)
    assert main(command(folder, tmp_path / "out" / "a.safetensors")) == 2
    assert words in one_line(capsys.readouterr().err, folder)
    assert not (tmp_path / "out").exists()
