"""What arms are measured by, each figure under a protocol that does not depend on the objective."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from unmask.checkpoint.folder import Opened, open_language_model
from unmask.checkpoint.jsonfile import read_json
from unmask.claims.arms import ArmRun
from unmask.claims.data import BLIMP, MANUALS, POLARITY, VALID, ClaimData, read_rows
from unmask.evaluation.classification import ClassificationFigures
from unmask.evaluation.held_out import held_out_batches
from unmask.evaluation.masked import MaskedEvaluation
from unmask.evaluation.minimal_pairs import MinimalPair, measure, read_pairs
from unmask.evaluation.probe import Probe
from unmask.evaluation.whole_words import WholeWordEvaluation
from unmask.heads.model import LanguageModel
from unmask.pipelines.embed import Embedder
from unmask.verbs.finetune import finetune
from unmask.verbs.finetune_settings import finetune_settings

MOST_TOKENS = 1_400_000  # of held-out text: about 200,000 predictions
COPIED_TOKENS = 200_000
PAIRS = 200  # of each paradigm of BLiMP
CONTEXT = 128


@dataclass(frozen=True, slots=True)
class Measured:
    """A finished arm.

    Attributes:
        run: which it is.
        model: its folder.
        data: where texts and labels are.
        scratch: a folder for what a metric makes.
    """

    run: ArmRun
    model: Path
    data: ClaimData
    scratch: Path

    def language_model(self) -> Opened[LanguageModel]:
        """The model with its language-model head."""
        opened = open_language_model(self.model, device=self.run.device)
        opened.model.eval()
        return opened


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a figure is.

    Attributes:
        what: in words.
        unit: behind the number.
        more: whether more of it is better.
    """

    what: str
    unit: str
    more: bool


@dataclass(frozen=True, slots=True)
class Metric(Quantity):
    """A figure of an arm.

    Attributes:
        of: a finished arm to the figures that are measured together, this one by its name.
        sources: files and folders of the data that it is made of.
        reads: makes what it reads of them, or reads it, so that what is wrong is missed before any
            arm is trained, and is made by one process.
    """

    of: Callable[[Measured], Mapping[str, float]]
    sources: tuple[str, ...] = ()
    reads: Callable[[ClaimData], object] = lambda data: None


def _masked(arm: Measured) -> dict[str, float]:
    """Hidden single tokens of the held-out books."""
    figures = _hidden(arm, _lines(arm.data.path(VALID)))
    return {"masked_loss": figures["loss"], "masked_top1": figures["top1"]}


def _manuals(arm: Measured) -> dict[str, float]:
    """Hidden single tokens of the held-out pages of the manuals."""
    return {"manuals_loss": _hidden(arm, _lines(arm.data.manuals_held_out()))["loss"]}


def _hidden(arm: Measured, lines: Iterator[str]) -> dict[str, float]:
    opened = arm.language_model()
    tasks = MaskedEvaluation.over(
        opened.tokenizer, lines, context=_context(opened), most_tokens=MOST_TOKENS
    )
    return tasks(opened.model)


def _whole_words(arm: Measured) -> dict[str, float]:
    """Hidden words of the held-out books, all pieces of which have to be right."""
    opened = arm.language_model()
    tasks = WholeWordEvaluation.over(
        opened.tokenizer,
        _lines(arm.data.path(VALID)),
        context=_context(opened),
        most_tokens=MOST_TOKENS,
    )
    figures = tasks(opened.model)
    names = {"top1": "whole_word_top1", "long_loss": "long_word_loss"}
    return {name: figures[key] for key, name in names.items() if key in figures}


def _lines(path: Path) -> Iterator[str]:
    """Lines of a text that are not blank."""
    with path.open(encoding="utf-8") as file:
        yield from (line.strip() for line in file if line.strip())


def _context(opened: Opened[LanguageModel]) -> int:
    return min(CONTEXT, opened.model.encoder.config.context)


def _copied(arm: Measured) -> dict[str, float]:
    """Tokens that are there to be seen, asked for where they stand."""
    opened = arm.language_model()
    tokenizer = opened.tokenizer
    special = torch.tensor(sorted(tokenizer.special_ids))
    right = asked = 0
    batches, _ = held_out_batches(
        tokenizer,
        _lines(arm.data.path(VALID)),
        context=_context(opened),
        budget=4096,
        most_tokens=COPIED_TOKENS,
    )
    with torch.inference_mode():
        for batch in batches.epoch(0):
            rows = torch.nonzero(~torch.isin(batch.ids, special))[:, 0]
            there = batch.to(arm.run.device)
            guesses = opened.model(there, rows.to(arm.run.device)).argmax(1).cpu()
            right += int((guesses == batch.ids[rows]).sum())
            asked += len(rows)
    return {"copied": right / asked}


def _rule(arm: Measured) -> dict[str, float]:
    """By how much the shares of training leave 15 %, and of these 80, 10 and 10 %, at most."""
    counts = read_json(arm.model.parent / "result.json")["counts"]
    selected = counts["selected"]
    shares = {
        "selected": (selected / counts["ordinary"], 0.15),
        "masked": (counts["masked"] / selected, 0.8),
        "random": (counts["random"] / selected, 0.1),
        "kept": (counts["kept"] / selected, 0.1),
    }
    return {"rule_deviation": max(abs(found - said) for found, said in shares.values())}


def _blimp(arm: Measured) -> dict[str, float]:
    """Minimal pairs by (pseudo-)log-likelihood."""
    opened = arm.language_model()
    pairs = _minimal_pairs(arm.data)
    return {"blimp": measure(opened.model, opened.tokenizer, pairs).accuracy}


def _minimal_pairs(data: ClaimData) -> list[MinimalPair]:
    return read_pairs(data.path(BLIMP), PAIRS)


def _probe(arm: Measured) -> dict[str, float]:
    """Logistic regression on the means of frozen hidden states."""
    train, test = (read_rows(path) for path in arm.data.polarity())
    embedder = Embedder.from_pretrained(arm.model, pooling="mean", device=arm.run.device)
    probe = Probe.fit(embedder.encode(train[0]), train[1])
    return {"probe_accuracy": probe.accuracy(embedder.encode(test[0]), test[1])}


def _finetuned(arm: Measured) -> dict[str, float]:
    """The whole model trained on the labels that the probe has."""
    return {"finetune_accuracy": _accuracy(arm, arm.data.polarity(), "finetuned")}


def _pages(arm: Measured) -> dict[str, float]:
    """The whole model trained to tell from which page of the manuals a line is."""
    return {"page_accuracy": _accuracy(arm, arm.data.pages(), "pages")}


def _accuracy(arm: Measured, tables: tuple[Path, Path], name: str) -> float:
    """Of the whole model, fine-tuned on the first table and tested on the second after the last
    epoch: the test chooses nothing."""
    train, test = tables
    settings = finetune_settings(
        {"budget": {"best": False}},
        seed=arm.run.seed,
        threads=torch.get_num_threads(),
        device=arm.run.device,
    )
    result = finetune(
        arm.model,
        train=train,
        dev=test,
        out=arm.scratch / name,
        settings=settings,
    )
    assert isinstance(result.figures, ClassificationFigures)
    return result.figures.accuracy


_BOOKS = (VALID,)
METRICS: Mapping[str, Metric] = {
    "masked_loss": Metric(
        "loss at hidden tokens of held-out books", "nats", False, _masked, _BOOKS
    ),
    "masked_top1": Metric(
        "hidden tokens of held-out books guessed", "share", True, _masked, _BOOKS
    ),
    "whole_word_top1": Metric(
        "hidden whole words of held-out books guessed", "share", True, _whole_words, _BOOKS
    ),
    "long_word_loss": Metric(
        "loss at hidden words of several tokens of held-out books",
        "nats",
        False,
        _whole_words,
        _BOOKS,
    ),
    "copied": Metric(
        "tokens in plain sight named where they stand", "share", True, _copied, _BOOKS
    ),
    "rule_deviation": Metric(
        "largest deviation from 15 %, and of these 80/10/10", "share", False, _rule
    ),
    "blimp": Metric("minimal pairs of BLiMP", "share", True, _blimp, (BLIMP,), _minimal_pairs),
    "probe_accuracy": Metric(
        "film reviews told apart, frozen features",
        "share",
        True,
        _probe,
        (POLARITY,),
        ClaimData.polarity,
    ),
    "finetune_accuracy": Metric(
        "film reviews told apart, fine-tuned",
        "share",
        True,
        _finetuned,
        (POLARITY,),
        ClaimData.polarity,
    ),
    "manuals_loss": Metric(
        "loss at hidden tokens of held-out manuals",
        "nats",
        False,
        _manuals,
        MANUALS,
        ClaimData.manuals_held_out,
    ),
    "page_accuracy": Metric(
        "lines of the manuals told apart by page, fine-tuned",
        "share",
        True,
        _pages,
        MANUALS,
        ClaimData.pages,
    ),
}

TIMES = "times_as_fast"
QUANTITIES: Mapping[str, Quantity] = {
    **METRICS,
    TIMES: Quantity("times as fast at the same work", "×", True),
}
"""All that an effect can be in."""
