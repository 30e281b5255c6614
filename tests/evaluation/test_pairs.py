"""Held-out pairs: fixed ones, and right where the right answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from unmask.arch.registry import arch_of, sized_config
from unmask.batches.batch import Batch
from unmask.errors import TextError
from unmask.evaluation.masked import MaskedEvaluation
from unmask.evaluation.pairs import PairEvaluation
from unmask.heads.model import LanguageModel, PretrainingModel
from unmask.text.sentences import lines
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train

TEXTS = ["\n".join(f"w{i} then w{i + n}" for n in range(2 + i % 4)) for i in range(120)]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(TEXTS, vocab_size=300)


def over(tokenizer: Tokenizer, **settings: object) -> PairEvaluation:
    arguments = {"kind": "nsp", "cut": lines, "context": 32} | settings
    return PairEvaluation.over(tokenizer, lambda: TEXTS, **arguments)  # type: ignore[arg-type]


def model_of(tokenizer: Tokenizer) -> PretrainingModel:
    size = {"vocab_size": tokenizer.vocab_size, "context": 32, "pad_token_id": 0}
    config, arch = sized_config("bert", "1x64", **size), arch_of("bert")
    model = PretrainingModel(arch.encoder(config), arch.pretraining_head(config))
    return model.eval()


class Oracle(nn.Module):
    """Knows what each pair is, and says the other of the first of every batch."""

    def forward(self, hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
        if batch.labels is None:  # single texts, whose tokens are asked for
            return torch.zeros(len(batch), 2)
        labels = batch.labels.clone()
        labels[0] = 1 - labels[0]
        return nn.functional.one_hot(labels, 2).float()


def test_figures_of_an_oracle(tokenizer: Tokenizer) -> None:
    evaluation, model = over(tokenizer), model_of(tokenizer)
    model.pairs = Oracle()  # type: ignore[assignment]
    figures = evaluation(model)
    labels = torch.cat([batch.labels for batch in evaluation.pairs if batch.labels is not None])
    assert figures["pairs_accuracy"] == pytest.approx(1 - len(evaluation.pairs) / len(labels))
    share = labels.float().mean().item()
    assert figures["pairs_base"] == pytest.approx(max(share, 1 - share))
    assert 0.5 <= figures["pairs_base"] < 0.65


def test_tokens_are_measured_as_those_of_a_language_model(tokenizer: Tokenizer) -> None:
    model = model_of(tokenizer)
    plain = LanguageModel(model.encoder.config, model.head_config.tokens)
    state = {k: v for k, v in model.state_dict().items() if not k.startswith("pairs.")}
    plain.load_state_dict(state)
    figures = over(tokenizer)(model)
    expected = MaskedEvaluation.over(tokenizer, TEXTS, context=32)(plain.eval())
    assert {name: figures[name] for name in expected} == expected


def test_pairs_are_the_same_every_time_and_as_many_as_asked(tokenizer: Tokenizer) -> None:
    one, two = over(tokenizer), over(tokenizer)
    for a, b in zip(one.pairs, two.pairs, strict=True):
        assert torch.equal(a.ids, b.ids)
    few = over(tokenizer, most_tokens=100)
    assert 1 <= sum(map(len, few.pairs)) < sum(map(len, one.pairs))


def test_text_of_which_no_pair_is_made_is_an_error(tokenizer: Tokenizer) -> None:
    with pytest.raises(TextError, match=r"the model is measured on.*text\.held_out=0\.2"):
        PairEvaluation.over(
            tokenizer, lambda: ["one line", "another"], kind="sop", cut=lines, context=32
        )
