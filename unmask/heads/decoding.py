"""The best labels for the words of a sentence, among the sequences that a scheme of tags allows.

Viterbi 1967. There are no weights between labels: a sequence is allowed or not. So of what may
stand before a label only two things matter: the best label after which anything may come, and the
labels of its own type. A step costs as much as there are labels, not their square.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from unmask.errors import ModelError, shown
from unmask.text.schemes import scheme_of_labels
from unmask.text.tags import OUT, Scheme, Tag, joined

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Decoder:
    """The sequences of a model's labels that are valid.

    Attributes:
        labels: the C labels, in the order of the model's outputs.
        scheme: that they are tags of.
        starts, ends: `(C,)` whether a sentence may begin or end with the label.
        free: labels after which every label may come that has no need of its own type's.
        after_free: `(C,)` which those are.
        own: `(C, S)` the labels that a label may stand after beside `free`; C where there are
            fewer.
        inside: `(C, S)` likewise within a given word, where no span begins or ends and nothing is
            free.
    """

    labels: tuple[str, ...]
    scheme: Scheme
    starts: Bools
    ends: Bools
    free: I64
    after_free: Bools
    own: I64
    inside: I64

    @classmethod
    def of(cls, labels: Sequence[str]) -> Decoder:
        """The decoder for a model's labels, which tell the scheme.

        Raises:
            ModelError: there are prefixes, no label for words outside of spans, and a type that
                lacks a label: not every sentence could be given labels.
        """
        scheme = scheme_of_labels(labels)
        tags = [scheme.read(label) for label in labels]
        whole = set(scheme.labels(scheme.types(labels)))
        if scheme.prefixes and OUT not in tags and (lacking := whole - {"O", *labels}):
            raise ModelError(
                "the labels of a tagger must hold O, or all that spans need, but among "
                f"{shown(labels, 400)} {', '.join(sorted(lacking))} are missing. Correct id2label "
                "in config.json"
            )
        known = sorted({tag.prefix for tag in tags})
        any_before = {
            prefix: {q for q in known if scheme.allowed(Tag(prefix, "x"), Tag(q, "y"))}
            for prefix in known
        }
        most = max(any_before.values(), key=len)
        freeing = {prefix for prefix in known if any_before[prefix] == most}

        def may_own(before: Tag, tag: Tag) -> bool:
            free = before.prefix in freeing and tag.prefix in most
            return not free and scheme.allowed(before, tag)

        return cls(
            labels=tuple(labels),
            scheme=scheme,
            starts=np.array([scheme.allowed(OUT, tag) for tag in tags]),
            ends=np.array([scheme.allowed(tag, OUT) for tag in tags]),
            free=np.array([i for i, tag in enumerate(tags) if tag.prefix in freeing]),
            after_free=np.array([tag.prefix in most for tag in tags]),
            own=_sources(tags, may_own),
            inside=_sources(tags, _stays),
        )

    def decode(self, scores: F64, inner: Bools) -> I64:
        """The valid sequence with the highest sum of scores.

        Args:
            scores: `(W, C)` log-probabilities of each word's labels.
            inner: `(W,)` whether a word goes on with the given word of the one before it, so that
                neither a span nor, in plain tags, the label changes there.

        Returns:
            `(W,)` numbers of labels.
        """
        best = scores.argmax(1)
        return best if self.valid(best, inner) else self._viterbi(scores, inner)

    def valid(self, path: I64, inner: Bools) -> bool:
        """Whether labels may follow each other so."""
        if not len(path):
            return True
        if not (self.starts[path[0]] and self.ends[path[-1]]):
            return False
        before, after = path[:-1], path[1:]
        freed = np.isin(before, self.free) & self.after_free[after]
        between = freed | (self.own[after] == before[:, None]).any(1)
        within = (self.inside[after] == before[:, None]).any(1)
        return bool(np.where(inner[1:], within, between).all())

    def _viterbi(self, scores: F64, inner: Bools) -> I64:
        words, count = scores.shape
        every = np.arange(count)
        back = np.empty((words, count), dtype=np.int32)
        best = np.where(self.starts, scores[0], -np.inf)
        for word in range(1, words):
            sources = self.inside if inner[word] else self.own
            reached = np.append(best, -np.inf)[sources]
            which = reached.argmax(1)
            value, back[word] = reached[every, which], sources[every, which]
            if not inner[word]:
                freest = self.free[best[self.free].argmax()]
                freed = np.where(self.after_free, best[freest], -np.inf)
                back[word] = np.where(freed >= value, freest, back[word])
                value = np.maximum(freed, value)
            best = value + scores[word]
        path = np.empty(words, dtype=np.int64)
        path[-1] = np.where(self.ends, best, -np.inf).argmax()
        for word in range(words - 1, 0, -1):
            path[word - 1] = back[word, path[word]]
        return path


def _stays(before: Tag, tag: Tag) -> bool:
    """Whether no span ends or begins between two words, or both have the same plain tag."""
    return joined(before, tag) or (before == tag and not tag.prefix)


def _sources(tags: Sequence[Tag], may: Callable[[Tag, Tag], bool]) -> I64:
    """`(C, S)` for each label those of its own type that may stand before it, filled up with C."""
    by_type: dict[str, list[int]] = {}
    for number, tag in enumerate(tags):
        by_type.setdefault(tag.label, []).append(number)
    found = [[n for n in by_type[tag.label] if may(tags[n], tag)] for tag in tags]
    size = max(1, *map(len, found))
    return np.array([[*some, *[len(tags)] * (size - len(some))] for some in found])
