"""`Tagger`: spans of words with a label each, such as names, or every word's part of speech."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NotRequired, TypedDict, overload

import numpy as np

from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import open_model
from unmask.heads.decoding import Decoder
from unmask.heads.model import TokenClassifier
from unmask.pipelines.checks import check_several
from unmask.pipelines.folders import Pipeline
from unmask.pipelines.overlapping import FitOverlapping
from unmask.pipelines.running import Tell, bar, warned_keys, windows
from unmask.pipelines.words import F64, WordRows, word_rows, word_scores
from unmask.text.tags import Scheme, WordSpan
from unmask.tokens.encoded import length_of
from unmask.tokens.wordwise import Source, Worded


class TaggedSpan(TypedDict):
    """A span of a text.

    Keys:
        start, end: its characters are `text[start:end]`. Of a text given as words, the text is
            the words joined by single spaces.
        label: its type; of a model whose labels have no prefixes, the word's label.
        score: the mean over its words of the probability of the label that the word was given.
        text: the characters themselves.
        words: of a text given as words, the first of the span's words and the one after the last.
    """

    start: int
    end: int
    label: str
    score: float
    text: str
    words: NotRequired[tuple[int, int]]


class Tagging(TypedDict):
    """What is said of one text.

    Keys:
        spans: in their order, none over another.
        tokens: how many tokens the text had before anything was cut, special tokens included.
        truncated: whether some of them were not read.
        unknown: the share of its tokens that the tokenizer does not know, from 0 to 1; above a
            half, the spans mean little.
        tags: of a text given as words, a tag for each, valid in the model's scheme. A word that
            was not read, or of which the tokenizer makes no token, is O.
    """

    spans: list[TaggedSpan]
    tokens: int
    truncated: bool
    unknown: float
    tags: NotRequired[list[str]]


@dataclass(frozen=True, eq=False)
class Tagger(Pipeline[TokenClassifier]):
    """Spans of texts, by a model with a head over tokens.

    A text is cut into words by the tokenizer's word map, as in training: a run of letters
    and digits is a word, a punctuation mark or a symbol is one, and so is each character of a
    script that is written without spaces; what one token covers is never parted. The first token of
    a word carries its label. Where words are given, spans begin and end at them, and a word that
    comes to several of the map is never parted. In raw text a part of one, such as what stands
    behind an "@", is read by itself, though the training file may have had the whole as one word.

    The model's labels tell how they mark spans: BIO, IOB1, BIOES, or plain tags, with which every
    word is a span (and a word tagged O is none). Of all sequences of labels that the scheme
    allows, the most probable is taken.
    """

    opener = staticmethod(partial(open_model, kind="token"))

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels, in the order of the model's outputs."""
        return self.opened.labels

    @property
    def scheme(self) -> Scheme:
        """How the labels mark spans."""
        return self.decoder.scheme

    @cached_property
    def decoder(self) -> Decoder:
        """The sequences of labels that are valid.

        Raises:
            ModelError: the labels cannot serve every sentence.
        """
        return Decoder.of(self.labels)

    @overload
    def predict(
        self, texts: Iterator[Source], *, on_long: OnLong = "chunk", progress: bool = False
    ) -> Iterator[Tagging]: ...

    @overload
    def predict(
        self, texts: Collection[Source], *, on_long: OnLong = "chunk", progress: bool = False
    ) -> list[Tagging]: ...

    def predict(
        self, texts: Iterable[Source], *, on_long: OnLong = "chunk", progress: bool = False
    ) -> list[Tagging] | Iterator[Tagging]:
        """Spans of texts, in their order. Warns once where texts were cut, and says how many.

        Args:
            texts: each a text, or a list of its words. A collection gives a list; an iterator gives
                an iterator, which reads ahead by a thousand texts or four million characters,
                whichever comes first, and holds no more in memory.
            on_long: what happens to a text longer than the context: "chunk" reads all of it in
                rows that overlap, each token where it has most context, and finds the best labels
                of the whole text; "truncate" reads its beginning; "error" raises.
            progress: show on standard error how many texts have been read.

        Raises:
            TooLong: a text is longer than the context, under "error".
            TokenizerError: a text is neither a str nor a list of str.
        """
        check_several("predict", texts)
        answers = warned_keys(
            self.stream(texts, on_long=on_long, progress=progress),
            f"texts are longer than the context of {self.opened.model.encoder.config.context} "
            "tokens, and only their beginnings were read; on_long='chunk' reads all of them, "
            "'error' refuses",
        )
        return answers if isinstance(texts, Iterator) else list(answers)

    def stream(
        self, texts: Iterable[Source], *, on_long: OnLong = "chunk", progress: bool = False
    ) -> Iterator[Tagging]:
        """As `predict` for an iterator, without its warning: each answer says what was cut."""
        context = self.opened.model.encoder.config.context
        fit = FitOverlapping(self.tokenizer.layout, context, on_long)
        with bar("tagging", texts, progress) as within:
            for number, window in windows(texts, length=_length):
                rows = list(word_rows(self.tokenizer, fit, window, number=number))
                yield from self._answers(rows, within(number, window))

    def _answers(self, texts: list[WordRows], tell: Tell) -> Iterator[Tagging]:
        model = self.opened.model
        device = model.encoder.embedding.tokens.weight.device
        for one, scores in zip(texts, word_scores(texts, model, device, tell=tell), strict=True):
            spans, shares = decoded(self.decoder, one.worded, scores)
            answer = Tagging(
                spans=[
                    _span(one.worded, span, share)
                    for span, share in zip(spans, shares, strict=True)
                ],
                tokens=one.fitted.tokens,
                truncated=one.fitted.truncated,
                unknown=one.unknown,
            )
            if one.worded.given is not None:
                answer["tags"] = self.scheme.tags(spans, len(one.worded.given))
            yield answer


def decoded(decoder: Decoder, worded: Worded, scores: F64) -> tuple[list[WordSpan], list[float]]:
    """The best spans of a text.

    Args:
        decoder: for the model's labels.
        worded: the text.
        scores: `(W, C)` log-probabilities of the labels of the words that were read.

    Returns:
        Spans of its words, or of its given words; and of each the mean probability of its words'
        labels.
    """
    path = decoder.decode(scores, np.array(worded.inner[: len(scores)], dtype=np.bool_))
    chosen = np.exp(scores[np.arange(len(path)), path])
    spans = worded.outwards(decoder.scheme.spans([decoder.labels[best] for best in path]))
    return spans, [float(chosen[a:b].mean()) for a, b, _ in worded.inwards(spans)]


def _span(worded: Worded, span: WordSpan, score: float) -> TaggedSpan:
    measure = worded.spans if worded.given is None else worded.given
    start, end = measure[span.first][0], measure[span.end - 1][1]
    found = TaggedSpan(
        start=start, end=end, label=span.label, score=score, text=worded.text[start:end]
    )
    if worded.given is not None:
        found["words"] = (span.first, span.end)
    return found


def _length(source: Source) -> int:
    if isinstance(source, list | tuple):
        return sum(length_of(word) + 1 for word in source)
    return length_of(source)
