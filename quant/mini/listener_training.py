"""Train the listener of the embedded model: ``python -m quant.mini.listener_training --work DIR``.

It renders sounds of its own, from another seed than the model's, every eighth one through the latents and back as a
clip goes, trains and writes ``listener.safetensors`` beside this file, says the sha256 that ``listener.py`` must name,
and how well the listener knows a third set of renders. It can be stopped at any time and goes on where it was.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

import atomic
from quant.files import file_sha256, save_tensors
from quant.mini import instruments, sounds
from quant.mini.listener import WEIGHTS, Listener, ListenerNetwork, load_listener, log_mel_image
from quant.model.loading import load_model
from quant.model.sentence import sentence_embeddings

NAMES = [sound.name for sound in sounds.SOUNDS]
FRESH = (
    "a rain shower", "a thunderstorm", "a stormy breeze", "a small creek", "fizzing bubbles in a glass",
    "a hound yapping", "a horse trotting", "chirps of little birds", "an incoming phone call", "a squeaky hinge",
    "tinkling metal tubes in the wind", "a running car motor", "sirens of a fire truck", "a locomotive",
    "an airliner overhead", "a person chuckling", "the pulse of a heart", "someone's steps on the stairs",
    "rapid gun shots", "a space blaster", "a huge detonation", "the surf of the sea", "a chopper in the air",
    "a clapping audience", "someone playing a grand piano", "strumming on a guitar", "a violin ensemble",
    "a tune on the flute", "a brass trumpet melody", "a big pipe organ", "someone drumming", "bells of a church tower",
    "tick tock", "an alarm beep", "noise of an untuned radio", "a mains buzz", "caws of a crow", "a struck cowbell",
)  # fmt: skip
"""A wording for each class that neither the model nor the listener was trained on."""


@dataclass(frozen=True)
class Renders:
    """Rendered sounds: images (n, bands, windows) half, what each says (its class or two, and how), one caption."""

    images: Tensor
    keys: list[str]
    captions: list[str]

    @property
    def targets(self) -> Tensor:
        """Probabilities of classes, (n, classes): one, or half each of two."""
        found = torch.zeros(len(self.keys), len(NAMES))
        for row, key in enumerate(self.keys):
            for name in (names := key.split("|")[0].split("+")):
                found[row, NAMES.index(name)] = 1 / len(names)
        return found


def key_of(take: sounds.Take) -> str:
    """Say what a take is of, beyond its wording: classes, and whether far, at once or one after the other."""
    ways = {"far": " in the distance", "then": " followed by ", "while": " while "}
    return f"{take.label}|{next((way for way, words in ways.items() if words in take.caption), 'near')}"


def render(work: Path, name: str, takes: int, pairs: int, seed: int) -> Renders:
    """Render ``takes`` of each class and ``pairs`` of two, or read what was rendered from ``work``."""
    pretransform: Any = copy.copy(load_model("mini").wrapper.pretransform)
    pretransform.iterations = 8  # a quarter of a clip's: phases matter little to a log-mel image
    total, size = takes * len(NAMES) + pairs, len(NAMES)
    shards = []
    for start in tqdm(range(0, total, size), desc=f"render {name}", unit="shard"):
        path = work / f"{name}-{start}.safetensors"
        if not path.is_file():
            images, words = [], []
            for index in range(start, min(start + size, total)):
                rng = np.random.default_rng([seed, index])
                if index < takes * len(NAMES):
                    take = sounds.single(sounds.SOUNDS[index % len(NAMES)], rng)
                else:
                    first, second = rng.choice(len(NAMES), 2, replace=False)
                    take = sounds.pair(sounds.SOUNDS[first], sounds.SOUNDS[second], rng)
                audio = take.audio
                if index // len(NAMES) % 8 == 3:
                    padded = torch.zeros(1, 1, 108 * pretransform.downsampling_ratio)
                    padded[0, 0, : len(audio)] = torch.from_numpy(audio)
                    audio = pretransform.decode(pretransform.encode(padded))[0, 0, : len(audio)].numpy()
                images.append(torch.from_numpy(log_mel_image(audio[:, None], instruments.SAMPLE_RATE)).half())
                words.append((key_of(take), take.caption))
            save_tensors(path, {"images": torch.stack(images)}, {"words": words})
        shards.append(path)
    return _read(shards)


def _read(shards: list[Path]) -> Renders:
    images, words = [], []
    for path in shards:
        images.append(load_file(path)["images"])
        with safe_open(path, "pt") as file:
            words += json.loads(file.metadata()["earmark"])["words"]
    return Renders(torch.cat(images), [key for key, _ in words], [caption for _, caption in words])


def captions_of(key: str, rng: np.random.Generator, count: int) -> list[str]:
    """Draw captions for what a key says, in any of its wordings."""
    label, way = key.split("|")
    phrases = [sounds.SOUNDS[NAMES.index(name)].phrases for name in label.split("+")]
    found = []
    for _ in range(count):
        words = [str(rng.choice(some)) for some in phrases]
        if way == "far":
            found.append(f"{words[0]} in the distance")
        elif way == "near":
            found.append(str(rng.choice(sounds.FRAMES)).format(words[0]))
        else:
            found.append(f" {'followed by' if way == 'then' else 'while'} ".join(words))
    return found


def _sentences(work: Path, renders: Renders, seed: int, each: int = 4) -> Tensor:
    """Sentence embeddings of several captions of each render, (n, each, 384); the first is its own."""
    path = work / f"sentences-{len(renders.keys)}.safetensors"
    if not path.is_file():
        rng = np.random.default_rng(seed)
        texts = [
            text
            for key, own in zip(renders.keys, renders.captions, strict=True)
            for text in (own, *captions_of(key, rng, each - 1))
        ]
        different = sorted(set(texts))
        order = {text: index for index, text in enumerate(different)}
        parts = [
            torch.from_numpy(sentence_embeddings(different[start : start + 64]))
            for start in tqdm(range(0, len(different), 64), desc="captions", unit="batch")
        ]
        found = torch.cat(parts)[[order[text] for text in texts]].reshape(len(renders.keys), each, -1)
        with atomic.replacing(path) as temporary:
            save_file({"sentences": found.half().contiguous()}, temporary)
    return load_file(path)["sentences"]


def _batches(renders: Renders, sentences: Tensor, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
    """Batches of images, sentences, targets and which of a batch are alike (n, n), with what is to matter less."""
    targets, kinds = renders.targets, {key: index for index, key in enumerate(sorted(set(renders.keys)))}
    keys = torch.tensor([kinds[key] for key in renders.keys])

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=generator))

    for part in torch.randperm(len(keys), generator=generator).split(96):
        images = renders.images[part].float()
        # A short clip, another level, a slope over frequency, a masked stretch of time and of bands.
        wide = images.shape[-1] if torch.rand((), generator=generator) < 0.25 else draw(120, images.shape[-1] // 2)
        first = draw(0, images.shape[-1] - wide + 1)
        images = images[..., first : first + wide]
        slope = torch.linspace(-1, 1, images.shape[1])[None, :, None]
        gain, tilt = (torch.randn(len(part), 1, 1, generator=generator) * scale for scale in (0.06, 0.1))
        images = ((images + gain + tilt * slope) * (images > 0)).clamp_min(0)
        start, band = draw(0, wide - 59), draw(0, images.shape[1] - 9)
        images[..., start : start + 60] = 0
        images[:, band : band + 10] = 0
        words = sentences[part, torch.randint(0, sentences.shape[1], (len(part),), generator=generator)].float()
        words = words + 0.01 * torch.randn(words.shape, generator=generator)
        yield images, words, targets[part], keys[part, None] == keys[part]


def agreement_loss(sound: Tensor, text: Tensor, alike: Tensor, scale: Tensor) -> Tensor:
    """Symmetric cross-entropy of cosines (batch, batch), as CLIP's, against all pairs that are alike."""
    logits = scale.exp().clamp_max(50) * sound @ text.T
    wanted = alike.float() / alike.sum(1, keepdim=True)
    cross = nn.functional.cross_entropy
    return (cross(logits, wanted) + cross(logits.T, wanted)) / 2


def train(work: Path, takes: int, pairs: int, epochs: int, seed: int) -> None:
    """Render, train from ``work/listener.pt`` on, and write the weights."""
    work.mkdir(parents=True, exist_ok=True)
    renders = render(work, "training", takes, pairs, seed)
    sentences = _sentences(work, renders, seed)
    torch.manual_seed(seed)
    network, scale = ListenerNetwork(len(NAMES)), nn.Parameter(torch.tensor(10.0).log())
    optimizer = torch.optim.AdamW([*network.parameters(), scale], lr=3e-3, weight_decay=0.02)
    steps = epochs * -(-len(renders.keys) // 96)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps)
    path, done = work / "listener.pt", 0
    if path.is_file():
        state = torch.load(path, weights_only=True)
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        scale.data, done = state["scale"], state["done"]
    network.train()
    for epoch in (bar := tqdm(range(done, epochs), initial=done, total=epochs, desc="train", unit="epoch")):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
        torch.manual_seed(seed * 7_000_003 + epoch)
        losses = []
        for images, words, targets, alike in _batches(renders, sentences, generator):
            with torch.autocast("cpu", torch.bfloat16):
                logits, sound = network(images)
            tags = nn.functional.cross_entropy(logits.float(), targets, label_smoothing=0.05)
            agreement = agreement_loss(sound.float(), network.read(words), alike, scale)
            optimizer.zero_grad()
            (tags + agreement).backward()
            optimizer.step()
            schedule.step()
            losses.append((float(tags.detach()), float(agreement.detach())))
        bar.set_postfix(tags=f"{np.mean(losses, 0)[0]:.3f}", agreement=f"{np.mean(losses, 0)[1]:.3f}")
        state = {
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "scale": scale.data,
            "done": epoch + 1,
        }
        with atomic.replacing(path) as temporary:
            torch.save(state, temporary)
    halves = {key: value.half() if value.is_floating_point() else value for key, value in network.state_dict().items()}
    save_tensors(WEIGHTS, halves, {"classes": NAMES})


def _auc(matched: Tensor, mismatched: Tensor) -> float:
    """Chance that a matched pair agrees better than a mismatched one."""
    order = torch.cat([matched, mismatched]).argsort().argsort().double() + 1
    count = len(matched)
    return float((order[:count].sum() - count * (count + 1) / 2) / (count * len(mismatched)))


@torch.no_grad()
def figures(listener: Listener, renders: Renders) -> dict[str, float]:
    """Measure how well a listener knows renders."""
    parts = [listener.network(images.float()) for images in renders.images.split(64)]
    logits, sound = (torch.cat(found) for found in zip(*parts, strict=True))
    single = torch.tensor(["+" not in key for key in renders.keys])
    named = logits.argmax(1)
    right = (named == renders.targets.argmax(1))[single]
    first_two = torch.zeros_like(renders.targets).scatter(1, logits.topk(2).indices, 0.5)
    both = (first_two == renders.targets).all(1)[~single]
    text = torch.from_numpy(listener.read(renders.captions))
    kinds = np.array(renders.keys)
    alike = torch.from_numpy(kinds[:, None] == kinds)
    cosines = sound @ text.T
    rows = torch.arange(len(kinds))
    apart = renders.targets @ renders.targets.T == 0
    fresh = torch.from_numpy(listener.read(list(FRESH)))
    to_fresh = (sound[single] @ fresh.T).argmax(1) == renders.targets[single].argmax(1)
    return {
        "top1": float(right.float().mean()),
        "both_of_two": float(both.float().mean()),
        "text_to_sound_r1": float(alike[cosines.argmax(0), rows].float().mean()),
        "sound_to_text_r1": float(alike[rows, cosines.argmax(1)].float().mean()),
        "sound_to_fresh_wording_r1": float(to_fresh.float().mean()),
        "matched": float(cosines.diagonal().mean()),
        "mismatched": float(cosines[apart].mean()),
        "auc": _auc(cosines.diagonal(), cosines[apart]),
    }


def main() -> None:
    """Train, write the weights, measure."""
    parser = argparse.ArgumentParser(prog="python -m quant.mini.listener_training", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".work/listener"), help="folder of renders and of the state")
    parser.add_argument("--takes", type=int, default=96, help="renders a class")
    parser.add_argument("--pairs", type=int, default=760, help="renders of two classes")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    train(arguments.work, arguments.takes, arguments.pairs, arguments.epochs, arguments.seed)
    sha256 = file_sha256(WEIGHTS)
    tqdm.write(f'{WEIGHTS.name} has {WEIGHTS.stat().st_size / 1e6:.2f} MB; in listener.py, SHA256 = "{sha256}"')
    held_out = render(arguments.work, "held-out", 8, 152, arguments.seed + 1)
    for name, value in figures(load_listener(WEIGHTS, sha256), held_out).items():
        tqdm.write(f"{name}: {value:.3f}")


if __name__ == "__main__":
    main()
