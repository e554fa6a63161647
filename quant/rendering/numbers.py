"""Numbers that are not: which prompt, step and layer the first NaN or infinity of a rendering comes from.

On the CPU each answer of the network is looked at before the sampler goes on. On a GPU nothing in the loop waits for
the device: there the looks are collected, and read when the latent is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from quant.errors import NumberError
from quant.method.timesteps import STEP_NAME
from quant.model.loading import AudioModel


@dataclass
class _Call:
    """What the network was asked in one step, and whether each clip of its answer is finite, bool (clips,)."""

    step: int
    x: Tensor
    t: Tensor
    conditioning: dict[str, Any]
    finite: Tensor


class Watch:
    """Looks at every answer of a network while one batch of clips is sampled.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> watch = Watch(load_model("mini"), ["rain"], [7], steps=3)
    >>> try:
    ...     watch.latents(torch.full((1, 64, 12), torch.nan))
    ... except NumberError as error:
    ...     print(str(error).partition(";")[0])
    'rain', seed 7: NaN or infinity after step 3 of 3, from the sampler
    """

    def __init__(self, model: AudioModel, prompts: Sequence[str], seeds: Sequence[int], steps: int) -> None:
        self._model, self._prompts, self._seeds, self._steps = model, prompts, seeds, steps
        self._calls: list[_Call] = []

    def answer(self, step: int, x: Tensor, t: Tensor, conditioning: dict[str, Any], out: Tensor) -> None:
        """Look at the answer ``out`` (clips, channels, frames) to x and t in a step, the first being 1.

        Raises
        ------
        NumberError
            If it is not finite, with the layer that this comes from; on a GPU :meth:`latents` says so.
        """
        call = _Call(min(step, self._steps), x, t, conditioning, out.isfinite().flatten(1).all(1))
        if out.device.type == "cpu":
            self._judge(call)
        else:
            self._calls.append(call)

    def latents(self, latents: Tensor) -> None:
        """Look at what the sampler made of the answers, (clips, channels, frames).

        Raises
        ------
        NumberError
            If it, or an answer of a GPU, is not finite.
        """
        for call in self._calls:
            self._judge(call)
        finite = latents.isfinite().flatten(1).all(1)
        if not bool(finite.all()):
            raise self._error(finite, f"after step {self._steps} of {self._steps}, from the sampler")

    def _judge(self, call: _Call) -> None:
        if bool(call.finite.all()):
            return
        where = f"at step {call.step} of {self._steps}"
        if not bool(call.x.isfinite().all()):
            raise self._error(call.finite, f"{where}, from the sampler")
        raise self._error(call.finite, f"{where}, {self._layer(call)}")

    def _layer(self, call: _Call) -> str:
        model = self._model
        given = [key for key, value in call.conditioning.items() if isinstance(value, Tensor) and not _finite(value)]
        if given:
            prompts = list(self._prompts)
            return f"in the conditioning, {origin(model.wrapper.conditioner, lambda: model.condition(prompts, 1.0))}"
        # Keys and values of the prompt are computed anew, and so looked at.
        model.wrapper.model.model.transformer.current_context.reset()
        return origin(
            model.dit, lambda: model.wrapper.model(call.x, call.t, use_checkpointing=False, **call.conditioning)
        )

    def _error(self, finite: Tensor, where: str) -> NumberError:
        clip = int(finite.logical_not().nonzero()[0])
        return number_error(self._model, self._prompts[clip], self._seeds[clip], where)


def number_error(model: AudioModel, prompt: str, seed: int, where: str) -> NumberError:
    """Say of which clip a number is none, ``where``, and what may help.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> print(number_error(load_model("mini"), "rain", 7, "at step 2 of 3"))
    'rain', seed 7: NaN or infinity at step 2 of 3; check the model's weights
    """
    text = " ".join(prompt.split())
    shown = text if len(text) <= 60 else text[:57] + "..."
    remedy = "check the model's weights"
    if hasattr(model.dit, STEP_NAME):
        remedy = "render the baseline first, and keep that layer in 16 bits (quantization.keep) if it renders"
    return NumberError(f"{shown!r}, seed {seed}: NaN or infinity {where}; {remedy}")


@contextmanager
def naming(stimulus: str) -> Iterator[None]:
    """Say of which stimulus it is that a model computes NaN or infinity.

    Examples
    --------
    >>> try:
    ...     with naming("p1.baseline.7"):
    ...         raise NumberError("NaN or infinity")
    ... except NumberError as error:
    ...     print(error)
    p1.baseline.7: NaN or infinity
    """
    try:
        yield
    except NumberError as error:
        raise NumberError(f"{stimulus}: {error}") from error


def origin(root: nn.Module, run: Callable[[], object]) -> str:
    """Say from which submodule of ``root`` the first NaN or infinity of ``run`` comes, which calls it.

    Submodules are looked at in the order in which they are done, so that a part comes before the whole.

    Examples
    --------
    >>> layers = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    >>> _ = layers[0].bias.data.fill_(torch.inf)
    >>> origin(layers, lambda: layers(torch.ones(2)))
    'first from 0 (its bias is not finite)'
    """
    found: list[str] = []

    def before(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, args: Any, kwargs: Any) -> None:
            if not found and not _finite((args, kwargs)):
                found.append(f"first in what goes into {name}")

        return hook

    def after(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, _: Any, out: Any) -> None:
            if not found and not _finite(out):
                bad = [key for key, value in module.state_dict().items() if not _finite(value)]
                found.append(f"first from {name}" + (f" (its {bad[0]} is not finite)" if bad else ""))

        return hook

    hooks = []
    for name, module in root.named_modules():
        if module is not root and ".parametrizations" not in f".{name}":
            hooks.append(module.register_forward_pre_hook(before(name), with_kwargs=True))
            hooks.append(module.register_forward_hook(after(name)))
    try:
        with torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else "from its own arithmetic"


def _finite(value: Any) -> bool:
    tensors = [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    return all(bool(tensor.isfinite().all()) for tensor in tensors)
