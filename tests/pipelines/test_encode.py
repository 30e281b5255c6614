"""Encoder: hidden states in the order of the texts, packed and padded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import sentences
from unmask.batches.pack import pack
from unmask.checkpoint.folder import open_encoder
from unmask.errors import ConfigError, TokenizerError, TooLong
from unmask.pipelines.encode import Encoder

TEXTS = ["the cat likes good music.", "she", "", "my old neighbour forgets the piano."]


@pytest.fixture(scope="module")
def encoder(tiny_model_folder: Path) -> Encoder:
    return Encoder.from_pretrained(tiny_model_folder)


def test_states_are_those_of_each_text_alone(encoder: Encoder, tiny_model_folder: Path) -> None:
    opened = open_encoder(tiny_model_folder)
    packed = encoder(TEXTS)
    assert len(packed) == 4
    assert packed.boundaries.tolist() == [0, *torch.tensor(packed.lengths).cumsum(0).tolist()]
    assert packed.last_hidden_state.shape == (sum(packed.lengths), 64)
    for number, text in enumerate(TEXTS):
        ids = opened.tokenizer.encode(text, specials=True).ids
        with torch.inference_mode():
            alone = opened.model(pack([ids]))
        torch.testing.assert_close(packed[number], alone, rtol=1e-4, atol=1e-5)


def test_padding_is_zero_and_marked(encoder: Encoder) -> None:
    packed = encoder(TEXTS)
    states, real = packed.padded()
    assert states.shape == (4, max(packed.lengths), 64)
    assert real.sum(1).tolist() == list(packed.lengths)
    assert torch.equal(states[real], packed.last_hidden_state)
    assert not states[~real].any()


def test_long_texts(encoder: Encoder) -> None:
    texts = ["she", "the dog " * 40]
    with pytest.warns(UserWarning, match="1 of 2 texts are longer"):
        packed = encoder(texts)
    assert packed.truncated == (False, True)
    assert packed.tokens == (3, 82)
    assert packed.lengths == (3, 48)
    with pytest.raises(TooLong, match="text 1 "):
        encoder(texts, on_long="error")
    with pytest.raises(ConfigError, match="truncate, error here, not 'chunk'"):
        encoder(texts, on_long="chunk")  # type: ignore[arg-type]


def test_nothing_and_a_single_string(encoder: Encoder) -> None:
    empty = encoder([])
    assert empty.last_hidden_state.shape == (0, 64)
    assert empty.padded()[0].shape == (0, 0, 64)
    with pytest.raises(TokenizerError, match=r"write \[text\]"):
        encoder("she")


def test_a_classifiers_encoder_opens_and_saves(
    tiny_classifier_folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    encoder = Encoder.from_pretrained(tiny_classifier_folder)
    encoder.save_pretrained(tmp_path / "copy")
    copy = Encoder.from_pretrained(tmp_path / "copy")
    texts = sentences()[:5]
    assert torch.equal(copy(texts).last_hidden_state, encoder(texts).last_hidden_state)
