"""`finetune --few-shot --unlabelled`: texts whose labels nobody has said."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tests.verbs.labelled import Interrupted, Notes, write_csv
from unmask.checkpoint.folder import open_classifier
from unmask.cli.main import app
from unmask.errors import ConfigError, CorruptText, DataError, ResumeMismatch, TooLong
from unmask.evaluation.probe import F32, Probe
from unmask.verbs.finetune import finetune
from unmask.verbs.finetune_settings import finetune_settings
from unmask.verbs.tasks import few_unlabelled
from unmask.verbs.tasks.few_names import Fits, Regression
from unmask.verbs.tasks.few_unlabelled import Unlabelled, self_trained, surest

QUICK: dict[str, Any] = {
    "few_shot": True, "epochs": 2, "lr": 1e-3, "batch": 16, "dtype": "fp32"
}  # fmt: skip


def clusters(each: int, seed: int) -> tuple[F32, list[str]]:
    """Vectors around four points, `each` of every label."""
    dice = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(4, 16)) * 1.1
    vectors = np.repeat(centres, each, axis=0) + dice.normal(size=(4 * each, 16))
    return vectors.astype(np.float32), [name for name in "abcd" for _ in range(each)]


def test_what_is_said_of_others_moves_the_borders() -> None:
    few, labels = clusters(2, 0)
    others, _ = clusters(200, 1)
    asked, truth = clusters(500, 2)
    regression = Regression(("a", "b", "c", "d"), 0.1)
    alone = regression(few, labels, None)
    beside = self_trained(regression, few, labels, None, others)
    assert beside.accuracy(asked, truth) > alone.accuracy(asked, truth) + 0.02


class Recording(Regression):
    """Remembers what it was fitted to."""

    def __call__(
        self,
        vectors: F32,
        labels: Sequence[str],
        words: F32 | None,
        counts: Sequence[float] | None = None,
    ) -> Probe:
        """As it is, and remembered."""
        fits.append((len(vectors), tuple(labels), counts))
        return super().__call__(vectors, labels, words, counts)


fits: list[tuple[int, tuple[str, ...], Sequence[float] | None]] = []


@pytest.mark.parametrize(("each", "count"), [(4, 0.5), (200, 4 * 8 / 800)])
def test_others_count_for_half_and_together_for_four_times_the_labelled(
    each: int, count: float
) -> None:
    fits.clear()
    few, labels = clusters(2, 0)
    others, _ = clusters(each, 1)
    self_trained(Recording(("a", "b", "c", "d"), 0.1), few, labels, None, others)
    assert len(fits) == 1 + few_unlabelled.ROUNDS
    assert fits[0] == (8, tuple(labels), None)
    for size, names, counts in fits[1:]:
        assert counts is not None
        assert size == len(names) == len(counts)
        assert names[:8] == tuple(labels)
        assert [*counts[:8]] == [1.0] * 8
        assert sum(counts[8:]) == pytest.approx(count * len(others), rel=1e-4)


def test_a_text_stands_once_for_each_label_that_is_likely() -> None:
    asked = np.array([[0.999, 0.001, 0.0], [0.6, 0.3, 0.1], [0.5, 0.5, 0.0]])
    places, guesses, shares = few_unlabelled._guessed(asked)
    assert places.tolist() == [0, 1, 1, 2, 2]
    assert guesses.tolist() == [0, 0, 1, 0, 1]
    # 0.36, 0.09 and 0.01: surer than they were, and the last is none.
    assert shares == pytest.approx([1.0, 0.8, 0.2, 0.5, 0.5])


def test_a_text_of_which_no_label_is_likely_teaches_nothing() -> None:
    asked = np.full((2, 40), 0.01)
    asked[1, 3] += 0.6
    places, guesses, shares = few_unlabelled._guessed(asked)
    assert (places.tolist(), guesses.tolist(), shares.tolist()) == ([1], [3], [1.0])
    # Of many labels with two texts each, hardly any other text is told.
    dice = np.random.default_rng(3)
    names = tuple(f"label {number:02}" for number in range(40))
    few, labels = dice.normal(size=(80, 8)).astype(np.float32), names * 2
    others = np.zeros((5, 8), dtype=np.float32)
    regression = Regression(names, 1e-3)
    beside = self_trained(regression, few, labels, None, others)
    alone = regression(few, labels, None)
    assert np.array_equal(beside.probabilities(few), alone.probabilities(few))


class Saying(Probe):
    """Says what it is told to say of each text."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Two."""
        return ("a", "b")

    def probabilities(self, vectors: F32) -> Any:
        """What the vectors hold."""
        blocks.append(len(vectors))
        return vectors.astype(np.float64)


blocks: list[int] = []


@pytest.mark.parametrize("block", [1 << 22, 14])
def test_the_surest_of_each_label_are_read_by_the_encoder(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few_unlabelled, "BLOCK", block)
    blocks.clear()
    sure = np.linspace(0.6, 0.99, 200)
    few = [[0.2, 0.8], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9], [0.45, 0.55]]
    asked = np.concatenate((np.stack((sure, 1 - sure), 1), few)).astype(np.float32)
    places, guesses = surest(Saying(None), asked)
    assert Counter(guesses.tolist()) == {0: few_unlabelled.MOST, 1: 3}
    assert places[:50].tolist() == [*range(150, 200)]
    assert places[50:].tolist() == [200, 202, 203]
    assert blocks == ([205] if block > 205 else [7] * 29 + [2])


def test_what_is_read_of_a_file(tmp_path: Path) -> None:
    rows: list[tuple[object, ...]] = [
        ("a", "one"), ("b", "two"), ("a", "two "), ("", ""), ("c", "known"), ("a", "three")
    ]  # fmt: skip
    table = write_csv(tmp_path / "more.csv", rows, ("label", "text"))
    settings = finetune_settings(few_shot=True)
    read = Unlabelled.read(table, [" known"], settings)
    assert read.texts == ("one", "two", "three")
    assert read.lines == (2, 3, 7)
    assert read.note == (
        f"{table}: text from column 'text'; 6 texts without a label; 1 text is empty: {table}:5; 3 "
        "of them left out, as they are empty, twice there, or labelled"
    )
    named = write_csv(tmp_path / "named.csv", rows, ("label", "what"))
    with pytest.raises(DataError, match="--text-column"):
        Unlabelled.read(named, [], settings)
    chosen = finetune_settings(few_shot=True, text_column="what")
    assert Unlabelled.read(named, [], chosen).texts == ("one", "two", "known", "three")
    # A file of lines has no such column, and needs none.
    lines = tmp_path / "more.txt"
    lines.write_text("one\n\ntwo\n")
    assert Unlabelled.read(lines, [], chosen).texts == ("one", "two")
    with pytest.raises(DataError, match="must have texts that are not among the labelled ones"):
        Unlabelled.read(lines, ["one", "two"], chosen)


def test_of_too_many_some_are_drawn(tmp_path: Path) -> None:
    lines = tmp_path / "more.txt"
    texts = [f"text {number}" for number in range(100)]
    lines.write_text("".join(f"{text}\n" for text in [*texts, *texts, "known"]))

    def read(seed: int, most: int = 10) -> Unlabelled:
        over = {"few_shot": {"use": True, "most_unlabelled": most}}
        return Unlabelled.read(lines, ["known"], finetune_settings(over=over, seed=seed))

    one, two = read(0), read(1)
    assert len(one.texts) == len({*one.texts}) == 10
    assert {*one.texts} < {*texts}
    assert [*one.lines] == sorted(one.lines)
    assert tuple(texts[line - 1] for line in one.lines) == one.texts
    assert one.texts != two.texts
    assert one.note.endswith(
        "10 different ones of them are drawn, none of which is empty or labelled (--set "
        "few_shot.most_unlabelled)"
    )
    # Fewer are a part of more, and each is as likely as any other.
    assert {*one.texts} < {*read(0, 30).texts}
    counts = Counter(text for seed in range(60) for text in read(seed).texts)
    assert len(counts) > 95
    assert max(counts.values()) < 20
    # As many as are there are no draw.
    assert "drawn" not in read(0, 100).note
    assert read(0, 100).texts == tuple(texts)


def test_bad_places_are_as_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "more.jsonl"
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in ("one", 2, "three")))
    with pytest.raises(CorruptText, match="holds a number, not text"):
        Unlabelled.read(path, [], finetune_settings(few_shot=True))
    skipping = finetune_settings(few_shot=True, on_bad="skip", max_bad=0.5)
    read = Unlabelled.read(path, [], skipping)
    assert read.texts == ("one", "three")
    assert f"1 bad place left out (--on-bad skip): {path}:2" in read.note


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Labelled rows, rows to measure with, and texts without a label."""
    # The tiny model knows no meanings: a text is told by the word that stands in it twice.
    words = ("dog", "house", "music", "garden", "book")
    others = ("the", "a", "red", "good", "she", "paints", "sees", "likes")
    texts = [
        (f"{word} {one} {word} {two}", word) for word in words for one in others for two in others
    ]
    folder, header = tmp_path_factory.mktemp("data"), ("text", "label")
    more = folder / "more.txt"
    more.write_text("".join(f"{text}\n" for text, _ in texts))
    return {
        "train": write_csv(folder / "train.csv", texts[::20], header),
        "dev": write_csv(folder / "dev.csv", texts[1::20], header),
        "unlabelled": more,
    }


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(open_classifier(folder).model.named_parameters())


def test_encoder_and_last_layer_learn_from_them(
    files: dict[str, Path], tiny_model_folder: Path, tmp_path: Path
) -> None:
    notes = Notes()
    given = {**files, **QUICK}
    with_them = finetune(tiny_model_folder, out=tmp_path / "with", watch=notes, **given)
    assert notes.heard("320 texts without a label; 32 of them left out")
    assert notes.heard(f"the texts of {files['unlabelled']} are learnt from: of ")
    assert with_them.figures is not None
    assert with_them.figures.accuracy > 0.8
    without = finetune(tiny_model_folder, out=tmp_path / "without", **{**given, "unlabelled": None})
    one, two = weights(with_them.folder), weights(without.folder)
    for name in ("encoder.layers.0.attention.out.weight", "head.project.weight"):
        assert not torch.equal(one[name], two[name])


def test_the_bar_of_the_trial_comes_to_its_end(
    files: dict[str, Path], tiny_model_folder: Path, tmp_path: Path
) -> None:
    shares: list[float] = []

    class Watching(Notes):
        @contextmanager
        def stage(self, title: str) -> Iterator[Callable[[float, str], None]]:
            """Remembers the shares of the trial."""

            def advance(share: float, words: str) -> None:
                if title == "asking whether texts without a label help":
                    shares.append(share)

            yield advance

    finetune(
        tiny_model_folder, out=tmp_path / "run", watch=Watching(), **{**files, **QUICK, "epochs": 1}
    )
    assert shares == pytest.approx([n / few_unlabelled.FITS for n in range(1, len(shares) + 1)])
    assert shares[-1] == 1.0


def test_texts_that_mislead_are_left_out(
    files: dict[str, Path],
    tiny_model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def misled(
        regression: Fits, vectors: F32, labels: Sequence[str], words: F32 | None, others: F32
    ) -> Probe:
        names = sorted({*labels})
        following = dict(zip(names, (*names[1:], names[0]), strict=True))
        return regression(vectors, [following[label] for label in labels], words, None)

    monkeypatch.setattr("unmask.verbs.tasks.few_shot.self_trained", misled)
    notes = Notes()
    given = {**files, **QUICK, "epochs": 1}
    left = finetune(tiny_model_folder, out=tmp_path / "left", watch=notes, **given)
    assert notes.heard(f"the texts of {files['unlabelled']} are not learnt from: of ")
    without = finetune(tiny_model_folder, out=tmp_path / "no", **{**given, "unlabelled": None})
    one, two = weights(left.folder), weights(without.folder)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_broken_run_goes_on_to_the_same_bits(
    files: dict[str, Path], tiny_model_folder: Path, tmp_path: Path
) -> None:
    given = {**files, **QUICK}
    whole = finetune(tiny_model_folder, out=tmp_path / "whole", **given)
    broken = Notes("fine-tuning", 0.6)
    with pytest.raises(Interrupted):
        finetune(tiny_model_folder, out=tmp_path / "run", watch=broken, **given)
    with pytest.raises(ResumeMismatch, match="the data 'unlabelled' is gone"):
        finetune(tiny_model_folder, out=tmp_path / "run", **{**given, "unlabelled": None})
    torch.rand(7)
    again = finetune(tiny_model_folder, out=tmp_path / "run", **given)
    one, two = weights(whole.folder), weights(again.folder)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert again.figures == whole.figures


def test_a_run_does_not_go_on_with_other_texts(
    files: dict[str, Path], tiny_model_folder: Path, tmp_path: Path
) -> None:
    given = {**files, **QUICK, "out": tmp_path / "run"}
    broken = Notes("fine-tuning", 0.6)
    with pytest.raises(Interrupted):
        finetune(tiny_model_folder, watch=broken, **given)
    run = tmp_path / "run" / "run.json"
    begun = json.loads(run.read_text())
    begun["decided"]["chosen"] = "0" * 64
    run.write_text(json.dumps(begun))
    with pytest.raises(ResumeMismatch, match="the model itself chose a part of the texts"):
        finetune(tiny_model_folder, **given)


@pytest.mark.parametrize(
    "more", [{"class_weights": "balanced"}, {"lora": 2, "lr": 1e-2}, {"seeds": 2}]
)
def test_two_labels_with_other_options(
    more: dict[str, Any], files: dict[str, Path], tiny_model_folder: Path, tmp_path: Path
) -> None:
    rows: list[tuple[object, ...]] = [
        (f"{word} {one} {word} {two}", word)
        for word in ("dog", "house")
        for one in ("the", "a")
        for two in ("red", "good", "old")
    ]
    train = write_csv(tmp_path / "train.csv", rows, ("text", "label"))
    notes = Notes()
    given = {**QUICK, **more, "train": train, "dev": train, "unlabelled": files["unlabelled"]}
    result = finetune(tiny_model_folder, out=tmp_path / "run", watch=notes, **given)
    assert notes.heard("are learnt from: of 12 rows")
    assert result.figures is not None
    assert result.figures.accuracy == 1.0


def test_a_text_that_is_too_long_is_named_by_its_line(
    files: dict[str, Path], tiny_model_folder: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more.txt"
    more.write_text("the dog\n\n" + "the dog " * 60 + "\n")
    given = {**files, **QUICK, "unlabelled": more}
    with pytest.raises(TooLong, match=rf"{more}:3: a text may have at most 48 tokens"):
        finetune(tiny_model_folder, out=tmp_path / "no", on_long="error", **given)
    notes = Notes()
    finetune(tiny_model_folder, out=tmp_path / "run", watch=notes, **{**given, "epochs": 1})
    assert notes.heard(f"1 of 2 texts of {more} is longer than the context of 48 tokens")


def test_on_the_command_line(
    files: dict[str, Path], tiny_model_folder: Path, tmp_path: Path
) -> None:
    paths = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    words = ["finetune", str(tiny_model_folder), "--few-shot", *paths, "--epochs", "1"]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "run"), "--threads", "1"])
    assert done.exit_code == 0, done.output
    assert "320 texts without a label; 32 of them left out" in done.stderr.replace("\n", " ")


@pytest.mark.parametrize(
    ("short", "words"),
    [
        ({}, "--few-shot alone, but --unlabelled .*; give both, or pretrain"),
        ({"task": "tag"}, "--few-shot alone, but --unlabelled .*; leave it out, or pretrain"),
        (
            {"few_shot": True, "unlabelled": None, "over": {"few_shot": {"most_unlabelled": 9}}},
            "few_shot.most_unlabelled=9 would do nothing without --unlabelled",
        ),
    ],
)
def test_they_are_for_few_texts_alone(
    short: dict[str, Any],
    words: str,
    files: dict[str, Path],
    tiny_model_folder: Path,
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match=words):
        finetune(tiny_model_folder, out=tmp_path / "run", **{**files, **short})
    assert not (tmp_path / "run").exists()
