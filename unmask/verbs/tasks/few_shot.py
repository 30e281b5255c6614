"""A classifier from few texts of each label: drawn together, then told apart.

The encoder learns by contrast which texts belong together, for which a few texts are many pairs;
then a linear layer is fitted on its vectors by logistic regression (SetFit, Tunstall et al. 2022).
The loss is that of Khosla et al. 2020, over whole batches instead of pair by pair. The names of the
labels are texts of their labels too, where they help (`few_names`), and so are texts that have no
label (`few_unlabelled`). What comes out is a classifier like any other.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from unmask.batches.batch import Batch
from unmask.batches.together import TogetherBatches
from unmask.checkpoint.sentence import open_sentence, sentence_root
from unmask.errors import ConfigError, DataError, ModelError, first_of
from unmask.evaluation.probe import F32, Probe
from unmask.heads.embedding import DenseConfig, PoolingMode
from unmask.heads.model import SequenceClassifier
from unmask.nn.config import Pooling
from unmask.objectives.supervised import Classification
from unmask.objectives.supervised_contrastive import Together
from unmask.verbs.finetune_settings import FinetuneSettings
from unmask.verbs.looking import look
from unmask.verbs.tasks.few_names import Regression, Trial, in_words
from unmask.verbs.tasks.few_unlabelled import FITS, Unlabelled, self_trained, surest
from unmask.verbs.tasks.labelled_data import counted
from unmask.verbs.tasks.pieces import (
    Finished,
    Given,
    Measure,
    Pieces,
    TaskFigures,
    new_weights,
)
from unmask.verbs.tasks.rows import Rows, read_notes
from unmask.verbs.watch import Advance

FEWEST = 8  # texts of a label, below which the figures vary widely from draw to draw
MANY = 64  # texts of a label, on average, from which on ordinary fine-tuning is the better choice
_POOLINGS: Mapping[PoolingMode, Pooling] = {"mean": "mean", "cls": "cls", "lasttoken": "last"}


def as_few_shot(given: Given) -> Given:
    """The same, with the pooling by which the model's vectors are good ones.

    Of an embedding model it is its folder's; of a classifier its own; of any other the mean.

    Raises:
        ConfigError: settings that do nothing here; or the folder pools as no classifier does.
    """
    settings = given.settings
    _check(settings)
    if settings.model.pooling is not None:
        return given
    folder, said = look(given.model, given.revision)
    if said.has("sequence"):
        return given
    pooling: Pooling = "mean"
    if sentence_root(folder) is not None:
        head = open_sentence(folder).head.config
        if len(head.pool.modes) > 1 or head.pool.modes[0] not in _POOLINGS:
            raise ConfigError(
                f"a classifier pools by one of {', '.join(_POOLINGS.values())}, but {folder} by "
                f"{' and '.join(head.pool.modes)}. Choose one with --pooling, such as mean"
            )
        pooling = _POOLINGS[head.pool.modes[0]]
        if any(isinstance(stage, DenseConfig) for stage in head.stages):
            given.watch.say(f"the dense layers behind the pooling of {folder} are left out")
    model = replace(settings.model, pooling=pooling)
    return replace(given, settings=replace(settings, model=model))


def from_few(pieces: Pieces, given: Given, known: Sequence[str]) -> Pieces:
    """The pieces of ordinary fine-tuning as those of learning from few texts.

    Args:
        pieces: of the labelled texts.
        given: what they were made from.
        known: the texts of both files, which are not read once more as texts without a label.

    Raises:
        DataError: no label has two texts.
        ModelError: the head has no bias, which logistic regression gives it.
    """
    model, ordinary, rows = pieces.opened.model, pieces.objective, pieces.rows
    settings = given.settings
    assert isinstance(model, SequenceClassifier)
    assert isinstance(ordinary, Classification)
    assert isinstance(rows, Rows)
    if model.head.project.bias is None:
        raise ModelError(
            f"few-shot needs a head whose labels have a bias, but that of "
            f"{pieces.opened.arch.name} has none. Fine-tune without --few-shot"
        )
    names, numbers = pieces.opened.labels, ordinary.labels
    labels = tuple(names[number] for number in numbers.tolist())
    notes = pieces.notes
    if all(name.startswith("head.project.") for name in pieces.opened.new):
        # Nothing of what was drawn is left.
        drawn = new_weights(pieces.opened, settings.run.seed)
        notes = tuple(note for note in notes if note not in drawn)
    notes = (*notes, *_notes(labels))
    balanced = settings.loss.class_weights == "balanced"
    regression = Regression(names, settings.few_shot.strength, balanced)
    model.eval()
    fitted, more, said = _learnt_beside(
        FittedHead(model, rows, None, None, labels, regression, pieces.dev), pieces, given, known
    )
    for some, theirs in more:
        rows = replace(rows, rows=(*rows.rows, *some.rows))
        numbers = torch.cat((numbers, theirs))
    # It is computed, not trained.
    model.head.project.requires_grad_(False)

    def finish() -> Finished:
        fitted.fit()
        assert pieces.finish is not None
        return pieces.finish()

    return replace(
        pieces,
        objective=Together(numbers, settings.few_shot.temperature),
        source=lambda batch, seed: TogetherBatches.of(
            rows.rows, numbers.numpy(), batch=batch, seed=seed
        ),
        dev=fitted,
        rows=rows,
        notes=(*notes, *said),
        chosen=_digest(rows, numbers) if more else None,
        finish=finish,
    )


def _digest(rows: Rows, numbers: torch.Tensor) -> str:
    """Of texts and their labels, some of which the model itself has chosen."""
    digest = hashlib.sha256(numbers.numpy().tobytes())
    for row in rows.rows:
        digest.update(np.array([len(row), *row]).tobytes())
    return digest.hexdigest()


def _learnt_beside(
    fitted: FittedHead, pieces: Pieces, given: Given, known: Sequence[str]
) -> tuple[FittedHead, list[tuple[Rows, torch.Tensor]], tuple[str, ...]]:
    """A head with the names of the labels and the texts without a label, where these help.

    Args:
        fitted: the head of the labelled texts alone; its model is in evaluation mode.
        pieces, given, known: as in `from_few`.

    Returns:
        The head; more texts for the encoder, with the numbers of their labels; and what to say.
    """
    few, names = given.settings.few_shot, fitted.regression.names
    words = in_words(names) if few.names else None
    if words is None and given.unlabelled is None:
        return fitted, [], ()
    texts = fitted.read(fitted.rows)  # the encoder stays as it is for both trials
    notes: list[str] = []
    more: list[tuple[Rows, torch.Tensor]] = []
    if words is not None:
        fitted, said = fitted.with_names(texts, Rows.of(words, pieces.opened, "truncate"), words)
        notes.append(said)
        if fitted.words is not None:
            more.append((fitted.words, torch.arange(len(names))))
    if given.unlabelled is not None:
        with given.watch.stage("reading texts without a label"):
            others = Unlabelled.read(given.unlabelled, known, given.settings)
            rows = others.rows(pieces.opened, given.on_long)
            context = fitted.model.encoder.config.context
            cut = read_notes(rows, context, f"texts of {others.name}")
        with given.watch.stage("asking whether texts without a label help") as advance:
            fitted, said, taken = fitted.with_others(texts, rows, others.name, advance)
        notes += [others.note, *cut, said]
        more += [] if taken is None else [taken]
    return fitted, more, tuple(notes)


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A classifier whose last layer is fitted to what its encoder gives, and then measured.

    Attributes:
        model: encoder and head.
        rows: the texts to fit to.
        words: the names of the labels as texts, to fit to as well; None to leave them out.
        others: texts without a label, to fit to as well once the encoder is trained; None for none.
        labels: those of the texts.
        regression: fits the layer; knows all labels, in the order of the model's outputs.
        dev: what the model is measured with.
    """

    model: SequenceClassifier
    rows: Rows
    words: Rows | None
    others: Rows | None
    labels: tuple[str, ...]
    regression: Regression
    dev: Measure

    def with_names(self, texts: F32, rows: Rows, words: Sequence[str]) -> tuple[FittedHead, str]:
        """The same with the names of the labels, if they help, and what to say of it.

        Args:
            texts: `(N, E)` vectors of the labelled texts.
            rows: the names as token ids.
            words: the names.
        """
        names, regression = self.read(rows), self.regression
        trial = Trial.of(
            texts,
            self.labels,
            self.rows.texts_apart,
            lambda vectors, labels: regression(vectors, labels, None),
            lambda vectors, labels: regression(vectors, labels, names),
        )
        if not trial.helps:
            return self, f"the names of the labels are not read as texts: {trial.in_words()}"
        return replace(self, words=rows), (
            f"the names of the labels, such as {words[0]!r}, are read as texts too: "
            f"{trial.in_words()} (leave them out with --set few_shot.names=false)"
        )

    def with_others(
        self, texts: F32, others: Rows, name: str, advance: Advance
    ) -> tuple[FittedHead, str, tuple[Rows, torch.Tensor] | None]:
        """The same with texts that have no label, if they help, and what to say of it.

        Args:
            texts: `(N, E)` vectors of the labelled texts.
            others: the texts without a label.
            name: of their file.
            advance: is told of the progress.

        Returns:
            Beside it the texts that the encoder learns from, with the numbers of their labels.
        """
        words, more, regression = self._read_words(), self.read(others), self.regression
        done = 0

        def told(
            vectors: F32, labels: Sequence[str], words: F32 | None, counts: Sequence[float] | None
        ) -> Probe:
            nonlocal done
            done += 1
            advance(done / FITS, "")
            return regression(vectors, labels, words, counts)

        trial = Trial.of(
            texts,
            self.labels,
            self.rows.texts_apart,
            lambda vectors, labels: told(vectors, labels, words, None),
            lambda vectors, labels: self_trained(told, vectors, labels, words, more),
        )
        if not trial.helps:
            return self, f"the texts of {name} are not learnt from: {trial.in_words()}", None
        probe = self_trained(told, texts, self.labels, words, more)
        places, guesses = surest(probe, more)
        number = {label: place for place, label in enumerate(regression.names)}
        numbers = torch.tensor([number[probe.labels[guess]] for guess in guesses])
        sure = Rows(tuple(others.rows[place] for place in places), 0)
        said = (
            f"the texts of {name} are learnt from: {trial.in_words()}; the encoder reads "
            f"{len(sure):,} of them, whose labels are surest, as texts of these"
        )
        return replace(self, others=others), said, (sure, numbers)

    def read(self, rows: Rows) -> F32:
        """`(N, E)` vectors of texts as the encoder is now; it is in evaluation mode."""

        def read(batch: Batch) -> list[torch.Tensor]:
            return list(self.model.vectors(batch).float().cpu())

        device = self.model.encoder.embedding.tokens.weight.device
        return torch.stack(rows.read(read, device)).numpy()

    def _read_words(self) -> F32 | None:
        """`(C, E)` vectors of the names of the labels, where these are read."""
        return None if self.words is None else self.read(self.words)

    def fit(self, *, others: bool = True) -> None:
        """Put a logistic regression into the last layer; the model is in evaluation mode.

        Args:
            others: whether texts without a label are learnt from.
        """
        texts, words = self.read(self.rows), self._read_words()
        if others and self.others is not None:
            more = self.read(self.others)
            self._put(self_trained(self.regression, texts, self.labels, words, more))
        else:
            self._put(self.regression(texts, self.labels, words))

    def _put(self, probe: Probe) -> None:
        project = self.model.head.project
        with torch.no_grad():
            for place, fitted in zip(
                (project.weight, project.bias), probe.layer(self.regression.names), strict=True
            ):
                place.copy_(torch.from_numpy(np.asarray(fitted, dtype=np.float32)))

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """A few figures with the layer that fits the encoder as it is now.

        It is fitted to the labelled texts alone: thousands of others take longer than an epoch.
        """
        self.fit(others=False)
        return self.dev(model)

    def figures(self, model: nn.Module) -> TaskFigures:
        """All figures with that layer, which has learnt from all texts."""
        self.fit()
        return self.dev.figures(model)


def _check(settings: FinetuneSettings) -> None:
    """Refuse what would do nothing."""
    for name, given, else_ in (
        (
            "model.freeze=true",
            settings.model.freeze,
            "unmask probe uses the model as it is",
        ),
        ("loss.smoothing", settings.loss.smoothing > 0, "no label is a target of its loss"),
    ):
        if given:
            raise ConfigError(
                f"{name} would do nothing with --few-shot, where texts are drawn together and the "
                f"last layer is a logistic regression; leave it out ({else_})"
            )


def _notes(labels: tuple[str, ...]) -> tuple[str, ...]:
    """What a person should know of how many texts the labels have.

    Raises:
        DataError: no label has two.
    """
    counts = Counter(labels)
    single = [name for name, count in counts.items() if count < 2]
    if len(single) == len(counts):
        raise DataError(
            "few-shot draws texts of one label together, but no label has two texts to train on; "
            "give 8 to 64 of each, or give --dev a file so that none are held out"
        )
    notes = []
    if single:
        notes.append(
            f"{counted(len(single), 'label')} with a single text: {first_of(single, 20)}; {FEWEST} "
            f"to {MANY} of each are better"
        )
    if few := [name for name, count in counts.items() if 1 < count < FEWEST]:
        least = min(counts[name] for name in few)
        notes.append(
            f"{counted(len(few), 'label')} with fewer than {FEWEST} texts to train on, the least "
            f"with {least}: {first_of(few, 20)}; {FEWEST} to {MANY} of each are better"
        )
    if len(labels) > MANY * len(counts):
        notes.append(
            f"{len(labels) / len(counts):,.0f} texts a label are many for --few-shot, which is "
            f"made for 8 to {MANY}; compare with fine-tuning without it"
        )
    return tuple(notes)
