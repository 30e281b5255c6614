"""Tagging from file to answer: trained, resumed, measured, predicted; and data that is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tests.verbs.labelled import Interrupted, Notes
from unmask.checkpoint.folder import open_model
from unmask.cli.main import app
from unmask.errors import ConfigError, CorruptText, DataError, LabelMismatch
from unmask.heads.decoding import Decoder
from unmask.pipelines.overlapping import FitOverlapping
from unmask.pipelines.tag import Tagger
from unmask.text.tagged import Tagged, read_tagged
from unmask.text.tags import SCHEMES, SchemeName, WordSpan
from unmask.verbs.evaluate import evaluate
from unmask.verbs.finetune import finetune
from unmask.verbs.finetune_settings import TuneData, TuneLoss
from unmask.verbs.predict import predict
from unmask.verbs.tasks.frozen_words import TokenHeadOnly
from unmask.verbs.tasks.tag import TaggedRows
from unmask.verbs.tasks.tagged_data import TaggedSplit

QUICK: dict[str, Any] = {"epochs": 10, "lr": 4e-3, "batch": 8, "dtype": "fp32", "threads": 1}
BEINGS = (("cat",), ("dog",), ("old", "neighbour"), ("quick", "brown", "fox"))
THINGS = (("piano",), ("red", "house"), ("good", "music"))

Sentence = tuple[list[str], list[WordSpan]]


def sentences(count: int, seed: int = 0) -> list[Sentence]:
    """Beings see things; words stand for either by themselves."""
    dice, made = random.Random(seed), []
    for _ in range(count):
        one, other = dice.choice(BEINGS), dice.choice(THINGS)
        words = ["the", *one, "sees", "the", *other, "."]
        middle = 3 + len(one)
        spans = [WordSpan(1, 1 + len(one), "being"), WordSpan(middle, middle + len(other), "thing")]
        made.append((words, spans))
    return made


def write(path: Path, made: Sequence[Sentence], scheme: SchemeName = "BIO") -> Path:
    lines = []
    for words, spans in made:
        tags = SCHEMES[scheme].tags(spans, len(words))
        lines += [f"{word}\t{tag}" for word, tag in zip(words, tags, strict=True)] + [""]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def run(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Notes]:
    """A finished run; its training data is in IOB1, its dev data in BIO."""
    folder = tmp_path_factory.mktemp("tagged")
    notes = Notes()
    train = write(folder / "train.conll", sentences(100), "IOB1")
    dev = write(folder / "dev.conll", sentences(40, 1), "BIO")
    result = finetune(
        tiny_model_folder, train=train, dev=dev, out=folder / "run", task="tag", watch=notes,
        **QUICK,
    )  # fmt: skip
    assert result.figures is not None
    assert result.figures.f1 > 0.95
    assert result.figures.spans == 80
    return folder, notes


def test_a_run_says_what_it_reads_and_learns(run: tuple[Path, Notes]) -> None:
    folder, notes = run
    assert notes.heard("words from column 1, tags from the last column; 100 sentences, 200 spans")
    assert notes.heard("of 2 types in IOB1; they are learnt as BIO")
    assert notes.heard("last column; 40 sentences, 80 spans of 2 types in BIO")
    card = (folder / "run" / "model" / "README.md").read_text()
    assert "tagger for 2 types of spans" in card
    assert "Tagger" in card
    config = json.loads((folder / "run" / "model" / "config.json").read_text())
    labels = ["O", "B-being", "I-being", "B-thing", "I-thing"]
    assert list(config["id2label"].values()) == labels


def test_the_tagger_finds_spans_in_text_it_never_saw(run: tuple[Path, Notes]) -> None:
    tagger = Tagger.from_pretrained(run[0] / "run")
    text = "The quick  brown fox\u200b sees the Red house."
    (answer,) = tagger.predict([text])
    found = [(span["label"], span["text"]) for span in answer["spans"]]
    assert found == [("being", "quick  brown fox"), ("thing", "Red house")]


def test_a_finished_run_is_left_and_a_tagger_is_trained_further(
    run: tuple[Path, Notes], tmp_path: Path
) -> None:
    folder, _ = run
    more = write(tmp_path / "more.conll", sentences(30, 5), "BIOES")
    notes = Notes()
    result = finetune(
        folder / "run", train=more, out=tmp_path / "again", task="tag", watch=notes,
        **{**QUICK, "epochs": 1},
    )  # fmt: skip
    assert notes.heard("different sentences, stratified by the rarest type in them"), notes.said
    assert result.labels == ("O", "B-being", "I-being", "B-thing", "I-thing")
    assert not notes.heard("new weights")


@pytest.mark.parametrize("scheme", ["BIO", "BIOES", "IOB1"])
def test_evaluation_reads_every_scheme(
    run: tuple[Path, Notes], tmp_path: Path, scheme: SchemeName
) -> None:
    data = write(tmp_path / "test.conll", sentences(30, 3), scheme)
    found = evaluate(run[0] / "run", data=data, device="cpu", threads=1)
    facts = found.as_dict()
    assert facts["f1"] > 0.95
    assert facts["truncated"] == 0
    assert [one["label"] for one in facts["types"]] == ["being", "thing"]
    words = found.in_words()
    assert words["sentences"] == "30, with 60 spans"
    assert words["  being"].startswith("F1 ")


def test_prediction_keeps_columns_and_adds_spans(run: tuple[Path, Notes], tmp_path: Path) -> None:
    rows = [{"id": 1, "text": "the dog sees the piano."}, {"id": 2, "text": "", "more": [1]}]
    source = tmp_path / "new.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    result = predict(run[0] / "run", input=source, output=tmp_path / "answers.jsonl", threads=1)
    lines = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [1, 2]
    assert lines[1]["more"] == [1]
    assert lines[1]["spans"] == []
    (first, second) = lines[0]["spans"]
    assert (first["start"], first["end"], first["label"], first["text"]) == (4, 7, "being", "dog")
    assert second["text"] == "piano"
    assert not lines[0]["truncated"]
    assert result.labels == {"being": 1, "thing": 1}
    assert result.rows == 2
    assert result.columns == ("id", "text", "spans", "tokens", "truncated")


def test_prediction_of_words_gives_tags(run: tuple[Path, Notes], tmp_path: Path) -> None:
    source = tmp_path / "new.jsonl"
    source.write_text('{"words": ["the", "old", "neighbour", "sees"], "n": 1}\n')
    predict(run[0] / "run", input=source, output=tmp_path / "out.jsonl", threads=1)
    (line,) = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert line["tags"] == ["O", "B-being", "I-being", "O"]
    assert line["spans"][0]["words"] == [1, 3]
    taken = tmp_path / "taken.jsonl"
    taken.write_text('{"tokens": ["the", "dog"]}\n')
    with pytest.raises(DataError, match=r"column 'tokens' already; .*--prefix"):
        predict(run[0] / "run", input=taken, output=tmp_path / "no.jsonl", threads=1)
    with pytest.raises(ConfigError, match="leave --scores out"):
        predict(run[0] / "run", input=source, output=tmp_path / "no.jsonl", scores=True)


@pytest.mark.parametrize(
    ("name", "content", "column"),
    [
        ("new.conll", "the\nold\nneighbour\n\n-DOCSTART-\n\nword\n", None),
        ("new.bio", "the DT O\nold JJ B-x\nneighbour NN I-x\n\nword X O\n", None),
        ("new.conll", "token tag\nthe O\nold O\nneighbour O\n\nword O\n", None),
        ("new.iob", "1\tthe\n2\told\n3\tneighbour\n\n1\tword\n", "2"),
        ("new.conllu", "# text\n1\tthe\tx\n2-3\tno\tx\n2\told\tx\n3\tneighbour\tx\n\n1\tword\tx\n",
         None),
    ],
)  # fmt: skip
def test_prediction_of_lines_of_words(
    run: tuple[Path, Notes], tmp_path: Path, name: str, content: str, column: str | None
) -> None:
    (tmp_path / name).write_text(content)
    result = predict(
        run[0] / "run", input=tmp_path / name, output=tmp_path / "out.jsonl", threads=1,
        text_column=column,
    )  # fmt: skip
    one, other = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert (one["words"], other["words"]) == (["the", "old", "neighbour"], ["word"])
    assert one["tags"] == ["O", "B-being", "I-being"]
    assert result.columns == ("words", "spans", "tags", "tokens", "truncated")


def test_lines_of_words_that_cannot_be_read(run: tuple[Path, Notes], tmp_path: Path) -> None:
    given: dict[str, Any] = {"output": tmp_path / "out.jsonl", "threads": 1}
    source = tmp_path / "new.conll"
    source.write_text("the O\ndog\n")
    with pytest.raises(CorruptText, match=r"new\.conll:2: 1 columns where the first line has 2"):
        predict(run[0] / "run", input=source, **given)
    with pytest.raises(DataError, match="have numbers, 1 for the first"):
        predict(run[0] / "run", input=source, text_column="word", **given)
    with pytest.raises(DataError, match=r"must be one of .*\.conll, .* is none of them"):
        predict(run[0] / "run", input=write(tmp_path / "new.docx", sentences(2)), **given)


def test_lines_of_words_in_and_out(run: tuple[Path, Notes], tmp_path: Path) -> None:
    source, output = tmp_path / "new.conll", tmp_path / "out.conll"
    source.write_text("the DT\nold JJ\nneighbour NN\n\nword NN\n")
    result = predict(run[0] / "run", input=source, output=output, threads=1)
    plain = predict(run[0] / "run", input=source, output=tmp_path / "out.jsonl", threads=1)
    assert (result.rows, result.labels) == (2, plain.labels)
    (one, two) = (json.loads(line)["tags"] for line in plain.output.read_text().splitlines())
    assert one == ["O", "B-being", "I-being"]
    assert output.read_text() == f"the\tO\nold\tB-being\nneighbour\tI-being\n\nword\t{two[0]}\n\n"
    # What was written is read as it was said.
    again = read_tagged(output)
    assert again.words == (("the", "old", "neighbour"), ("word",))
    assert again.tags == (("O", "B-being", "I-being"), (two[0],))
    assert evaluate(run[0] / "run", data=output, threads=1).figures.f1 == 1.0  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"words": ["the", "dog"], "id": 1}, "the column 'id' too, which would be lost"),
        ({"words": ["the", "old\tdog"]}, r"no tab and no line end.*'old\\tdog'"),
        ({"words": ["the", "  "]}, "must have characters"),
        ({"words": ["-DOCSTART-", "dog"]}, "not begin with -DOCSTART-"),
        ({"words": ["\ufeffthe", "dog"]}, "or a byte order mark, but is"),
        ({"words": []}, r"must be a list of words, not \[\]"),
        ({"words": "the dog"}, "must be a list of words, not 'the dog'"),
    ],
)
def test_what_lines_of_words_cannot_hold(
    run: tuple[Path, Notes], tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    source, output = tmp_path / "new.jsonl", tmp_path / "out.conll"
    rows: list[dict[str, Any]] = [{"words": ["a", "dog"]}, row]
    source.write_text("".join(json.dumps(one) + "\n" for one in rows))
    with pytest.raises(DataError, match=rf"new\.jsonl:2: .*{message}"):
        predict(run[0] / "run", input=source, output=output, threads=1)
    assert not output.exists()


def test_lines_of_words_are_of_taggers_of_words(run: tuple[Path, Notes], tmp_path: Path) -> None:
    source = tmp_path / "new.jsonl"
    source.write_text('{"text": "the dog"}\n')
    with pytest.raises(ConfigError, match=r"of lists of words or of a CoNLL file, and"):
        predict(run[0] / "run", input=source, output=tmp_path / "out.conll", threads=1)


def test_a_row_without_a_text_is_told_as_one(run: tuple[Path, Notes], tmp_path: Path) -> None:
    source = tmp_path / "new.jsonl"
    source.write_text('{"text": null}\n{"text": "the dog"}\n')
    with pytest.raises(CorruptText, match="must hold a text, but holds null"):
        predict(run[0] / "run", input=source, output=tmp_path / "out.jsonl", threads=1)


def test_words_that_are_none_make_an_empty_text(run: tuple[Path, Notes], tmp_path: Path) -> None:
    table, notes = tmp_path / "in.jsonl", Notes()
    rows: list[list[str]] = [["the", "cat"], [], [" "]]
    table.write_text("".join(json.dumps({"words": row}) + "\n" for row in rows))
    result = predict(run[0] / "run", input=table, output=tmp_path / "o.jsonl", watch=notes)
    assert result.empty == 2
    assert notes.heard(f"2 texts are empty: {table}:2, {table}:3")


def test_from_file_to_answer_on_the_command_line(tiny_model_folder: Path, tmp_path: Path) -> None:
    train = write(tmp_path / "train.conll", sentences(60))
    call = CliRunner().invoke
    out = tmp_path / "run"
    done = call(
        app,
        ["finetune", str(tiny_model_folder), "--task", "tag", "--train", str(train), "--out",
         str(out), "--epochs", "2", "--threads", "1"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "token accuracy" in done.output
    measured = call(app, ["evaluate", str(out), "--data", str(train), "--json"])
    assert json.loads(measured.stdout)["sentences"] == 60
    (tmp_path / "new.csv").write_text("text\nthe dog sees\n")
    said = call(
        app,
        ["predict", str(out), "--input", str(tmp_path / "new.csv"), "--output",
         str(tmp_path / "answers.jsonl"), "--on-long", "error"],
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    assert "spans" in json.loads((tmp_path / "answers.jsonl").read_text())


@pytest.mark.parametrize(
    ("train", "dev", "error", "words"),
    [
        ("a\tO\nb\tO\n", None, DataError, r"two or more tags .* has only 'O'; add sentences"),
        ("a\tX\nb\tX\n", None, DataError, r"two or more tags .* has only 'X'"),
        ("a\tB-x\n", "a\tB-y\n", LabelMismatch, r"'y' is not among them.*has: 'x'"),
        ("a\tB-x\n", "a\tNOUN\n", DataError, r"tags with prefixes, such as B-, but are plain"),
        ("a\tDET\nb\tNOUN\n", "a\tVERB\n", LabelMismatch, r"'VERB' is not among them"),
        ("a\tDET\nb\tNOUN\n", "a\tO\n", LabelMismatch, r"'O' is not among them"),
        ("a\tB-x\n", None, DataError, r"two different texts"),
        ("\u200b\tB-x\n", "a\tO\n", DataError, r"makes no token of any"),
    ],
)
def test_data_that_cannot_be_used(
    tiny_model_folder: Path,
    tmp_path: Path,
    train: str,
    dev: str | None,
    error: type[Exception],
    words: str,
) -> None:
    (tmp_path / "train.conll").write_text(train)
    if dev is not None:
        (tmp_path / "dev.conll").write_text(dev)
    with pytest.raises(error, match=words):
        finetune(
            tiny_model_folder,
            train=tmp_path / "train.conll",
            dev=None if dev is None else tmp_path / "dev.conll",
            out=tmp_path / "run",
            task="tag",
        )
    assert not (tmp_path / "run").exists()


def test_a_model_is_held_to_its_own_types(run: tuple[Path, Notes], tmp_path: Path) -> None:
    data = tmp_path / "other.conll"
    data.write_text("Ada\tB-person\n")
    with pytest.raises(LabelMismatch, match=r"'person' is not among them. The model has: 'being'"):
        evaluate(run[0] / "run", data=data, threads=1)
    with pytest.raises(LabelMismatch, match=r"'person' is not among them. The model has: 'being'"):
        finetune(run[0] / "run", train=data, dev=data, out=tmp_path / "run", task="tag")
    with pytest.raises(ConfigError, match="measured on labelled rows"):
        evaluate(run[0] / "run", text=data, threads=1)


def test_dev_sentences_without_spans_are_measured(tiny_model_folder: Path, tmp_path: Path) -> None:
    train = write(tmp_path / "train.conll", sentences(20))
    (tmp_path / "dev.conll").write_text("the\tO\ndog\tO\n")
    split = TaggedSplit.read(train, tmp_path / "dev.conll", TuneData(), 0)
    assert split.dev.spans == [[]]
    assert any("has no span of: being, thing" in note for note in split.notes)


def test_what_is_held_out_has_every_type_and_no_sentence_of_the_rest(tmp_path: Path) -> None:
    path = write(tmp_path / "train.conll", [*sentences(100), *sentences(100, 8)])
    split = TaggedSplit.read(path, None, TuneData(), 3)
    assert len(split.train) + len(split.dev) == 200
    assert split.dev.types == {"being", "thing"}
    assert not set(split.train.words) & set(split.dev.words)
    assert TaggedSplit.read(path, None, TuneData(), 3).dev == split.dev


def _prepared(model: Path, data: Tagged, on_long: str = "chunk") -> tuple[TaggedRows, Any]:
    opened = open_model(model, "token", labels=data.scheme.labels(data.types))
    context = opened.model.encoder.config.context
    fit = FitOverlapping(opened.tokenizer.layout, context, on_long)  # type: ignore[arg-type]
    return TaggedRows.of(data, opened, Decoder.of(opened.labels), fit), opened


@pytest.mark.parametrize("on_long", ["chunk", "truncate"])
def test_every_word_is_learnt_once_and_where_it_stands(
    tiny_model_folder: Path, tmp_path: Path, on_long: str
) -> None:
    words = ["the", "U.S.", "\u200d", "quick", "brown-ish", "fox", ","] * 12
    spans = [WordSpan(7 * n + 1, 7 * n + 3, "a") for n in range(12)]
    spans += [WordSpan(7 * n + 3, 7 * n + 6, "b") for n in range(12)]
    path = write(tmp_path / "long.conll", [(words, sorted(spans)), (["fox"], [])])
    made, opened = _prepared(tiny_model_folder, read_tagged(path), on_long)
    rows, objective = made.training(opened.labels, TuneLoss())
    assert max(map(len, rows.rows)) == 48
    read = []
    for number in range(len(rows)):
        a, b = objective.starts[number], objective.starts[number + 1]
        ids = [rows.rows[number][place] for place in objective.places[a:b].tolist()]
        labels = [opened.labels[label] for label in objective.labels[a:b].tolist()]
        read += list(zip(opened.tokenizer.tokens(ids), labels, strict=True))
    if on_long == "truncate":
        assert rows.truncated == 1
        read = [*read[:-1]]
    # The U.S. is one span of four words of the map; the word without tokens moved nothing.
    cycle = ["O", "B-a", "I-a", "I-a", "I-a", "B-b", "I-b", "I-b", "I-b", "I-b", "O"]
    count = 12 * len(cycle) if on_long == "chunk" else len(read)
    assert [label for _, label in read[:count]] == (cycle * 12)[:count]
    assert [token for token, _ in read[:11:10]] == ["the", ","]
    assert len(read) == (count + 1 if on_long == "chunk" else count)


@pytest.mark.parametrize("scheme", ["BIO", "plain"])
def test_a_part_of_a_word_outside_of_spans_is_not_learnt(
    tiny_model_folder: Path, tmp_path: Path, scheme: SchemeName
) -> None:
    path = tmp_path / "handles.conll"
    tags = {"BIO": ["O", "O", "B-a", "O"], "plain": ["O", "X", "A", "X"]}[scheme]
    words = ["the", "@fox", "@dog", "sees-it"]
    path.write_text("".join(f"{word} {tag}\n" for word, tag in zip(words, tags, strict=True)))
    made, opened = _prepared(tiny_model_folder, read_tagged(path))
    rows, objective = made.training(opened.labels, TuneLoss())
    names = [opened.labels[label] for label in objective.labels.tolist()]
    assert len(rows) == 1
    if scheme == "BIO":
        # Not that "fox", "-" and "it" are in no span; that "dog" is in one, with the "@" before it.
        (learnt,) = made.learnt
        assert learnt.tolist() == [True, True, False, True, True, True, False, False]
        assert names == ["O", "O", "B-a", "I-a", "O"]
        places = np.array(made.texts[0].places[0])
        assert objective.places.tolist() == places[learnt].tolist()
    else:
        assert names == ["O", "X", "X", "A", "A", "X", "X", "X"]


def test_a_head_by_itself_says_what_the_whole_model_says(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    path = write(tmp_path / "train.conll", sentences(20))
    made, opened = _prepared(tiny_model_folder, read_tagged(path))
    rows, _ = made.training(opened.labels, TuneLoss())
    (batch, *_) = rows.batches(8, 1).epoch(0)
    alone = TokenHeadOnly.over(opened.model, rows)
    with torch.inference_mode():
        torch.testing.assert_close(alone(batch), opened.model(batch), rtol=1e-4, atol=1e-4)
    assert [name for name, _ in alone.named_parameters()] == [
        f"head.{name}" for name, _ in opened.model.head.named_parameters()
    ]


def test_freezing_trains_the_head_alone(tiny_model_folder: Path, tmp_path: Path) -> None:
    train = write(tmp_path / "train.conll", sentences(60))
    result = finetune(
        tiny_model_folder, train=train, out=tmp_path / "run", task="tag", freeze=True, epochs=3,
        class_weights="balanced", label_smoothing=0.1, threads=1,
    )  # fmt: skip
    before = open_model(tiny_model_folder, "encoder").model.state_dict()
    after = open_model(result.model, "encoder").model.state_dict()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    assert result.figures is not None
    with pytest.raises(ConfigError, match="pooling"):
        finetune(tiny_model_folder, train=train, out=tmp_path / "no", task="tag", pooling="cls")


@pytest.mark.parametrize("freeze", [None, True])
def test_a_run_that_was_stopped_comes_to_the_same_bits(
    tiny_model_folder: Path, tmp_path: Path, freeze: bool | None
) -> None:
    train = write(tmp_path / "train.conll", sentences(60))
    given = {"train": train, "task": "tag", "freeze": freeze, **QUICK, "epochs": 3}
    whole = finetune(tiny_model_folder, out=tmp_path / "whole", **given)
    with pytest.raises(Interrupted):
        finetune(tiny_model_folder, out=tmp_path / "run", watch=Notes("fine-tuning", 0.6), **given)
    assert not (tmp_path / "run" / "model").exists()
    result = finetune(tiny_model_folder, out=tmp_path / "run", **given)
    assert result.figures == whole.figures
    for name, weight in open_model(whole.model).model.state_dict().items():
        assert torch.equal(open_model(result.model).model.state_dict()[name], weight), name
    # Written by a version that did not say what it chose.
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    del run["decided"]["recipe"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(run))
    # A finished run gives its stored result, with the figures of its own task.
    assert finetune(tiny_model_folder, out=tmp_path / "run", **given).figures == whole.figures
