"""`Answerer`: the words of a text that answer a question."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, overload

import torch

from unmask.batches.batch import Batch
from unmask.batches.sequences import OnLong
from unmask.checkpoint.answer_rule import AnswerRule
from unmask.checkpoint.answering import AnswerModel, open_answerer, save_answerer
from unmask.errors import ConfigError
from unmask.nn.prepared import Precision
from unmask.pipelines.checks import check_several, is_whole
from unmask.pipelines.folders import SaveFormat
from unmask.pipelines.pairs import Pair, characters_of, checked_pair, tells_segments
from unmask.pipelines.passages import Passage, PassageFit, passages
from unmask.pipelines.precision import make_fast
from unmask.pipelines.running import F32, TOKENS, Tell, bar, run, warned_keys, windows
from unmask.pipelines.spans import best_spans
from unmask.tokens.tokenizer import Tokenizer


class Span(TypedDict):
    """Words of a text.

    Keys:
        text: the words.
        start, end: their characters in the original text, `text == context[start:end]`.
        score: the probability that they are the answer, from 0 to 1.
    """

    text: str
    start: int
    end: int
    score: float


class Answered(TypedDict):
    """What is said of one question.

    Keys:
        text: the answer's words; empty where the text has no answer.
        start, end: their characters in the original text; 0 and 0 where it has no answer.
        score: the probability of what is said, among all spans of the text and "no answer".
        no_answer: the probability of "no answer".
        margin: by how many nats "no answer" is ahead of the best span. It is what is said where
            this is above the model's threshold.
        tokens: how many tokens question and text had before anything was cut, special tokens
            included.
        truncated: whether some of them were not read.
        unknown: the share of the text's tokens that the tokenizer does not know, from 0 to 1;
            above a half, the answer means little.
        answers: the best spans, the best first, also where "no answer" is said.
    """

    text: str
    start: int
    end: int
    score: float
    no_answer: float
    margin: float
    tokens: int
    truncated: bool
    unknown: float
    answers: list[Span]


@dataclass(frozen=True, eq=False)
class Answerer:
    """Answers to questions, as words of a text, by a model with a head over their ends.

    Attributes:
        opened: the model with its tokenizer, and how its scores become an answer.
    """

    opened: AnswerModel

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        precision: Precision | None = None,
        revision: str | None = None,
    ) -> Answerer:
        """Open the folder of a model that finds answers, or that of its run.

        Args:
            path: the folder; or a name on the Hub, such as "org/name", where no such folder is.
            device: where the model goes.
            dtype: of its parameters.
            precision: of the matrix products: "fp32", "bf16", "int8" or "auto"; None as `dtype`
                says.
            revision: branch, tag or commit on the Hub; None for the default branch.

        Raises:
            ModelError: it is no model that finds answers.
            CheckpointError: a file cannot be read or fetched.
        """
        model = open_answerer(path, dtype=dtype, device=device, revision=revision)
        make_fast(model.opened, precision)
        return cls(model)

    def save_pretrained(
        self, path: str | Path, *, format: SaveFormat = "auto", replace: bool = False
    ) -> None:
        """Save the model and its rule as a folder that opens again, here and in `transformers`.

        Args:
            path: the folder to make.
            format: "hf" is what `transformers` opens, "unmask" our own, "auto" the first where it
                can express the model.
            replace: whether a folder that was saved there before may be replaced.

        Raises:
            UnsupportedModel: the format asked for cannot express the model; it says what.
            CheckpointError: the folder is taken and not to be replaced, or the disk is full.
        """
        save_answerer(path, self.opened, format=format, replace=replace)

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to ids."""
        return self.opened.opened.tokenizer

    @property
    def rule(self) -> AnswerRule:
        """How the model's scores become an answer: threshold, windows, longest answer."""
        return self.opened.rule

    def answer(
        self,
        question: str,
        context: str,
        top_k: int = 1,
        *,
        on_long: OnLong = "chunk",
        threshold: float | None = None,
    ) -> Answered:
        """The answer to one question; see `predict`."""
        (answered,) = self.predict(
            [(question, context)], top_k=top_k, on_long=on_long, threshold=threshold
        )
        return answered

    @overload
    def predict(
        self,
        pairs: Iterator[Pair],
        *,
        top_k: int = 1,
        on_long: OnLong = "chunk",
        threshold: float | None = None,
        batch_tokens: int = TOKENS,
        progress: bool = False,
    ) -> Iterator[Answered]: ...

    @overload
    def predict(
        self,
        pairs: Collection[Pair],
        *,
        top_k: int = 1,
        on_long: OnLong = "chunk",
        threshold: float | None = None,
        batch_tokens: int = TOKENS,
        progress: bool = False,
    ) -> list[Answered]: ...

    def predict(
        self,
        pairs: Iterable[Pair],
        *,
        top_k: int = 1,
        on_long: OnLong = "chunk",
        threshold: float | None = None,
        batch_tokens: int = TOKENS,
        progress: bool = False,
    ) -> list[Answered] | Iterator[Answered]:
        """Answers to questions, in their order. Warns once where texts were cut, and counts them.

        Args:
            pairs: of a question and the text that is to answer it. A collection gives a list; an
                iterator gives an iterator, which reads ahead by a thousand pairs or four million
                characters, whichever comes first, and holds no more in memory.
            top_k: how many spans are given as `answers`, all different.
            on_long: what happens to a text longer than a row of the model: "chunk" reads it in
                windows that overlap, and takes the best of all; "truncate" reads its beginning;
                "error" raises. A question longer than half a row is cut, and counted, but for
                "error".
            threshold: by how many nats "no answer" must be ahead to be said: infinity for always
                an answer, 0 for what is more probable; None for what the model's folder says.
            batch_tokens: of a batch; a single longer row is a batch by itself.
            progress: show on standard error how many pairs have been read.

        Raises:
            ConfigError: `top_k` is less than 1, or an unknown word for `on_long`.
            TextError: a question or a text is empty.
            TooLong: a text is longer than a row, under "error".
            TokenizerError: something is no pair of two texts.
        """
        check_several("predict", pairs, "pair")
        stream = self.stream(
            pairs,
            top_k=top_k,
            on_long=on_long,
            threshold=threshold,
            batch_tokens=batch_tokens,
            progress=progress,
        )
        answers = warned_keys(
            stream,
            f"questions or texts are longer than rows of {self.rule.window} tokens, and were cut; "
            "on_long='chunk' reads all of a text, 'error' refuses",
        )
        return answers if isinstance(pairs, Iterator) else list(answers)

    def stream(
        self,
        pairs: Iterable[Pair],
        *,
        top_k: int = 1,
        on_long: OnLong = "chunk",
        threshold: float | None = None,
        batch_tokens: int = TOKENS,
        progress: bool = False,
    ) -> Iterator[Answered]:
        """As `predict` for an iterator, without its warnings: each answer says what was cut."""
        if not is_whole(top_k) or top_k < 1:
            raise ConfigError(f"top_k must be a whole number of at least 1, not {top_k!r}")
        fit = self.fit(on_long)
        with bar("answering", pairs, progress) as within:
            checked = map(checked_pair, enumerate(pairs))
            for number, window in windows(checked, length=characters_of):
                yield from self.answers(
                    [text for _, text in window],
                    passages(window, self.tokenizer, fit, number),
                    top_k=top_k,
                    threshold=threshold,
                    batch_tokens=batch_tokens,
                    tell=within(number, window),
                )

    def fit(self, on_long: OnLong) -> PassageFit:
        """How questions and texts become this model's rows."""
        layout, rule = self.tokenizer.layout.pair, self.rule
        return PassageFit(layout, rule.window, rule.overlap, on_long, self.tokenizer.unk_id)

    def answers(
        self,
        texts: Sequence[str],
        read: Sequence[Passage],
        *,
        top_k: int = 1,
        threshold: float | None = None,
        batch_tokens: int = TOKENS,
        tell: Tell | None = None,
    ) -> Iterator[Answered]:
        """What is said of questions whose texts are rows already.

        Args:
            texts: the texts.
            read: the same, with their questions, as rows.
            top_k, threshold, batch_tokens: as in `predict`.
            tell: is told what share of the tokens has been read.
        """
        model = self.opened.opened.model
        told = tells_segments(model.encoder, self.tokenizer)
        threshold = self.rule.threshold if threshold is None else threshold

        def split(batch: Batch) -> list[torch.Tensor]:
            return list(model(batch).float().cpu().split(list(batch.lengths)))

        found = run(
            [row for passage in read for row in passage.rows],
            split,
            model.encoder.embedding.tokens.weight.device,
            segments=[part for passage in read for part in passage.segments] if told else None,
            tokens=batch_tokens,
            tell=tell,
        )
        rows = iter(found)
        for text, passage in zip(texts, read, strict=True):
            scores = [next(rows).numpy() for _ in passage.rows]
            yield self._answered(text, passage, scores, top_k, threshold)

    def _answered(
        self, text: str, passage: Passage, rows: list[F32], top_k: int, threshold: float | None
    ) -> Answered:
        found = best_spans(passage, rows, text, longest=self.rule.longest, top_k=top_k)
        spans = (
            []
            if found is None
            else [
                Span(text=text[start:end], start=start, end=end, score=score)
                for (start, end), score in zip(found.spans, found.shares, strict=True)
            ]
        )
        margin = float("inf") if found is None else found.margin
        absent = 1.0 if found is None else found.no_answer
        best = Span(text="", start=0, end=0, score=absent)
        if spans and (threshold is None or margin <= threshold):
            best = spans[0]
        return Answered(
            **best,
            no_answer=absent,
            margin=margin,
            tokens=passage.tokens,
            truncated=passage.truncated,
            unknown=passage.unknown,
            answers=spans,
        )
