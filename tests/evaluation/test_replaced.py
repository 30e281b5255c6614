"""The held-out protocol of replaced-token detection, counted again token by token."""

from __future__ import annotations

import pytest
import torch

from tests.objectives.replaced import pair
from unmask.batches.pack import pack, unpack
from unmask.errors import TextError
from unmask.evaluation.masked import MaskedEvaluation
from unmask.evaluation.replaced import ReplacedEvaluation
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train

TEXTS = [f"word{i} follows word{i + 1} and then some more words come" for i in range(60)]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(TEXTS, vocab_size=300)


def test_figures_are_over_all_ordinary_tokens(tokenizer: Tokenizer) -> None:
    model = pair("gdes", vocab=tokenizer.vocab_size).eval()
    with torch.no_grad():  # so that some scores are above zero
        model.discriminator.head.project.weight.mul_(20.0)
        # So that some tokens are put back: a word of every text is the likeliest everywhere.
        model.generator.head.bias[tokenizer.encode("more").ids[0]] += 5.0
    evaluation = ReplacedEvaluation.over(tokenizer, TEXTS, context=16)
    assert len(evaluation.tasks) >= 1
    losses, right, replaced, found, masks, hits = [], 0, 0, 0, 0, 0
    barred = torch.tensor(sorted(tokenizer.special_ids))
    with torch.inference_mode():
        for task in evaluation.tasks:
            masked = task.masked
            scores = model.generator(task.batch, masked.rows).double()
            shares = scores.index_fill(1, barred, -torch.inf).softmax(1)
            drawn = (shares.cumsum(1) <= task.uniform[:, None]).sum(1)
            masks, hits = masks + len(drawn), hits + int((drawn == masked.labels).sum())
            ids = task.batch.ids.clone()
            original = ids.index_copy(0, masked.rows, masked.labels)
            ids[masked.rows] = drawn
            bounds = zip(task.batch.boundaries[:-1], task.batch.boundaries[1:], strict=True)
            for row, (begin, end) in zip(unpack(task.batch), bounds, strict=True):
                seen = pack([ids[begin:end].tolist()])
                assert len(row) == seen.tokens
                score = model.discriminator(seen).squeeze(1)
                for one, is_now, was in zip(score, seen.ids, original[begin:end], strict=True):
                    if int(was) in tokenizer.special_ids:
                        continue
                    wrong = int(is_now) != int(was)
                    losses.append(float(torch.nn.functional.softplus(-one if wrong else one)))
                    right += (float(one) > 0) == wrong
                    replaced += wrong
                    found += wrong and float(one) > 0
    figures = evaluation(model)
    assert figures == evaluation(model)
    total = len(losses)
    assert 0 < found < replaced < total
    assert figures["loss"] == pytest.approx(sum(losses) / total, rel=1e-4)
    assert figures["accuracy"] == pytest.approx(right / total)
    assert figures["base"] == pytest.approx(1 - replaced / total)
    assert figures["recall"] == pytest.approx(found / replaced)
    assert 0 < hits < masks == hits + replaced
    assert figures["replaced"] == pytest.approx(replaced / total)
    assert figures["put_back"] == pytest.approx(hits / masks)
    alone = MaskedEvaluation.over(tokenizer, TEXTS, context=16)(model.generator)
    assert figures["generator_loss"] == pytest.approx(alone["loss"], rel=1e-5)
    assert figures["generator_top1"] == pytest.approx(alone["top1"])


def test_texts_in_which_nothing_can_be_masked_are_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(TextError, match="selected none; hold out more text"):
        ReplacedEvaluation.over(tokenizer, ["a"], context=16)


def test_figures_over_the_masked_tokens_alone(tokenizer: Tokenizer) -> None:
    """Most of them are replaced, so that the commoner answer is "replaced"."""
    model = pair("none", vocab=tokenizer.vocab_size).eval()
    evaluation = ReplacedEvaluation.over(tokenizer, TEXTS, context=16, judged="masked")
    whole = ReplacedEvaluation.over(tokenizer, TEXTS, context=16)
    assert all(torch.equal(task.judged, task.masked.rows) for task in evaluation.tasks)
    figures, others = evaluation(model), whole(model)
    assert figures["base"] > 0.9
    assert others["base"] > 0.8
    assert figures["generator_loss"] == pytest.approx(others["generator_loss"])
    assert figures["recall"] == pytest.approx(others["recall"], abs=1e-6)
