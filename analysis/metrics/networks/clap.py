"""CLAP: LAION's model of sounds and texts in one space, checkpoint 630k-audioset-fusion-best.

HTSAT-tiny with fusion by attention (``aff_2d``) for sounds and RoBERTa-base for texts, each with two layers behind it
to 512 numbers of unit norm (Wu et al., arXiv 2211.06687), as ``transformers.ClapModel``. The weights are those of
``630k-audioset-fusion-best.pt`` of ``lukewys/laion_clap`` (laion-clap's own names) or of ``laion/clap-htsat-fused``
(transformers' names; LAION's maintainer thinks that it is the same checkpoint: LAION-AI/CLAP, issue 123).

There are two ways to hear and read:

- ``PAPER``, which stable-audio-metrics and laion-clap have: parts of a clip are fused only where it is longer than
  10 s; samples are rounded to 16 bits; texts are cut to 77 tokens; the text encoder's layer norms add 1e-5 to the
  variance, as ``roberta-base`` does.
- ``PROCESSOR``, which those have who run transformers' ``ClapProcessor`` on one clip at a time: it marks one clip of
  each batch as longer, and so fuses every clip with itself; samples are not rounded; texts are cut to 512 tokens; and
  the layer norms add 1e-12, as the configuration of ``laion/clap-htsat-fused`` kept a default of its class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from huggingface_hub import try_to_load_from_cache
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from torch import Tensor
from transformers import ClapConfig, ClapModel

from analysis.errors import WeightsError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.basis.networks import Array
from analysis.metrics.fronts.clap import pictures, prepared
from analysis.metrics.networks.clap_names import COMPUTED, transformers_names
from analysis.metrics.networks.computing import device, exactly
from analysis.metrics.networks.weights import file_sha256, fill, find_weights, read_tensors

CHECKPOINT, FOLDER = "630k-audioset-fusion-best.pt", "clap-htsat-fused"
HUB = f"laion/{FOLDER}"
HELD = ("model.safetensors", "pytorch_model.bin")
FILES = (CHECKPOINT, *(f"{FOLDER}/{name}" for name in HELD))
REMEDY = f"get {HUB} or {CHECKPOINT} of lukewys/laion_clap"
TOKENIZERS = ("roberta-base", "FacebookAI/roberta-base", HUB)
WHOLE, PARTS = "tokenizer.json", ("vocab.json", "merges.txt")
SPECIAL = {"<s>": 0, "<pad>": 1, "</s>": 2}


class Way(NamedTuple):
    """How clips are heard and texts read; ``name`` stands in what is kept of clips."""

    name: str
    always_fused: bool
    sixteen_bits: bool
    tokens: int
    text_epsilon: float


PAPER = Way("paper-1", always_fused=False, sixteen_bits=True, tokens=77, text_epsilon=1e-5)
PROCESSOR = Way("processor-1", always_fused=True, sixteen_bits=False, tokens=512, text_epsilon=1e-12)


class Sizes(NamedTuple):
    """Sizes of a model, as ``ClapAudioConfig`` and ``ClapTextConfig`` name them, and of its embeddings."""

    audio: Mapping[str, Any]
    text: Mapping[str, Any]
    embedding: int


PUBLISHED = Sizes({"patch_embeds_hidden_size": 96}, {"vocab_size": 50_265}, 512)


class Clap:
    """CLAP with its front end and its tokenizer; see :class:`analysis.metrics.basis.networks.Network`."""

    def __init__(self, model: ClapModel, tokenizer: Tokenizer, path: Path, way: Way) -> None:
        self.name = "clap"
        self.checkpoint = path.name if path.name == CHECKPOINT else f"{HUB}, {path.name}"
        self.sha256 = file_sha256(path)
        self.convention = way.name
        self._model, self._tokenizer, self._way = model.eval().to(device()), tokenizer, way
        tokenizer.enable_truncation(way.tokens)
        tokenizer.enable_padding(pad_id=SPECIAL["<pad>"])

    def hear(self, audio: Audio) -> Mapping[str, Array]:
        """Embed a clip: ``embedding`` (512,), float32, of unit norm."""
        seen, longer = pictures(prepared(audio, sixteen_bits=self._way.sixteen_bits))
        fused = torch.tensor([[longer or self._way.always_fused]], device=device())
        with exactly():
            found = self._model.get_audio_features(torch.from_numpy(seen)[None].to(device()), is_longer=fused)
        return {"embedding": _array(found.pooler_output)[0]}

    def read(self, texts: Sequence[str]) -> Array:
        """Embed texts: (texts, 512), float32, of unit norm; what is beyond the most tokens is cut off."""
        read = self._tokenizer.encode_batch(list(texts))
        tokens = torch.tensor([one.ids for one in read], device=device())
        mask = torch.tensor([one.attention_mask for one in read], device=device())
        with exactly():
            found = self._model.get_text_features(tokens, attention_mask=mask)
        return _array(found.pooler_output)


def load(weights: Path | None, *, way: Way = PAPER, sizes: Sizes = PUBLISHED) -> Clap:
    """Load CLAP from a folder of weights or from Hugging Face's cache; nothing is downloaded.

    Parameters
    ----------
    weights
        Looked in first: for ``630k-audioset-fusion-best.pt``, and for the folder ``clap-htsat-fused`` with what is in
        ``laion/clap-htsat-fused``. It may be a cache of Hugging Face, too.
    sizes
        Those of the checkpoint, but for small models.

    Raises
    ------
    WeightsError
        If weights or tokenizer are not there, are damaged, or are another model's; it says which.

    Examples
    --------
    >>> Path("weights").mkdir()
    >>> load(Path("weights"), sizes=Sizes({}, {}, 8))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    analysis.errors.WeightsError: clap: no weights (630k-audioset-fusion-best.pt, ...
    """
    path = find_weights("clap", weights, FILES, {HUB: HELD, "lukewys/laion_clap": CHECKPOINT}, remedy=REMEDY)
    tokenizer = _tokenizer(_tokenizer_files(path, weights), sizes.text["vocab_size"])
    state = transformers_names(read_tensors(path))
    _check_kind(state, sizes.audio["patch_embeds_hidden_size"], path)
    model = ClapModel(
        ClapConfig(
            audio_config={"enable_fusion": True, "fusion_type": "aff_2d", **sizes.audio},
            text_config={"layer_norm_eps": way.text_epsilon, **sizes.text},
            projection_dim=sizes.embedding,
        )
    )
    computed = {name: value for name, value in model.state_dict().items() if name.rpartition(".")[2] in COMPUTED}
    fill(model, state | computed, path, "CLAP with HTSAT-tiny, fusion and RoBERTa-base")
    return Clap(model, tokenizer, path, way)


def _array(found: Tensor) -> Array:
    return found.cpu().numpy().astype(np.float32)


def _check_kind(state: Mapping[str, Tensor], width: int, path: Path) -> None:
    """Name the other published kinds of CLAP."""
    patches = state.get("audio_model.audio_encoder.patch_embed.proj.weight")
    if patches is None:
        raise WeightsError(f"{path}: not the weights of a CLAP of LAION; {REMEDY}")
    if len(patches) != width:
        raise WeightsError(
            f"{path}: a CLAP of another size, {len(patches)} wide where HTSAT-tiny has {width}, such as those for music"
            f" and speech; {REMEDY}"
        )
    if not any(".fusion_model." in name for name in state):
        raise WeightsError(f"{path}: a CLAP without fusion, such as 630k-audioset-best; {REMEDY}")


def _tokenizer_files(path: Path, weights: Path | None) -> list[Path]:
    """Find the tokenizer: beside the weights, in a folder of its own name, or in a cache."""
    inside = [] if weights is None else [weights, *(weights / name for name in (*TOKENIZERS, FOLDER))]
    for folder in (path.parent, *inside):
        for names in ((WHOLE,), PARTS):
            if all((folder / name).is_file() for name in names):
                return [folder / name for name in names]
    for cache in (weights, None):
        for repository in TOKENIZERS:
            for names in ((WHOLE,), PARTS):
                found = [try_to_load_from_cache(repository, name, cache_dir=cache) for name in names]
                if all(isinstance(one, str) for one in found):
                    return [Path(str(one)) for one in found]
    raise WeightsError(
        f"clap: no tokenizer of RoBERTa ({WHOLE}, or {' and '.join(PARTS)}) beside {path} or in Hugging Face's cache;"
        " get roberta-base"
    )


def _tokenizer(files: Sequence[Path], words: int) -> Tokenizer:
    """Read it from tokenizer.json, or from the vocabulary and its merges."""
    try:
        if len(files) == 1:
            tokenizer = Tokenizer.from_file(str(files[0]))
        else:
            tokenizer = Tokenizer(models.BPE.from_file(*map(str, files)))
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            tokenizer.add_special_tokens([*SPECIAL, "<unk>", AddedToken("<mask>", lstrip=True)])
            last, first = (("</s>", SPECIAL["</s>"]), ("<s>", SPECIAL["<s>"]))
            tokenizer.post_processor = processors.RobertaProcessing(last, first, add_prefix_space=False)
    except Exception as error:  # tokenizers raises nothing narrower
        raise WeightsError(f"{files[0]}: cannot be read as a tokenizer ({error}); get roberta-base again") from error
    there = {name: tokenizer.token_to_id(name) for name in SPECIAL}
    if there != SPECIAL or tokenizer.get_vocab_size() != words:
        raise WeightsError(
            f"{files[0]}: not the tokenizer of RoBERTa ({tokenizer.get_vocab_size()} tokens, not {words}, or others for"
            " the ends); get roberta-base"
        )
    return tokenizer
