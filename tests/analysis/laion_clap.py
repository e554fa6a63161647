"""A small CLAP as laion-clap has it: random weights under its names, its forward pass in float64, and a tokenizer.

Written from the structure of laion-clap 1.1.4 (``htsat.py``, ``feature_fusion.py``, ``model.py``), window by window;
its text branch is the ``RobertaModel`` that it takes itself.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from tokenizers import ByteLevelBPETokenizer
from torch import Tensor
from torch.nn import functional
from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

CHECKPOINT = "630k-audioset-fusion-best.pt"
WIDTH, DEPTHS, HEADS, WINDOW = 8, (2, 2, 6, 2), (4, 8, 16, 32), 8
TEXT = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
EMBEDDING = 12
CAPTIONS = ["A dog barks at a passing train", "Rain falls on a tin roof", "Bells ring far away"]


def sizes(words: int) -> tuple[dict[str, Any], dict[str, Any], int]:
    """What analysis.metrics.networks.clap.Sizes is given for it."""
    return {"patch_embeds_hidden_size": WIDTH, "hidden_size": 8 * WIDTH}, {**TEXT, "vocab_size": words}, EMBEDDING


def write_tokenizer(folder: Path, *, whole: bool = True) -> int:
    """Write a small tokenizer as RoBERTa's is kept, in one file or in two; give how many tokens it knows."""
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(CAPTIONS, 300, min_frequency=1, show_progress=False, special_tokens=special)
    folder.mkdir(parents=True, exist_ok=True)
    trained.save_model(str(folder))
    if whole:
        RobertaTokenizer.from_pretrained(str(folder)).save_pretrained(folder)
    return int(trained.get_vocab_size())


def random_state(seed: int, words: int) -> dict[str, Tensor]:
    """Random weights under laion-clap's names, with the parts that no embedding comes from."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def add(name: str, *shape: int, scale: float = 1.0, at: float = 0.0) -> None:
        state[name] = at + scale * torch.randn(shape, generator=generator)

    def linear(name: str, inside: int, out: int, *more: int, bias: bool = True) -> None:
        add(f"{name}.weight", out, inside, *more, scale=(inside * math.prod(more)) ** -0.5)
        if bias:
            add(f"{name}.bias", out, scale=0.1)

    def norm(name: str, width: int, *, batch: bool = False) -> None:
        add(f"{name}.weight", width, scale=0.1, at=1.0)
        add(f"{name}.bias", width, scale=0.1)
        if batch:
            add(f"{name}.running_mean", width, scale=0.1)
            state[f"{name}.running_var"] = 0.5 + torch.rand(width, generator=generator)
            state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    norm("audio_branch.bn0", 64, batch=True)
    state["audio_branch.bn0.running_mean"] -= 30
    state["audio_branch.bn0.running_var"] += 400
    patches = "audio_branch.patch_embed"
    linear(f"{patches}.proj", 1, WIDTH, 4, 4)
    linear(f"{patches}.mel_conv2d", 1, WIDTH, 4, 12)
    norm(f"{patches}.norm", WIDTH)
    for part, first in (("local_att", 0), ("global_att", 1)):
        linear(f"{patches}.fusion_model.{part}.{first}", WIDTH, WIDTH // 4, 1, 1)
        norm(f"{patches}.fusion_model.{part}.{first + 1}", WIDTH // 4, batch=True)
        linear(f"{patches}.fusion_model.{part}.{first + 3}", WIDTH // 4, WIDTH, 1, 1)
        norm(f"{patches}.fusion_model.{part}.{first + 4}", WIDTH, batch=True)
    for stage, depth in enumerate(DEPTHS):
        width = WIDTH * 2**stage
        for block in range(depth):
            name = f"audio_branch.layers.{stage}.blocks.{block}"
            norm(f"{name}.norm1", width)
            norm(f"{name}.norm2", width)
            add(f"{name}.attn.relative_position_bias_table", (2 * WINDOW - 1) ** 2, HEADS[stage])
            state[f"{name}.attn.relative_position_index"] = torch.zeros(WINDOW**2, WINDOW**2, dtype=torch.long)
            linear(f"{name}.attn.qkv", width, 3 * width)
            linear(f"{name}.attn.proj", width, width)
            linear(f"{name}.mlp.fc1", width, 4 * width)
            linear(f"{name}.mlp.fc2", 4 * width, width)
            if block % 2 and stage < 3:
                state[f"{name}.attn_mask"] = torch.zeros(4, WINDOW**2, WINDOW**2)
        if stage < 3:
            norm(f"audio_branch.layers.{stage}.downsample.norm", 4 * width)
            linear(f"audio_branch.layers.{stage}.downsample.reduction", 4 * width, 2 * width, bias=False)
    norm("audio_branch.norm", 8 * WIDTH)
    linear("audio_branch.tscam_conv", 8 * WIDTH, 3, 2, 3)
    linear("audio_branch.head", 3, 3)
    add("audio_branch.spectrogram_extractor.stft.conv_real.weight", 3, 1, 4)
    add("audio_branch.logmel_extractor.melW", 3, 2)
    for name, value in _roberta(words, 0.0).state_dict().items():
        # Embeddings so small that it shows what a layer norm adds to their variance.
        scale = 0.003 if name.endswith("embeddings.weight") else 0.3
        add(f"text_branch.{name}", *value.shape, scale=scale, at=float(name.endswith("LayerNorm.weight")))
    state["text_branch.embeddings.position_ids"] = torch.arange(514)[None]
    for branch, width in (("audio", 8 * WIDTH), ("text", TEXT["hidden_size"])):
        linear(f"{branch}_projection.0", width, EMBEDDING)
        linear(f"{branch}_projection.2", EMBEDDING, EMBEDDING)
        linear(f"{branch}_transform.sequential.0", EMBEDDING, EMBEDDING)
    add("logit_scale_a")
    add("logit_scale_t")
    return state


def write_checkpoint(state: dict[str, Tensor], path: Path) -> None:
    """Write it as laion-clap's training does."""
    named = {f"module.{name}": value for name, value in state.items()}
    torch.save({"epoch": 3, "name": "small", "state_dict": named, "optimizer": {"state": {}}}, path)


def hear(state: dict[str, Tensor], pictures: Tensor, *, fused: bool) -> Tensor:
    """Embed four pictures (4, windows, 64) in float64."""
    weights = {name: value.double() for name, value in state.items()}
    seen = _batch_norm(weights, "audio_branch.bn0", pictures.double().movedim(-1, 0)).movedim(0, -1)
    seen = functional.interpolate(seen[None], (1024, 64), mode="bicubic", align_corners=True)[0]
    images = torch.zeros(4, 256, 256, dtype=torch.double)
    for quarter in range(4):
        images[:, 64 * quarter : 64 * quarter + 64] = seen[:, 256 * quarter : 256 * quarter + 256].transpose(1, 2)
    tokens = _patches(weights, images, fused=fused).permute(1, 2, 0)
    tokens = _norm(weights, "audio_branch.patch_embed.norm", tokens)
    for stage, depth in enumerate(DEPTHS):
        for block in range(depth):
            tokens = _block(weights, f"audio_branch.layers.{stage}.blocks.{block}", tokens, HEADS[stage], block % 2)
        if stage < 3:
            name = f"audio_branch.layers.{stage}.downsample"
            parts = [tokens[row::2, column::2] for row, column in ((0, 0), (1, 0), (0, 1), (1, 1))]
            merged = _norm(weights, f"{name}.norm", torch.cat(parts, -1))
            tokens = merged @ weights[f"{name}.reduction.weight"].T
    return _projected(weights, "audio", _norm(weights, "audio_branch.norm", tokens).mean((0, 1)))


def read(
    state: dict[str, Tensor], tokenizer: Path, texts: list[str], *, tokens: int = 77, epsilon: float = 1e-5
) -> Tensor:
    """Embed texts in float64, each filled up to ``tokens`` as laion-clap does, with the epsilon of roberta-base."""
    spelled = RobertaTokenizer.from_pretrained(str(tokenizer))(
        texts, padding="max_length", truncation=True, max_length=tokens, return_tensors="pt"
    )
    roberta = _roberta(state["text_branch.embeddings.word_embeddings.weight"].shape[0], epsilon)
    roberta.load_state_dict({name: state[f"text_branch.{name}"] for name in roberta.state_dict()})
    with torch.no_grad():
        pooled = roberta.double().eval()(spelled["input_ids"], attention_mask=spelled["attention_mask"]).pooler_output
    return _projected({name: value.double() for name, value in state.items()}, "text", pooled)


def _roberta(words: int, epsilon: float) -> RobertaModel:
    config = RobertaConfig(**TEXT, vocab_size=words, max_position_embeddings=514, type_vocab_size=1)
    config.layer_norm_eps = epsilon
    return RobertaModel(config)


def _linear(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _norm(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    spread = (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
    return (x - x.mean(-1, keepdim=True)) / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def _batch_norm(weights: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Normalize by what was counted in training; channels come first."""
    shape = (-1, *(1,) * (x.ndim - 1))
    gain = weights[f"{name}.weight"] / (weights[f"{name}.running_var"] + 1e-5).sqrt()
    shift = weights[f"{name}.bias"] - weights[f"{name}.running_mean"] * gain
    return x * gain.view(shape) + shift.view(shape)


def _projected(weights: dict[str, Tensor], branch: str, x: Tensor) -> Tensor:
    x = _linear(weights, f"{branch}_projection.2", _linear(weights, f"{branch}_projection.0", x).relu())
    return x / x.norm(dim=-1, keepdim=True)


def _patches(weights: dict[str, Tensor], images: Tensor, *, fused: bool) -> Tensor:
    """Embed patches of the whole, and fuse those of the three parts into them: (width, 64, 64)."""
    name = "audio_branch.patch_embed"

    def convolved(image: Tensor, kernel: str, stride: tuple[int, int]) -> Tensor:
        weight, bias = weights[f"{name}.{kernel}.weight"], weights[f"{name}.{kernel}.bias"]
        return functional.conv2d(image[None, None], weight, bias, stride)[0]

    whole = convolved(images[0], "proj", (4, 4))
    if not fused:
        return whole
    parts = torch.cat([convolved(image, "mel_conv2d", (4, 12)) for image in images[1:]], -1)
    parts = torch.cat([parts, torch.zeros(WIDTH, 64, 64 - parts.shape[-1])], -1)
    both = whole + parts
    attention = torch.zeros_like(both)
    for part, first, x in (("local_att", 0, both), ("global_att", 1, both.mean((1, 2), keepdim=True))):
        inside = f"{name}.fusion_model.{part}"
        for layer in (first, first + 3):
            x = torch.einsum("oi,ihw->ohw", weights[f"{inside}.{layer}.weight"][:, :, 0, 0], x)
            x = _batch_norm(weights, f"{inside}.{layer + 1}", x + weights[f"{inside}.{layer}.bias"][:, None, None])
            x = x.relu() if layer == first else x
        attention = attention + x
    share = attention.sigmoid()
    return 2 * whole * share + 2 * parts * (1 - share)


def _block(weights: dict[str, Tensor], name: str, tokens: Tensor, heads: int, odd: int) -> Tensor:
    """One block of a Swin transformer on (rows, columns, width)."""
    side, width = tokens.shape[0], tokens.shape[-1]
    shift = WINDOW // 2 if odd and side > WINDOW else 0
    mixed = _linear(weights, f"{name}.attn.qkv", _norm(weights, f"{name}.norm1", tokens))
    heard = torch.zeros_like(tokens)
    place = torch.arange(WINDOW)
    for top in range(0, side, WINDOW):
        for left in range(0, side, WINDOW):
            rows, columns = (top + place + shift) % side, (left + place + shift) % side
            row, column = (one.flatten() for one in torch.meshgrid(rows, columns, indexing="ij"))
            query, key, value = (
                part.reshape(-1, heads, width // heads).transpose(0, 1) for part in mixed[row, column].chunk(3, -1)
            )
            down, across = (one.flatten() for one in torch.meshgrid(place, place, indexing="ij"))
            index = (down[:, None] - down + WINDOW - 1) * (2 * WINDOW - 1) + across[:, None] - across + WINDOW - 1
            score = query @ key.transpose(1, 2) / math.sqrt(width // heads)
            score = score + weights[f"{name}.attn.relative_position_bias_table"][index].permute(2, 0, 1)
            # What the shift brought together from opposite edges does not attend to one another.
            wrapped = 2 * (row < top) + (column < left)
            score = score - 100.0 * (wrapped[:, None] != wrapped)
            found = (score.softmax(-1) @ value).transpose(0, 1).reshape(-1, width)
            heard[row, column] = _linear(weights, f"{name}.attn.proj", found)
    tokens = tokens + heard
    inner = _linear(weights, f"{name}.mlp.fc1", _norm(weights, f"{name}.norm2", tokens))
    inner = inner * (1 + torch.erf(inner / math.sqrt(2))) / 2
    return tokens + _linear(weights, f"{name}.mlp.fc2", inner)
