"""A tagger from texts whose spans are marked by characters, and what it says read back in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.verbs.labelled import Notes
from tests.verbs.test_finetune_tag import QUICK, sentences
from unmask.evaluation.tagging import TaggingFigures
from unmask.pipelines.tag import Tagger
from unmask.verbs.evaluate import evaluate
from unmask.verbs.evaluate_tags import TaggerEvaluation
from unmask.verbs.finetune import FinetuneResult, finetune
from unmask.verbs.finetune_settings import TuneData
from unmask.verbs.predict import predict
from unmask.verbs.scope import scope
from unmask.verbs.tasks.tagged_data import TaggedSplit

Row = dict[str, Any]


def marked(count: int, seed: int = 0) -> list[Row]:
    rows = []
    for words, spans in sentences(count, seed):
        starts = [len(" ".join(words[:number])) + (number > 0) for number in range(len(words))]
        ends = [start + len(word) for start, word in zip(starts, words, strict=True)]
        places = [
            {"start": starts[one.first], "end": ends[one.end - 1], "label": one.label}
            for one in spans
        ]
        rows.append({"text": " ".join(words), "spans": places})
    return rows


def write(path: Path, rows: Iterable[Row]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("marked")
    write(folder / "train.jsonl", marked(100))
    write(folder / "dev.jsonl", marked(40, 1))
    return folder


@pytest.fixture(scope="module")
def tuned(files: Path, tiny_model_folder: Path) -> FinetuneResult:
    given = {"train": files / "train.jsonl", "dev": files / "dev.jsonl", "out": files / "run"}
    return finetune(tiny_model_folder, **given, task="tag", **QUICK)


def test_it_learns_from_characters(tuned: FinetuneResult, files: Path) -> None:
    assert tuned.labels == ("O", "B-being", "I-being", "B-thing", "I-thing")
    assert isinstance(tuned.figures, TaggingFigures)
    assert tuned.figures.f1 > 0.95
    row = marked(1, 5)[0]
    (answer,) = Tagger.from_pretrained(tuned.folder).predict([row["text"]])
    found = [{key: one[key] for key in ("start", "end", "label")} for one in answer["spans"]]
    assert found == row["spans"]


def test_evaluate_says_what_finetune_said(tuned: FinetuneResult, files: Path) -> None:
    told = evaluate(tuned.folder, data=files / "dev.jsonl", against=tuned.folder)
    assert isinstance(told, TaggerEvaluation)
    assert told.figures == tuned.figures
    assert told.differences is not None


def test_what_is_predicted_can_be_learnt_from(
    tuned: FinetuneResult, files: Path, tmp_path: Path, tiny_model_folder: Path
) -> None:
    texts = write(tmp_path / "new.jsonl", ({"text": row["text"]} for row in marked(30, 2)))
    predict(tuned.folder, input=texts, output=tmp_path / "answers.jsonl")
    notes = Notes()
    result = finetune(
        tiny_model_folder, train=tmp_path / "answers.jsonl", dev=files / "dev.jsonl",
        out=tmp_path / "run", task="tag", watch=notes, **QUICK,
    )  # fmt: skip
    assert notes.heard(
        "answers.jsonl: text from column 'text', spans from column 'spans'; 30 texts"
    )
    assert isinstance(result.figures, TaggingFigures)
    assert result.figures.f1 > 0.9


def said_of(model: Path, data: Path, out: Path) -> Notes:
    """What is said where a tagger learns from rows, and is measured on them, once."""
    notes = Notes()
    given = {"train": data, "dev": data, "out": out, "watch": notes, **QUICK, "epochs": 1}
    finetune(model, task="tag", **given)
    return notes


def test_a_span_within_a_word_is_learnt_whole_and_never_found(
    tuned: FinetuneResult, tiny_model_folder: Path, tmp_path: Path
) -> None:
    rows = marked(30, 3)
    inner = rows[0]["spans"][0]
    inner["end"] -= 1
    data = write(tmp_path / "train.jsonl", rows)
    notes = said_of(tiny_model_folder, data, tmp_path / "run")
    assert notes.heard(
        "1 span to train on, of 60, begins or ends within a word, which this tokenizer does not"
    )
    assert notes.heard("unless a span before has it; see ")
    assert notes.heard("1 span to measure with cannot be found")
    assert notes.heard("counts as missed; see ")
    assert sum("train.jsonl:1" in line and ":2" not in line for line in notes.said) == 2
    told = evaluate(tuned.folder, data=data)
    assert isinstance(told, TaggerEvaluation)
    assert told.figures.recall == pytest.approx(59 / 60, abs=1e-9)


def test_ends_that_are_one_too_small_everywhere_are_suspected(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    rows = marked(30, 3)
    for row in rows:
        for span in row["spans"]:
            span["end"] -= 1
    data = write(tmp_path / "train.jsonl", rows)
    notes = said_of(tiny_model_folder, data, tmp_path / "run")
    assert notes.heard("60 spans to train on, of 60, begin or end within a word")
    assert notes.heard("are the ends those of the last characters?")


def test_spans_that_cannot_be_learnt_are_counted_apart(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    rows = marked(30, 3)
    rows[0] = {"text": "the doghouse sees", "spans": [[4, 7, "being"], [7, 12, "thing"]]}
    rows[1] = {"text": "so \u200d the cat", "spans": [[3, 4, "thing"], [9, 12, "being"]]}
    notes = Notes()
    result = finetune(
        tiny_model_folder, train=write(tmp_path / "train.jsonl", rows), out=tmp_path / "run",
        task="tag", watch=notes, **{**QUICK, "epochs": 1},
        dev=write(tmp_path / "dev.jsonl", marked(10, 5)),
    )  # fmt: skip
    (lost,) = [line for line in notes.said if "2 spans to train on cannot be learnt" in line]
    assert lost.endswith("train.jsonl:2")
    assert "train.jsonl:1, " in lost
    (parted,) = [line for line in notes.said if "1 span to train on, of 60, begins" in line]
    assert parted.endswith("train.jsonl:1")
    assert not notes.heard("to measure with cannot be found")
    assert result.train_rows == 30


@pytest.mark.parametrize("unseen", ["\u200e", "\ufeff", "\u00ad", "\x1c"])
def test_characters_that_are_dropped_cost_no_span(
    tuned: FinetuneResult, tmp_path: Path, unseen: str
) -> None:
    rows = marked(20, 6)
    for row in rows:
        first = row["spans"][0]
        start, end = first["start"], first["end"]
        name = row["text"][start:end]
        row["text"] = f"{row['text'][:start]}{unseen}{name}{unseen}{row['text'][end:]}"
        first["end"] += 2
        row["spans"][1]["start"] += 2
        row["spans"][1]["end"] += 2
    told = evaluate(tuned.folder, data=write(tmp_path / "data.jsonl", rows))
    plain = evaluate(tuned.folder, data=write(tmp_path / "plain.jsonl", marked(20, 6)))
    assert isinstance(told, TaggerEvaluation)
    assert isinstance(plain, TaggerEvaluation)
    assert told.figures.f1 == plain.figures.f1 > 0.9
    assert "20 of them trimmed at their ends" in told.data


def test_texts_that_differ_in_space_alone_are_held_out_together(tmp_path: Path) -> None:
    rows = [
        {"text": f"Anna saw {number} cats{end}", "spans": spans}
        for number in range(20)
        for end, spans in (("", [[0, 4, "p"]]), ("\n", [[0, 4, "p"], [5, 8, "q"]]))
    ]
    split = TaggedSplit.read(write(tmp_path / "a.jsonl", rows), None, TuneData(), 0)
    assert len(split.dev)
    assert not set(split.train.asked) & set(split.dev.asked)
    (tmp_path / "dev.conll").write_text("Anna O\nsaw B-p\n3 O\ncats O\n")
    split = TaggedSplit.read(tmp_path / "a.jsonl", tmp_path / "dev.conll", TuneData(), 0)
    assert any("1 sentence of" in note and "flatters" in note for note in split.notes)


def test_what_is_predicted_of_words_is_read_back(tuned: FinetuneResult, tmp_path: Path) -> None:
    source = write(tmp_path / "new.jsonl", ({"words": words} for words, _ in sentences(20, 2)))
    predict(tuned.folder, input=source, output=tmp_path / "answers.jsonl")
    told = evaluate(tuned.folder, data=tmp_path / "answers.jsonl")
    assert isinstance(told, TaggerEvaluation)
    assert told.figures.f1 == 1.0
    again = tmp_path / "again.jsonl"
    predict(tuned.folder, input=tmp_path / "answers.jsonl", output=again, prefix="new_")
    assert all(
        row["tags"] == row["new_tags"] for row in map(json.loads, again.read_text().splitlines())
    )


def test_what_a_text_file_has_beside_its_spans(tiny_model_folder: Path, tmp_path: Path) -> None:
    train = write(tmp_path / "train.jsonl", [*marked(30), {"text": " ", "spans": []}])
    read, notes = [*marked(10, 5), *marked(2)], Notes()
    dev = write(tmp_path / "dev.jsonl", read)
    finetune(
        tiny_model_folder, train=train, dev=dev, out=tmp_path / "run", task="tag", watch=notes,
        **{**QUICK, "epochs": 1},
    )  # fmt: skip
    assert notes.heard("1 text without a word left out")
    shared = len({row["text"] for row in marked(30)} & {row["text"] for row in read})
    assert notes.heard(f"{shared} texts of {dev} are in {train} as well")


def test_long_texts_are_read_whole(tuned: FinetuneResult, tmp_path: Path) -> None:
    text, spans = "", []
    for row in marked(60, 4):
        spans += [
            {**one, "start": one["start"] + len(text), "end": one["end"] + len(text)}
            for one in row["spans"]
        ]
        text += row["text"] + " "
    told = evaluate(
        tuned.folder, data=write(tmp_path / "long.jsonl", [{"text": text, "spans": spans}])
    )
    assert isinstance(told, TaggerEvaluation)
    assert told.figures.f1 > 0.9
    assert told.truncated == 0


def test_scope_reads_them(files: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    result = scope(
        files / "train.jsonl", task="tag", models=[tiny_model_folder], out=tmp_path / "s", threads=1
    )
    assert result.facts.rows == 100
    assert "spans from column 'spans'; 100 texts" in " ".join(result.facts.told)
    assert result.recipe is not None
