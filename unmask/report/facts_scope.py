"""What the scoping of a task found out: the whole input of its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ClassRows:
    """A label, a type of spans, or whether there is an answer.

    Attributes:
        name: of it.
        rows: that have it and are learnt from.
        dev_rows: that have it and are measured with.
        share: of all rows, those that have it, from 0 to 1.
    """

    name: str
    rows: int
    dev_rows: int
    share: float


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row by its line in the file (its number, from 1, where that has no lines), its text, and
    what it says."""

    row: int
    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Repeats:
    """Rows that ask the same.

    Attributes:
        exact: rows that ask what a row before them asks, letter by letter.
        alike: the same, where letter case, punctuation and white space do not count.
        conflicts: texts that have different labels; letter by letter.
        conflict_rows: the rows that they stand in.
        shown: some of those rows, text by text.
    """

    exact: int
    alike: int
    conflicts: int
    conflict_rows: int
    shown: tuple[ShownRow, ...]


@dataclass(frozen=True, slots=True)
class Overlap:
    """What stands on both sides.

    Attributes:
        exact: dev rows that ask what a training row asks, letter by letter.
        alike: the same, where letter case, punctuation and white space do not count.
        rows: dev rows.
        shown: some of them, by their numbers in the dev file.
    """

    exact: int
    alike: int
    rows: int
    shown: tuple[ShownRow, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """Of numbers: the lowest, the three quartiles and the highest; and how many differ."""

    points: tuple[float, float, float, float, float]
    distinct: int


@dataclass(frozen=True, slots=True)
class CandidateFacts:
    """A model that could be the backbone, on the user's texts, on this machine.

    Attributes:
        name: what it is called.
        what: it is, in words.
        parameters: of the encoder.
        bytes: that they take in float32.
        context: longest row in tokens, or text where each has a vector of its own.
        tokens_per_word, unknown: of its tokenizer on the texts; the latter is a share of tokens.
        half, most: tokens of a row at the 50th and the 95th percentile.
        cut: share of rows with something longer than that.
        ms_half, ms_most: milliseconds for one row of about that many tokens, by itself.
        tokens_per_second: with many rows at once.
        score: out of fold, of a linear model on its frozen vectors; None where none was fitted.
        against: what speaks against it under the budget; empty for nothing.
    """

    name: str
    what: str
    parameters: int
    bytes: int
    context: int
    tokens_per_word: float
    unknown: float
    half: int
    most: int
    cut: float
    ms_half: float
    ms_most: float
    tokens_per_second: float
    score: float | None = None
    against: str = ""


@dataclass(frozen=True, slots=True)
class SuspectRow:
    """A row whose label is likely a mistake; scores are probabilities, out of fold.

    Attributes:
        row: its line in the file; its number, from 1, where that has no lines.
        text: what it asks.
        given, suggested: what it says, and what it likely should say.
        given_score, suggested_score: of each; None of numbers.
    """

    row: int
    text: str
    given: str
    suggested: str
    given_score: float | None
    suggested_score: float | None


@dataclass(frozen=True, slots=True)
class JudgedFacts:
    """What linear models on frozen vectors say of rows that they have not seen.

    Attributes:
        model: whose vectors.
        unit: what was judged: "rows" or "words".
        judged, of: how many, and of how many.
        score, measure: how good the models are: "macro F1" or "R²".
        suspects: how many labels are likely mistakes.
        shown: the likeliest of them.
        few: labels with too few rows to be judged.
    """

    model: str
    unit: str
    judged: int
    of: int
    score: float
    measure: str
    suspects: int
    shown: tuple[SuspectRow, ...]
    few: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remark:
    """A refusal or a warning.

    Attributes:
        kind: "refusal", nothing is to be trained like this; "warning", it may disappoint.
        rule: what it is about, in a few words.
        found: what broke the rule, with numbers.
        instead: what to do; of a refusal, what lifts it.
    """

    kind: Literal["refusal", "warning"]
    rule: str
    found: str
    instead: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A way in which such trainings fail.

    Attributes:
        name: of it.
        what: happens.
        see: how it shows.
        do: against it.
    """

    name: str
    what: str
    see: str
    do: str


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What is to be trained, how, and how it is judged; each in words."""

    baseline: str
    backbone: str
    head: str
    data: str
    training: str
    evaluation: str
    stopping: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class ScopeFacts:
    """A task, looked at before anything is trained.

    Attributes:
        task: its name.
        what: is learnt, in words.
        data, dev: names of the files; `dev` is None where a share is held out.
        when: a date.
        told: what was read from where.
        rows, train_rows, dev_rows: how many rows `data` has, and how many are for what.
        empty: texts without a word.
        classes: the commonest first.
        spread: of numbers; else None.
        repeats: within `data`.
        overlap: with the dev file; None without one.
        candidates: the chosen one first.
        judged: likely mistakes; None where none were looked for, and `unjudged` says why.
        unjudged: why not.
        remarks: refusals first.
        plan: what to do.
        recipe: the TOML that was written; empty where none was.
        command: that runs it.
        assumed: what was not known.
    """

    task: str
    what: str
    data: str
    dev: str | None
    when: str
    told: tuple[str, ...]
    rows: int
    train_rows: int
    dev_rows: int
    empty: int
    classes: tuple[ClassRows, ...]
    spread: Spread | None
    repeats: Repeats
    overlap: Overlap | None
    candidates: tuple[CandidateFacts, ...]
    judged: JudgedFacts | None
    unjudged: str
    remarks: tuple[Remark, ...]
    plan: PlanFacts
    recipe: str
    command: str
    assumed: tuple[str, ...]

    @property
    def refused(self) -> bool:
        """Whether anything is."""
        return any(one.kind == "refusal" for one in self.remarks)

    @property
    def verdict(self) -> str:
        """In a word or two."""
        if self.refused:
            return "refused"
        return "go, with warnings" if self.remarks else "go"
