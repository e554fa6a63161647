"""Ask whether the embedded model makes the sounds that it is asked for: ``python -m quant.mini.tagger --work DIR``.

A small convolutional tagger is trained on renders of its own, drawn from another seed than the model's, and then
names the class of clips that the full-precision model makes with the study's default sampler: five seeds for each
class, each with another wording. It prints the confusion table and the top-1 figure.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from quant.mini import instruments, sounds
from quant.model.loading import AudioModel, load_model
from quant.model.log_mel import LogMelPretransform
from quant.rendering.clips import render
from quant.rendering.sampling import Sampling

NAMES = [sound.name for sound in sounds.SOUNDS]


def network() -> nn.Module:
    """Build the tagger: four strided convolutions over (1, bands, frames), pooling, a linear layer."""
    layers: list[nn.Module] = []
    for width_in, width in ((1, 24), (24, 48), (48, 96), (96, 128)):
        layers += [nn.Conv2d(width_in, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d((5, 1)), nn.Flatten(), nn.Dropout(0.3), nn.Linear(640, len(NAMES))
    )


def features(pretransform: LogMelPretransform, audio: Tensor) -> Tensor:
    """Peak-normalized audio (batch, samples) to log-mel images (batch, 1, bands, frames)."""
    audio = 0.9 * audio / audio.abs().amax(1, keepdim=True).clamp_min(1e-6)
    return pretransform.log_mel(audio)[:, None]


def renders(count: int, seed: int, pretransform: LogMelPretransform) -> tuple[Tensor, Tensor]:
    """Render ``count`` takes of each class; every fourth goes through the latents and back, as a clip does."""
    brief = copy.copy(pretransform)
    brief.iterations = 8  # a quarter of a clip's: phases matter little to a log-mel image
    images, labels = [], []
    for index in tqdm(range(count * len(NAMES)), desc=f"render, seed {seed}", unit="take"):
        rng = np.random.default_rng([seed, index])
        sound = sounds.SOUNDS[index % len(NAMES)]
        audio = torch.zeros(1, 108 * pretransform.downsampling_ratio)
        audio[0, : instruments.LENGTH] = torch.from_numpy(sounds.single(sound, rng).audio)
        if (index // len(NAMES)) % 4 == 3:
            audio = brief.decode(brief.encode(audio[:, None]))[:, 0]
        images.append(features(pretransform, audio[:, : instruments.LENGTH])[0].half())
        labels.append(index % len(NAMES))
    return torch.stack(images), torch.tensor(labels)


def _batches(images: Tensor, labels: Tensor, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    order = torch.randperm(len(labels), generator=generator)
    for part in order.split(64):
        batch = images[part].float()
        # Gain and a masked stretch of time: the tagger is to know a sound by more than its level or one moment.
        batch = batch + torch.randn(len(batch), 1, 1, 1, generator=generator) * 0.3
        start = int(torch.randint(0, batch.shape[-1] - 120, (), generator=generator))
        batch[..., start : start + 120] = batch.amin()
        yield batch, labels[part]


def train_tagger(work: Path, model: AudioModel, seed: int = 11, takes: int = 28, epochs: int = 12) -> nn.Module:
    """Train the tagger on renders of its own and say how well it knows a third set of renders."""
    torch.manual_seed(seed)
    pretransform: Any = model.wrapper.pretransform
    path = work / "tagger.pt"
    tagger = network()
    if path.is_file():
        tagger.load_state_dict(torch.load(path, weights_only=True))
        return tagger.eval()
    images, labels = renders(takes, seed, pretransform)
    optimizer = torch.optim.AdamW(tagger.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, epochs * -(-len(labels) // 64))
    generator = torch.Generator().manual_seed(seed)
    for _ in tqdm(range(epochs), desc="tagger", unit="epoch"):
        tagger.train()
        for batch, target in _batches(images, labels, generator):
            loss = nn.functional.cross_entropy(tagger(batch), target, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    tagger.eval()
    held_out, truth = renders(4, seed + 1, pretransform)
    with torch.no_grad():
        right = float((tagger(held_out.float()).argmax(1) == truth).float().mean())
    print(f"tagger on {len(truth)} held-out renders: {right:.1%}")
    work.mkdir(parents=True, exist_ok=True)
    torch.save(tagger.state_dict(), path)
    return tagger


@torch.no_grad()
def confusion(model: AudioModel, tagger: nn.Module, seeds: range, settings: Sampling) -> Tensor:
    """Count (asked class, named class) over clips of every class and seed."""
    table = torch.zeros(len(NAMES), len(NAMES), dtype=torch.int64)
    with tqdm(total=len(NAMES) * len(seeds), desc="clips", unit="clip") as bar:
        for row, sound in enumerate(sounds.SOUNDS):
            for seed in seeds:
                prompt = sound.phrases[seed % len(sound.phrases)]
                clip = torch.from_numpy(render(model, prompt, seed, settings)[:, 0] / 32768.0).float()
                named = int(tagger(features(model.wrapper.pretransform, clip[None])).argmax())
                table[row, named] += 1
                bar.update()
    return table


def main() -> None:
    """Train the tagger, render the clips, print the table."""
    parser = argparse.ArgumentParser(prog="python -m quant.mini.tagger", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(".work/mini"), help="folder for the trained tagger")
    parser.add_argument("--seeds", type=int, default=5, help="clips a class")
    parser.add_argument("--steps", type=int, default=Sampling().steps)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    model = load_model("mini")
    tagger = train_tagger(arguments.work, model)
    table = confusion(model, tagger, range(1000, 1000 + arguments.seeds), Sampling(steps=arguments.steps))
    print(f"\n{'asked':>12}  right  named instead")
    for row, name in enumerate(NAMES):
        others = ", ".join(
            f"{NAMES[i]} {int(table[row, i])}"
            for i in table[row].argsort(descending=True)
            if i != row and table[row, i]
        )
        print(f"{name:>12}  {int(table[row, row])}/{int(table[row].sum())}    {others}")
    top1 = float(table.diagonal().sum() / table.sum())
    print(f"\ntop-1 over {len(NAMES)} classes, {arguments.seeds} seeds each: {top1:.1%}")
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"figures": {"tagger_top1": top1}, "confusion": table.tolist(), "classes": NAMES})
        )


if __name__ == "__main__":
    main()
