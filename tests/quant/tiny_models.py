"""Small random models of the same classes as Stable Audio Open, made by stable-audio-tools and put on disk."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from quant.model import upstream
from quant.model.loading import AudioModel, load_model
from quant.rendering.sampling import Sampling

RATE, RATIO, CHANNELS, LAYERS = 8000, 32, 8, 14
OUTLIERS = [3, 40]

# 2,000 samples are 62.5 latent frames: lengths that do not divide are the rule, not the exception.
SECONDS = 0.25
QUICK = Sampling(steps=3, seconds=SECONDS, sampler="dpmpp-3m-sde", cfg_scale=4.0)
PROMPTS = ["rain on a roof", "a dog barks"]
"""Those of the calibration, in their order."""

SAMPLER_OF = {"v": "dpmpp-3m-sde", "rectified_flow": "euler", "rf_denoiser": "pingpong"}


def model_config(objective: str = "v") -> dict[str, Any]:
    """``model_config.json`` of Stable Audio Open 1.0 (``v``) or small (the rest), with small numbers."""
    sides = {"channels": 4, "c_mults": [1, 2], "strides": [4, 8], "use_snake": True}
    facts = ["seconds_start", "seconds_total"] if objective == "v" else ["seconds_total"]
    diffusion: dict[str, Any] = {
        "type": "dit",
        "cross_attention_cond_ids": ["prompt", *facts],
        "global_cond_ids": facts,
        "config": {
            "io_channels": CHANNELS,
            "embed_dim": 64,
            "depth": 2,
            "num_heads": 2,
            "cond_token_dim": 32,
            "global_cond_dim": 32 * len(facts),
            "project_cond_tokens": False,
            "transformer_type": "continuous_transformer",
        },
    }
    if objective != "v":
        diffusion["diffusion_objective"] = objective
        diffusion["distribution_shift_options"] = {"min_length": 16, "max_length": 128}
        diffusion["config"]["attn_kwargs"] = {"qk_norm": "ln"}
    number = {"min_val": 0, "max_val": 512}
    return {
        "model_type": "diffusion_cond",
        "sample_size": 64 * RATIO,
        "sample_rate": RATE,
        "audio_channels": 2,
        "model": {
            "pretransform": {
                "type": "autoencoder",
                "iterate_batch": True,
                "config": {
                    "encoder": {"type": "oobleck", "config": {"in_channels": 2, "latent_dim": 2 * CHANNELS, **sides}},
                    "decoder": {
                        "type": "oobleck",
                        "config": {"out_channels": 2, "latent_dim": CHANNELS, "final_tanh": False, **sides},
                    },
                    "bottleneck": {"type": "vae"},
                    "latent_dim": CHANNELS,
                    "downsampling_ratio": RATIO,
                    "io_channels": 2,
                },
            },
            "conditioning": {
                "configs": [
                    {"id": "prompt", "type": "t5", "config": {"t5_model_name": "t5-base", "max_length": 16}},
                    *({"id": fact, "type": "number", "config": number} for fact in facts),
                ],
                "cond_dim": 32,
            },
            "diffusion": diffusion,
            "io_channels": CHANNELS,
        },
    }


def write_t5(home: Path) -> None:
    """Put a random T5 encoder of t5-base's width, one small layer deep, and a byte tokenizer in ``home/t5-base``."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    letters = ["<pad>", "</s>", "<unk>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    ).save_pretrained(home / "t5-base")
    shape = T5Config(vocab_size=len(letters), d_model=768, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5EncoderModel(shape).save_pretrained(home / "t5-base")


def random_state(config: dict[str, Any], seed: int) -> dict[str, Tensor]:
    """State dict of an untrained model in which no layer is zero.

    The library starts every block's last layers at zero, so that untrained blocks do nothing; here they do
    something. Two channels of each layer norm are fifty times as large as the rest and meet weights as much smaller,
    the outliers that SmoothQuant is made for.
    """
    with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(None):
        torch.manual_seed(seed)
        model = upstream.stable_audio_tools("models.factory").create_model_from_config(copy.deepcopy(config))
        for parameter in model.parameters():
            if parameter.ndim > 1 and not parameter.any():
                nn.init.normal_(parameter, std=0.05)
        for block in model.model.model.transformer.layers:
            for norm, layer in (
                (block.pre_norm, block.self_attn.to_qkv),
                (block.cross_attend_norm, block.cross_attn.to_q),
                (block.ff_norm, block.ff.ff[0].proj),
            ):
                norm.gamma.data[OUTLIERS] *= 50
                layer.weight.data[:, OUTLIERS] /= 50
    return {key: value.detach().clone() for key, value in model.state_dict().items()}


def write_model(folder: Path, seed: int, objective: str = "v", weights: str = "model.safetensors") -> Path:
    """Make a random model and write its folder; the working directory must hold ``t5-base``."""
    folder.mkdir(parents=True, exist_ok=True)
    config = model_config(objective)
    (folder / "model_config.json").write_text(json.dumps(config), encoding="utf-8")
    state = random_state(config, seed)
    if weights.endswith(".ckpt"):
        torch.save({"state_dict": state}, folder / weights)
    else:
        save_file(state, folder / weights)
    return folder


def fresh(folder: Path) -> AudioModel:
    """Load a model through the real loader, from the folder that holds its text encoder."""
    with contextlib.chdir(folder.parent):
        return load_model(str(folder))


@contextlib.contextmanager
def inputs_of(model: AudioModel) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Collect what the network receives, (x, t) a call."""
    seen: list[tuple[Tensor, Tensor]] = []
    hook = model.dit.register_forward_pre_hook(lambda _, args: seen.append((args[0].clone(), args[1].clone())))
    try:
        yield seen
    finally:
        hook.remove()


def one_line(error: BaseException) -> str:
    """Message of an error that must be one line."""
    text = str(error)
    assert text
    assert "\n" not in text, text
    return text
