"""A DiT's forward pass as CUDA graphs: one for each group of timesteps, captured once and replayed at every step.

A step at batch 1 is many kernels that each take microseconds, and launching them one by one can take longer than they
do. A graph is launched once; in exchange it reads and writes the same memory every time, so that inputs are copied to
where it reads them and the keys and values of a new prompt take the place of the old ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from quant.engine.block import IntegerBlock
from quant.method.timesteps import STEP_NAME
from quant.model.attention import CrossAttention

WARM_UP = 3
"""Passes before a capture, in which kernels are compiled and tuned and what is kept between steps is made."""

Replay = Callable[[], Tensor]


@dataclass
class _Graph:
    """A captured pass, and the version of the context that its keys and values are of."""

    replay: Replay
    version: int


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
    kept as long as shapes and options stay the same, and are of the network as it is when they are captured.
    """

    def __init__(self, network: Any, capture: Callable[[Replay], Replay] | None = None) -> None:
        self._network = network
        self._capture = capture or Capture()
        self._graphs: dict[int, _Graph] = {}
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
        if group not in self._graphs:
            self._graphs[group] = _Graph(self._capture(self._pass), -1 if context is None else context.version)
        graph = self._graphs[group]
        if context is not None and graph.version != context.version:
            self._refresh(context.values)
            graph.version = context.version
        return graph.replay().clone()

    def reset(self) -> None:
        """Forget what was captured: the network has changed."""
        self._graphs.clear()

    def _pass(self) -> Tensor:
        out: Tensor = self._network(**self._inputs, **self._options, cfg_interval=ALWAYS, use_checkpointing=False)
        return out

    def _take(self, asked: dict[str, Tensor], conditioning: dict[str, Any]) -> None:
        """Copy what is asked to where the graphs read it, and the conditioning if it is another than before."""
        tensors = {name: value for name, value in conditioning.items() if isinstance(value, Tensor)}
        options = {name: value for name, value in conditioning.items() if name not in tensors}
        both = {**asked, **tensors}
        kind = {name: (value.shape, value.dtype, value.device) for name, value in both.items()}, options
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
        self._pool = self._pool or torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            out = function()

        def replay() -> Tensor:
            graph.replay()
            return out

        return replay
