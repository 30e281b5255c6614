"""Texts without a label, which a classifier of few labelled ones learns from too.

There are often thousands of them where ten of each label are known. A regression on the vectors of
the labelled ones says how probable each label is for each of the others; fitted to its own answers,
made surer, beside the labels, it moves its borders to where few texts are (self-training;
Grandvalet and Bengio 2004 say why). The surest are read as texts of their labels by the encoder as
well. Whether all that helps is asked of the labelled texts, as for names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.batches.draws import Draws
from unmask.errors import DataError
from unmask.evaluation.probe import F32, F64, Probe
from unmask.text.bad import Reading
from unmask.text.columns import Columns
from unmask.text.empty import is_empty
from unmask.text.labelled import texts_of
from unmask.text.rows import text_table
from unmask.verbs.finetune_settings import FinetuneSettings
from unmask.verbs.tasks.few_names import Regression
from unmask.verbs.tasks.labelled_data import counted

I64 = npt.NDArray[np.int64]
TEXT_STREAM = 64  # of Draws
# By a trial on Banking77, see docs/log.md.
ROUNDS = 3
SURER = 2.0  # the power to which probabilities are taken
COUNT, TOGETHER = 0.5, 4.0  # labelled texts that each counts for, and all of them for each labelled
LEAST = 0.05  # a label that is less probable is none of a text's
SURE, MOST = 0.6, 50  # of the texts of a label, the share that an encoder learns from, and how many


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Texts of a file whose labels nobody has said.

    Attributes:
        name: of the file.
        texts: all different, and none of them among the labelled ones.
        note: where they were found, and how many were left out, in words.
    """

    name: str
    texts: tuple[str, ...]
    note: str

    @classmethod
    def read(cls, path: str | Path, known: Sequence[str], settings: FinetuneSettings) -> Unlabelled:
        """The texts of a table, or the lines of a .txt.

        Args:
            path: the file; its labels, where it has any, are not read.
            known: the texts that are learnt from or measured with.
            settings: of the run: names of columns, what to do at a bad place, the most texts.

        Raises:
            DataError: it has no column of texts, or no text that is not known.
            CorruptText: a bad place.
        """
        table, data = text_table(path), settings.data
        named = data.text_column if data.text_column in table.columns else None
        columns = Columns.of(table, named, labels=False)
        reading = Reading(data.on_bad, data.max_bad)
        read = [text for _, text in texts_of(table, columns, reading)]
        strange = {*known}
        texts = [text for text in dict.fromkeys(read) if text not in strange and not is_empty(text)]
        said = [f"{table.name}: {columns}; {counted(len(read), 'text')} without a label"]
        if reading.left_out:
            said.append(reading.left_out)
        if less := len(read) - len(texts):
            said.append(f"{less:,} of them left out, as they are empty, twice there, or labelled")
        if not texts:
            raise DataError(
                f"--unlabelled must have texts that are not among the labelled ones, but "
                f"{table.name} has none; leave it out, or give a file of others"
            )
        if len(texts) > (most := settings.few_shot.most_unlabelled):
            said.append(
                f"{most:,} of the {len(texts):,} are drawn (--set few_shot.most_unlabelled)"
            )
            order = Draws(settings.run.seed, 0).permutation(len(texts), TEXT_STREAM)[:most]
            texts = [texts[place] for place in sorted(order)]
        return cls(table.name, tuple(texts), "; ".join(said))


def self_trained(
    regression: Regression,
    vectors: F32,
    labels: Sequence[str],
    words: F32 | None,
    others: F32,
) -> Probe:
    """A regression that is fitted to some texts and, in turn, to what it says of others.

    Args:
        regression: fits one.
        vectors: `(N, E)` of the labelled texts.
        labels: theirs.
        words: `(C, E)` of the names of the labels, or None.
        others: `(U, E)` of the texts without a label.
    """
    probe = regression(vectors, labels, words)
    each = min(COUNT, TOGETHER * len(labels) / max(1, len(others)))
    for _ in range(ROUNDS):
        places, guesses, shares = _guessed(probe.probabilities(others))
        probe = regression(
            np.concatenate((vectors, others[places])),
            (*labels, *(probe.labels[guess] for guess in guesses)),
            words,
            (*[1.0] * len(labels), *(each * shares)),
        )
    return probe


def _guessed(probabilities: F64) -> tuple[I64, I64, F64]:
    """Each text once for each label that is likely, after making them surer.

    Args:
        probabilities: `(U, C)`.

    Returns:
        Their places, the numbers of the labels, and the share that each has of its text.
    """
    surer = probabilities**SURER
    surer /= surer.sum(1, keepdims=True)
    surer[surer < LEAST] = 0.0
    surer /= surer.sum(1, keepdims=True)
    places, guesses = np.nonzero(surer)
    return places, guesses, surer[places, guesses]


def surest(probabilities: F64) -> tuple[I64, I64]:
    """The texts whose labels are surest, a share of those of each label.

    Args:
        probabilities: `(U, C)`.

    Returns:
        Their places, and the numbers of their labels.
    """
    guesses, sure = probabilities.argmax(1), probabilities.max(1)
    chosen: list[int] = []
    for label in range(probabilities.shape[1]):
        (places,) = np.nonzero(guesses == label)
        order = places[np.argsort(-sure[places], kind="stable")]
        chosen += order[: min(MOST, round(SURE * len(places)))].tolist()
    places = np.array(sorted(chosen), dtype=np.int64)
    return places, guesses[places]
