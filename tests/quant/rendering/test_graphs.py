"""A DiT that is captured and replayed renders the clips that it renders step by step, prompt after prompt."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import QUICK, SAMPLER_OF, fresh
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import quant.engine.block
import quant.engine.integer
import quant.method.timesteps
import quant.model.attention
from quant.engine.convert import quantize_
from quant.kernels import reference
from quant.method.calibration import read_calibration
from quant.method.timesteps import CurrentStep
from quant.method.variants import VARIANTS, EngineName, Variant
from quant.model.loading import AudioModel
from quant.rendering.graphs import Capture, Graphs, Replay, graphs_of
from quant.rendering.sampling import sample

PROMPTS = ["rain on a roof", "a dog barks", "rain on a roof", "wind"]


class _Record(TorchDispatchMode):
    """Keeps every operation with the tensors it read and wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.operations.append((func, args, kwargs or {}, out))
        return out


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


def record(function: Replay) -> Replay:
    """What a CUDA graph does, on the CPU: run the same operations again, on the same memory, and no Python."""
    function()
    with pytest.MonkeyPatch.context() as patch, _Record() as recorded:
        for module in (quant.model.attention, quant.method.timesteps):
            patch.setattr(module, "capturing", lambda: True)
        result = function()

    def replay() -> Tensor:
        for func, args, kwargs, out in recorded.operations:
            for old, new in zip(_tensors(out), _tensors(func(*args, **kwargs)), strict=True):
                if old.data_ptr() != new.data_ptr():
                    old.copy_(new)
        return result

    return replay


class Counted:
    """Captures on this machine's GPU, or as :func:`record`, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, function: Replay) -> Replay:
        self.count += 1
        return Capture()(function) if torch.cuda.is_available() else record(function)


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
def made(at_home: Path, folders: dict[str, Path], calibration_file: Path) -> Callable[..., AudioModel]:
    def make(variant: Variant | None, objective: str = "v", engine: EngineName = "integer") -> AudioModel:
        model = fresh(folders[objective])
        if variant is not None:
            quantize_(model, variant, read_calibration(calibration_file), engine=engine)
        if torch.cuda.is_available():
            model.wrapper.to("cuda")
        return model

    return make


@pytest.fixture(autouse=True)
def resident(monkeypatch: pytest.MonkeyPatch) -> None:
    """All groups of timesteps stay in memory, as on a GPU; on the CPU one takes the place of another."""
    if not torch.cuda.is_available():
        monkeypatch.setattr(reference, "RESIDENT", True)
        for module in (quant.engine.block, quant.engine.integer):
            monkeypatch.setattr(module, "kernels_for", lambda device: reference)


KINDS = [
    None,
    *(VARIANTS[name] for name in ("sqs-w8a8", "sqd-w8a8", "sqd-lora-w4a8")),
    *(replace(VARIANTS[name], groups=3) for name in ("sqd-w8a8", "sqd-lora-w8a8")),
    replace(VARIANTS["sqd-w8a8"], groups=2, keep=("ff.ff.2",)),
]


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize("variant", KINDS, ids=lambda v: f"{v.name}-{v.groups}-{'-'.join(v.keep)}" if v else "baseline")
def test_clips_are_those_of_the_network_itself(
    made: Callable[..., AudioModel], counted: Counted, variant: Variant | None, guidance: float
) -> None:
    settings = replace(QUICK, steps=5, cfg_scale=guidance)
    model, plain = made(variant), made(variant)
    graphs = Graphs(model.wrapper.model, counted)
    for prompt in PROMPTS:
        assert torch.equal(sample(model, prompt, 7, settings, network=graphs), sample(plain, prompt, 7, settings))
    step = getattr(model.dit, "current_step", None)
    assert counted.count == (1 if step is None else len(set(step.groups.tolist())))


@pytest.mark.parametrize("name", ["sqs-w8a8", "sqd-lora-w8a8"])
def test_reference_engine(made: Callable[..., AudioModel], counted: Counted, name: str) -> None:
    """There, every step of a dynamic variant has weights of its own."""
    model, plain = (made(VARIANTS[name], engine="reference") for _ in range(2))
    graphs = Graphs(model.wrapper.model, counted)
    for prompt in PROMPTS:
        assert torch.equal(sample(model, prompt, 7, QUICK, network=graphs), sample(plain, prompt, 7, QUICK))
    assert counted.count == (1 if name == "sqs-w8a8" else QUICK.steps)


@pytest.mark.parametrize("objective", ["rectified_flow", "rf_denoiser"])
def test_samplers_of_other_objectives(made: Callable[..., AudioModel], counted: Counted, objective: str) -> None:
    model = made(None, objective)
    graphs, settings = Graphs(model.wrapper.model, counted), replace(QUICK, sampler=SAMPLER_OF[objective])
    for prompt in PROMPTS:
        assert torch.equal(sample(model, prompt, 7, settings, network=graphs), sample(model, prompt, 7, settings))
    assert counted.count == 1


@pytest.fixture
def asked(loaded: dict[str, AudioModel], generator: torch.Generator) -> Callable[..., dict[str, Any]]:
    """What a sampler asks the network: a new latent each time, a prompt's conditioning."""
    model = loaded["v"]

    def make(prompt: str = "rain", frames: int = 20, batch: int = 1, cfg_scale: float = 4.0) -> dict[str, Any]:
        x = torch.randn(batch, model.latent_channels, frames, generator=generator)
        t = torch.rand(1, generator=generator).expand(batch).clone()
        return {"x": x, "t": t, "cfg_scale": cfg_scale, **model.condition([prompt] * batch, QUICK.seconds)}

    return make


def test_other_shapes_and_options_are_captured_anew(
    loaded: dict[str, AudioModel], counted: Counted, asked: Callable[..., dict[str, Any]]
) -> None:
    network = loaded["v"].wrapper.model
    graphs = Graphs(network, counted)
    for captures, options in enumerate(({}, {"frames": 30}, {"batch": 2}, {"cfg_scale": 1.0}, {}), start=1):
        for _ in range(2):
            inputs = asked(**options)
            found = graphs(time=inputs["t"][:1], **inputs)
            assert torch.equal(found, network(**inputs, use_checkpointing=False))
            assert counted.count == captures


def test_prompt_without_words_has_a_graph_of_its_own(
    loaded: dict[str, AudioModel], counted: Counted, asked: Callable[..., dict[str, Any]]
) -> None:
    """Attention to a context of zeros is left out, so one that is not has more to do."""
    network = loaded["v"].wrapper.model
    graphs = Graphs(network, counted)
    for factor in (1, 0, 1):
        inputs = asked()
        inputs["cross_attn_cond"] = inputs["cross_attn_cond"] * factor
        assert torch.equal(graphs(time=inputs["t"], **inputs), network(**inputs, use_checkpointing=False))
    assert counted.count == 3


def test_answer_stays_when_the_next_is_computed(
    loaded: dict[str, AudioModel], counted: Counted, asked: Callable[..., dict[str, Any]]
) -> None:
    graphs = Graphs(loaded["v"].wrapper.model, counted)
    inputs = asked()
    first = graphs(time=inputs["t"], **inputs)
    kept = first.clone()
    assert not torch.equal(graphs(time=inputs["t"], **inputs | {"x": inputs["x"] + 1}), kept)
    assert torch.equal(first, kept)


def test_group_is_that_of_the_time_on_the_cpu(
    made: Callable[..., AudioModel], counted: Counted, asked: Callable[..., dict[str, Any]]
) -> None:
    """The one on the GPU is not read: that would wait for all that was launched."""
    model = made(replace(VARIANTS["sqd-w8a8"], groups=3))
    step = model.dit.get_submodule("current_step")
    assert isinstance(step, CurrentStep)
    graphs, inputs = Graphs(model.wrapper.model, counted), asked()
    times = [torch.atan(sigma.exp())[None] * 2 / torch.pi for sigma in step.log_sigmas]
    for time in times:
        graphs(time=time, **inputs | {"t": time.float()})
    groups = step.groups.tolist()
    assert counted.count == len(set(groups))
    answers = [graphs(time=time, **inputs) for time in times]
    for one, group in zip(answers, groups, strict=True):
        for other, another in zip(answers, groups, strict=True):
            assert torch.equal(one, other) == (group == another)


def test_quantizing_forgets_what_was_captured(
    made: Callable[..., AudioModel], calibration_file: Path, asked: Callable[..., dict[str, Any]]
) -> None:
    model, inputs = made(None), asked()
    graphs = Graphs(model.wrapper.model, record)
    before = graphs(time=inputs["t"], **inputs)
    quantize_(model, VARIANTS["sqs-w4a8"], read_calibration(calibration_file))
    after = graphs(time=inputs["t"], **inputs)
    assert not torch.equal(before, after)
    assert torch.equal(after, model.wrapper.model(**inputs, use_checkpointing=False))


def test_graphs_are_a_models_own_and_go_with_it(made: Callable[..., AudioModel]) -> None:
    first, second = made(None), made(None)
    assert graphs_of(first) is graphs_of(first) is not graphs_of(second)
    gone = weakref.ref(first.dit)
    del first
    gc.collect()
    assert gone() is None


@pytest.fixture
def on_gpu() -> str:
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU")
    return "cuda"


@pytest.mark.parametrize("variant", KINDS, ids=lambda v: f"{v.name}-{v.groups}" if v else "baseline")
def test_gpu_replays_what_it_captured(made: Callable[..., AudioModel], on_gpu: str, variant: Variant | None) -> None:
    model = made(variant)
    model.wrapper.to(on_gpu)
    for prompt in PROMPTS:
        found = sample(model, prompt, 7, QUICK, network=graphs_of(model))
        expected = sample(model, prompt, 7, QUICK)
        assert torch.allclose(found, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
