"""Cross-attention with two exact savings, for full precision and every variant alike.

Keys and values of a prompt do not change with the denoising step, nor does what the prompt is projected to: they are
computed once. The null half of classifier-free guidance attends to a context of zeros through layers without bias, so
its result is exactly zero and is not computed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from quant.method.per_group import PerGroup
from quant.method.timesteps import capturing


def _equal(seen: Tensor, given: Tensor) -> bool:
    kinds = [(x.shape, x.dtype, x.device) for x in (seen, given)]
    return kinds[0] == kinds[1] and torch.equal(seen, given)


class CurrentContext:
    """The context of the forward pass that is running; ``version`` changes when its values do.

    One instance belongs to one model. ``active`` counts the leading batch items that have a context; those after
    them are zero.

    Examples
    --------
    >>> context = CurrentContext()
    >>> context.set(torch.ones(2, 3, 4) * torch.tensor([1.0, 0.0]).view(2, 1, 1))  # the second has none
    >>> context.active, context.version
    (1, 1)
    """

    def __init__(self) -> None:
        self.version = 0
        self.active = 0
        self.resets = 0
        self.values: Tensor | None = None

    def reset(self) -> None:
        """Forget the context, so that all that is made of it is computed anew: the layers that do so have changed."""
        self.values = None
        self.resets += 1

    def set(self, context: Tensor) -> None:
        """Compare ``context`` (batch, tokens, channels) with the one before, by value."""
        if self.values is not None and _equal(self.values, context):
            return
        self.values = context.detach().clone()
        filled = context.flatten(1).any(1).nonzero()
        self.active = int(filled[-1]) + 1 if len(filled) else 0
        self.version += 1


def _follow(transformer: Any, _: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Before each pass, tell the context it gets; found through the module, so that a copy follows its own."""
    # Values cannot be compared while a CUDA graph is captured; who captures has set the context.
    if kwargs.get("context") is not None and not capturing():
        transformer.current_context.set(kwargs["context"])


def in_place(old: Tensor | None, new: Tensor) -> Tensor:
    """``new`` in the memory of ``old`` where it fits there, so that a CUDA graph that reads it sees the new values.

    Examples
    --------
    >>> old = torch.zeros(2)
    >>> in_place(old, torch.ones(2)) is old
    True
    """
    if old is None or (old.shape, old.dtype, old.device) != (new.shape, new.dtype, new.device):
        return new.contiguous()
    return old.copy_(new)


class Projection(nn.Sequential):
    """Takes the place of layers that project what is conditioned on: the same result, kept until that changes.

    Examples
    --------
    >>> projection = Projection(nn.Sequential(nn.Linear(2, 2)).eval().requires_grad_(False), CurrentContext())
    >>> prompt = torch.ones(1, 2)
    >>> projection(prompt) is projection(prompt.clone())
    True
    """

    def __init__(self, layers: nn.Sequential, current: CurrentContext) -> None:
        super().__init__(*layers)
        self.train(layers.training)
        self._current = (current,)
        self._kept: tuple[Tensor, list[tuple[int, int]], Tensor] | None = None

    def forward(self, given: Tensor) -> Tensor:
        """Project ``given`` (batch, ..., channels), or give what it became when it was last seen."""
        # What is trained changes with every step; values cannot be compared while a CUDA graph is captured.
        if self.training or capturing():
            return self._project(given)
        # New weights may come to lie where others lay: who exchanges them resets the context.
        made_by = [(self._current[0].resets, 0), *((x.data_ptr(), x._version) for x in self.parameters())]
        if self._kept is not None:
            seen, by, found = self._kept
            if by == made_by and _equal(seen, given):
                return found
        found = self._project(given)
        self._kept = None if found.requires_grad else (given.clone(), made_by, found)
        return found

    def _project(self, given: Tensor) -> Tensor:
        for layer in self:
            given = layer(given)
        return given


class CrossAttention(nn.Module):
    """Takes the place of the library's cross-attention: the same layers under the same names, the same result.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> attention = load_model("mini").dit.transformer.layers[0].cross_attn
    >>> type(attention).__name__, attention.num_heads % attention.kv_heads
    ('CrossAttention', 0)
    """

    to_q: nn.Module
    to_kv: nn.Module
    to_out: nn.Module

    def __init__(self, attention: Any, current: CurrentContext) -> None:
        super().__init__()
        self.train(attention.training)
        for name, child in attention.named_children():
            self.add_module(name, child)
        self.num_heads, self.kv_heads, self.qk_norm = attention.num_heads, attention.kv_heads, attention.qk_norm
        self._current = (current,)
        self._kept: PerGroup[tuple[Tensor, Tensor]] = PerGroup()

    def normalized(self, x: Tensor, norm: str) -> Tensor:
        """Normalize queries or keys by the model's own norm of that name, if it has one."""
        if self.qk_norm == "l2":
            return F.normalize(x, dim=-1)
        if self.qk_norm == "none":
            return x
        out: Tensor = getattr(self, norm)(x)
        return out.to(x.dtype)

    def queries(self, projected: Tensor) -> Tensor:
        """Split (batch, tokens, heads * d) into heads and normalize them as the model asks."""
        return self.normalized(projected.unflatten(-1, (self.num_heads, -1)).transpose(1, 2), "q_norm")

    @property
    def active(self) -> int:
        """Leading batch items that have a context."""
        return self._current[0].active

    @property
    def version(self) -> int:
        """Of the context that keys and values are asked for."""
        return self._current[0].version

    def keys_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (active, heads, tokens, d) of the items that have a context; kept until it changes."""

        def make(old: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
            k, v = self.to_kv(context[: self.active]).chunk(2, -1)
            k, v = (part.unflatten(-1, (self.kv_heads, -1)).transpose(1, 2) for part in (k, v))
            k, shared = self.normalized(k, "k_norm"), self.num_heads // self.kv_heads
            k, v = (part.repeat_interleave(shared, 1) for part in (k, v))
            old_k, old_v = old or (None, None)
            return in_place(old_k, k), in_place(old_v, v)

        # What is trained changes with every step; to_kv does not see the step, so that there is one group.
        return make(None) if self.training else self._kept.of(0, make, version=self.version)

    def forward(self, x: Tensor, context: Tensor, **_: Any) -> Tensor:
        """Attend from (batch, n, channels) to ``context`` (batch, m, channels)."""
        current = self._current[0]
        if not current.active:
            return torch.zeros_like(x)
        k, v = self.keys_values(context)
        q = self.queries(self.to_q(x[: current.active]))
        out: Tensor = self.to_out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return F.pad(out, (0, 0, 0, 0, 0, len(x) - current.active))


def standard(attention: Any) -> bool:
    """Whether an attention of the library is of the plain kind: no differential attention, no feature scaling.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> [standard(block.self_attn) for block in load_model("mini").dit.transformer.layers][:1]
    [True]
    """
    return not attention.differential and not attention.feat_scale and not attention.causal


def biased(attention: Any) -> bool:
    """Whether a layer on the context's path has a bias, so that a context of zeros does not give zero.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> [biased(block.cross_attn) for block in load_model("mini").dit.transformer.layers][:1]
    [False]
    """
    return any(getattr(attention, name).bias is not None for name in ("to_kv", "to_out"))


def save_work_(dit: Any) -> None:
    """Give every cross-attention of ``dit`` both savings, in place; attentions of unusual kinds stay as they are.

    What conditions it is projected once.

    The names of all parameters stay the same.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> dit = load_model("mini").dit  # loading gave it both savings
    >>> {type(block.cross_attn).__name__ for block in dit.transformer.layers}
    {'CrossAttention'}
    """
    current = CurrentContext()
    dit.transformer.current_context = current
    dit.transformer.register_forward_pre_hook(_follow, with_kwargs=True)
    for name in ("to_cond_embed", "to_global_embed", "to_prepend_embed"):
        layers = getattr(dit, name, None)
        if type(layers) is nn.Sequential:
            setattr(dit, name, Projection(layers, current))
    for block in dit.transformer.layers:
        attention = getattr(block, "cross_attn", None)
        if attention is not None and standard(attention) and not biased(attention):
            block.cross_attn = CrossAttention(attention, current)
