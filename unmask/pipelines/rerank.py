"""`Reranker`: how well two texts go together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict, overload

import numpy as np
import numpy.typing as npt
import torch

from unmask.checkpoint.cross import CrossModel, open_cross, save_cross
from unmask.checkpoint.sentence import SentenceFormat
from unmask.checkpoint.use import Scale
from unmask.errors import ConfigError, ModelError
from unmask.heads.outputs import OUTPUTS, Output
from unmask.nn.prepared import Precision
from unmask.pipelines.checks import check_several
from unmask.pipelines.pairs import Pair
from unmask.pipelines.precision import make_fast
from unmask.pipelines.running import F32, TOKENS, warned
from unmask.pipelines.scored import OnLongPair, of_pairs
from unmask.tokens.tokenizer import Tokenizer

RISING: tuple[Output, ...] = ("identity", "tanh", "sigmoid")
"""Activations that keep the order of logits."""


class Ranked(TypedDict):
    """One document of a ranking.

    Keys:
        corpus_id: its place among the documents, from 0.
        score: how well it goes with the query; larger is better.
        tokens: how many the pair had before anything was cut, special tokens included.
        truncated: whether some of them were not read.
        unknown: as in `Scored`.
        text: the document, where asked for.
    """

    corpus_id: int
    score: float
    tokens: int
    truncated: bool
    unknown: float
    text: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Scored:
    """What is said of one pair.

    Attributes:
        scores: `(labels,)`, after the model's activation.
        logits: `(labels,)`, before it.
        tokens: how many tokens the pair had before anything was cut, special tokens included.
        truncated: whether some of them were not read.
        unknown: the share of tokens that the tokenizer does not know, from 0 to 1, of the text that
            has the larger one; above a half, the score means little.
    """

    scores: F32
    logits: F32
    tokens: int
    truncated: bool
    unknown: float


@dataclass(frozen=True, eq=False)
class Reranker:
    """Scores for pairs of texts, by a cross-encoder.

    Attributes:
        opened: the model with its tokenizer and activation.
    """

    opened: CrossModel

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        precision: Precision | None = None,
        revision: str | None = None,
    ) -> Reranker:
        """Open a cross-encoder's folder, or that of any model or run with a sequence head.

        Args:
            path: the folder; or a name on the Hub, such as "org/name", where no such folder is.
            device: where the model goes.
            dtype: of its parameters.
            precision: of the matrix products: "fp32", "bf16", "int8" or "auto"; None as `dtype`
                says.
            revision: branch, tag or commit on the Hub; None for the default branch.

        Raises:
            ModelError: it is no model with a sequence head.
            CheckpointError: a file cannot be read or fetched.
        """
        opened = open_cross(path, dtype=dtype, device=device, revision=revision)
        make_fast(opened.opened, precision)
        return cls(opened)

    def save_pretrained(
        self, path: str | Path, *, format: SentenceFormat = "auto", replace: bool = False
    ) -> None:
        """Save the model as a folder that opens again, here and in sentence-transformers.

        Args:
            path: the folder to make.
            format: "sentence-transformers" or "hf", which are one here; "unmask" for models that
                they cannot express; "auto" the first where they can.
            replace: whether a folder that was saved there before may be replaced.

        Raises:
            UnsupportedModel: the format asked for cannot express the model; it says what.
            CheckpointError: the folder is taken and not to be replaced, or the disk is full.
        """
        save_cross(path, self.opened, format=format, replace=replace)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the outputs, in their order; one where the model gives a score."""
        return self.opened.opened.labels

    @property
    def scale(self) -> Scale | None:
        """What a score is: a "logit", any number; a "probability"; or one that was "calibrated" on
        rows that the model was not trained on. None where it is none of these: the folder names
        another function, such as tanh, or says that the model gives numbers in their own unit.
        """
        return self.opened.scale

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to ids."""
        return self.opened.opened.tokenizer

    @property
    def max_length(self) -> int:
        """The longest pair in tokens, special tokens included."""
        return self.opened.limit

    @overload
    def predict(
        self,
        pairs: Iterator[Pair],
        *,
        on_long: OnLongPair = "truncate",
        batch_tokens: int = TOKENS,
        progress: bool = False,
    ) -> Iterator[F32]: ...

    @overload
    def predict(
        self,
        pairs: Collection[Pair],
        *,
        on_long: OnLongPair = "truncate",
        batch_tokens: int = TOKENS,
        progress: bool = False,
    ) -> F32: ...

    def predict(
        self,
        pairs: Iterable[Pair],
        *,
        on_long: OnLongPair = "truncate",
        batch_tokens: int = TOKENS,
        progress: bool = False,
    ) -> F32 | Iterator[F32]:
        """Scores for pairs, in their order. Warns once where pairs were cut, and says how many.

        Args:
            pairs: of two texts each. A collection gives an array: `(N,)` of a model with one
                output, `(N, labels)` of others. An iterator gives an iterator of `(labels,)`,
                which reads ahead by a thousand pairs or four million characters, whichever comes
                first, and holds no more in memory.
            on_long: what happens to a pair longer than `max_length`: "truncate" cuts the longer
                text until both are equally long, then both; "error" raises.
            batch_tokens: of a batch; a single longer pair is a batch by itself.
            progress: show on standard error how many pairs have been read.

        Raises:
            TooLong: a pair is longer than `max_length`, under "error".
            TokenizerError: something is no pair of two texts.
        """
        check_several("predict", pairs, "pair")
        found = self._warned(pairs, on_long, batch_tokens, progress)
        answers = (one.scores for one in found)
        if isinstance(pairs, Iterator):
            return answers
        scores = list(answers)
        table = np.stack(scores) if scores else np.zeros((0, len(self.labels)), np.float32)
        return table[:, 0] if len(self.labels) == 1 else table

    def rank(
        self,
        query: str,
        documents: Sequence[str],
        top_k: int | None = None,
        return_documents: bool = False,
        *,
        among: Collection[int] | None = None,
        on_long: OnLongPair = "truncate",
        progress: bool = False,
    ) -> list[Ranked]:
        """Documents by how well they go with a query, best first; equal ones in their order.

        Args:
            query: the first text of each pair.
            documents: the second.
            top_k: how many are given; None for all.
            return_documents: also give the documents themselves.
            among: places of the documents that are ranked, such as those that a search found;
                None for all.
            on_long, progress: as in `predict`.

        Raises:
            ModelError: the model gives several labels rather than a score, or reads single texts.
            ConfigError: `top_k` is less than 1, or there is no document at one of the places.
            TooLong, TokenizerError: as in `predict`.
        """
        self.check_score()
        if top_k is not None and top_k < 1:
            raise ConfigError(f"top_k must be at least 1, not {top_k}")
        check_several("rank", documents, "document")
        places = range(len(documents)) if among is None else _places(among, len(documents))
        texts = [documents[place] for place in places]
        # The last bits of a score depend on its place in a batch, and equal texts must tie.
        distinct = list(dict.fromkeys(texts))
        pairs = [(query, text) for text in distinct]
        found = list(self._warned(pairs, on_long, TOKENS, progress))
        order = self.order(found)
        number = {text: place for place, text in enumerate(distinct)}
        numbers = [number[text] for text in texts]
        ranked = []
        for at in sorted(range(len(texts)), key=lambda at: -order[numbers[at]])[:top_k]:
            of = found[numbers[at]]
            one = Ranked(
                corpus_id=places[at],
                score=float(of.scores[0]),
                tokens=of.tokens,
                truncated=of.truncated,
                unknown=of.unknown,
            )
            if return_documents:
                one["text"] = texts[at]
            ranked.append(one)
        return ranked

    def order(self, answers: Sequence[Scored]) -> npt.NDArray[np.float64]:
        """`(N,)` what pairs are ranked by: larger is better.

        It is the logit where the activation keeps its order: two logits can be so high that the
        probabilities of both are 1.
        """
        rising = self.opened.activation in RISING
        return np.array([float((one.logits if rising else one.scores)[0]) for one in answers])

    def check_score(self) -> None:
        """Check that the model gives a score of two texts.

        Raises:
            ModelError: it gives several labels, or was trained on single texts.
        """
        if len(self.labels) != 1:
            raise ModelError(
                f"to rank takes a model with one output, a score, but this one has the labels "
                f"{', '.join(self.labels)}; use predict, and choose a column"
            )
        if self.opened.opened.use.texts == "single":
            raise ModelError(
                f"to rank takes a model of pairs of texts, but {self.opened.opened.path} was "
                "trained on single texts; read them with unmask predict, or with unmask.Regressor "
                "or unmask.Classifier"
            )

    def stream(
        self,
        pairs: Iterable[Pair],
        *,
        on_long: OnLongPair = "truncate",
        batch_tokens: int = TOKENS,
        progress: bool = False,
    ) -> Iterator[Scored]:
        """As `predict` for an iterator, without its warning: each answer says what was cut."""
        answers = of_pairs(
            self.opened.opened,
            pairs,
            lambda logits: logits,
            on_long=on_long,
            doing="scoring",
            progress=progress,
            limit=self.max_length,
            batch_tokens=batch_tokens,
        )
        activation = OUTPUTS[self.opened.activation]
        return (
            Scored(
                activation(one.values).numpy(),
                one.values.numpy(),
                one.tokens,
                one.truncated,
                one.unknown,
            )
            for one in answers
        )

    def _warned(
        self, pairs: Iterable[Pair], on_long: OnLongPair, batch_tokens: int, progress: bool
    ) -> Iterator[Scored]:
        """As `stream`, with one warning at the end where pairs were cut."""
        return warned(
            self.stream(pairs, on_long=on_long, batch_tokens=batch_tokens, progress=progress),
            f"pairs are longer than {self.max_length} tokens, and their longer texts were cut; "
            "on_long='error' refuses them",
            lambda answer: (answer.truncated, answer.unknown),
            lambda answer: answer,
        )


def _places(among: Collection[int], documents: int) -> list[int]:
    """Places as plain numbers.

    Raises:
        ConfigError: there is no document at one of them.
    """
    places = [int(place) for place in among]
    if wrong := [place for place in places if not 0 <= place < documents]:
        raise ConfigError(
            f"places among {documents:,} documents go from 0 to {documents - 1:,}, but one is "
            f"{wrong[0]:,}. Are the vectors that were searched those of these documents?"
        )
    return places
