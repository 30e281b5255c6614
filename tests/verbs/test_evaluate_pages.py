"""Evaluations of every task: their page, and another model beside them. Weights are random."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from tests.conftest import sentences
from tests.report.markup_check import Page
from tests.verbs.labelled import Notes, write_csv
from tests.verbs.related_texts import graded, pairs, written
from unmask.checkpoint.answer_rule import AnswerRule
from unmask.checkpoint.answering import open_answerer, save_answerer
from unmask.checkpoint.folder import open_classifier, open_model, save_opened
from unmask.checkpoint.sentence import open_sentence, save_sentence
from unmask.checkpoint.use import Use
from unmask.cli.main import app
from unmask.errors import ConfigError, CorruptText, DataError, LabelMismatch, ModelError
from unmask.evaluation.answering import compare_answers
from unmask.evaluation.tagging import compare_tags
from unmask.pipelines.answer import Answerer
from unmask.pipelines.tag import Tagger
from unmask.text.questions import read_questions
from unmask.text.tagged import read_tagged
from unmask.text.tags import BIO, BIOES
from unmask.verbs.answering import AnswerEvaluation
from unmask.verbs.evaluate import evaluate
from unmask.verbs.evaluate_rerank import RerankEvaluation
from unmask.verbs.evaluate_tags import TaggerEvaluation
from unmask.verbs.evaluate_targets import TargetsEvaluation
from unmask.verbs.predict import predict

TEXTS = sentences()
Made = Callable[..., Path]


@pytest.fixture(scope="module")
def made(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Saves models of all kinds, each once."""
    root = tmp_path_factory.mktemp("models")

    def louder(model: Any) -> None:
        with torch.no_grad():  # far from scores that are all alike
            model.head.project.weight.mul_(20)

    def tagger(folder: Path, seed: int, labels: tuple[str, ...] = BIO.labels("ab")) -> None:
        opened = open_model(tiny_model_folder, "token", labels=labels, seed=seed)
        louder(opened.model)
        save_opened(folder, opened)

    def answerer(folder: Path, seed: int) -> None:
        opened = open_answerer(tiny_model_folder, new_head=True, seed=seed)
        louder(opened.opened.model)
        save_answerer(folder, replace(opened, rule=AnswerRule(window=40, overlap=8, longest=6)))

    def reranker(folder: Path, seed: int) -> None:
        opened = open_classifier(
            tiny_model_folder, labels=("score",), outputs=("numbers",), seed=seed
        )
        louder(opened.model)
        use = Use(outputs="numbers", texts="pair", scale="probability")
        save_opened(folder, replace(opened, use=use))

    def embedder(folder: Path, seed: int) -> None:
        save_sentence(folder, open_sentence(tiny_model_folder, pooling=("mean", "cls")[seed % 2]))

    def numbers(folder: Path, seed: int, labels: tuple[str, ...] = ("stars",)) -> None:
        opened = open_classifier(tiny_model_folder, labels=labels, outputs=("numbers",), seed=seed)
        save_opened(folder, replace(opened, use=Use(outputs="numbers", texts="single")))

    def several(folder: Path, seed: int) -> None:
        opened = open_classifier(
            tiny_model_folder, labels=("a", "b", "c"), outputs=("several",), seed=seed
        )
        louder(opened.model)
        save_opened(folder, replace(opened, use=Use(outputs="several", texts="single")))

    kinds: dict[str, Callable[..., None]] = {
        "tagger": tagger, "answerer": answerer, "reranker": reranker, "embedder": embedder,
        "numbers": numbers, "several": several,
    }  # fmt: skip

    def make(kind: str, seed: int = 1, name: str = "", **given: Any) -> Path:
        folder = root / f"{kind}-{seed}{name}"
        if not folder.exists():
            kinds[kind](folder, seed, **given)
        return folder

    return make


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    """Sixty sentences, of which the last is longer than the context."""
    dice, lines = random.Random(0), []
    for place, text in enumerate(TEXTS[:60]):
        for word in text.split() * (20 if place == 59 else 1):
            lines.append(f"{word}\t{dice.choice(['O', 'O', 'B-a', 'B-b'])}")
        lines.append("")
    path = tmp_path / "tagged.conll"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """Forty questions in SQuAD's form; a third has no answer, and the last has a long text."""
    data = []
    for place in range(40):
        context = " ".join(TEXTS[place : place + (30 if place == 39 else 2)])
        answer = {"text": context.split()[1], "answer_start": context.index(context.split()[1])}
        none = place % 3 == 0
        question = {
            "id": f"q{place}", "question": f"who sees {place}?", "is_impossible": none,
            "answers": [] if none else [answer],
        }  # fmt: skip
        data.append({"title": f"t{place}", "paragraphs": [{"context": context, "qas": [question]}]})
    path = tmp_path / "asked.json"
    path.write_text(json.dumps({"version": "v2.0", "data": data}))
    return path


@pytest.fixture
def judged(tmp_path: Path) -> Path:
    dice = np.random.default_rng(0)
    rows = [
        (f"query {number}", str(text), int(place == 0))
        for number in range(30)
        for place, text in enumerate(dice.choice(TEXTS, 6, replace=False))
    ]
    rows += [("query 0", "the dog " * 60, 0), ("nothing fits", "the dog", 0)]
    return write_csv(tmp_path / "judged.csv", rows, ("query", "document", "label"))


def page(path: Path) -> str:
    found = Page(path.read_text(encoding="utf-8"))
    assert found.problems == []
    return found.text


def test_taggers_beside_each_other(made: Made, tagged: Path, tmp_path: Path) -> None:
    one, other, notes = made("tagger"), made("tagger", 2), Notes()
    report = tmp_path / "new" / "r.html"
    found = evaluate(one, data=tagged, against=other, report=report, watch=notes)
    assert isinstance(found, TaggerEvaluation)
    rows = read_tagged(tagged)
    said = [
        [answer["tags"] for answer in Tagger.from_pretrained(path).predict(rows.words)]
        for path in (one, other)
    ]
    assert found.differences == compare_tags(rows.tags, *said, BIO)
    alone = evaluate(other, data=tagged)
    assert isinstance(alone, TaggerEvaluation)
    assert found.differences[0].second == pytest.approx(alone.figures.f1)
    assert notes.heard(f"tagging with {other}")
    words = found.in_words()
    assert words["report"] == str(report)
    assert {"F1 against " + str(other), "verdict"} <= set(words)
    assert found.as_dict()["differences"][0]["rows"] == 60
    text = page(report)
    for part in (f"Against {other}", "Type by type", "1 sentence was too long to be read at once"):
        assert part in text, part
    # No more sentences are right than either has.
    assert "both are right" in text


def test_taggers_of_other_schemes_and_types(made: Made, tagged: Path, tmp_path: Path) -> None:
    one = made("tagger")
    other = made("tagger", 3, "-bioes", labels=BIOES.labels("ab"))
    found = evaluate(one, data=tagged, against=other)
    alone = evaluate(other, data=tagged)
    assert isinstance(found, TaggerEvaluation)
    assert isinstance(alone, TaggerEvaluation)
    assert found.differences[0].second == pytest.approx(alone.figures.f1)
    narrow = made("tagger", 1, "-narrow", labels=BIO.labels("a"))
    with pytest.raises(LabelMismatch, match=r"those of the model .*narrow, but 'b' is not"):
        evaluate(one, data=tagged, against=narrow)
    evaluate(one, data=tagged, on_long="truncate", report=tmp_path / "c.html")
    assert "only its beginning was read" in page(tmp_path / "c.html")
    itself = evaluate(one, data=tagged, against=one)
    assert isinstance(itself, TaggerEvaluation)
    assert {difference.difference for difference in itself.differences} == {0.0}


def test_answerers_beside_each_other(made: Made, asked: Path, tmp_path: Path) -> None:
    one, other = made("answerer"), made("answerer", 2)
    report = tmp_path / "r.html"
    found = evaluate(one, data=asked, against=other, report=report)
    assert isinstance(found, AnswerEvaluation)
    rows = read_questions(asked).rows
    asking = [(row.text, row.context) for row in rows]
    said = [
        [answer["text"] for answer in Answerer.from_pretrained(path).predict(asking)]
        for path in (one, other)
    ]
    expected = compare_answers([[a.text for a in row.answers] for row in rows], *said)
    assert sorted(found.differences, key=str) == sorted(expected, key=str)
    assert found.differences[0].figure == "F1"
    assert found.in_words()["verdict"] == found.differences[0].verdict("the model", str(other))
    text = page(report)
    for part in (
        f"Against {other}", "With an answer and without", "so the model always answers",
        "1 question was too long to be read at once",
    ):  # fmt: skip
        assert part in text, part


def test_rankings_have_a_page(made: Made, judged: Path, tmp_path: Path) -> None:
    one, other = made("reranker"), made("reranker", 2)
    found = evaluate(one, data=judged, against=other, report=tmp_path / "r.html")
    assert isinstance(found, RerankEvaluation)
    text = page(tmp_path / "r.html")
    for part in (
        "ranks documents for 30 queries", "1 query without a relevant document count",
        "For 1 query something was too long, and cut", "Its worst queries", f"{other} is better",
        f"{found.figures.ranking['nDCG@10'].value:.3f}",
    ):  # fmt: skip
        assert part in text, part
    first = found.figures.ranking["recall@1"].value
    assert f"A relevant document comes first for {round(30 * (first or 0))} of 30 queries" in text


def test_vectors_have_a_page(made: Made, tmp_path: Path) -> None:
    one, other = made("embedder"), made("embedder", 2)
    data = written(tmp_path / "pairs.jsonl", pairs(40))
    found = evaluate(one, data=data, against=other, report=tmp_path / "a.html")
    assert isinstance(found, TargetsEvaluation)
    text = page(tmp_path / "a.html")
    first = found.figures["recall@1"].value  # type: ignore[index,union-attr]
    for part in ("Its worst queries", "cosine", f"{first:.3f}", f"Against {other}"):
        assert part in text, part
    data = written(tmp_path / "graded.jsonl", graded(40))
    evaluate(one, data=data, against=other, report=tmp_path / "b.html")
    text = page(tmp_path / "b.html")
    for part in ("which of 40 pairs are alike", "Grade by grade", "nearer to the grade's place"):
        assert part in text, part


def test_numbers_and_sets_of_labels_have_a_page(made: Made, tmp_path: Path) -> None:
    rows = [(text, len(text) / 10) for text in TEXTS[:40]]
    table = write_csv(tmp_path / "n.csv", rows, ("text", "label"))
    evaluate(made("numbers"), data=table, against=made("numbers", 2), report=tmp_path / "n.html")
    text = page(tmp_path / "n.html")
    for part in ("comes to stars", "Low and high numbers", "is nearer"):
        assert part in text, part
    both = [(text, json.dumps([len(text) / 10, n % 7])) for n, text in enumerate(TEXTS[:40])]
    table = write_csv(tmp_path / "m.csv", both, ("text", "label"))
    two = made("numbers", 1, "-two", labels=("stars", "price"))
    evaluate(two, data=table, report=tmp_path / "m.html")
    assert "Spearman of price" in page(tmp_path / "m.html")
    sets = [(text, json.dumps(["a", "b"][: n % 3])) for n, text in enumerate(TEXTS[:40])]
    table = write_csv(tmp_path / "s.csv", sets, ("text", "labels"))
    several = made("several")
    found = evaluate(several, data=table, against=several, report=tmp_path / "s.html")
    assert found.in_words()["report"] == str(tmp_path / "s.html")
    text = page(tmp_path / "s.html")
    for part in ("gives 3 labels", "Too many and too few", "both are right", "subset accuracy"):
        assert part in text, part


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("tagger", "answerer", "holds a tagger and .* holds a model that finds answers"),
        ("answerer", "tagger", "holds a model that finds answers and .* holds a tagger"),
        ("reranker", "embedder", "holds a reranker and .* holds an embedding model"),
        ("embedder", "several", "holds an embedding model and .* holds a classifier"),
        ("numbers", "tagger", "holds a classifier and .* holds a tagger"),
    ],
)
def test_another_kind_of_model_is_refused_in_words_of_the_command(
    made: Made, tagged: Path, first: str, second: str, words: str
) -> None:
    one, other = made(first), made(second)
    with pytest.raises(ModelError, match=f"--against takes a model of the same kind.*{words}") as e:
        evaluate(one, data=tagged, against=other)
    assert f"unmask evaluate {other}" in str(e.value)
    assert "from_pretrained" not in str(e.value)


def test_a_page_is_refused_before_anything_is_read(made: Made, tmp_path: Path) -> None:
    for kind in ("tagger", "answerer", "reranker", "embedder"):
        with pytest.raises(ConfigError, match=r"name it \*.html, not r.pdf"):
            evaluate(made(kind), data=tmp_path / "none", report="r.pdf")
    (tmp_path / "r.html").write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        evaluate(made("tagger"), data=tmp_path / "none", report=tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == "mine"


def test_the_command(made: Made, asked: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app,
        [
            "evaluate", str(made("answerer")), "--threads", "1", "--data", str(asked),
            "--against", str(made("answerer", 2)), "--report", str(tmp_path / "r.html"),
        ],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "verdict" in done.output
    assert (tmp_path / "r.html").is_file()


def test_squad_is_predicted_with_its_ids(made: Made, asked: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    done = predict(made("answerer"), input=asked, output=out)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["id"] for line in lines] == [f"q{place}" for place in range(40)]
    assert done.columns[:5] == ("id", "title", "question", "context", "answers")
    rows = read_questions(asked).rows
    said = Answerer.from_pretrained(made("answerer")).predict([(r.text, r.context) for r in rows])
    for line, row, answer in zip(lines, rows, said, strict=True):
        assert (line["question"], line["context"]) == (row.text, row.context)
        assert line["predicted"] == answer["text"]
        start, end = line["predicted_start"], line["predicted_end"]
        assert line["context"][start:end] == line["predicted"]
    assert lines[0]["answers"] == []
    with pytest.raises(DataError, match=r"has a column 'answers' already; .*--prefix"):
        predict(made("answerer"), input=asked, output=tmp_path / "b.jsonl", scores=True)
    more = predict(
        made("answerer"), input=asked, output=tmp_path / "b.csv", scores=True, prefix="model_"
    )
    assert "model_answers" in more.columns


def test_squad_without_answers_and_as_a_list(made: Made, tmp_path: Path) -> None:
    asked = [
        {"id": 7, "question": "who?", "context": "she sees it."},
        {"question": " ", "context": "a"},
    ]
    path = tmp_path / "list.json"
    path.write_text(json.dumps({"data": asked[:1]}))
    out = tmp_path / "out.jsonl"
    done = predict(made("answerer"), input=path, output=out)
    assert done.columns[:3] == ("id", "question", "context")
    assert json.loads(out.read_text())["id"] == 7
    path.write_text(json.dumps(asked))
    with pytest.raises(CorruptText, match=r"list.json:2: the question is empty"):
        predict(made("answerer"), input=path, output=out, replace=True)
    done = predict(
        made("answerer"), input=path, output=out, replace=True, on_bad="skip", max_bad=0.5
    )
    assert (done.rows, done.skipped) == (1, 1)
    path.write_text('{"data": [')
    with pytest.raises(CorruptText, match="not JSON"):
        predict(made("answerer"), input=path, output=out, replace=True)
    path.write_text('{"rows": []}')
    with pytest.raises(DataError, match="must be SQuAD's JSON"):
        predict(made("answerer"), input=path, output=out, replace=True)


def test_only_questions_are_read_from_squad(made: Made, asked: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a table must be one of .csv.* and .*asked.json is none"):
        predict(made("tagger"), input=asked, output=tmp_path / "out.jsonl")
    other = tmp_path / "a.txt"
    other.write_text("a")
    with pytest.raises(DataError, match=r"a table must be one of .*, .json .* and .*a.txt is none"):
        predict(made("answerer"), input=other, output=tmp_path / "out.jsonl")
