"""Likelihoods of texts, counted again token by token."""

from __future__ import annotations

import math

import pytest
import torch

from tests.nn.models import language_model, shaken
from unmask.batches.pack import pack
from unmask.errors import ConfigError, TooLong
from unmask.evaluation.pseudo import likelihoods
from unmask.heads.model import LanguageModel
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train

TEXTS = [f"word{i} follows word{i + 1} and then some more words come" for i in range(60)]
ASKED = ["word37 comes and words follow", "word3 then more", "and"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(TEXTS, vocab_size=120)


def model_of(arch: str, tokenizer: Tokenizer) -> LanguageModel:
    model = shaken(language_model(arch, vocab=tokenizer.vocab_size))
    assert isinstance(model, LanguageModel)
    return model.eval()


def logp(model: LanguageModel, ids: list[int], row: int, part: int = 0) -> torch.Tensor:
    with torch.inference_mode():
        scores = model(pack([ids]), torch.tensor([row]))
    return scores.view(-1, scores.shape[-1])[part].log_softmax(0)


@pytest.mark.parametrize("budget", [1, 4096])
@pytest.mark.parametrize("how", ["plain", "within-word"])
@pytest.mark.parametrize("arch", ["bert", "modernbert"])
def test_a_masked_model_hides_each_token_in_turn(
    arch: str, how: str, budget: int, tokenizer: Tokenizer
) -> None:
    model = model_of(arch, tokenizer)
    found = likelihoods(model, tokenizer, ASKED, how=how, budget=budget)  # type: ignore[arg-type]
    several = 0
    for text, total, count in zip(ASKED, found.totals, found.tokens, strict=True):
        encoded = tokenizer.encode(text, specials=True)
        truth, own = 0.0, range(1, len(encoded) - 1)
        for place in own:
            ids = list(encoded.ids)
            ids[place] = tokenizer.mask_id
            later = [p for p in own if p > place and encoded.words[p] == encoded.words[place]]
            several += len(later)
            for other in later if how == "within-word" else ():
                ids[other] = tokenizer.mask_id
            truth += float(logp(model, ids, place)[encoded.ids[place]])
        assert total == pytest.approx(truth, rel=1e-4)
        assert count == len(own)
    assert several  # words of several pieces, without which the two ways are one


def test_the_two_ways_differ(tokenizer: Tokenizer) -> None:
    model = model_of("bert", tokenizer)
    plain = likelihoods(model, tokenizer, ASKED).totals
    within = likelihoods(model, tokenizer, ASKED, how="within-word").totals
    assert plain[0] != within[0]
    assert plain[2] == pytest.approx(within[2])  # a word of one piece


@pytest.mark.parametrize(("arch", "predicts"), [("decoder", (1,)), ("elmo", (1, -1))])
def test_a_model_of_neighbours_scores_each_token_from_each_side(
    arch: str, predicts: tuple[int, ...], tokenizer: Tokenizer
) -> None:
    model = model_of(arch, tokenizer)
    found = likelihoods(model, tokenizer, ASKED)
    for text, total in zip(ASKED, found.totals, strict=True):
        encoded = tokenizer.encode(text, specials=True)
        truth = 0.0
        for place, word in enumerate(encoded.words):
            for part, step in enumerate(predicts):
                row = place - step
                if word is not None and 0 <= row < len(encoded):
                    scores = logp(model, list(encoded.ids), row, part)
                    truth += float(scores[encoded.ids[place]])
        assert total == pytest.approx(truth, rel=1e-4)
    with pytest.raises(ConfigError, match="leave --score out"):
        likelihoods(model, tokenizer, ASKED, how="within-word")


def test_perplexity_is_over_all_tokens(tokenizer: Tokenizer) -> None:
    model = model_of("bert", tokenizer)
    whole = likelihoods(model, tokenizer, ASKED)
    assert whole.perplexity == pytest.approx(math.exp(-whole.totals.sum() / whole.tokens.sum()))


@pytest.mark.parametrize("arch", ["bert", "decoder", "elmo"])
def test_a_model_that_knows_nothing_has_the_vocabulary_as_perplexity(
    arch: str, tokenizer: Tokenizer
) -> None:
    model = model_of(arch, tokenizer)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    found = likelihoods(model, tokenizer, ASKED)
    assert found.perplexity == pytest.approx(tokenizer.vocab_size, rel=1e-5)
    sides = 2 if arch == "elmo" else 1
    assert (found.predictions == sides * found.tokens).all()
    # What sentences are ranked by is the sum over both directions.
    nats = sides * found.tokens * math.log(tokenizer.vocab_size)
    assert found.totals == pytest.approx(-nats, rel=1e-5)


def test_windows_of_texts_change_nothing(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = model_of("bert", tokenizer)
    whole = likelihoods(model, tokenizer, iter(ASKED))
    monkeypatch.setattr("unmask.evaluation.pseudo.WINDOW", 1)
    single = likelihoods(model, tokenizer, iter(ASKED))
    assert single.totals == pytest.approx(whole.totals, rel=1e-5)
    assert single.tokens.tolist() == whole.tokens.tolist()


def test_a_text_beyond_the_context_is_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(TooLong, match=r"must fit the context of \d+ tokens, but one has"):
        likelihoods(model_of("bert", tokenizer), tokenizer, ["more words " * 200])
