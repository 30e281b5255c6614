"""Where the sentences of documents begin among their tokens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from unmask.text.sentences import Cut
from unmask.tokens.tokenizer import Tokenizer

I64 = npt.NDArray[np.int64]
_DOCUMENTS = 512  # encoded together; bounds memory


def units_of(texts: Iterable[str], tokenizer: Tokenizer, cut: Cut) -> Iterator[tuple[int, I64]]:
    """Each text's number of tokens, and the tokens that its units begin with.

    The text is tokenised whole: a unit begins with the first token that reaches beyond the place
    where it begins. Units without a token of their own vanish, and the first begins with token 0.

    Args:
        texts: documents.
        tokenizer: of the tokens.
        cut: where units begin; see `unmask.text.sentences`.
    """
    for text, spans in tokenizer.spans_stream(texts, batch=_DOCUMENTS):
        if not spans:
            yield 0, np.zeros(0, dtype=np.int64)
            continue
        # The spans of a normalised text need not ascend.
        ends = np.maximum.accumulate(np.array([end for _, end in spans], dtype=np.int64))
        begins = np.searchsorted(ends, np.array(cut(text), dtype=np.int64), side="right")
        begins = np.unique(begins[begins < len(ends)])
        if not len(begins) or begins[0]:
            begins = np.concatenate((np.zeros(1, dtype=np.int64), begins[1:]))
        yield len(ends), begins.astype(np.int64)


def placed(units: Iterable[tuple[int, I64]]) -> Iterator[I64]:
    """The same places counted through all documents."""
    before = 0
    for tokens, begins in units:
        yield begins + before
        before += tokens
