"""Encoder: hidden states in the order of the texts, packed and padded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import sentences
from tests.parity.compare import Pair
from tests.parity.oracles import ROWS
from unmask.batches.pack import pack
from unmask.checkpoint.folder import open_encoder
from unmask.errors import ConfigError, TextError, TokenizerError, TooLong
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
    block = packed.padded()
    states, real = block.last_hidden_state, block.attention_mask
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
    assert empty.padded().last_hidden_state.shape == (0, 0, 64)
    with pytest.raises(TokenizerError, match=r"write \[text\]"):
        encoder("she")


def test_a_batch_gives_what_its_texts_give(encoder: Encoder) -> None:
    rows = [encoded.ids for encoded in encoder.tokenizer.encode_batch(TEXTS, specials=True)]
    given, expected = encoder(pack(rows)), encoder(TEXTS)
    assert given.lengths == given.tokens == expected.lengths
    torch.testing.assert_close(
        given.last_hidden_state, expected.last_hidden_state, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("rows", "error", "says"),
    [
        ([[1, 2], [3, 10_000]], TokenizerError, "token ids must lie between 0 and .* go from 1 to"),
        ([[1, -2]], TokenizerError, "token ids must lie between 0 .* go from -2 to 1. Were they"),
        ([[1] * 49], TooLong, "at most 48 tokens, special tokens included, but one has 49"),
    ],
)
def test_a_batch_that_does_not_suit_the_model(
    encoder: Encoder, rows: list[list[int]], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        encoder(pack(rows))


def test_a_batch_without_sequences(encoder: Encoder) -> None:
    nothing = replace(pack([[1]]), ids=torch.zeros(0, dtype=torch.int64), lengths=())
    with pytest.raises(TextError, match="at least one sequence, and none that is empty"):
        encoder(nothing)


def test_layers_that_are_asked_for(encoder: Encoder) -> None:
    """States and probabilities in the order of the texts, whatever the batches."""
    packed = encoder(TEXTS, hidden_states=(0, -1, 2), attentions=(0, 1))
    assert packed.hidden_states.keys() == {0, 2}
    torch.testing.assert_close(packed.hidden_states[2], packed.last_hidden_state)
    model = encoder.opened.model
    for number, text in enumerate(TEXTS):
        ids = encoder.tokenizer.encode(text, specials=True).ids
        with torch.inference_mode():
            first = model.embedding(pack([ids]))
        torch.testing.assert_close(
            torch.split(packed.hidden_states[0], [*packed.lengths])[number], first
        )
        for layer in (0, 1):
            weights = packed.attentions[layer][number]
            assert weights.shape == (1, len(ids), len(ids))
            assert weights.dtype == torch.float32
            torch.testing.assert_close(weights.sum(-1), torch.ones(1, len(ids)))


def test_probabilities_are_those_of_transformers(tmp_path: Path) -> None:
    """Of a model with a window, and of one whose queries share keys."""
    for name in ("modernbert, as published", "decoder, Qwen2, sliding window"):
        row = next(row for row in ROWS if row.name == name)
        pair = Pair(row, "encoder", tmp_path / row.arch)
        theirs, layers = pair.theirs, range(len(pair.opened.model.config.layers))
        found = Encoder(pair.opened)(pair.inputs.packed(), attentions=layers).attentions
        for text, alone in enumerate(pair.inputs.one_by_one(row.segments)):
            expected = theirs(**alone, output_attentions=True).attentions
            for layer in layers:
                torch.testing.assert_close(
                    found[layer][text], expected[layer][0], rtol=0.0, atol=1e-5
                )


def test_layers_that_are_not_there(encoder: Encoder, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hidden_states must name layers between -3 and 2, not 3"):
        encoder(TEXTS, hidden_states=(3,))
    with pytest.raises(ConfigError, match="attentions must name layers between -2 and 1, not -3"):
        encoder(TEXTS, attentions=(-3,))
    row = next(row for row in ROWS if row.arch == "elmo")
    recurrent = Encoder(Pair(row, "encoder", tmp_path / "elmo").opened)
    with pytest.raises(ConfigError, match="this model is recurrent and has none"):
        recurrent(["one"], attentions=(0,))


@pytest.mark.parametrize("name", ["hidden_states", "attentions"])
@pytest.mark.parametrize("given", [True, 1, [1.5], "all", [True], None, np.array(0), ["0"]])
def test_what_is_no_list_of_layer_numbers(encoder: Encoder, name: str, given: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        encoder(TEXTS, **{name: given})
    assert str(caught.value) == (
        f"{name} must list layer numbers, not be {given!r}. Name those that are wanted, as in "
        f"{name}=(0, -1)"
    )


def test_layer_numbers_of_numpy(encoder: Encoder) -> None:
    packed = encoder(TEXTS, hidden_states=np.array([0, -1]), attentions=np.arange(1))  # type: ignore[arg-type]
    assert packed.hidden_states.keys() == {0, 2}
    assert packed.attentions.keys() == {0}


def test_a_text_is_taken_by_its_number(encoder: Encoder) -> None:
    packed = encoder(TEXTS)
    assert torch.equal(packed[np.int64(1)], packed[1])  # type: ignore[index]
    assert torch.equal(packed[-1], packed[3])
    assert len(list(packed)) == 4  # type: ignore[call-overload]
    with pytest.raises(IndexError):
        packed[4]
    for wrong in (slice(0, 2), True, 1.0, "1", (0, 1), None):
        with pytest.raises(ConfigError, match=r"as in packed\[0\], not by ") as caught:
            packed[wrong]  # type: ignore[index]
        assert repr(wrong) in str(caught.value)


def test_a_classifiers_encoder_opens_and_saves(
    tiny_classifier_folder: Path, tiny_model_folder: Path, tmp_path: Path
) -> None:
    encoder = Encoder.from_pretrained(tiny_classifier_folder)
    encoder.save_pretrained(tmp_path / "copy")
    copy = Encoder.from_pretrained(tmp_path / "copy")
    texts = sentences()[:5]
    assert torch.equal(copy(texts).last_hidden_state, encoder(texts).last_hidden_state)
