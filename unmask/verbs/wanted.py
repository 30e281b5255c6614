"""What `unmask evaluate` is to do beside measuring a model: another model, and a page."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from unmask.batches.sequences import OnLong
from unmask.checkpoint.durable import make_folders
from unmask.checkpoint.formats import Described
from unmask.checkpoint.sentence import sentence_root
from unmask.errors import ConfigError, ModelError
from unmask.evaluation.bootstrap import F64, Difference
from unmask.report.facts_measured import About, Against
from unmask.report.page import Report
from unmask.verbs.looking import look, scores_pairs
from unmask.verbs.watch import Watch


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be measured, beside the model.

    Attributes:
        name: what the user called the model.
        against: another model, or None.
        report: the page to write, or None.
        replace: whether a page that is there may be replaced.
        on_long: what happens to a text longer than the context.
    """

    name: str
    against: str | Path | None
    report: Path | None
    replace: bool
    on_long: OnLong

    def refuse(self, folder: Path) -> None:
        """Refuse what only models that were taught a task can have.

        Raises:
            ConfigError: another model or a report is asked for.
        """
        asked = {"--against": self.against, "--report": self.report}
        if given := [name for name, value in asked.items() if value is not None]:
            raise ConfigError(
                f"{given[0]} is for models that were taught a task, such as classifiers and "
                f"taggers, and {folder} is measured as a language model; leave it out"
            )

    def check(self) -> None:
        """Look at what can be refused before anything is computed.

        Raises:
            ConfigError: the page is no HTML file, or is there and not to be replaced.
        """
        if self.report is None:
            return
        if self.report.suffix.lower() not in (".html", ".htm"):
            raise ConfigError(f"a report is a page: name it *.html, not {self.report}")
        if self.report.exists() and not self.replace:
            raise ConfigError(
                f"{self.report} exists already; choose another name, or pass --replace"
            )

    def check_other(self, folder: Path, said: Described) -> None:
        """Look at the other model, before either of them reads anything.

        Args:
            folder: of the model that is measured.
            said: what its `config.json` says.

        Raises:
            ModelError: the other is of another kind.
        """
        if self.against is None:
            return
        other, theirs = look(self.against)
        alike = said.head == theirs.head
        if said.head not in ("sequence", "token", "span"):
            alike = sentence_root(other) is not None
        if not alike:
            raise ModelError(
                "--against takes a model of the same kind, so that both say the same of the same "
                f"rows, but {self.name} holds {_kind(folder, said)} and {self.against} holds "
                f"{_kind(other, theirs)}; give another model, or measure that one by itself: "
                f"unmask evaluate {self.against}"
            )

    def about(
        self,
        data: str,
        skipped: int,
        differences: Sequence[Difference] = (),
        agreement: Mapping[str, int] | None = None,
    ) -> About:
        """What a page says of what was measured.

        Args:
            data: what it was measured on, in words.
            skipped: bad places of it.
            differences: from the other model, the main figure first; none without one.
            agreement: rows by which model is right.
        """
        against = None
        if differences:
            other = str(self.against)
            verdict = differences[0].verdict(self.name, other)
            against = Against(other, tuple(differences), agreement or {}, verdict)
        return About(self.name, data, date.today().isoformat(), skipped, against)

    def write(self, page: Callable[[], Report], watch: Watch) -> None:
        """Write the page, where one is asked for.

        Args:
            page: makes it.
            watch: is told of it.

        Raises:
            CheckpointError: the disk is full or refuses.
        """
        if self.report is None:
            return
        with watch.stage("writing the report"):
            make_folders(Path(os.path.abspath(self.report)).parent)
            page().save(self.report)


def both_or_one(wanted: Wanted, both: int, first: int, second: int, neither: int) -> dict[str, int]:
    """Rows by which of two models is right, in words."""
    return {
        "both are right": both,
        f"only {wanted.name} is right": first,
        f"only {wanted.against} is right": second,
        "neither is right": neither,
    }


def right_rows(wanted: Wanted, first: F64, second: F64) -> dict[str, int]:
    """The same of `(N,)` figures of each model, where 1 is right."""
    ours, theirs = first >= 1, second >= 1
    sides = (ours & theirs, ours & ~theirs, theirs & ~ours, ~ours & ~theirs)
    return both_or_one(wanted, *(int(side.sum()) for side in sides))


def better_rows(wanted: Wanted, what: str, first: F64, second: F64) -> dict[str, int]:
    """Rows by which of two models is better.

    Args:
        wanted: names them.
        what: the better one is, such as "nearer".
        first, second: `(N,)` figures of each; more is better.
    """
    even = np.isclose(first, second)
    return {
        f"{wanted.name} is {what}": int((~even & (first > second)).sum()),
        f"{wanted.against} is {what}": int((~even & (first < second)).sum()),
        "both are alike": int(even.sum()),
    }


def _kind(folder: Path, said: Described) -> str:
    if sentence_root(folder) is not None:
        return "an embedding model"
    return "a reranker" if scores_pairs(folder, said) else said.holds
