"""Writing small files in every format, and reading one back whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.text.files import write_texts
from unmask.text.bad import Reading
from unmask.text.documents import Document
from unmask.text.sources import TextSources

Write = Callable[[str, Sequence[str]], Path]
Read = Callable[..., list[Document]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes texts to a file of this name below the test's folder."""

    def go(name: str, texts: Sequence[str]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return write_texts(path, texts)

    return go


@pytest.fixture
def read() -> Read:
    """Reads all documents of paths; keyword arguments go to the reading or to the reader."""

    def go(
        *paths: Path, on_bad: str = "stop", max_bad: float = 0.01, check: bool = True, **how: object
    ) -> list[Document]:
        sources = TextSources.find(paths)
        reading = Reading(on_bad, max_bad)
        found = list(sources.documents(reading, **how))  # type: ignore[arg-type]
        if check:
            reading.check(sum(file.size for file in sources.files))
        return found

    return go
