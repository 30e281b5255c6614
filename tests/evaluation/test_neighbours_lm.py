"""The held-out protocol of models that predict neighbours, counted again row by row."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from tests.nn.models import language_model, shaken
from unmask.batches.pack import pack, unpack
from unmask.errors import TextError
from unmask.evaluation.masked import MaskedEvaluation
from unmask.evaluation.neighbours_lm import NeighbourEvaluation, held_out_tasks
from unmask.heads.model import LanguageModel
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train

TEXTS = [f"word{i} follows word{i + 1} and then some more words come" for i in range(200)]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(TEXTS, vocab_size=300)


@pytest.mark.parametrize("arch", ["decoder", "elmo"])
def test_figures_are_over_all_tokens_and_directions(arch: str, tokenizer: Tokenizer) -> None:
    model = shaken(language_model(arch, vocab=tokenizer.vocab_size))
    assert isinstance(model, LanguageModel)
    model.eval()
    predicts = model.head_config.predicts
    evaluation = NeighbourEvaluation.over(tokenizer, TEXTS, predicts=predicts, context=32)
    assert len(evaluation.tasks) > 1
    rows = [row for task in evaluation.tasks for row in unpack(task.batch)]
    losses, ranks = [], []
    with torch.inference_mode():
        for row in rows:
            scores = model(pack([row]), torch.arange(len(row))).view(len(row), len(predicts), -1)
            for here in range(len(row)):
                for part, way in enumerate(predicts):
                    if 0 <= here + way < len(row):
                        logp = scores[here, part].log_softmax(0)
                        losses.append(-float(logp[row[here + way]]))
                        ranks.append(int((logp > logp[row[here + way]]).sum()))
    assert evaluation.targets == len(losses) == len(predicts) * (evaluation.tokens - len(rows))
    figures = evaluation(model)
    assert figures["loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-5)
    assert figures["top1"] == pytest.approx(sum(r == 0 for r in ranks) / len(ranks))
    assert figures["top5"] == pytest.approx(sum(r < 5 for r in ranks) / len(ranks))


def test_the_end_of_a_text_is_predicted_and_what_is_left_out_is_counted(
    tokenizer: Tokenizer,
) -> None:
    whole = NeighbourEvaluation.over(tokenizer, TEXTS, predicts=(1,), context=32)
    labels = torch.cat([task.labels for task in whole.tasks]).tolist()
    assert labels.count(tokenizer.roles.need("sep")) == len(TEXTS)
    part = NeighbourEvaluation.over(tokenizer, TEXTS, predicts=(1,), context=32, most_tokens=200)
    assert whole.left_out == 0
    assert part.left_out > 0
    assert part.tokens < whole.tokens


def test_the_head_says_what_is_measured(tokenizer: Tokenizer) -> None:
    sizes = {"context": 32, "most_tokens": 500}
    masked = held_out_tasks(tokenizer, TEXTS, predicts=(0,), **sizes)  # type: ignore[arg-type]
    assert isinstance(masked, MaskedEvaluation)
    other = held_out_tasks(tokenizer, TEXTS, predicts=(1,), **sizes)  # type: ignore[arg-type]
    assert isinstance(other, NeighbourEvaluation)


def test_nothing_to_predict_is_an_error(tokenizer: Tokenizer) -> None:
    with pytest.raises(TextError, match="the held-out texts hold no token"):
        NeighbourEvaluation.over(tokenizer, [""], predicts=(1,), context=32)
    bare = SimpleNamespace(
        ids_stream=lambda texts: ([7] for _ in texts),
        layout=SimpleNamespace(prefix=(), suffix=()),
    )
    with pytest.raises(TextError, match="no held-out text has more than one token"):
        NeighbourEvaluation.over(bare, ["a", "b"], predicts=(1,), context=32)  # type: ignore[arg-type]
