"""Quantized layers on the library's own block, against the paper's formulas written out in numpy and float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from paper_loops import Matrix, clear_of_borders, distance, loop_factor, loop_quantize, loop_weight
from torch import Tensor, nn

from quant.engine.reference import DynamicLinear, StaticLinear, linear_layers, weight_scale
from quant.method.timesteps import CurrentStep
from quant.method.variants import Variant
from quant.model import upstream

WIDTH, TOKENS, STEPS, ALPHA = 64, 40, 3, 0.5
LAYERS = (
    "self_attn.to_qkv",
    "self_attn.to_out",
    "cross_attn.to_q",
    "cross_attn.to_kv",
    "cross_attn.to_out",
    "ff.ff.0.proj",
    "ff.ff.2",
)
OUTLIERS = [5, 17]


@pytest.fixture
def block(seed: int) -> nn.Module:
    """A TransformerBlock of the library, as in Stable Audio's DiT: cross-attention and a GLU feed-forward."""
    library = upstream.stable_audio_tools("models.transformer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        block: nn.Module = library.TransformerBlock(
            WIDTH, dim_heads=32, cross_attend=True, dim_context=32, zero_init_branch_outputs=False
        )
    return block.requires_grad_(False)


@pytest.fixture
def inputs(block: nn.Module, generator: torch.Generator) -> dict[str, list[Tensor]]:
    """What each of the block's layers receives at three denoising steps, whose ranges grow."""
    seen: dict[str, list[Tensor]] = {name: [] for name in LAYERS}
    hooks = [
        block.get_submodule(name).register_forward_pre_hook(lambda _, args, name=name: seen[name].append(args[0]))
        for name in LAYERS
    ]
    spread = torch.ones(WIDTH)
    spread[OUTLIERS] = 60
    block.pre_norm.gamma.mul_(spread)  # type: ignore[operator, union-attr]
    for step in range(STEPS):
        x = torch.randn(1, TOKENS, WIDTH, generator=generator) * (1 + step)
        context = torch.randn(1, 12, 32, generator=generator)
        # Channels differ from step to step by more than a common factor, as they do in a DiT.
        block(x * torch.rand(WIDTH, generator=generator), context=context * torch.rand(32, generator=generator))
    for hook in hooks:
        hook.remove()
    return {name: [x.detach() for x in rows] for name, rows in seen.items()}


def sqs(bits: int) -> Variant:
    return Variant("sqs", "static", weight_bits=bits)


def sqd(bits: int, rank: int = 0) -> Variant:
    return Variant("sqd", "dynamic", weight_bits=bits, rank=rank)


def absmax_of(rows: list[Tensor]) -> Tensor:
    return torch.stack([x.abs().flatten(0, -2).amax(0) for x in rows])


def weight_steps(weight: Matrix, x_absmax: Matrix, bits: int) -> Matrix:
    """Distance between two codes in terms of the unsmoothed weight (out, in)."""
    factor = loop_factor(x_absmax, weight, ALPHA)
    return loop_weight(weight, factor, bits)[2] / factor


def arrays(layer: nn.Linear, x: Tensor) -> tuple[Matrix, Matrix, Matrix]:
    bias = torch.zeros(layer.out_features) if layer.bias is None else layer.bias
    return layer.weight.double().numpy(), bias.double().numpy(), x.flatten(0, -2).double().numpy()


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("bits", [8, 4])
def test_static_layer_is_the_papers_sqs(
    block: nn.Module, inputs: dict[str, list[Tensor]], name: str, bits: int
) -> None:
    layer: nn.Linear = block.get_submodule(name)  # type: ignore[assignment]
    table, x = absmax_of(inputs[name]), inputs[name][1].clone()
    # One global maximum per channel gives the factor; one number gives the activation's scale.
    largest = table.double().numpy().max(0)
    clear_of_borders(layer.weight, lambda weight: [weight_steps(weight, largest, bits)])
    factor = loop_factor(largest, layer.weight.double().numpy(), ALPHA)
    step = (largest / factor).max() / 127
    clear_of_borders(x, lambda _: [step * factor])
    weight, bias, flat = arrays(layer, x)
    codes, values, _ = loop_weight(weight, factor, bits)
    expected = (loop_quantize(flat / factor, step, 8) * step) @ values.T + bias

    quantized = StaticLinear.of(layer, table, ALPHA, sqs(bits))
    assert np.array_equal(quantized.codes.numpy(), codes)
    out = quantized(x)
    assert out.shape == layer(x).shape
    exact = flat @ weight.T + bias
    # The bound tells formulas apart: it is far below what quantization itself costs.
    assert distance(out, expected) < 1e-5 < distance(expected, exact) / 100


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(("bits", "rank"), [(8, 0), (8, 16), (4, 0), (4, 16)])
def test_dynamic_layer_is_the_papers_sqd(
    block: nn.Module, inputs: dict[str, list[Tensor]], name: str, bits: int, rank: int
) -> None:
    layer: nn.Linear = block.get_submodule(name)  # type: ignore[assignment]
    table = absmax_of(inputs[name])
    rows = table.double().numpy()
    clear_of_borders(layer.weight, lambda weight: [weight_steps(weight, row, bits) for row in rows])
    factors = [loop_factor(row, layer.weight.double().numpy(), ALPHA) for row in rows]
    step = CurrentStep(torch.tensor([500.0, 10.0, 0.3]).log(), "v")
    quantized = DynamicLinear.of(layer, table, step, ALPHA, sqd(bits, rank))

    weight, bias, _ = arrays(layer, inputs[name][0])
    mean = np.zeros_like(weight)
    for factor in factors:
        mean += loop_weight(weight, factor, bits)[1] / factor / STEPS
    u, sigma, vh = np.linalg.svd(weight - mean, full_matrices=False)
    branch = (u[:, :rank] * sigma[:rank]) @ vh[:rank]

    for index, (row, factor) in enumerate(zip(rows, factors, strict=True)):
        step.index = index
        # A scale for each input channel of the smoothed activation.
        x_steps = np.where(row > 0, row / factor, 1) / 127
        x = inputs[name][index].clone()
        clear_of_borders(x, lambda _, widths=x_steps * factor: [widths])
        flat = arrays(layer, x)[2]
        codes, values, _ = loop_weight(weight, factor, bits)
        x_hat = loop_quantize(flat / factor, x_steps, 8) * x_steps
        expected = x_hat @ values.T + bias + (x_hat * factor) @ branch.T
        assert np.array_equal(quantized.quantized_weight(index)[0].numpy(), codes)
        # The branch is rounded to fp16, and it is as large as the error that it corrects.
        assert distance(quantized(x), expected) < (5e-4 if rank else 1e-5), index


def test_dynamic_layer_follows_the_step(block: nn.Module, inputs: dict[str, list[Tensor]]) -> None:
    name = "ff.ff.0.proj"
    step = CurrentStep(torch.tensor([500.0, 10.0, 0.3]).log(), "v")
    layer = DynamicLinear.of(block.get_submodule(name), absmax_of(inputs[name]), step, ALPHA, sqd(4))  # type: ignore[arg-type]
    outputs = []
    for index in range(STEPS):
        step.index = index
        outputs.append(layer(inputs[name][0]))
    assert not torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[1], outputs[2])


@pytest.mark.parametrize("kind", ["static", "dynamic"])
@pytest.mark.parametrize("name", LAYERS)
def test_eight_bits_are_much_better_than_four(
    block: nn.Module, inputs: dict[str, list[Tensor]], name: str, kind: str
) -> None:
    layer: nn.Linear = block.get_submodule(name)  # type: ignore[assignment]
    errors = {bits: error_of(layer, inputs[name], kind, bits) for bits in (8, 4)}
    assert errors[8] < 0.05
    assert errors[8] < errors[4] / 3


def error_of(layer: nn.Linear, rows: list[Tensor], kind: str, bits: int, rank: int = 0, alpha: float = ALPHA) -> float:
    """Relative error of a quantized layer's outputs over all steps."""
    step = CurrentStep(torch.linspace(6, -1, len(rows)), "v")
    table = absmax_of(rows)
    make: Callable[[], nn.Module] = {
        "static": lambda: StaticLinear.of(layer, table, alpha, sqs(bits)),
        "dynamic": lambda: DynamicLinear.of(layer, table, step, alpha, sqd(bits, rank)),
    }[kind]
    quantized = make()
    wrong, right = 0.0, 0.0
    for index, x in enumerate(rows):
        step.index = index
        wrong += float((quantized(x) - layer(x)).square().sum())
        right += float(layer(x).square().sum())
    return (wrong / right) ** 0.5


def test_smoothing_beats_one_plain_scale_where_channels_have_outliers(
    block: nn.Module, inputs: dict[str, list[Tensor]]
) -> None:
    layer: nn.Linear = block.self_attn.to_qkv  # type: ignore[assignment, union-attr]
    # The trained setting of SmoothQuant: large channels meet small weights, so that every channel matters alike.
    layer.weight[:, OUTLIERS] /= 60
    rows = inputs["self_attn.to_qkv"]
    largest = float(absmax_of(rows).max())
    values = layer.weight.clone()
    for o in range(len(values)):
        unit = float(values[o].abs().max()) / 127
        values[o] = (values[o] / unit).round() * unit
    wrong, right = 0.0, 0.0
    for x in rows:
        coarse = (x / (largest / 127)).round().clamp(-127, 127) * (largest / 127)
        wrong += float((coarse @ values.mT - layer(x)).square().sum())
        right += float(layer(x).square().sum())
    plain = (wrong / right) ** 0.5
    assert error_of(layer, rows, "static", 8) < plain / 2
    assert error_of(layer, rows, "dynamic", 8) < plain / 2


def test_scales_of_each_step_beat_one_static_scale(block: nn.Module, inputs: dict[str, list[Tensor]]) -> None:
    """The first step's activations are the smallest: the static range, made for the last step, is coarse for them."""
    name = "self_attn.to_qkv"
    layer: nn.Linear = block.get_submodule(name)  # type: ignore[assignment]
    rows = [x * size for x, size in zip(inputs[name], (0.01, 0.1, 1.0), strict=True)]
    step = CurrentStep(torch.tensor([6.0, 2.0, -1.0]), "v")
    static = StaticLinear.of(layer, absmax_of(rows), ALPHA, sqs(8))
    dynamic = DynamicLinear.of(layer, absmax_of(rows), step, ALPHA, sqd(8))
    step.index = 0
    exact = layer(rows[0])
    assert float((dynamic(rows[0]) - exact).norm()) < float((static(rows[0]) - exact).norm()) / 5


@pytest.mark.parametrize("bits", [8, 4])
def test_branch_lowers_the_weight_error_that_it_models(
    block: nn.Module, inputs: dict[str, list[Tensor]], bits: int
) -> None:
    name = "ff.ff.2"
    layer: nn.Linear = block.get_submodule(name)  # type: ignore[assignment]
    step = CurrentStep(torch.tensor([6.0, 2.0, -1.0]), "v")
    errors = []
    for rank in (0, 8, 32, 64):
        quantized = DynamicLinear.of(layer, absmax_of(inputs[name]), step, ALPHA, sqd(bits, rank))
        assert quantized.a.shape == (WIDTH, rank)
        mean = torch.zeros_like(layer.weight)
        for index in range(STEPS):
            codes, scale, factor = quantized.quantized_weight(index)
            mean += codes * scale / factor / STEPS
        branch = quantized.a.float() @ quantized.b.float().mT
        errors.append(float((layer.weight - mean - branch).norm()))
    assert errors[0] > errors[1] > errors[2] > errors[3]
    assert errors[3] < errors[0] * 0.01


@pytest.mark.parametrize("name", LAYERS)
def test_branch_lowers_the_output_error_at_four_bits(
    block: nn.Module, inputs: dict[str, list[Tensor]], name: str
) -> None:
    """With one calibrated step the branch models exactly the error that is made."""
    layer: nn.Linear = block.get_submodule(name)  # type: ignore[assignment]
    rows = inputs[name][:1]
    assert error_of(layer, rows, "dynamic", 4, rank=32) < error_of(layer, rows, "dynamic", 4) * 0.85


def test_activations_beyond_the_calibrated_range_saturate(block: nn.Module, inputs: dict[str, list[Tensor]]) -> None:
    name = "ff.ff.0.proj"
    layer: nn.Linear = block.get_submodule(name)  # type: ignore[assignment]
    table = absmax_of(inputs[name])
    static = StaticLinear.of(layer, table, ALPHA, sqs(8))
    dynamic = DynamicLinear.of(layer, table, CurrentStep(torch.zeros(STEPS), "v"), ALPHA, sqd(8))
    x = torch.where(inputs[name][0] > 0, 1e6, -1e6)
    for quantized in (static, dynamic):
        assert torch.equal(quantized(x), quantized(x * 1000))


def test_dead_channels_and_dead_rows_stay_finite(block: nn.Module, inputs: dict[str, list[Tensor]]) -> None:
    name = "ff.ff.0.proj"
    layer: nn.Linear = block.get_submodule(name)  # type: ignore[assignment]
    layer.weight[7] = 0
    layer.weight[:, 3] = 0
    table, x = absmax_of(inputs[name]), inputs[name][0].clone()
    table[:, 9], x[..., 9] = 0, 0
    static = StaticLinear.of(layer, table, ALPHA, sqs(8))
    dynamic = DynamicLinear.of(layer, table, CurrentStep(torch.zeros(STEPS), "v"), ALPHA, sqd(8, 8))
    for quantized in (static, dynamic):
        out = quantized(x)
        assert bool(out.isfinite().all())
        assert torch.allclose(out[..., 7], layer.bias[7].expand_as(out[..., 7]), atol=1e-3)


def test_input_of_zeros_gives_the_bias(block: nn.Module, inputs: dict[str, list[Tensor]]) -> None:
    """Guidance's null context is zero: no quantized layer may add to it."""
    for name in LAYERS:
        layer: nn.Linear = block.get_submodule(name)  # type: ignore[assignment]
        table = absmax_of(inputs[name])
        expected = torch.zeros(1, 2, layer.out_features) + (0 if layer.bias is None else layer.bias)
        step = CurrentStep(torch.zeros(STEPS), "v")
        for quantized in (
            StaticLinear.of(layer, table, ALPHA, sqs(8)),
            DynamicLinear.of(layer, table, step, ALPHA, sqd(8, 8)),
        ):
            assert torch.equal(quantized(torch.zeros(1, 2, layer.in_features)), expected)


def test_original_layer_is_left_alone(block: nn.Module, inputs: dict[str, list[Tensor]]) -> None:
    name = "ff.ff.2"
    layer: nn.Linear = block.get_submodule(name)  # type: ignore[assignment]
    before = layer.weight.clone()
    StaticLinear.of(layer, absmax_of(inputs[name]), ALPHA, sqs(4))
    DynamicLinear.of(layer, absmax_of(inputs[name]), CurrentStep(torch.zeros(STEPS), "v"), ALPHA, sqd(4, 8))
    assert torch.equal(layer.weight, before)


def test_weight_scale_is_one_number_an_output_channel(generator: torch.Generator) -> None:
    weight = torch.randn(5, 9, generator=generator)
    assert weight_scale(weight, 8)[:, 0].tolist() == pytest.approx(
        [max(map(abs, row)) / 127 for row in weight.tolist()]
    )


def test_layers_are_those_of_the_blocks_alone(seed: int) -> None:
    """Attention projections and both feed-forward layers; no embedding, projection in or out."""
    library = upstream.stable_audio_tools("models.dit")
    dit = library.DiffusionTransformer(
        io_channels=8, embed_dim=WIDTH, depth=3, num_heads=2, cond_token_dim=32, global_cond_dim=32
    )
    assert set(linear_layers(dit)) == {f"transformer.layers.{i}.{name}" for i in range(3) for name in LAYERS}
