"""Stable Audio Open 1.0 in full size with random weights, for figures of speed, memory and file size."""

import contextlib
import copy
import math
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from quant.engine.reference import linear_layers
from quant.method.calibration import Calibration
from quant.model.loading import AudioModel, build

SECONDS, CONTEXT = 10.0, 130
STEPS = 100
BLOCKS = 24

_NUMBER = {"min_val": 0, "max_val": 512}
_SIDE = {
    "channels": 128,
    "c_mults": [1, 2, 4, 8, 16],
    "strides": [2, 4, 4, 8, 8],
    "use_snake": True,
}
CONFIG: dict[str, Any] = {
    "model_type": "diffusion_cond",
    "sample_size": 2097152,
    "sample_rate": 44100,
    "audio_channels": 2,
    "model": {
        "pretransform": {
            "type": "autoencoder",
            "iterate_batch": True,
            "config": {
                "encoder": {"type": "oobleck", "config": {"in_channels": 2, "latent_dim": 128, **_SIDE}},
                "decoder": {
                    "type": "oobleck",
                    "config": {"out_channels": 2, "latent_dim": 64, "final_tanh": False, **_SIDE},
                },
                "bottleneck": {"type": "vae"},
                "latent_dim": 64,
                "downsampling_ratio": 2048,
                "io_channels": 2,
            },
        },
        "conditioning": {
            "configs": [
                {"id": "prompt", "type": "t5", "config": {"t5_model_name": "t5-base", "max_length": 128}},
                {"id": "seconds_start", "type": "number", "config": _NUMBER},
                {"id": "seconds_total", "type": "number", "config": _NUMBER},
            ],
            "cond_dim": 768,
        },
        "diffusion": {
            "type": "dit",
            "cross_attention_cond_ids": ["prompt", "seconds_start", "seconds_total"],
            "global_cond_ids": ["seconds_start", "seconds_total"],
            "config": {
                "io_channels": 64,
                "embed_dim": 1536,
                "depth": BLOCKS,
                "num_heads": 24,
                "cond_token_dim": 768,
                "global_cond_dim": 1536,
                "project_cond_tokens": False,
                "transformer_type": "continuous_transformer",
            },
        },
        "io_channels": 64,
    },
}
"""The shape of Stable Audio Open 1.0: 1.21 billion parameters, 1.06 of them in the transformer."""


def write_text_encoder(folder: Path, layers: int = 12) -> None:
    """Put a random text encoder as wide as t5-base under ``folder/t5-base``, where the library looks for it."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    pieces = ["<pad>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={piece: i for i, piece in enumerate(pieces)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder / "t5-base")
    T5EncoderModel(T5Config(d_model=768, d_ff=3072, num_layers=layers, num_heads=12)).save_pretrained(
        folder / "t5-base"
    )


def random_model(blocks: int = BLOCKS, alone: bool = False) -> AudioModel:
    """Build the model; the working directory must hold ``t5-base``.

    A transformer that is wanted ``alone`` has a small text encoder and a small autoencoder instead.
    """
    torch.manual_seed(0)
    config = copy.deepcopy(CONFIG)
    config["model"]["diffusion"]["config"]["depth"] = blocks
    with contextlib.ExitStack() as stack:
        if alone:
            for side in ("encoder", "decoder"):
                config["model"]["pretransform"]["config"][side]["config"]["channels"] = 2
            stack.enter_context(contextlib.chdir(stack.enter_context(tempfile.TemporaryDirectory())))
            write_text_encoder(Path(), layers=1)
        wrapper = build(config, "stable-audio-open-1.0", values=False)
    for part in (wrapper.model.model.transformer.layers, wrapper.pretransform):
        part.to_empty(device="cpu")
        for name, value in [*part.named_parameters(), *part.named_buffers()]:
            if value.ndim > 1:
                value.data.normal_(0, value.shape[-1] ** -0.5)
            else:
                value.data.fill_(1.0 if name.endswith("gamma") else 0.0)
    return AudioModel("stable-audio-open-1.0", config, wrapper, "0" * 64)


class Step:
    """Inputs of one denoising step: 10-second latents, guidance on, a context of 130 tokens."""

    def __init__(self, seed: int = 1, batch: int = 1, device: str = "cpu") -> None:
        generator = torch.Generator().manual_seed(seed)
        self.x = torch.randn(batch, 64, int(SECONDS * 44100 / 2048), generator=generator).to(device)
        self.t = torch.full((batch,), 0.5, device=device)
        self.context = torch.randn(batch, CONTEXT, 768, generator=generator).to(device)
        self.facts = torch.randn(batch, 1536, generator=generator).to(device)

    @property
    def conditioning(self) -> dict[str, Any]:
        """What the library's wrapper of the transformer is given beside the latent and the time."""
        return {"cross_attn_cond": self.context, "global_cond": self.facts, "cfg_scale": 7.0}

    @property
    def asked(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What is asked as :class:`benchmarks.peers.plain.Plain` takes it."""
        return self.x, self.t, self.context, self.facts

    @torch.no_grad()
    def run(self, dit: nn.Module, t: float = 0.5) -> Tensor:
        """Compute one forward pass of the transformer, both halves of guidance."""
        out: Tensor = dit(
            self.x,
            torch.full_like(self.t, t),
            cross_attn_cond=self.context,
            global_embed=self.facts,
            cfg_scale=7.0,
            use_checkpointing=False,
        )
        return out.float()


def calibrated(model: AudioModel, step: Step) -> Calibration:
    """Calibrate on one forward pass, its ranges varied over 100 steps: enough for speed, size and memory."""
    seen: dict[str, Tensor] = {}
    hooks = [
        layer.register_forward_pre_hook(
            lambda _, inputs, name=name: seen.__setitem__(name, inputs[0].flatten(0, -2).abs().amax(0))
        )
        for name, layer in linear_layers(model.dit).items()
    ]
    step.run(model.dit)
    for hook in hooks:
        hook.remove()
    generator = torch.Generator().manual_seed(2)
    drift = torch.linspace(0.7, 1.3, STEPS)[:, None]
    high = {
        name: row * drift ** torch.randn(len(row), generator=generator) if "to_kv" not in name else row.repeat(STEPS, 1)
        for name, row in seen.items()
    }
    sigmas = torch.logspace(math.log10(500), math.log10(0.3), STEPS, dtype=torch.float64)
    return Calibration(model.sha256, {}, sigmas, {name: -value for name, value in high.items()}, high, 1)


def times(steps: Tensor) -> list[float]:
    """The DiT's time inputs of noise levels ``steps``: the inverse of ``sigma = tan(t pi / 2)``."""
    return [math.atan(float(sigma)) * 2 / math.pi for sigma in steps]
