"""What the results of all evaluations have in common: facts for programs, counts for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from unmask.evaluation.bootstrap import Difference
from unmask.pipelines.running import UNKNOWN, mostly_unknown
from unmask.verbs.watch import Watch

A = TypeVar("A")


def as_facts(result: Any) -> dict[str, Any]:
    """A result for programs: its `figures` beside the rest.

    Args:
        result: a dataclass.
    """
    facts = asdict(result)
    figures: dict[str, Any] = facts.pop("figures")
    return {**facts, **figures}


def left_out(what: str, truncated: int, skipped: int) -> dict[str, str]:
    """What was not read, for people; nothing where there was none.

    Args:
        what: was cut, in words.
        truncated: how many were cut.
        skipped: bad places that were left out.
    """
    counts = {what: truncated, "bad places left out": skipped}
    return {words: f"{count:,}" for words, count in counts.items() if count}


def unknown_texts(count: int) -> dict[str, str]:
    """Texts of mostly unknown tokens, for people; nothing where there was none."""
    if not count:
        return {}
    return {"texts of mostly unknown tokens": f"{count:,}; what is said of them means little"}


def empty_texts(count: int) -> dict[str, str]:
    """Texts in which nothing is to be seen, for people; nothing where there was none."""
    return {"empty texts": f"{count:,}"} if count else {}


def telling_unknown(
    answers: Iterable[A], watch: Watch, unknown: Callable[[A], float]
) -> Iterator[A]:
    """Answers as they are; behind the last it is said how many of their texts mean little.

    Args:
        answers: one for each text.
        watch: is told.
        unknown: of an answer: the share of its text's tokens that the tokenizer does not know.
    """
    read = strange = 0
    for answer in answers:
        read += 1
        strange += mostly_unknown(unknown(answer))
        yield answer
    if strange:
        watch.say(f"{strange:,} of {read:,} {UNKNOWN}")


def set_against(
    differences: Sequence[Difference], other: str | None, truncated: int = 0
) -> dict[str, str]:
    """How a model differs from another on the same rows, for people; nothing without one.

    Args:
        differences: of the figures, the main one first.
        other: the other model.
        truncated: texts that it cut.
    """
    found = {
        f"{one.figure} against {other}": f"{one.first:.3f} against {one.second:.3f}: "
        f"{one.in_words()}"
        for one in differences
    }
    if truncated:
        found[f"texts that {other} cut"] = f"{truncated:,}"
    if differences and other is not None:
        found["verdict"] = differences[0].verdict("the model", other)
    return found


def written(report: Path | None) -> dict[str, str]:
    """The page that was written, for people; nothing without one."""
    return {} if report is None else {"report": str(report)}


@dataclass(frozen=True, kw_only=True, slots=True)
class OnRows:
    """What a model came to on rows; of a dataclass with `figures`.

    Attributes:
        other: what the model beside it was called; None without one.
        differences: of the two on the same rows, this model less the other.
        other_truncated: texts, pairs or sentences that the other cut.
        report: the page that was written; None without one.
    """

    other: str | None = None
    differences: tuple[Difference, ...] = ()
    other_truncated: int = 0
    report: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """For programs: the figures beside the rest."""
        return as_facts(self)

    def beside(self) -> dict[str, str]:
        """For people: how another model differs, and the page."""
        against = set_against(self.differences, self.other, self.other_truncated)
        return {**against, **written(self.report)}
