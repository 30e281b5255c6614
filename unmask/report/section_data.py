"""The first sections of a quickstart report: the text, the tokenizer, the model."""

from __future__ import annotations

from unmask.report import pictures
from unmask.report.facts import CorpusFacts, ModelFacts, TokenizerFacts
from unmask.report.markup import NOTHING, Html, join
from unmask.report.pieces import (
    Column,
    figure,
    notes,
    prose,
    split_words,
    stats,
    subheading,
    table,
)
from unmask.report.units import count, percent, short


def corpus_section(facts: CorpusFacts) -> Html:
    """What was read, and what was kept apart."""
    total = facts.documents + facts.held_out_documents
    share = f" ({percent(facts.held_out_documents / total)})" if total else ""
    return join(
        [
            prose(
                "Everything below was learnt from this text and from nothing else. "
                f"{facts.source_note}"
            ),
            stats(
                [
                    ("training documents", count(facts.documents)),
                    ("held-out documents", count(facts.held_out_documents)),
                    ("paragraphs", count(facts.paragraphs)),
                    ("words", short(facts.words)),
                    ("characters", short(facts.characters)),
                    ("duplicates dropped", count(facts.duplicates_dropped)),
                ]
            ),
            prose(
                "Repeated paragraphs are dropped first. Then a hash of its text decides whether a "
                f"document is trained on or held out{share}, so that none is on both sides: what "
                "the model is tested on, it has never read."
            ),
            notes(facts.notes),
            figure(pictures.corpus_bars(facts), width="medium") if facts.groups else NOTHING,
        ]
    )


def tokenizer_section(facts: TokenizerFacts) -> Html:
    """How text becomes numbers."""
    parts = [
        prose(
            "A model reads tokens: whole words where they are frequent, pieces of words where "
            "they are not. Which pieces there are was learnt from the training text."
        ),
        stats(
            [
                ("kind", facts.kind),
                ("tokens in the vocabulary", count(facts.vocabulary)),
                ("tokens per word", f"{facts.tokens_per_word:.2f}"),
                ("unknown tokens", percent(facts.unknown_share, 2)),
            ]
        ),
    ]
    if facts.examples:
        parts.append(subheading("How words fall into tokens"))
        parts.append(split_words([(one.word, one.pieces) for one in facts.examples]))
    return join(parts)


def model_section(facts: ModelFacts) -> Html:
    """The encoder and how it was set up."""
    return join(
        [
            prose(
                "An encoder looks at a whole passage at once: in every layer each token gathers "
                "what it needs from the tokens on both sides. It started from random numbers."
            ),
            stats(
                [
                    ("architecture", facts.architecture),
                    ("parameters", short(facts.parameters)),
                    ("layers", count(facts.layers)),
                    ("width", count(facts.width)),
                    ("attention heads", count(facts.heads)),
                    ("longest input", f"{count(facts.context)} tokens"),
                ]
            ),
            subheading("The recipe"),
            table(
                [Column("setting"), Column("value")],
                [
                    ("optimiser", facts.optimiser),
                    ("computed in", facts.dtype),
                    *((setting.name, setting.value) for setting in facts.recipe),
                ],
            ),
        ]
    )
