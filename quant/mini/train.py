"""Train the embedded model: ``python -m quant.mini.train --work DIR``.

One command renders the sounds, encodes them to latents, trains the DiT and writes ``model.safetensors`` beside
this file. It can be stopped at any time and resumes where it was; everything drawn at random comes from
``--seed``. Sources of the sounds: ``quant/mini/sounds.py``; figures: ``quant/mini/CARD.md``.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

import atomic
from quant.mini import instruments, sounds
from quant.model.loading import build
from quant.model.log_mel import LogMelPretransform
from quant.model.sentence import SentenceConditioner
from quant.pretrained.folder import MINI_FOLDER

FRAMES = 108
TAKES, PAIRS = 200, 1800


def render(index: int, seed: int) -> sounds.Take:
    """Render take ``index`` of the training set: TAKES of each class, then PAIRS of two classes."""
    rng = np.random.default_rng([seed, index])
    singles = TAKES * len(sounds.SOUNDS)
    if index < singles:
        return sounds.single(sounds.SOUNDS[index % len(sounds.SOUNDS)], rng)
    first, second = rng.choice(len(sounds.SOUNDS), 2, replace=False)
    return sounds.pair(sounds.SOUNDS[first], sounds.SOUNDS[second], rng)


def _patches(pretransform: LogMelPretransform, audio: instruments.Audio) -> Tensor:
    padded = torch.zeros(1, FRAMES * pretransform.downsampling_ratio)
    padded[0, : len(audio)] = torch.from_numpy(audio)
    return pretransform.patches(padded)[0]


def _shard(job: tuple[list[int], int, dict[str, Any]]) -> tuple[Tensor, list[str]]:
    indices, seed, settings = job
    torch.set_num_threads(1)
    pretransform = LogMelPretransform(**settings)
    takes = [render(index, seed) for index in indices]
    return torch.stack([_patches(pretransform, t.audio) for t in takes]).half(), [t.caption for t in takes]


def dataset(work: Path, seed: int, settings: dict[str, Any]) -> dict[str, Tensor]:
    """Render and encode the training set, or read it from ``work``.

    Returns latents (n, channels, frames), the index of each one's caption, the captions' token states, the
    latent of silence, and the pretransform's state under ``pretransform.*``.
    """
    path = work / "dataset.safetensors"
    if path.is_file():
        return load_file(path)
    work.mkdir(parents=True, exist_ok=True)
    total = TAKES * len(sounds.SOUNDS) + PAIRS
    jobs = [(list(range(a, min(a + 32, total))), seed, settings) for a in range(0, total, 32)]
    shards: list[Tensor] = []
    captions: list[str] = []
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        for patches, words in tqdm(pool.imap(_shard, jobs), total=len(jobs), desc="render", unit="shard"):
            shards.append(patches)
            captions += words
    patches = torch.cat(shards)
    pretransform = LogMelPretransform(**settings)
    sample = torch.randperm(len(patches), generator=torch.Generator().manual_seed(seed))[:2000]
    kept = pretransform.fit(patches[sample].float().reshape(-1, patches.shape[-1]))
    tqdm.write(f"{len(patches)} takes, {len(set(captions))} captions; {kept:.1%} of the log-mel variance kept")
    scaled = pretransform.basis.T / pretransform.scale
    latents = torch.cat([(p.float() - pretransform.mean) @ scaled for p in patches.split(256)]).transpose(1, 2)
    words = sorted(set(captions))
    conditioner = SentenceConditioner()
    states = torch.cat(
        [conditioner.embed(words[a : a + 64])[0].half() for a in tqdm(range(0, len(words), 64), desc="captions")]
    )
    order = {word: i for i, word in enumerate(words)}
    data = {
        "latents": latents.half().contiguous(),
        "caption": torch.tensor([order[c] for c in captions]),
        "states": states,
        "silence": pretransform.encode(torch.zeros(1, 1, FRAMES * pretransform.downsampling_ratio))[0]
        .half()
        .contiguous(),
        **{f"pretransform.{k}": v.contiguous() for k, v in pretransform.state_dict().items()},
    }
    save_file(data, path)
    return data


def _batch(data: dict[str, Tensor], size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, list[float]]:
    """Draw clean latents, caption states and durations; one in eight clips is short and ends in silence."""
    index = torch.randint(len(data["latents"]), (size,), generator=generator)
    latents = data["latents"][index].float()
    seconds = [instruments.SECONDS] * size
    for i in range(size):
        if torch.rand((), generator=generator) < 1 / 8:
            frames = int(torch.randint(FRAMES // 3, FRAMES, (), generator=generator))
            latents[i, :, frames:] = data["silence"][:, frames:].float()
            seconds[i] = round(instruments.SECONDS * frames / FRAMES, 1)
    return latents, data["states"][data["caption"][index]].float(), seconds


def loss_of(model: Any, latents: Tensor, states: Tensor, seconds: list[float], generator: torch.Generator) -> Tensor:
    """v-objective loss (Salimans and Ho 2022) with the conditioning dropped for one clip in ten."""
    size, device = len(latents), latents.device
    t = torch.rand(size, generator=generator) * 0.95 + 0.05
    noise = torch.randn(latents.shape, generator=generator)
    alpha, sigma = (f(t * math.pi / 2).to(device)[:, None, None] for f in (torch.cos, torch.sin))
    noise = noise.to(device)
    numbers = model.conditioner.conditioners
    conditioning = {
        "prompt": (states, torch.ones(states.shape[:2], device=device)),
        "seconds_start": numbers["seconds_start"]([0.0] * size, device),
        "seconds_total": numbers["seconds_total"](seconds, device),
    }
    with torch.autocast(device.type, torch.bfloat16):
        v = model(
            latents * alpha + noise * sigma,
            t.to(device),
            cond=conditioning,
            cfg_dropout_prob=0.1,
            use_checkpointing=False,
        )
    return (v.float() - (noise * alpha - latents * sigma)).square().mean()


def plain_attention(q: Tensor, k: Tensor, v: Tensor, **_: Any) -> Tensor:
    """Attention of (batch, heads, tokens, width) in three operations."""
    return ((q * q.shape[-1] ** -0.5) @ k.mT).softmax(-1) @ v


def use_plain_attention(model: Any) -> None:
    """Train through :func:`plain_attention`: the fused CPU kernel's backward pass in bf16 took 2.2 times as long."""
    for module in model.modules():
        if hasattr(module, "apply_attn"):
            module.apply_attn = plain_attention


def export(model: Any, path: Path) -> None:
    """Write the weights as fp16 safetensors, atomically; the pretransform's basis stays float32."""
    state = {
        k: (v if k.startswith("pretransform.") or not v.is_floating_point() else v.half()).contiguous()
        for k, v in model.state_dict().items()
    }
    with atomic.replacing(path) as temporary:
        save_file(state, temporary)


def train(work: Path, steps: int, batch: int, rate: float, seed: int) -> None:
    """Train up to ``steps`` steps, resuming from ``work/state.pt``, and export the averaged weights."""
    config = json.loads((MINI_FOLDER / "model_config.json").read_text())
    settings = {"sample_rate": config["sample_rate"], **config["model"]["pretransform"]["config"]}
    data = dataset(work, seed, settings)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    model = build(config, "mini").train()
    model.pretransform.load_state_dict(
        {k.split(".", 1)[1]: v for k, v in data.items() if k.startswith("pretransform.")}
    )
    if not torch.cuda.is_available():
        use_plain_attention(model)
    model.to(device)
    trained = [p for n, p in model.named_parameters() if not n.startswith("pretransform.")]
    for parameter in trained:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(trained, lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    average = [p.detach().clone() for p in trained]
    done, path = 0, work / "state.pt"
    if path.is_file():
        saved = torch.load(path, weights_only=True, map_location=device)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        average, done = saved["average"], saved["done"]
    bar = tqdm(total=steps, initial=done, desc="train", unit="step")
    running = 0.0
    while done < steps:
        generator = torch.Generator().manual_seed(seed * 1_000_003 + done)
        # The rate rises over 300 steps and falls linearly to zero over the last fifth.
        scale = min(1.0, (done + 1) / 300, max(0.0, (steps - done) / (0.2 * steps)))
        for group in optimizer.param_groups:
            group["lr"] = rate * scale
        latents, states, seconds = _batch(data, batch, generator)
        torch.manual_seed(seed * 7_000_003 + done)
        loss = loss_of(model, latents.to(device), states.to(device), seconds, generator)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        decay = min(0.999, (done + 1) / (done + 10))
        torch._foreach_lerp_(average, [p.detach() for p in trained], 1 - decay)
        done += 1
        running = 0.98 * running + 0.02 * float(loss) if running else float(loss)
        bar.update()
        bar.set_postfix(loss=f"{running:.4f}")
        if done % 250 == 0 or done == steps:
            state = {
                "model": model.state_dict(),
                "optimizer": optimizer.state_dict(),
                "average": average,
                "done": done,
            }
            with atomic.replacing(path) as temporary:
                torch.save(state, temporary)
            with (work / "loss.csv").open("a") as file:
                file.write(f"{done},{running:.5f}\n")
    bar.close()
    with torch.no_grad():
        for parameter, value in zip(trained, average, strict=True):
            parameter.copy_(value)
    export(model, MINI_FOLDER / "model.safetensors")


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m quant.mini.train", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(".work/mini"), help="folder of the data set and the state")
    parser.add_argument("--steps", type=int, default=4_900)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    try:
        train(arguments.work, arguments.steps, arguments.batch, arguments.rate, arguments.seed)
    except KeyboardInterrupt:
        raise SystemExit("\nstopped; run the same command to go on from the last saved state") from None


if __name__ == "__main__":
    main()
