"""Held-out sentences with one word withheld, and what the model would put there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from unmask.pipelines.fill import FillMask
from unmask.report.facts import Blank, Guess
from unmask.text.documents import Document
from unmask.tokens.tokenizer import Tokenizer

SENTENCE = re.compile(r"[A-Z][^.!?\n]*[.!?]")
WORD = re.compile(r"[a-z]{4,}")
SHORTEST, LONGEST = 8, 24  # words of a sentence that is shown
GUESSES = 5


def choose(
    documents: Iterable[Document], tokenizer: Tokenizer, count: int
) -> list[tuple[str, int, int, str]]:
    """Sentences to show, each with the characters of the withheld word, and its source.

    The first fitting sentence of documents spread evenly over the held-out text, so that the
    choice depends on nothing that the model did. The withheld word is one token, since the model
    fills one blank with one token; of those, the one in the middle.
    """
    found = []
    for document in documents:
        for match in SENTENCE.finditer(document.text):
            sentence = match[0]
            if not SHORTEST <= len(sentence.split()) <= LONGEST:
                continue
            words = [w for w in WORD.finditer(sentence) if len(tokenizer.encode(w[0])) == 1]
            words = [w for w in words if w.start() > 0 and sentence[w.start() - 1] == " "]
            if len(words) >= 3:
                middle = words[len(words) // 2]
                found.append((sentence, middle.start(), middle.end(), document.source))
                break
    step = max(1, len(found) // count)
    return found[::step][:count]


def fill_blanks(
    fill: FillMask, documents: Iterable[Document], tokenizer: Tokenizer, count: int = 10
) -> tuple[Blank, ...]:
    """The chosen sentences with the model's five guesses each."""
    mask = tokenizer.id_to_token(tokenizer.mask_id)
    chosen = choose(documents, tokenizer, count)
    texts = [f"{text[:begin]}{mask}{text[end:]}" for text, begin, end, _ in chosen]
    answers = fill(texts, top_k=GUESSES) if texts else []
    return tuple(
        Blank(
            text_before=text[:begin],
            answer=text[begin:end],
            text_after=text[end:],
            guesses=tuple(Guess(str(g["token"]), float(g["score"])) for g in guesses),
            source=source,
        )
        for (text, begin, end, source), guesses in zip(chosen, answers, strict=True)
    )
