"""`Regressor`: numbers for each text, or for each pair of texts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TypedDict, cast, overload

from unmask.batches.sequences import OnLong
from unmask.checkpoint.folder import Opened, open_classifier
from unmask.checkpoint.locating import AnyPath
from unmask.heads.model import SequenceClassifier
from unmask.pipelines.checks import check_several
from unmask.pipelines.folders import Pipeline
from unmask.pipelines.pairs import Pair
from unmask.pipelines.running import warned_keys
from unmask.pipelines.scored import Said, of_pairs, of_texts


class Estimated(TypedDict):
    """What is said of one text, or of one pair.

    Keys:
        value: the number; the first of several.
        values: all of them by name, in the model's order.
        tokens: how many tokens it had before anything was cut, special tokens included.
        truncated: whether some of them were not read.
        unknown: as in `unmask.pipelines.classify.Prediction`.
    """

    value: float
    values: dict[str, float]
    tokens: int
    truncated: bool
    unknown: float


def _open(path: AnyPath, **given: object) -> Opened[SequenceClassifier]:
    return open_classifier(path, outputs=("numbers",), **given)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Regressor(Pipeline[SequenceClassifier]):
    """Numbers for texts, or for pairs where the model learnt from pairs."""

    opener = staticmethod(_open)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the numbers, in the order of the model's outputs."""
        return self.opened.labels

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """The lowest and the highest that each was learnt from; empty where the folder says none.

        A number outside of them is a guess beyond all that the model has seen.
        """
        return self.opened.use.ranges

    @property
    def reads_pairs(self) -> bool:
        """Whether it learnt from pairs of texts."""
        return self.opened.use.texts == "pair"

    @overload
    def predict(
        self, texts: Iterator[str | Pair], *, on_long: OnLong = "truncate", progress: bool = False
    ) -> Iterator[Estimated]: ...

    @overload
    def predict(
        self, texts: Collection[str | Pair], *, on_long: OnLong = "truncate", progress: bool = False
    ) -> list[Estimated]: ...

    def predict(
        self, texts: Iterable[str | Pair], *, on_long: OnLong = "truncate", progress: bool = False
    ) -> list[Estimated] | Iterator[Estimated]:
        """Numbers for texts, in their order. Warns once where texts were cut, and says how many.

        Args:
            texts: or pairs of texts, as the model reads. A collection gives a list; an iterator
                gives an iterator, which reads a thousand ahead and holds no more in memory.
            on_long: what happens to a text longer than the context: "truncate" reads its
                beginning; "chunk", for single texts, splits it and averages over its parts,
                weighed by their tokens; "error" raises.
            progress: show on standard error how many have been read.

        Raises:
            TooLong: a text is longer than the context, under "error".
            TokenizerError: a text is no str, or a pair no pair of texts.
        """
        check_several("predict", texts)
        answers = warned_keys(
            self.stream(texts, on_long=on_long, progress=progress),
            f"texts are longer than the context of {self.opened.model.encoder.config.context} "
            "tokens, and were cut; on_long='error' refuses them",
        )
        return answers if isinstance(texts, Iterator) else list(answers)

    def stream(
        self, texts: Iterable[str | Pair], *, on_long: OnLong = "truncate", progress: bool = False
    ) -> Iterator[Estimated]:
        """As `predict` for an iterator, without its warning: each answer says what was cut."""
        if self.reads_pairs:
            said = of_pairs(
                self.opened, texts, lambda x: x, on_long=on_long, doing="reading", progress=progress
            )
        else:
            single = cast(Iterable[str], texts)
            said = of_texts(
                self.opened, single, lambda x: x, on_long=on_long, doing="reading",
                progress=progress,
            )  # fmt: skip
        return map(self._answer, said)

    def _answer(self, said: Said) -> Estimated:
        values = said.values.tolist()
        return Estimated(
            value=values[0],
            values=dict(zip(self.names, values, strict=True)),
            tokens=said.tokens,
            truncated=said.truncated,
            unknown=said.unknown,
        )
