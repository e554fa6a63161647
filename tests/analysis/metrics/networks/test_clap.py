"""CLAP: laion-clap's embeddings from either kind of file, and weights that are another model's, named."""

from __future__ import annotations

import shutil
from pathlib import Path

import laion_clap
import numpy as np
import pytest
import torch
from transformers import ClapModel

from analysis.errors import WeightsError
from analysis.metrics.basis.audio import Audio
from analysis.metrics.fronts import clap as front
from analysis.metrics.networks import clap

TOLERANCE = 1e-5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with the tokenizer."""
    laion_clap.write_tokenizer(tmp_path / "weights" / "roberta-base")
    return tmp_path / "weights"


@pytest.fixture
def words(folder: Path) -> int:
    return laion_clap.write_tokenizer(folder / "roberta-base")


@pytest.fixture
def sizes(words: int) -> clap.Sizes:
    return clap.Sizes(*laion_clap.sizes(words))


@pytest.fixture
def state(folder: Path, words: int, seed: int) -> dict[str, torch.Tensor]:
    """Give the weights that lie in the folder."""
    state = laion_clap.random_state(seed, words)
    laion_clap.write_checkpoint(state, folder / laion_clap.CHECKPOINT)
    return state


def noise(seed: int, seconds: float, rate: int = 48_000, channels: int = 2) -> Audio:
    generator = np.random.default_rng(seed)
    samples = generator.standard_normal((round(seconds * rate), channels)).cumsum(axis=0) / 500
    return Audio((samples - samples.mean(axis=0)).astype(np.float32), rate)


def as_transformers_has_it(folder: Path, sizes: clap.Sizes, target: Path) -> None:
    """Write a folder of Hugging Face with the same weights, and the tokenizer beside them."""
    loaded = clap.load(folder, sizes=sizes)
    assert isinstance(loaded._model, ClapModel)
    loaded._model.save_pretrained(target)
    for path in (folder / "roberta-base").iterdir():
        shutil.copy(path, target)


@pytest.mark.parametrize(("seconds", "longer"), [(3.3, False), (10.0, False), (12.7, True)])
def test_clips_are_embedded_as_laion_clap_does(state, folder, sizes, seed, seconds, longer) -> None:
    audio = noise(seed, seconds)
    found = clap.load(folder, sizes=sizes).hear(audio)["embedding"]
    pictures, differ = front.pictures(front.prepared(audio))
    wanted = laion_clap.hear(state, torch.from_numpy(pictures), fused=longer)
    assert differ == longer
    assert found.dtype == np.float32
    assert np.abs(found - wanted.numpy()).max() < TOLERANCE
    assert abs(np.linalg.norm(found) - 1) < TOLERANCE
    other = laion_clap.hear(state, torch.from_numpy(pictures), fused=not longer)
    assert np.abs(found - other.numpy()).max() > 10 * TOLERANCE, "fusion makes no difference in this model"


def test_the_other_way_fuses_short_clips(state, folder, sizes, seed) -> None:
    audio = noise(seed, 2.0)
    pictures, _ = front.pictures(front.prepared(audio, sixteen_bits=False))
    wanted = laion_clap.hear(state, torch.from_numpy(pictures), fused=True)
    found = clap.load(folder, sizes=sizes, way=clap.PROCESSOR)
    assert np.abs(found.hear(audio)["embedding"] - wanted.numpy()).max() < TOLERANCE
    assert found.convention != clap.load(folder, sizes=sizes).convention


def test_texts_are_embedded_as_laion_clap_does(state, folder, sizes) -> None:
    long = " ".join(laion_clap.CAPTIONS * 20)
    texts = [*laion_clap.CAPTIONS, "", "ein Hund bellt – laut!", long]
    found = clap.load(folder, sizes=sizes).read(texts)
    wanted = laion_clap.read(state, folder / "roberta-base", texts).numpy()
    assert found.shape == (len(texts), laion_clap.EMBEDDING)
    assert np.abs(found - wanted).max() < TOLERANCE
    uncut = laion_clap.read(state, folder / "roberta-base", [long], tokens=512).numpy()
    assert np.abs(found[-1] - uncut).max() > 10 * TOLERANCE, "77 tokens and more read alike in this model"


def test_the_other_way_reads_512_tokens_with_another_norm(state, folder, sizes) -> None:
    text = " ".join(laion_clap.CAPTIONS * 5)
    found = clap.load(folder, sizes=sizes, way=clap.PROCESSOR).read([text])
    tokenizer = folder / "roberta-base"
    wanted = laion_clap.read(state, tokenizer, [text], tokens=512, epsilon=1e-12).numpy()
    assert np.abs(found - wanted).max() < TOLERANCE
    assert np.abs(found - laion_clap.read(state, tokenizer, [text], tokens=512).numpy()).max() > 10 * TOLERANCE


def test_both_kinds_of_files_give_the_same(state, folder, sizes, seed, tmp_path) -> None:
    audio, texts = noise(seed, 11.0, 44_100), laion_clap.CAPTIONS
    own = clap.load(folder, sizes=sizes)
    as_transformers_has_it(folder, sizes, tmp_path / "other" / "clap-htsat-fused")
    other = clap.load(tmp_path / "other", sizes=sizes)
    assert np.array_equal(own.hear(audio)["embedding"], other.hear(audio)["embedding"])
    assert np.array_equal(own.read(texts), other.read(texts))
    assert own.sha256 != other.sha256
    assert (own.checkpoint, other.checkpoint) == (
        "630k-audioset-fusion-best.pt",
        "laion/clap-htsat-fused, model.safetensors",
    )


def test_a_cache_of_hugging_face_is_read_where_it_is_the_folder(state, folder, sizes, tmp_path) -> None:
    repository = tmp_path / "cache" / "models--laion--clap-htsat-fused"
    as_transformers_has_it(folder, sizes, repository / "snapshots" / "abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    found = clap.load(tmp_path / "cache", sizes=sizes)
    assert np.array_equal(found.read(laion_clap.CAPTIONS), clap.load(folder, sizes=sizes).read(laion_clap.CAPTIONS))


def test_a_tokenizer_in_two_files_reads_alike(state, folder, sizes, tmp_path) -> None:
    texts = [*laion_clap.CAPTIONS, " Rain\nfalls  x<s>", ""]
    whole = clap.load(folder, sizes=sizes).read(texts)
    shutil.rmtree(folder / "roberta-base")
    laion_clap.write_tokenizer(folder / "roberta-base", whole=False)
    assert not (folder / "roberta-base" / "tokenizer.json").exists()
    assert np.array_equal(clap.load(folder, sizes=sizes).read(texts), whole)


def unfused(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if "fusion_model" not in name and "mel_conv2d" not in name}


def wider(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {**state, "audio_branch.patch_embed.proj.weight": torch.zeros(128, 1, 4, 4)}


def shallower(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if ".layers.2.blocks.5." not in name}


def none_of_it(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {"audio_encoder.base.htsat.bn0.weight": torch.zeros(64)}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (unfused, "without fusion, such as 630k-audioset-best; get laion/clap-htsat-fused"),
        (wider, "another size, 128 wide where HTSAT-tiny has 8"),
        (shallower, r"layers\.2\.blocks\.5\.attention\.output\.dense\.bias is missing and \d+ more"),
        (none_of_it, "not the weights of a CLAP of LAION"),
    ],
)
def test_another_models_weights_are_named(state, folder, sizes, change, said) -> None:
    laion_clap.write_checkpoint(change(state), folder / laion_clap.CHECKPOINT)
    with pytest.raises(WeightsError, match=rf"{laion_clap.CHECKPOINT}: .*{said}"):
        clap.load(folder, sizes=sizes)


def test_what_is_missing_is_said(state, folder, sizes, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "no cache"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsError, match=r"clap: no weights .* in .*empty.*; get laion/clap-htsat-fused or 630k"):
        clap.load(tmp_path / "empty", sizes=sizes)
    shutil.rmtree(folder / "roberta-base")
    with pytest.raises(WeightsError, match=r"clap: no tokenizer of RoBERTa .* beside .*630k.*; get roberta-base"):
        clap.load(folder, sizes=sizes)


def test_another_tokenizer_is_named(state, folder, sizes) -> None:
    with pytest.raises(WeightsError, match=r"tokenizer\.json: not the tokenizer of RoBERTa \(\d+ tokens, not 50265"):
        clap.load(folder, sizes=clap.Sizes(sizes.audio, {"vocab_size": 50_265}, 8))
    (folder / "roberta-base" / "tokenizer.json").write_text("{")
    with pytest.raises(WeightsError, match=r"tokenizer\.json: cannot be read as a tokenizer"):
        clap.load(folder, sizes=sizes)


def test_a_damaged_file_is_named(state, folder, sizes) -> None:
    path = folder / laion_clap.CHECKPOINT
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(WeightsError, match=rf"{laion_clap.CHECKPOINT}: cannot be read as weights"):
        clap.load(folder, sizes=sizes)


def test_numbers_of_numpy_may_lie_beside_the_weights(state, folder, sizes) -> None:
    path = folder / laion_clap.CHECKPOINT
    kept = {"state_dict": state, "loss": np.float64(1.5), "best": [np.float32(2), np.int64(3)]}
    torch.save(kept, path, _use_new_zipfile_serialization=False)
    # As numpy before its second version named them.
    path.write_bytes(path.read_bytes().replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n"))
    assert clap.load(folder, sizes=sizes).read(["rain"]).shape == (1, laion_clap.EMBEDDING)
