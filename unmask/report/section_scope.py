"""The sections of the page of a scoped task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from unmask.report.charts import Bar, bars
from unmask.report.facts_scope import (
    CandidateFacts,
    JudgedFacts,
    PlanFacts,
    ScopeFacts,
    ShownRow,
    SuspectRow,
)
from unmask.report.markup import Html, join
from unmask.report.pieces import (
    Column,
    Quotation,
    callout,
    commands,
    figure,
    notes,
    prose,
    quotations,
    stats,
    subheading,
    table,
)
from unmask.report.units import count, percent, short, size

MOST_BARS = 30
LONGEST = 400  # characters of a text that are shown


def verdict_section(facts: ScopeFacts) -> Html:
    """What is refused or warned of, each with what to do."""
    if not facts.remarks:
        return callout("Go: nothing stands in the way.", "", "good")
    parts = []
    for one in facts.remarks:
        head = f"{'Refused' if one.kind == 'refusal' else 'Warning'}: {one.rule}"
        parts.append(callout(head, f"{_capital(one.found)}. {one.instead}", "warn"))
    return join(parts)


def plan_section(facts: ScopeFacts) -> Html:
    """The plan, line by line."""
    plan = facts.plan
    return join(
        [
            table([Column("part"), Column("what")], _lines(plan)),
            subheading(f"Watch for: {plan.failure.name}"),
            prose(f"{_capital(plan.failure.what)}."),
            table(
                [Column("part"), Column("what")],
                [("how to see it", plan.failure.see), ("what to do", plan.failure.do)],
            ),
            subheading("Assumed"),
            notes(facts.assumed),
        ]
    )


def _lines(plan: PlanFacts) -> list[tuple[str, str]]:
    return [
        ("baseline", plan.baseline),
        ("backbone", plan.backbone),
        ("head", plan.head),
        ("data", plan.data),
        ("training", plan.training),
        ("evaluation", plan.evaluation),
        ("stopping", plan.stopping),
    ]


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def recipe_section(facts: ScopeFacts) -> Html:
    """The recipe as it stands in its file, and the command that runs it."""
    if not facts.recipe:
        why = "the task is refused" if facts.refused else "unmask finetune does not have the task"
        return callout("No recipe was written.", f"{_capital(why)}.", "warn")
    return join(
        [
            prose("This file lies beside the page. The command runs it as it is."),
            commands([(facts.command, ""), (facts.recipe, "")]),
        ]
    )


def classes_section(facts: ScopeFacts) -> Html:
    """How many rows there are of what."""
    if facts.spread is not None:
        low, a, b, c, high = facts.spread.points
        return stats(
            [
                ("lowest", f"{low:g}"),
                ("first quarter up to", f"{a:g}"),
                ("half up to", f"{b:g}"),
                ("three quarters up to", f"{c:g}"),
                ("highest", f"{high:g}"),
                ("different numbers", count(facts.spread.distinct)),
            ]
        )
    if not facts.classes:
        return prose("The rows have no labels that could be counted.")
    shown = facts.classes[:MOST_BARS]
    most = max(one.share for one in shown)
    drawn = [
        Bar(one.name, one.share, f"{percent(one.share)}, {count(one.rows + one.dev_rows)} rows"
            if facts.dev is None else f"{percent(one.share)}, {count(one.rows)} rows")
        for one in shown
    ]  # fmt: skip
    rows = [(one.name, count(one.rows), count(one.dev_rows), percent(one.share)) for one in shown]
    columns = [Column("label")]
    columns += [Column(name, "numbers") for name in ("to learn from", "to measure with", "share")]
    left = len(facts.classes) - len(shown)
    return join(
        [
            figure(
                bars(drawn, title="Share of the rows", maximum=max(most, 0.01), width=720),
                width="wide",
            ),
            table(columns, rows, width="slim"),
            notes([f"{count(left)} rarer labels are not shown."] if left else []),
        ]
    )


def repeats_section(facts: ScopeFacts) -> Html:
    """Duplicates, contradictions, and what stands on both sides."""
    found, both = facts.repeats, facts.overlap
    rows = [
        ("duplicate rows", count(found.exact)),
        ("duplicates but for case and punctuation", count(found.alike)),
        ("texts with different labels", count(found.conflicts)),
        ("empty texts", count(facts.empty)),
    ]
    if both is not None:
        rows += [
            ("dev rows that are training rows", count(both.exact)),
            ("the same but for case and punctuation", count(both.alike)),
        ]
    parts = [stats(rows)]
    if both is None:
        parts.append(prose("What is held out shares no text with what is learnt from."))
    if found.shown:
        parts += [subheading("The same text, different labels"), _shown(found.shown, facts.data)]
    if both is not None and both.shown:
        parts += [subheading("On both sides"), _shown(both.shown, facts.dev or facts.data)]
    return join(parts)


def _shown(rows: Sequence[ShownRow], name: str) -> Html:
    return quotations([Quotation(_cut(one.text), (("label", one.label),), _place(name, one.row))
                       for one in rows])  # fmt: skip


def _place(name: str, row: int) -> str:
    """Where a row stands. SQuAD's JSON has no lines that count: its questions have numbers."""
    return f"{name}, question {row}" if ".json" in Path(name).suffixes else f"{name}:{row}"


def candidates_section(facts: ScopeFacts) -> Html:
    """What each model makes of the text, and how fast it reads it here."""
    first, scored = facts.candidates[0], any(one.score is not None for one in facts.candidates)
    of_text = ["tokens per word", "unknown tokens", "context", "rows past it"]
    of_text += ["out of fold"] if scored else []
    here = ["parameters", "in memory", "ms at 50 %", "ms at 95 %", "tokens/s together"]
    said = [f"{one.name}: {one.against}." for one in facts.candidates if one.against]
    return join(
        [
            prose(
                f"Half of the rows have up to {count(first.half)} tokens of {first.name}, 95 % up "
                f"to {count(first.most)}. The chosen model stands first."
            ),
            _figures(of_text, [_on_text(one, scored) for one in facts.candidates]),
            prose(
                "Milliseconds are for one row of that length by itself, the best of a few times; "
                "they hold for this machine, and were measured while the page was made."
            ),
            _figures(here, [_here(one) for one in facts.candidates]),
            notes(said),
        ]
    )


def _figures(names: Sequence[str], rows: Sequence[tuple[str, ...]]) -> Html:
    columns = [Column("model"), *(Column(name, "numbers") for name in names)]
    return table(columns, rows, best=0)


def _on_text(one: CandidateFacts, scored: bool) -> tuple[str, ...]:
    score = () if not scored else ("" if one.score is None else f"{one.score:.3f}",)
    told = f"{one.tokens_per_word:.2f}", percent(one.unknown, 2), count(one.context)
    return one.name, *told, percent(one.cut), *score


def _here(one: CandidateFacts) -> tuple[str, ...]:
    times = f"{one.ms_half:.1f}", f"{one.ms_most:.1f}"
    return one.name, short(one.parameters), size(one.bytes), *times, short(one.tokens_per_second)


def suspects_section(facts: ScopeFacts) -> Html:
    """Rows whose label is likely a mistake."""
    judged = facts.judged
    if judged is None:
        return prose(facts.unjudged)
    few = [
        f"Too few rows to be judged: {', '.join(judged.few[:20])}"
        + (f" and {len(judged.few) - 20} more." if len(judged.few) > 20 else ".")
    ] if judged.few else []  # fmt: skip
    if not judged.suspects:
        return join([prose(_how(judged)), callout("None was found.", "", "good"), notes(few)])
    return join(
        [
            prose(_how(judged)),
            callout(
                f"{count(judged.suspects)} of {count(judged.judged)} {judged.unit} "
                f"({percent(judged.suspects / judged.judged)}) are suspect.",
                f"The {count(len(judged.shown))} likeliest follow. Read them before anything is "
                "trained: some are mistakes, some fit two labels, some are only hard.",
                "warn",
            ),
            quotations([_suspect(one, facts.data) for one in judged.shown]),
            notes(few),
        ]
    )


def _how(judged: JudgedFacts) -> str:
    model = "ridge regression" if judged.measure == "R²" else "linear model"
    part = "" if judged.judged == judged.of else f" of {count(judged.of)}, drawn by chance"
    suspect = (
        "Suspect are numbers far from what it expects."
        if judged.measure == "R²"
        else "Suspect is what it is sure of and the label is not (confident learning, Northcutt et "
        "al. 2021)."
    )
    return (
        f"A {model} on the frozen vectors of {judged.model} was fitted five times, each time "
        f"without a fifth, and asked about that fifth ({count(judged.judged)} {judged.unit}{part}; "
        f"{judged.measure} {judged.score:.3f}). {suspect}"
    )


def _suspect(one: SuspectRow, name: str) -> Quotation:
    given, suggested = one.given, one.suggested
    if one.given_score is not None and one.suggested_score is not None:
        given = f"{given} ({percent(one.given_score)})"
        suggested = f"{suggested} ({percent(one.suggested_score)})"
    facts = (("given", given), ("likely", suggested))
    return Quotation(_cut(one.text), facts, _place(name, one.row))


def _cut(words: str) -> str:
    shown = words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"
    return shown if shown.strip() else "(no text)"
