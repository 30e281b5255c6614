"""Answers with `transformers`, by the recipe of its example script run_qa.py.

Rows of 384 tokens that share 128 with their neighbours; the place of the first token for "no
answer"; of each row the best 20 starts and ends, and of all rows of a question the best span of up
to 30 tokens. Batches are padded to their longest row (its `--pad_to_max_length false`), which says
the same with less work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.bench.arm import Measured
from unmask.bench.tasks.peers import Fields, outputs, trained
from unmask.bench.tasks.task import Given
from unmask.text.questions import Question, read_questions

LENGTH, SHARED = 384, 128
BEST, LONGEST = 20, 30

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Window:
    """A row of a question.

    Attributes:
        question: its number.
        fields: of the model.
        offsets: by token, its characters in the text.
        inside: the tokens of the text, in order.
    """

    question: int
    fields: Fields
    offsets: list[tuple[int, int]]
    inside: list[int]

    def places(self, question: Question) -> tuple[int, int]:
        """The first and last token of the first answer; 0 and 0 where it is not in this row."""
        if not question.answers or not self.inside:
            return 0, 0
        answer = question.answers[0]
        starts, ends = self.offsets[self.inside[0]][0], self.offsets[self.inside[-1]][1]
        if answer.start < starts or answer.end > ends:
            return 0, 0
        over = [
            token
            for token in self.inside
            if self.offsets[token][1] > answer.start and self.offsets[token][0] < answer.end
        ]
        return (over[0], over[-1]) if over else (0, 0)

    def best(self, starts: F32, ends: F32) -> tuple[float, int, int]:
        """The best span: its score, and its characters in the text."""
        inside = set(self.inside)
        found = (-np.inf, 0, 0)
        for first in np.argsort(-starts)[:BEST].tolist():
            for last in np.argsort(-ends)[:BEST].tolist():
                if first not in inside or last not in inside:
                    continue
                if not first <= last < first + LONGEST:
                    continue
                score = float(starts[first] + ends[last])
                found = max(found, (score, self.offsets[first][0], self.offsets[last][1]))
        return found


def windows(tokenizer: Any, questions: Sequence[Question]) -> list[Window]:
    """The rows of all questions."""
    found = tokenizer(
        [one.text.lstrip() for one in questions],
        [one.context for one in questions],
        truncation="only_second",
        max_length=LENGTH,
        stride=SHARED,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    owners = found.pop("overflow_to_sample_mapping")
    offsets = found.pop("offset_mapping")
    return [
        Window(
            owner,
            {name: found[name][place] for name in found},
            offsets[place],
            [token for token, part in enumerate(found.sequence_ids(place)) if part == 1],
        )
        for place, owner in enumerate(owners)
    ]


def answer(given: Given) -> Measured:
    """The words of each text that answer its question."""
    import transformers

    begun = time.perf_counter()
    train = read_questions(given.file("train")).rows
    transformers.set_seed(given.seed)
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(given.model)
    tokenizer = transformers.AutoTokenizer.from_pretrained(given.model)
    rows = []
    for window in windows(tokenizer, train):
        first, last = window.places(train[window.question])
        rows.append({**window.fields, "start_positions": first, "end_positions": last})
    collator = transformers.DataCollatorWithPadding(tokenizer)
    training = trained(given, model, tokenizer, rows, collator)
    seconds = time.perf_counter() - begun
    asked = read_questions(given.file("test")).rows
    said = _answers(model, collator, asked, windows(tokenizer, asked), given.more["negative"])
    return given.told(seconds, training, said)


def _answers(
    model: Any,
    collator: Callable[..., Any],
    questions: Sequence[Question],
    read: Sequence[Window],
    negative: bool,
) -> list[str]:
    best = [(-np.inf, 0, 0)] * len(questions)
    none = np.full(len(questions), np.inf)
    place = 0
    fields = [window.fields for window in read]
    for found, count in outputs(model, fields, collator):
        pairs = zip(found.start_logits.cpu().numpy(), found.end_logits.cpu().numpy(), strict=True)
        for window, (starts, ends) in zip(read[place : place + count], pairs, strict=True):
            owner = window.question
            best[owner] = max(best[owner], window.best(starts, ends))
            none[owner] = min(none[owner], float(starts[0] + ends[0]))
        place += count
    return [
        "" if negative and without > score else question.context[start:end]
        for question, (score, start, end), without in zip(questions, best, none, strict=True)
    ]
