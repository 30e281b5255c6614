"""All tasks by name: what makes each, and which settings only some of them have."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter

from unmask.batches.sequences import OnLong
from unmask.errors import ConfigError
from unmask.verbs.embed_settings import EMBED_SETTINGS
from unmask.verbs.finetune_settings import FinetuneSettings, TaskName
from unmask.verbs.tasks.answer import answer
from unmask.verbs.tasks.classify import classify
from unmask.verbs.tasks.embed import embed
from unmask.verbs.tasks.labelled_data import read_pairs, read_texts
from unmask.verbs.tasks.pieces import Given, Pieces
from unmask.verbs.tasks.regress import regress
from unmask.verbs.tasks.rerank import rerank
from unmask.verbs.tasks.sets import read_pair_sets, read_sets
from unmask.verbs.tasks.tag import tag

_ANSWER = ("answer.window", "answer.overlap", "answer.longest")
_RANK = ("rank.loss", "rank.scale")
OWN = (
    "data.pair_column", "data.label_separator", "model.freeze", "model.pooling",
    "loss.class_weights", "loss.smoothing", *_ANSWER, *EMBED_SETTINGS, *_RANK,
    "few_shot.use",
)  # fmt: skip
"""Settings that only some tasks have, as `room.key`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A task.

    Attributes:
        what: is learnt, in words.
        pieces: what makes it.
        on_long: what may happen to text longer than the context; the first is the default.
        own: of the settings `OWN`, those it has.
    """

    what: str
    pieces: Callable[[Given], Pieces]
    on_long: tuple[OnLong, ...] = ("truncate", "error")
    own: frozenset[str] = frozenset()


_WHOLE = frozenset({"model.freeze", "model.pooling"})
_LABELS = _WHOLE | {"data.label_separator", "loss.class_weights", "loss.smoothing"}

KINDS: Mapping[TaskName, Kind] = {
    "classify": Kind(
        what="gives each text one label",
        pieces=classify(read_texts, read_sets),
        own=_LABELS | {"few_shot.use"},
    ),
    "pair": Kind(
        what="gives each pair of texts one label",
        pieces=classify(read_pairs, read_pair_sets),
        own=_LABELS | {"data.pair_column"},
    ),
    "regress": Kind(
        what="gives each text, or pair of texts, one or several numbers",
        pieces=regress,
        own=_WHOLE | {"data.pair_column"},
    ),
    "tag": Kind(
        what="gives each word a label",
        pieces=tag,
        on_long=("chunk", "truncate", "error"),
        own=frozenset({"model.freeze", "loss.class_weights", "loss.smoothing"}),
    ),
    "answer": Kind(
        what="finds the words of a text that answer a question",
        pieces=answer,
        on_long=("chunk", "truncate", "error"),
        own=frozenset({"data.pair_column", *_ANSWER}),
    ),
    "embed": Kind(
        what="gives each text a vector",
        pieces=embed,
        own=frozenset({"data.pair_column", "model.pooling", *EMBED_SETTINGS}),
    ),
    "rerank": Kind(
        what="says how well a document goes with a query",
        pieces=rerank,
        own=_WHOLE | {"data.pair_column", *_RANK},
    ),
}


def chosen(settings: FinetuneSettings) -> Kind:
    """The task that is named.

    Raises:
        ConfigError: settings are given that it does not have.
    """
    kind = KINDS[settings.task]
    default = FinetuneSettings()
    for name in OWN:
        value = attrgetter(name)(settings)
        if name in kind.own or value == attrgetter(name)(default):
            continue
        having = " or ".join(f"--task {other}" for other, one in KINDS.items() if name in one.own)
        raise ConfigError(
            f"{name}={value} is not for the task {settings.task}, which {kind.what}; leave it "
            f"out, or give {having}"
        )
    return kind
