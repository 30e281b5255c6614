"""Answers as words of a text, held against it.

Offsets count characters from 0, as Python counts them. An answer that is not where it is said to
be is refused with a reason that says where it is instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from unmask.errors import shown
from unmask.text.empty import is_empty
from unmask.text.jsonl import kind_in_words, whole_text


@dataclass(frozen=True, slots=True)
class Answer:
    """Words of a text.

    Attributes:
        text: the words.
        start: the character of the text at which they begin.
    """

    text: str
    start: int

    @property
    def end(self) -> int:
        """The character behind the last."""
        return self.start + len(self.text)


def answer_in(context: str, text: object, start: object) -> Answer:
    """An answer held against its text.

    Args:
        context: the text.
        text: the answer's words.
        start: the character at which they begin; None where they stand once and it is not said.

    Raises:
        ValueError: the words are not there; says where they are, and whether `start` counts bytes.
    """
    words = filled_text(text, "answer")
    if start is None:
        there = _places(context, words)
        if len(there) == 1:
            return Answer(words, there[0])
        how = f"stands {len(there)} times in its text" if there else "does not stand in its text"
        raise ValueError(f"the answer {shown(words)} {how}, and no answer_start says where")
    if isinstance(start, bool) or not isinstance(start, int):
        raise ValueError(f"answer_start must be a whole number, not {shown(start)}")
    if start >= 0 and context.startswith(words, start):
        return Answer(words, start)
    where = start + len(words)
    if start < 0 or where > len(context):
        wrong = (
            f"the answer {shown(words)} must lie in its text, which has {len(context):,} "
            f"characters, but goes from {start} to {where}"
        )
    else:
        wrong = (
            f"the answer {shown(words)} must stand at its answer_start, {start}, but there stands "
            f"{shown(context[start:where])}"
        )
    raise ValueError(f"{wrong}; {stands_instead(context, words, start, 'the answer')}")


def stands_instead(context: str, words: str, start: int, what: str) -> str:
    """Where words are that are not at their `start`, and whether that counts bytes."""
    there = _places(context, words)
    for unit, size, encode in (
        ("bytes of UTF-8", 1, partial(str.encode, encoding="utf-8")),
        ("units of UTF-16", 2, partial(str.encode, encoding="utf-16-le")),
    ):
        meant = [
            place
            for place in there
            if place != start and len(encode(context[:place])) == start * size
        ]
        if meant:
            return (
                f"the offset counts {unit}: counted in characters, {what} stands at "
                f"{meant[0]}. Write offsets in characters"
            )
    if not there:
        return f"{what} does not stand anywhere in its text"
    return f"it stands at {', '.join(map(str, there[:5]))}{' ...' if len(there) > 5 else ''}"


def _places(context: str, words: str) -> list[int]:
    """Where words stand in a text, those that overlap each other too."""
    there, place = [], context.find(words)
    while place >= 0:
        there.append(place)
        place = context.find(words, place + 1)
    return there


def given_answers(answers: object) -> list[tuple[object, object]]:
    """The words and the start of each answer, in whichever form a record has them.

    Raises:
        ValueError: it is none of the forms.
    """
    form = 'answers must be {"text": [...], "answer_start": [...]} or a list of such objects'
    if isinstance(answers, str):  # a table that holds text alone
        try:
            answers = json.loads(answers)
        except ValueError:
            raise ValueError(f"{form}, and this is not JSON: {shown(answers)}") from None
    if isinstance(answers, Mapping):
        texts, starts = answers.get("text"), answers.get("answer_start")
        if not isinstance(texts, list) or not isinstance(starts, list):
            raise ValueError(f"{form}, not {shown(answers)}")
        if len(texts) != len(starts):
            raise ValueError(f"{form}, with as many of both, not {len(texts)} and {len(starts)}")
        return list(zip(texts, starts, strict=True))
    if not isinstance(answers, list):
        raise ValueError(f"{form}, not {kind_in_words(answers)}")
    pairs: list[tuple[object, object]] = []
    for one in answers:
        if not isinstance(one, Mapping):
            raise ValueError(f"{form}, but one is {kind_in_words(one)}")
        pairs.append((one.get("text"), one.get("answer_start")))
    return pairs


def lone_answer(text: object, start: object) -> object:
    """The answers of a row that has one in columns of their own; what is JSON stays as it is."""
    if isinstance(text, str) and text.lstrip()[:1] in ("{", "[") and start is None:
        return text
    if isinstance(text, str) and is_empty(text):
        return []
    if isinstance(start, str) and (start.strip() or "x").lstrip("-").isdecimal():
        start = int(start)
    return [{"text": text, "answer_start": None if start == "" else start}]


def filled_text(value: object, what: str) -> str:
    """A text that is there.

    Raises:
        ValueError: it is none, or an empty one.
    """
    if not isinstance(value, str):
        raise ValueError(f"the {what} must be text, not {kind_in_words(value)}")
    if is_empty(value):
        raise ValueError(f"the {what} is empty")
    return whole_text(value, what)
