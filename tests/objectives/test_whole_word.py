"""Whole words are hidden or none of them, in six scripts; and shares of hidden and predicted."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.objectives.scripts import WORDS, batches_of, masks, texts_drawn, words_by_oracle
from unmask.batches.batch import Batch
from unmask.batches.draws import Draws
from unmask.errors import ConfigError
from unmask.objectives.corrupt import Split
from unmask.objectives.masking import Masking, Rates
from unmask.objectives.mlm import MaskedLM
from unmask.objectives.whole_word import WholeWordLM
from unmask.tokens.tokenizer import Tokenizer


def objective(tokenizer: Tokenizer, rate: float = 0.15, **rates: object) -> WholeWordLM:
    return WholeWordLM(masking(tokenizer, rate=rate, **rates))


def masking(tokenizer: Tokenizer, **rates: object) -> Masking:
    return Masking.over(
        tokenizer.vocab_size,
        tokenizer.special_ids,
        tokenizer.mask_id,
        rates=Rates(**rates),  # type: ignore[arg-type]
        split=Split(masked=1.0, random=0.0),
    )


@settings(max_examples=80, deadline=None)
@given(texts=texts_drawn, rate=st.floats(0.05, 0.95), seed=st.integers(0, 2**40))
def test_all_pieces_of_a_word_or_none(
    tokenizer: Tokenizer, texts: list[str], rate: float, seed: int
) -> None:
    loader = batches_of(tokenizer, texts)
    batch = loader.batch(np.arange(len(loader.lengths)))
    task = objective(tokenizer, rate).corrupt(batch, Draws(seed, 0))
    hidden = torch.zeros(batch.tokens, dtype=torch.bool)
    hidden[task.rows] = True
    assert torch.equal(task.labels, batch.ids[task.rows])
    assert not set(task.labels.tolist()) & tokenizer.special_ids
    assert torch.equal(task.batch.ids == tokenizer.mask_id, hidden)
    kept = [text for text in texts if tokenizer.encode(text).ids]
    for text, part in zip(kept, torch.split(hidden, list(batch.lengths)), strict=True):
        by_word: dict[int, set[bool]] = {}
        for word, chosen in zip(words_by_oracle(tokenizer, text), part.tolist(), strict=True):
            if word is None:
                assert not chosen
            else:
                by_word.setdefault(word, set()).add(chosen)
        assert all(len(fates) == 1 for fates in by_word.values())


def test_the_share_of_tokens_is_the_rate_whatever_the_lengths(tokenizer: Tokenizer) -> None:
    loader = batches_of(tokenizer, [" ".join(WORDS)] * 40)
    batch = loader.batch(np.arange(40))
    counts = [objective(tokenizer).corrupt(batch, Draws(3, e)).counts for e in range(40)]
    selected, free = (sum(c[name] for c in counts) for name in ("selected", "ordinary"))
    sizes = np.unique(word_keys(batch)[batch.words.numpy() >= 0], return_counts=True)[1]  # type: ignore[union-attr]
    spread = math.sqrt(0.15 * 0.85 * 40 * float((sizes**2).sum())) / free
    assert abs(selected / free - 0.15) < 5 * spread < 0.04
    assert sizes.max() > 3  # else tokens would do


def word_keys(batch: Batch) -> np.ndarray:
    assert batch.words is not None
    return np.repeat(np.arange(len(batch)), batch.lengths) * 10_000 + batch.words.numpy()


def test_masks_do_not_depend_on_the_batch(tokenizer: Tokenizer) -> None:
    loader = batches_of(tokenizer, [" ".join(WORDS[i:]) for i in range(12)])
    lm, draws = objective(tokenizer, 0.4), Draws(5, 2)

    whole = masks(lm.corrupt(loader.batch(np.arange(12)), draws))
    for some in ([3], [7, 1], [11, 0, 5]):
        part = masks(lm.corrupt(loader.batch(np.array(some)), draws))
        assert part == {sample: whole[sample] for sample in some}


def test_a_word_cut_between_sequences_is_a_word_in_each(tokenizer: Tokenizer) -> None:
    loader = batches_of(tokenizer, ["internationalization untranslatable"], context=6)
    for number in range(len(loader.lengths)):
        words = loader.batch(np.array([number])).words
        assert words is not None
        assert words[[0, -1]].tolist() == [-1, -1]
        assert int(words[1]) == 0


def test_tokens_alone_split_words(tokenizer: Tokenizer) -> None:
    """What `mlm` does, which the property above must tell from whole words."""
    loader = batches_of(tokenizer, [" ".join(WORDS)])
    batch = loader.batch(np.arange(1))
    task = MaskedLM(masking(tokenizer, rate=0.5)).corrupt(batch, Draws(0, 0))
    keys = word_keys(batch)
    hidden = np.isin(np.arange(batch.tokens), task.rows.numpy())
    assert any(0 < hidden[keys == key].mean() < 1 for key in np.unique(keys))


def test_a_batch_without_words_is_refused(tokenizer: Tokenizer) -> None:
    from unmask.batches.pack import pack

    with pytest.raises(ConfigError, match="built with words"):
        objective(tokenizer).corrupt(pack([[9, 10]]), Draws(0, 0))


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("predict", [0.05, 0.15, 0.2, 0.6])
def test_hidden_and_predicted_apart(tokenizer: Tokenizer, whole: bool, predict: float) -> None:
    loader = batches_of(tokenizer, [" ".join(WORDS)] * 60)
    batch = loader.batch(np.arange(60))
    kind = WholeWordLM if whole else MaskedLM
    plain = kind(masking(tokenizer, rate=0.2)).corrupt(batch, Draws(1, 0))
    task = kind(masking(tokenizer, rate=0.2, predict=predict)).corrupt(batch, Draws(1, 0))
    copies = max(1, round(predict / 0.2 + 0.4999) if predict > 0.2 else 1)
    assert len(task.batch) == 60 * copies
    if copies == 1:
        assert torch.equal(task.batch.ids, plain.batch.ids)  # as much is hidden
        assert set(task.rows.tolist()) <= set(plain.rows.tolist())
    else:
        place = task.batch.positions + 1000 * torch.repeat_interleave(
            task.batch.samples,
            torch.tensor(task.batch.lengths),  # type: ignore[arg-type]
        )
        assert len(set(place[task.rows].tolist())) == len(task.rows)  # disjoint masks
    free = plain.counts["ordinary"]
    assert len(task.rows) / free == pytest.approx(predict, abs=0.06)


def test_static_masks_are_those_of_the_first_epoch(tokenizer: Tokenizer) -> None:
    batch = batches_of(tokenizer, [" ".join(WORDS)] * 5).batch(np.arange(5))
    for kind in (MaskedLM, WholeWordLM):
        kept, anew = (kind(masking(tokenizer, static=static)) for static in (True, False))
        first = anew.corrupt(batch, Draws(2, 0)).batch.ids
        assert torch.equal(kept.corrupt(batch, Draws(2, 7)).batch.ids, first)
        assert not torch.equal(anew.corrupt(batch, Draws(2, 7)).batch.ids, first)


@pytest.mark.parametrize(
    ("given_rates", "said"),
    [
        ({"predict": 1.0}, "must lie between 0 and 1, not be 1.0; leave mask.predict out"),
        ({"predict": 0.1, "final_rate": 0.3}, "leave mask.predict or mask.final_rate out"),
        ({"static": True, "final_rate": 0.3}, "leave mask.static or mask.final_rate out"),
    ],
)
def test_rates_that_make_no_sense(given_rates: dict[str, float], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Rates(**given_rates)  # type: ignore[arg-type]
