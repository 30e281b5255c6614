"""SQuAD's JSON: articles of paragraphs of questions (Rajpurkar et al. 2016, 2018).

    {"data": [{"title", "paragraphs": [{"context", "qas": [
        {"id", "question", "is_impossible", "answers": [{"text", "answer_start"}]}]}]}]}

Version 1.1 has no `is_impossible`. A file that lists questions under `data`, or is such a list
itself, each with its own `context`, is read too: that is how other libraries store it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unmask.errors import DataError
from unmask.text.bad import Reading
from unmask.text.formats import Damaged, byte_lines, not_utf8, shown
from unmask.text.jsonl import kind_in_words


@dataclass(frozen=True, slots=True)
class Record:
    """A question as its file has it, not yet looked at.

    Attributes:
        name: how messages name it.
        question, context, answers: what stands there.
        article: what the text belongs to.
        line: of the file, where that has lines that count.
        kept: what else is known of it, as the file has it: its id, and the title it belongs to.
    """

    name: str
    question: object
    context: object
    answers: object
    article: str
    line: int | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)


def squad_records(
    path: Path, reading: Reading, answers: bool = True
) -> tuple[str, str, Iterator[Record]]:
    """The questions of a file in SQuAD's form.

    Args:
        path: .json, also compressed.
        reading: takes the counts and the bad places.
        answers: whether a question must have an answer, or say that it has none.

    Returns:
        How messages name the file, what it is in words, and its questions, in order.

    Raises:
        DataError: the file is not there, or is no SQuAD.
        CorruptText: it is not JSON.
    """
    name = shown(path)
    if not path.is_file():
        raise DataError(f"questions must come from a file, and {name} is none; check the path")
    document = _parsed(path, name, reading)
    version = document.get("version") if isinstance(document, dict) else None
    data = document.get("data") if isinstance(document, dict) else document
    if not isinstance(data, list):
        raise DataError(
            f'{name} must be SQuAD\'s JSON, an object with a list of articles as "data", but has '
            f"none. Rows of questions go into .jsonl, .csv, .tsv or .parquet"
        )
    told = f"SQuAD {version}" if isinstance(version, str | float) else "SQuAD's form"
    return name, told, _records(data, name, reading, answers)


def _parsed(path: Path, name: str, reading: Reading) -> Any:
    raw, size = b"", path.stat().st_size
    try:
        raw = b"".join(line for _, line in byte_lines(path, reading))
        return json.loads(raw.decode())
    except UnicodeDecodeError as error:
        reason = not_utf8(raw, error, first=True)
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error.msg.removesuffix(' at')} at line {error.lineno}"
    except RecursionError:
        reason = "not readable: the JSON is nested too deep"
    except Damaged as damage:
        reason = damage.reason
    reading.saw()
    reading.report_bad(name, None, reason, size)
    return []


def _records(data: list[Any], name: str, reading: Reading, answers: bool) -> Iterator[Record]:
    for number, article in enumerate(data):
        if isinstance(article, dict) and "paragraphs" not in article and "context" in article:
            reading.saw()
            named = str(article.get("id", number))
            title = str(article.get("title", article["context"]))
            found, kept = article.get("answers"), _kept(article, article)
            yield Record(
                named, article.get("question"), article["context"], found, title, None, kept
            )
            continue
        title = str(article.get("title", number)) if isinstance(article, dict) else str(number)
        for paragraph in _listed(article, "paragraphs", f"article {title!r}", name, reading):
            where = f"a paragraph of article {title!r}"
            for asked in _listed(paragraph, "qas", where, name, reading):
                reading.saw()
                try:
                    yield _record(asked, paragraph.get("context"), title, answers, article)
                except ValueError as error:
                    reading.report_bad(name, None, f"{where}: {error}")


def _listed(value: Any, key: str, where: str, name: str, reading: Reading) -> list[Any]:
    """The list under a key; nothing, and a bad place, where there is none."""
    found = value.get(key) if isinstance(value, dict) else None
    if isinstance(found, list):
        return found
    reading.saw()
    holds = kind_in_words(value) if not isinstance(value, dict) else f"no list {key!r}"
    reading.report_bad(
        name, None, f"{where} must be an object with a list {key!r}, and has {holds}"
    )
    return []


def _record(asked: Any, context: object, title: str, answers: bool, article: Any) -> Record:
    """One question.

    Raises:
        ValueError: it is none, or contradicts itself.
    """
    if not isinstance(asked, dict):
        raise ValueError(f"a question must be an object, and is {kind_in_words(asked)}")
    named = str(asked.get("id", asked.get("question")))
    found, kept = asked.get("answers"), _kept(asked, article)
    record = Record(named, asked.get("question"), context, found, title, None, kept)
    if not answers:
        return record
    impossible = asked.get("is_impossible", False)
    if not isinstance(impossible, bool):
        raise ValueError(f"question {named!r}: is_impossible must be true or false")
    if isinstance(record.answers, list) and impossible == bool(record.answers):
        how = "has answers and" if impossible else "has no answer and"
        whether = "is_impossible" if impossible else 'no "is_impossible": true'
        raise ValueError(f"question {named!r} {how} {whether}; correct one of the two")
    return record


def _kept(asked: dict[str, Any], article: dict[str, Any]) -> dict[str, Any]:
    """A question's id and title, where they are there."""
    sides = (("id", asked), ("title", article))
    return {name: side[name] for name, side in sides if name in side}
