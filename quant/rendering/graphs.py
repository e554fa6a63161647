"""A DiT's forward pass as CUDA graphs: one for each group of timesteps, captured once and replayed at every step.

A step at batch 1 is many kernels that each take microseconds, and launching them one by one can take longer than they
do. A graph is launched once; in exchange it reads and writes the same memory every time, so that inputs are copied to
where it reads them and the keys and values of a new prompt take the place of the old ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from quant.engine.block import IntegerBlock
from quant.method.per_group import PerGroup
from quant.method.timesteps import STEP_NAME
from quant.model.attention import CrossAttention
from quant.model.loading import AudioModel

WARM_UP = 3
"""Passes before a capture, in which kernels are compiled and tuned and what is kept between steps is made."""

Replay = Callable[[], Tensor]


class _Always:
    """A bound of ``cfg_interval`` that every noise level keeps, without asking the GPU for the noise level."""

    def __le__(self, _: object) -> bool:
        return True

    def __ge__(self, _: object) -> bool:
        return True


ALWAYS = (_Always(), _Always())


class _ContextTaken(Exception):
    """Ends a forward pass before its first block."""


def _stop(*_: object) -> None:
    raise _ContextTaken


class Graphs:
    """The forward pass of stable-audio-tools' ``DiTWrapper`` on a GPU, guidance included.

    Answers as the network itself does, with the same inputs; a :class:`~quant.rendering.sampling.Network`. Graphs are
    kept as long as shapes and options stay the same and the network is not quantized in between.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> from quant.rendering.sampling import Sampling, sample
    >>> model, settings = load_model("mini"), Sampling(steps=2, seconds=1.0)
    >>> graphs = Graphs(model.wrapper.model, capture=lambda function: function)  # without a GPU nothing is captured
    >>> plain = sample(model, "rain", 7, settings)
    >>> torch.allclose(sample(model, "rain", 7, settings, network=graphs), plain, atol=1e-4)
    True
    """

    def __init__(self, network: Any, capture: Callable[[Replay], Replay] | None = None) -> None:
        self._network = network
        self._capture = capture or Capture()
        self._graphs: PerGroup[Replay] = PerGroup()
        self._kind: object = None
        self._inputs: dict[str, Tensor] = {}
        self._options: dict[str, Any] = {}
        self._given: dict[str, Tensor] = {}

    @torch.no_grad()
    def __call__(self, x: Tensor, t: Tensor, time: Tensor, **conditioning: Any) -> Tensor:
        """Velocity (batch, channels, frames) of x and t (batch,); the conditioning must not change in place."""
        self._take({"x": x, "t": t}, conditioning)
        step = getattr(self._network.model, STEP_NAME, None)
        if step is not None:
            step.set(time)
        group = 0 if step is None else step.group
        context = getattr(self._network.model.transformer, "current_context", None)

        def make(captured: Replay | None) -> Replay:
            if captured is None:
                return self._capture(self._pass)
            if context is not None:
                self._refresh(context.values)
            return captured

        replay = self._graphs.of(group, make, version=0 if context is None else context.version)
        return replay().clone()

    def _pass(self) -> Tensor:
        out: Tensor = self._network(**self._inputs, **self._options, cfg_interval=ALWAYS, use_checkpointing=False)
        return out

    def _take(self, asked: dict[str, Tensor], conditioning: dict[str, Any]) -> None:
        """Copy what is asked to where the graphs read it, and the conditioning if it is another than before."""
        tensors = {name: value for name, value in conditioning.items() if isinstance(value, Tensor)}
        options = {name: value for name, value in conditioning.items() if name not in tensors}
        both = {**asked, **tensors}
        shapes = {name: (value.shape, value.dtype, value.device) for name, value in both.items()}
        # A network that was quantized since has a step to follow that it had not.
        kind = shapes, options, getattr(self._network.model, STEP_NAME, None)
        if kind != self._kind:
            self._graphs.clear()
            self._kind, self._options = kind, options
            self._inputs = {name: value.clone() for name, value in both.items()}
            self._given = {}
        for name, value in asked.items():
            self._inputs[name].copy_(value)
        if any(self._given.get(name) is not value for name, value in tensors.items()):
            for name, value in tensors.items():
                self._inputs[name].copy_(value)
            self._given = tensors
            self._take_context()

    def _take_context(self) -> None:
        """Run the pass up to the first block, whose hook compares the context with the one before."""
        transformer = self._network.model.transformer
        context = getattr(transformer, "current_context", None)
        if context is None:
            return
        active = context.active
        handle = transformer.register_forward_pre_hook(_stop)
        try:
            self._pass()
        except _ContextTaken:
            pass
        finally:
            handle.remove()
        if context.active != active:
            self._graphs.clear()

    def _refresh(self, context: Tensor) -> None:
        """Write the context's keys and values, for the current group, where the graph reads them."""
        for block in self._network.model.transformer.layers:
            if isinstance(block, IntegerBlock) and block.cross_attend:
                block.folded_values(context)
            elif isinstance(getattr(block, "cross_attn", None), CrossAttention):
                block.cross_attn.keys_values(context)


class Capture:
    """Captures functions of no arguments as CUDA graphs that share their temporary memory."""

    def __init__(self) -> None:
        self._pool: Any = None

    def __call__(self, function: Replay) -> Replay:
        """Capture ``function``; what is returned runs it again and returns its result, in the same memory always."""
        ready = torch.cuda.Stream()
        ready.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(ready):
            for _ in range(WARM_UP):
                function()
        torch.cuda.current_stream().wait_stream(ready)
        # An object that keeps the memory when all graphs are let go of, as when clips get another length.
        self._pool = self._pool or torch.cuda.MemPool()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool.id):
            out = function()

        def replay() -> Tensor:
            graph.replay()
            return out

        return replay


_KEPT: WeakKeyDictionary[nn.Module, Graphs] = WeakKeyDictionary()


def graphs_of(model: AudioModel) -> Graphs:
    """Return the graphs of a model on a GPU, which are kept from clip to clip and go when it goes.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> model = load_model("mini")
    >>> graphs_of(model) is graphs_of(model)
    True
    """
    # By the wrapper around the network: graphs hold the network, and would keep a model by which they are found.
    if model.wrapper not in _KEPT:
        _KEPT[model.wrapper] = Graphs(model.wrapper.model)
    return _KEPT[model.wrapper]
