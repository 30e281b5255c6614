"""The one shape in which text travels from the readers to the tokenizer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """A piece of text that belongs together.

    Attributes:
        text: the text, without a line end at its end; never empty.
        source: where it came from: `path`, `path:line`, `path:row`, or a dotted Python name.
        group: what it belongs to: the package, or the first folder (else the file's stem) below
            the path that the user gave. "" if there is none.
    """

    text: str
    source: str
    group: str
