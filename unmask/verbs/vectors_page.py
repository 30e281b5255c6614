"""The page of an embedding model's evaluation, from its vectors."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from unmask.evaluation.bootstrap import F64
from unmask.evaluation.embedding import Vectors
from unmask.evaluation.graded_pairs import Graded
from unmask.evaluation.ranking import RankingFigures
from unmask.evaluation.search import Search
from unmask.report.facts_measured import About, Length
from unmask.report.graded import GradedFacts, GradedRow, graded_report
from unmask.report.page import Report
from unmask.report.rankings import RankedQuery, Rankings, ranking_lines, ranking_report
from unmask.report.units import count
from unmask.verbs.text_vectors import ReadTexts
from unmask.verbs.wanted import Wanted, better_rows


def vectors_page(about: About, asked: Search | Graded, read: ReadTexts) -> Report:
    """The page of documents found for queries, or of graded pairs."""
    if isinstance(asked, Search):
        return ranking_report(_search(about, asked, read))
    return graded_report(_graded(about, asked, read))


def agreement(
    wanted: Wanted, asked: Search | Graded, ours: Vectors, theirs: Vectors
) -> dict[str, int]:
    """Queries, or pairs, by which of two models does better."""
    if isinstance(asked, Search):
        gains = (asked.ranked(one).values[:, 0] for one in (ours, theirs))
        return better_rows(wanted, "better", *gains)
    grades = rankdata(asked.grades)
    apart: list[F64] = [-np.abs(rankdata(asked.alike(one)) - grades) for one in (ours, theirs)]
    return better_rows(wanted, "nearer to the grade's place", *apart)


def _search(about: About, asked: Search, read: ReadTexts) -> Rankings:
    each, found = asked.ranked(read.vectors), asked.found(read.vectors)
    rows = tuple(
        RankedQuery(
            text=asked.first[number],
            gain=float(each.values[number, 0]),
            relevant=asked.second[one.relevant],
            rank=one.rank,
            first=asked.second[one.first],
            score=one.score,
            documents=one.ranked,
            length=Length.longest(
                (read.first[number], *(read.second[place] for place in asked.relevant[number]))
            ),
        )
        for number, one in enumerate(found)
    )
    return Rankings(
        about=about,
        figures=tuple(ranking_lines(RankingFigures.of_queries(each))),
        rows=rows,
        left_out=each.without_relevant,
        scale=read.vectors.by,
        lengths="A query counts as long as the longest of itself and its own documents.",
        remarks=(
            f"{count(len(asked.first))} queries are looked for among "
            f"{count(len(asked.second))} documents; {count(read.truncated)} of these texts were "
            "cut.",
        ),
    )


def _graded(about: About, asked: Graded, read: ReadTexts) -> GradedFacts:
    sides = zip(
        asked.first,
        asked.second,
        asked.grades,
        asked.alike(read.vectors),
        zip(read.first, read.second, strict=True),
        strict=True,
    )
    rows = tuple(
        GradedRow(first, second, float(grade), float(alike), Length.longest(lengths))
        for first, second, grade, alike, lengths in sides
    )
    return GradedFacts(about, read.vectors.by, rows)
