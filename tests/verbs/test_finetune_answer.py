"""Fine-tuning to answer questions: from a file of questions to answers, and all that is said."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.verbs.labelled import Interrupted, Notes
from unmask.checkpoint.answer_rule import AnswerRule
from unmask.errors import ConfigError, CorruptText, DataError, TooLong
from unmask.evaluation.answering import AnswerFigures
from unmask.pipelines.answer import Answerer
from unmask.text.questions import read_questions
from unmask.verbs.answering import AnswerEvaluation
from unmask.verbs.evaluate import evaluate
from unmask.verbs.finetune import finetune
from unmask.verbs.predict import predict
from unmask.verbs.tasks.question_data import hold_out_articles
from unmask.verbs.tasks.result import FinetuneResult

QUICK: dict[str, Any] = {"task": "answer", "lr": 3e-3, "batch": 16, "dtype": "fp32", "threads": 1}
THINGS = ("dog", "house", "music", "piano", "river", "fox")
SUBJECTS = ("she", "our teacher", "my old neighbour")
NONE = "who paints?"


def context_of(dice: random.Random, words: int = 4) -> str:
    return " ".join(
        f"{dice.choice(SUBJECTS)} sees the {thing}." for thing in dice.sample(THINGS, words)
    )


def squad(path: Path, articles: int = 30, *, none: int = 0, seed: int = 0, words: int = 4) -> Path:
    """Who sees a thing? The words before tell it. Of `none` in ten the text does not."""
    dice = random.Random(seed)
    data = []
    for article in range(articles):
        paragraphs = []
        for number in range(4):
            context = context_of(dice, words)
            thing = dice.choice([one for one in THINGS if one in context])
            place = context.index(f" sees the {thing}")
            start = context.rfind(".", 0, place) + 1
            start += context[start] == " "
            asked: dict[str, Any] = {
                "id": f"{article}-{number}",
                "question": f"who sees the {thing}?",
            }
            answer = {"text": context[start:place], "answer_start": start}
            if dice.random() * 10 < none:
                asked |= {"question": NONE, "is_impossible": True, "answers": []}
            else:
                asked["answers"] = [answer]
            paragraphs.append({"context": context, "qas": [asked]})
        data.append({"title": f"article {article}", "paragraphs": paragraphs})
    path.write_text(json.dumps({"version": "v2.0" if none else "1.1", "data": data}))
    return path


@pytest.fixture(scope="module")
def learnt(
    tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FinetuneResult, Notes]:
    """A run on questions of which three in ten have no answer."""
    root = tmp_path_factory.mktemp("answer")
    notes = Notes()
    result = finetune(
        tiny_model_folder,
        train=squad(root / "train.json", 40, none=3, words=2),
        dev=squad(root / "dev.json", 10, none=3, seed=1, words=2),
        out=root / "run",
        epochs=12,
        watch=notes,
        **QUICK,
    )
    return result, notes


def test_questions_are_learnt_with_their_answers_and_without(
    learnt: tuple[FinetuneResult, Notes],
) -> None:
    result, notes = learnt
    figures = result.figures
    assert isinstance(figures, AnswerFigures)
    assert figures.f1 > 0.6
    assert figures.unanswerable_accuracy is not None
    assert figures.unanswerable_accuracy > 0.9
    assert figures.threshold is not None
    assert (result.task, result.labels, result.train_rows) == ("answer", (), 160)
    assert notes.heard("dev.json: SQuAD v2.0; 40 questions of 10 articles, ")
    assert notes.heard("new weights, drawn from seed 0: head.project")
    assert FinetuneResult.read(result.folder) == result
    card = (result.model / "README.md").read_text()
    for words in ("pipeline_tag: question-answering", "unmask.Answerer", "| F1 (dev) |"):
        assert words in card


def test_the_finished_model_answers_with_its_threshold(
    learnt: tuple[FinetuneResult, Notes],
) -> None:
    result, _ = learnt
    answerer = Answerer.from_pretrained(result.model)
    assert result.figures is not None
    assert answerer.rule == AnswerRule(threshold=result.figures.threshold, window=48)
    context = "she sees the dog. our teacher sees the river."
    none = answerer.answer(NONE, context)
    assert (none["text"], none["no_answer"] > 0.5) == ("", True)
    assert answerer.answer("who sees the river?", context)["text"] != ""


def test_evaluate_gives_the_same_figures(
    learnt: tuple[FinetuneResult, Notes], tmp_path: Path
) -> None:
    result, _ = learnt
    dev = squad(tmp_path / "dev.json", 10, none=3, seed=1, words=2)
    found = evaluate(result.model, data=dev)
    assert isinstance(found, AnswerEvaluation)
    assert found.figures == result.figures
    assert found.as_dict()["f1"] == found.figures.f1
    assert "no answer said from" in found.in_words()
    with pytest.raises(ConfigError, match=r"holds a model that finds answers, .* on questions"):
        evaluate(result.model)


def test_predict_keeps_columns_and_writes_answers_with_offsets(
    learnt: tuple[FinetuneResult, Notes], tmp_path: Path
) -> None:
    result, _ = learnt
    context = "she sees the dog. our teacher sees the river."
    rows = [
        {"key": 7, "query": "who sees the river?", "passage": context, "answer": "our teacher"},
        {"key": 8, "query": NONE, "passage": context, "answer": None},
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = predict(result.model, input=path, output=tmp_path / "out.jsonl", scores=True)
    assert (done.rows, done.labels) == (2, {"answered": 1, "no answer in the text": 1})
    first, second = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert {**rows[0]}.items() <= first.items()
    assert first["predicted"] == context[first["predicted_start"] : first["predicted_end"]] != ""
    assert len(first["answers"]) == len(second["answers"]) == 5
    assert (second["predicted"], second["key"]) == ("", 8)
    assert set(done.columns) == set(first)
    done = predict(result.model, input=path, output=tmp_path / "out.csv")
    header = (tmp_path / "out.csv").read_text().splitlines()[0]
    assert header.startswith("key,query,passage,answer,predicted,predicted_start,predicted_end")
    path.write_text(path.read_text() + json.dumps({**rows[0], "query": " "}) + "\n")
    with pytest.raises(CorruptText, match=r":3: the question is empty"):
        predict(result.model, input=path, output=tmp_path / "c.jsonl")
    done = predict(
        result.model, input=path, output=tmp_path / "c.jsonl", on_bad="skip", max_bad=0.5
    )
    assert (done.rows, done.skipped) == (2, 1)
    with pytest.raises(ConfigError, match="another file than the input"):
        predict(result.model, input=path, output=path)
    with pytest.raises(DataError, match=r"has a column 'predicted' already; .*--prefix"):
        predict(result.model, input=tmp_path / "out.jsonl", output=tmp_path / "b.jsonl")


def test_texts_of_unknown_tokens_are_counted(
    learnt: tuple[FinetuneResult, Notes], tmp_path: Path
) -> None:
    rows = [
        {"question": "who sees the river?", "context": "she sees the river.", "answer": "she"},
        {"question": "who sees the river?", "context": "Ὅμηρος", "answer": "Ὅμηρος"},
    ]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = evaluate(learnt[0].model, data=path)
    assert isinstance(found, AnswerEvaluation)
    assert (found.unknown, found.as_dict()["unknown"]) == (1, 1)
    assert found.in_words()["texts of mostly unknown tokens"].startswith("1; ")
    done = predict(learnt[0].model, input=path, output=tmp_path / "out.jsonl")
    assert done.unknown == 1
    assert done.in_words()["texts of mostly unknown tokens"].startswith("1; ")


def test_bad_questions_stop_or_are_skipped_and_counted(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    path = squad(tmp_path / "a.json", 12)
    document = json.loads(path.read_text())
    document["data"][3]["paragraphs"][1]["qas"][0]["answers"][0]["answer_start"] += 1
    path.write_text(json.dumps(document))
    with pytest.raises(CorruptText, match=r"question '3-1': .*; it stands at"):
        finetune(tiny_model_folder, train=path, out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()
    notes = Notes()
    result = finetune(
        tiny_model_folder, train=path, out=tmp_path / "run", epochs=1, on_bad="skip", max_bad=0.1,
        watch=notes, **QUICK,
    )  # fmt: skip
    assert notes.heard("1 bad place left out (--on-bad skip): ")
    assert notes.heard("a.json (question '3-1': ")
    assert result.train_rows + result.dev_rows == 47


def test_articles_are_held_out_whole(tiny_model_folder: Path, tmp_path: Path) -> None:
    questions = read_questions(squad(tmp_path / "a.json", 20))
    train, dev = hold_out_articles(questions, 0.1, seed=0)
    assert (len(train), len(dev)) == (72, 8)
    assert not {row.article for row in train.rows} & {row.article for row in dev.rows}
    assert hold_out_articles(questions, 0.1, seed=0)[1] == dev
    assert hold_out_articles(questions, 0.1, seed=1)[1] != dev
    most, least = hold_out_articles(questions, 0.999, seed=0)
    assert (most.articles, least.articles) == (1, 19)
    with pytest.raises(DataError, match=r"needs two articles .* has one; give --dev"):
        finetune(
            tiny_model_folder, train=squad(tmp_path / "b.json", 1), out=tmp_path / "run", **QUICK
        )


def test_long_texts_are_windows_or_cut_or_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    path = squad(tmp_path / "a.json", 8, words=6)
    notes = Notes()
    given = {**QUICK, "epochs": 1}
    finetune(tiny_model_folder, train=path, out=tmp_path / "a", watch=notes, **given)
    assert notes.heard("read in several windows of 48 tokens")
    notes = Notes()
    cut = finetune(
        tiny_model_folder, train=path, out=tmp_path / "b", on_long="truncate", watch=notes, **given
    )
    assert cut.truncated > 0
    assert notes.heard("cut to rows of 48 tokens")
    assert notes.heard("left out, since no row holds their whole answer")
    with pytest.raises(TooLong, match="at most 48 tokens"):
        finetune(tiny_model_folder, train=path, out=tmp_path / "c", on_long="error", **given)


def test_settings_reach_the_rule_and_other_tasks_refuse_them(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    from unmask.verbs.finetune_settings import finetune_settings

    path = squad(tmp_path / "a.json", 8)
    over = {"answer": {"window": 32, "overlap": 9, "longest": 5}}
    short = {**QUICK, "epochs": 1}
    result = finetune(
        tiny_model_folder,
        train=path,
        out=tmp_path / "a",
        settings=finetune_settings(None, over, **short),
    )
    rule = Answerer.from_pretrained(result.model).rule
    assert rule == AnswerRule(window=32, overlap=9, longest=5)
    # A run that goes on from it keeps them.
    again = finetune(result.model, train=path, out=tmp_path / "b", **short)
    assert Answerer.from_pretrained(again.model).rule == rule
    with pytest.raises(ConfigError, match="at most the model's context of 48 tokens, not 99"):
        finetune(
            tiny_model_folder, train=path, out=tmp_path / "c",
            settings=finetune_settings(None, {"answer": {"window": 99}}, **short),
        )  # fmt: skip
    for short in ({"freeze": True, "task": "answer"}, {"pooling": "mean", "task": "answer"}):
        with pytest.raises(ConfigError, match="is not for the task answer"):
            finetune(tiny_model_folder, train=path, out=tmp_path / "c", **short)
    with pytest.raises(ConfigError, match=r"answer.window=32 is not for the task .*--task answer"):
        finetune(
            tiny_model_folder, train=path, out=tmp_path / "c",
            settings=finetune_settings(None, over),
        )  # fmt: skip


def test_data_that_teach_nothing_are_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    rows = [{"question": NONE, "context": f"the {thing}", "answers": []} for thing in THINGS]
    unknown = [{"question": "τίς;", "context": f"Ὅμηρος {x}", "answer": x} for x in "αβγδ"]
    for records, words in (
        (rows, "none has one"),
        (unknown, "knows, but all 3 training texts are mostly"),
    ):
        path = tmp_path / "a.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        with pytest.raises(DataError, match=words):
            finetune(tiny_model_folder, train=path, out=tmp_path / "run", **QUICK)


def test_no_threshold_is_chosen_where_none_can_be(tiny_model_folder: Path, tmp_path: Path) -> None:
    with_none, without = (
        squad(tmp_path / "a.json", 9, none=3),
        squad(tmp_path / "b.json", 9, seed=1),
    )
    for train, dev, words in (
        (with_none, without, "every dev question has an answer, so no threshold"),
        (without, with_none, "the model always answers, and is wrong on the"),
    ):
        notes = Notes()
        out = tmp_path / train.stem / "run"
        result = finetune(
            tiny_model_folder, train=train, dev=dev, out=out, epochs=1, watch=notes, **QUICK
        )
        assert notes.heard(words)
        assert result.figures is not None
        assert result.figures.threshold is None
        assert Answerer.from_pretrained(result.model).rule.threshold is None


def test_a_stopped_run_goes_on_to_the_same_bits(tiny_model_folder: Path, tmp_path: Path) -> None:
    path = squad(tmp_path / "a.json", 12, words=6)
    given = {**QUICK, "epochs": 4, "dropout": 0.1}
    with pytest.raises(Interrupted):
        finetune(
            tiny_model_folder, train=path, out=tmp_path / "b",
            watch=Notes("fine-tuning", 0.6), **given,
        )  # fmt: skip
    digests = []
    for name in ("a", "b"):
        result = finetune(tiny_model_folder, train=path, out=tmp_path / name, **given)
        weights = (result.model / "model.safetensors").read_bytes()
        digests.append(hashlib.sha256(weights).hexdigest())
    assert digests[0] == digests[1]
