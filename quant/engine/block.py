"""A transformer block in integers: three passes of products, and between them one pass over memory each.

The activation half of smoothing costs nothing: the factors of the layer that follows are divided out of a layer
normalization's gamma and beta, of the rows of a weight's scale that make the values of attention, and of the "up"
half of the gated feed-forward layer. Each is exact: what they scale is linear in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from quant.engine.integer import IntegerLinear, Prepared
from quant.engine.reuse import Held, add_branch
from quant.kernels.choice import kernels_for
from quant.kernels.interface import Kernels
from quant.method.per_group import PerGroup
from quant.model.attention import CrossAttention, in_place, standard
from quant.model.window import attend


@dataclass
class _Norm:
    """A layer normalization with the smoothing factors of the layer after it divided out."""

    gamma: Tensor
    beta: Tensor
    eps: float
    static: Tensor | None


@dataclass
class _Ready:
    """All that a block needs for one group of timesteps."""

    norms: dict[str, _Norm]
    qkv: Prepared
    out: Prepared
    out_static: Tensor | None
    up_gate: Prepared
    up_gate_bias: Tensor
    up_fold: Tensor
    down: Prepared
    down_static: Tensor | None
    q: Prepared | None = None
    cross_out: Prepared | None = None
    cross_out_static: Tensor | None = None


def obstacle(block: Any) -> str:
    """Name what keeps a block from being computed by this file; empty if nothing does.

    Blocks with adaptive normalization, a conformer, layer scales, convolutions or layers kept in 16 bits run as the
    library wrote them, with integer layers inside.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> obstacle(load_model("mini").dit.transformer.layers[0])
    'self_attn.to_qkv is not in integers'
    """
    attention, cross, feed = block.self_attn, block.cross_attn if block.cross_attend else None, block.ff.ff
    scales = ["self_attn_scale", "ff_scale"] + ["cross_attn_scale"] * (cross is not None)
    layers = {"self_attn.to_qkv": getattr(attention, "to_qkv", None), "self_attn.to_out": attention.to_out}
    if cross is not None:
        layers |= {"cross_attn.to_q": getattr(cross, "to_q", None), "cross_attn.to_out": cross.to_out}
    layers |= {"ff.ff.0.proj": getattr(feed[0], "proj", None), "ff.ff.2": feed[2]}
    kinds = {
        "adaptive normalization": block.global_cond_dim not in (None, 0),
        "a conformer": block.conformer is not None,
        "positions of its own": block.rope is not None,
        "attention of an unusual kind": not standard(attention),
        f"qk_norm {attention.qk_norm}": attention.qk_norm not in ("none", "ln"),
        "layer scales": not all(isinstance(getattr(block, name), nn.Identity) for name in scales),
        "no layer normalization": not hasattr(block.pre_norm, "eps"),
        "cross-attention of an unusual kind": not isinstance(cross, CrossAttention | None),
    }
    named = [kind for kind, found in kinds.items() if found]
    return (named or [f"{name} is not in integers" for name, x in layers.items() if not _integer(x)] or [""])[0]


def _integer(layer: Any) -> bool:
    return isinstance(layer, IntegerLinear)


def fusible(block: Any) -> bool:
    """Whether a block is of the kind this file computes, with every one of its layers in integers.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> fusible(load_model("mini").dit.transformer.layers[0])  # its layers are not in integers
    False
    """
    return not obstacle(block)


class IntegerBlock(nn.Module):
    """Takes the place of the library's TransformerBlock; its parameters keep their names.

    Examples
    --------
    >>> from quant.mini.example import quantized
    >>> model, variant = quantized()
    >>> {type(block).__name__ for block in model.dit.transformer.layers}
    {'IntegerBlock'}
    """

    # The library's modules carry no types.
    self_attn: Any
    cross_attn: Any
    ff: Any
    pre_norm: Any
    cross_attend_norm: Any
    ff_norm: Any

    def __init__(self, block: Any) -> None:
        super().__init__()
        for name, child in block.named_children():
            self.add_module(name, child)
        self.cross_attend = block.cross_attend
        self.heads = block.self_attn.num_heads
        # Of what lies between the products; None is the dtype that the kernels are fastest with.
        self.between: torch.dtype | None = None
        self._ready: PerGroup[_Ready] = PerGroup()
        self._values: PerGroup[tuple[Tensor, Tensor]] = PerGroup()
        self._rotary: tuple[int, Tensor, Tensor] | None = None
        # By branch, where a variant takes outputs again.
        self.held: dict[str, Held] | None = None

    def _norm(self, norm: Any, layer: IntegerLinear) -> _Norm:
        group = layer.group
        factor = layer.smoothing[group]
        gamma, beta = norm.gamma.float() / factor, norm.beta.float() / factor
        return _Norm(gamma, beta, norm.eps, layer.static(group))

    def ready(self) -> _Ready:
        """Everything for the current group of timesteps."""
        kernels = kernels_for(self.pre_norm.gamma.device)
        return self._ready.of(self.self_attn.to_qkv.group, self._prepare, resident=kernels.RESIDENT)

    def _prepare(self, _: _Ready | None) -> _Ready:
        attention, feed, down = self.self_attn, self.ff.ff[0].proj, self.ff.ff[2]
        group = attention.to_qkv.group
        factor = attention.to_out.smoothing[group]
        qkv_fold = torch.cat((torch.ones(2 * len(factor), device=factor.device), 1 / factor))
        up_fold = 1 / down.smoothing[group]
        none = torch.zeros(feed.out_features, device=factor.device)
        ready = _Ready(
            {"self": self._norm(self.pre_norm, attention.to_qkv), "ff": self._norm(self.ff_norm, feed)},
            attention.to_qkv.prepared(qkv_fold),
            attention.to_out.prepared(),
            attention.to_out.static(group),
            feed.prepared(),
            none if feed.bias is None else feed.bias,
            up_fold,
            down.prepared(),
            down.static(group),
        )
        if self.cross_attend:
            cross = self.cross_attn
            ready.norms["cross"] = self._norm(self.cross_attend_norm, cross.to_q)
            ready.q, ready.cross_out = cross.to_q.prepared(), cross.to_out.prepared()
            ready.cross_out_static = cross.to_out.static(group)
        return ready

    def _angles(self, rotary: Any, tokens: int) -> tuple[Tensor, Tensor]:
        if self._rotary is None or self._rotary[0] != tokens:
            if rotary is None:
                zero = torch.zeros(tokens, 0, device=self.pre_norm.gamma.device)
                self._rotary = (tokens, zero, zero)
            else:
                freqs = rotary[0][-tokens:].float()
                self._rotary = (tokens, freqs.cos(), freqs.sin())
        return self._rotary[1], self._rotary[2]

    def _head_norms(self) -> tuple[Tensor, Tensor, Tensor, Tensor, float] | None:
        attention = self.self_attn
        if attention.qk_norm == "none":
            return None
        q, k = attention.q_norm, attention.k_norm
        return q.weight, q.bias, k.weight, k.bias, q.eps

    def folded_values(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of the context, the values with the smoothing factors of ``to_out`` divided out."""
        cross = self.cross_attn
        group, kernels = cross.to_out.group, kernels_for(context.device)
        k, v = cross.keys_values(context)

        def make(old: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
            factor = cross.to_out.smoothing[group].view(1, cross.num_heads, 1, -1)
            dtype = self.between or kernels.activation_dtype()
            old_k, old_v = old or (None, None)
            return in_place(old_k, k.to(dtype)), in_place(old_v, (v / factor).to(dtype))

        return self._values.of(group, make, version=cross.version, resident=kernels.RESIDENT)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        rotary_pos_emb: Any = None,
        self_attention_flash_sliding_window: Sequence[int] | None = None,
        **_: Any,
    ) -> Tensor:
        """Compute the block on (batch, tokens, channels), as the library's does."""
        kernels, ready, given = kernels_for(x.device), self.ready(), x.dtype
        dtype, x = self.between or kernels.activation_dtype(), x.float()
        held, place = self.held or {}, (rotary_pos_emb, self_attention_flash_sliding_window)
        x = add_branch(x, held.get("self_attn"), lambda x: self._attend(x, kernels, ready, dtype, *place))
        if self.cross_attend and context is not None and self.cross_attn.active:
            x = add_branch(x, held.get("cross_attn"), lambda x: self._cross_attend(x, kernels, ready, dtype, context))
        return add_branch(x, held.get("ff"), lambda x: self._feed(x, kernels, ready, dtype)).to(given)

    def _attend(
        self, x: Tensor, kernels: Kernels, ready: _Ready, dtype: torch.dtype, rotary: Any, window: Sequence[int] | None
    ) -> Tensor:
        norm, layer = ready.norms["self"], ready.qkv
        tokens = kernels.norm_quantize(
            x, norm.gamma, norm.beta, norm.eps, norm.static, layer.b, layer.limit, entry=layer.entry
        )
        y = layer.product(kernels, tokens, dtype)
        cos, sin = self._angles(rotary, x.shape[1])
        q, k, v = kernels.attention_inputs(y, tokens.scale, self.heads, cos, sin, self._head_norms())
        layer = ready.out
        attended = kernels.attention(q, k, v) if window is None else attend(q, k, v, flash_attn_sliding_window=window)
        tokens = kernels.merge_quantize(attended, ready.out_static, layer.b, layer.limit, entry=layer.entry)
        return layer.add(kernels, x, tokens)

    def _cross_attend(self, x: Tensor, kernels: Kernels, ready: _Ready, dtype: torch.dtype, context: Tensor) -> Tensor:
        assert ready.q is not None
        assert ready.cross_out is not None
        active = self.cross_attn.active
        norm, layer = ready.norms["cross"], ready.q
        tokens = kernels.norm_quantize(
            x[:active], norm.gamma, norm.beta, norm.eps, norm.static, layer.b, layer.limit, entry=layer.entry
        )
        # What is normalized is rounded once, behind it.
        wide = dtype if self.cross_attn.qk_norm == "none" else torch.float32
        q = kernels.split_heads(layer.product(kernels, tokens, torch.float32), tokens.scale, self.heads, wide)
        k, v = self.folded_values(context)
        q = self.cross_attn.normalized(q, "q_norm").to(dtype)
        layer = ready.cross_out
        tokens = kernels.merge_quantize(
            kernels.attention(q, k, v), ready.cross_out_static, layer.b, layer.limit, entry=layer.entry
        )
        found = layer.add(kernels, x[:active], tokens, over=True)
        if found.data_ptr() != x.data_ptr():
            x[:active] = found
        return x

    def _feed(self, x: Tensor, kernels: Kernels, ready: _Ready, dtype: torch.dtype) -> Tensor:
        norm, layer = ready.norms["ff"], ready.up_gate
        tokens = kernels.norm_quantize(
            x, norm.gamma, norm.beta, norm.eps, norm.static, layer.b, layer.limit, entry=layer.entry
        )
        y, layer = layer.product(kernels, tokens, dtype), ready.down
        tokens = kernels.swiglu_quantize(
            y,
            tokens.scale,
            ready.up_gate_bias,
            ready.up_fold,
            ready.down_static,
            layer.b,
            layer.limit,
            entry=layer.entry,
        )
        return layer.add(kernels, x, tokens, self.ff.ff[2].bias, over=True)


def fuse_(dit: Any) -> int:
    """Replace every block of ``dit`` that :func:`fusible` admits, in place; returns how many.

    Examples
    --------
    >>> from quant.model.loading import load_model
    >>> fuse_(load_model("mini").dit)  # none of its layers is in integers
    0
    """
    layers, fused = dit.transformer.layers, 0
    for index, block in enumerate(layers):
        if fusible(block):
            layers[index], fused = IntegerBlock(block), fused + 1
    return fused


def compute_in_(dit: Any, dtype: torch.dtype) -> None:
    """Have fused blocks compute in ``dtype`` what lies between their products: attention and the gate, in place.

    Examples
    --------
    >>> from quant.mini.example import quantized
    >>> model, variant = quantized()
    >>> compute_in_(model.dit, torch.float32)
    >>> {block.between for block in model.dit.transformer.layers}
    {torch.float32}
    """
    for block in dit.transformer.layers:
        if isinstance(block, IntegerBlock):
            block.between = dtype
