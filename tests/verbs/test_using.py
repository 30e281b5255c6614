"""Evaluating, predicting, describing: what goes in, what comes out, what is refused."""

from __future__ import annotations

import csv
import datetime
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import sentences
from tests.parity.compare import Pair
from tests.parity.oracles import ROWS, Row
from tests.verbs.labelled import Notes, write_csv
from unmask.checkpoint.folder import open_encoder, save_model
from unmask.checkpoint.sentence import open_sentence, save_sentence
from unmask.errors import (
    ConfigError,
    CorruptText,
    DataError,
    LabelMismatch,
    ModelError,
    TextError,
    TooLong,
)
from unmask.nn.flops import forward_flops
from unmask.pipelines.classify import Classifier
from unmask.verbs.evaluate import ClassifierEvaluation, evaluate
from unmask.verbs.evaluate_text import LanguageModelEvaluation
from unmask.verbs.info import info
from unmask.verbs.predict import predict
from unmask.verbs.row_files import row_file

LABELS = ("bad", "fine", "good")
LONG = "the dog " * 30


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Rows with columns that no verb knows."""
    rows = [(7 * n, text, LABELS[n % 3], f"note, {n}") for n, text in enumerate(sentences()[:50])]
    return write_csv(tmp_path / "in.csv", rows, ("key", "text", "label", "remark"))


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_classifier_is_measured_on_rows(tiny_classifier_folder: Path, table: Path) -> None:
    notes = Notes()
    result = evaluate(tiny_classifier_folder, data=table, watch=notes)
    assert isinstance(result, ClassifierEvaluation)
    answers = Classifier.from_pretrained(tiny_classifier_folder).predict(sentences()[:50])
    right = sum(a["label"] == LABELS[n % 3] for n, a in enumerate(answers))
    assert result.figures.accuracy == pytest.approx(right / 50)
    assert result.figures.rows == 50
    assert notes.heard("text from column 'text', labels from column 'label'; 50 rows")
    facts = result.as_dict()
    assert facts["accuracy"] == result.figures.accuracy
    assert json.loads(json.dumps(facts, default=str))["labels"][0]["label"] == "bad"
    assert any("F1" in words for words in result.in_words().values())


def test_labels_the_model_lacks_show_both_sets(
    tiny_classifier_folder: Path, tmp_path: Path
) -> None:
    table = write_csv(tmp_path / "a.csv", [("x", "good"), ("y", "ugly")], ("text", "label"))
    with pytest.raises(LabelMismatch) as caught:
        evaluate(tiny_classifier_folder, data=table)
    said = str(caught.value)
    assert "'ugly' is not among them" in said
    assert "The model has: 'bad', 'fine', 'good'" in said
    assert "has: 'good', 'ugly'" in said


def test_missing_classes_and_cuts_are_said(tiny_classifier_folder: Path, tmp_path: Path) -> None:
    table = write_csv(tmp_path / "a.csv", [("x", "good"), (LONG, "bad")], ("text", "label"))
    notes = Notes()
    result = evaluate(tiny_classifier_folder, data=table, watch=notes)
    assert isinstance(result, ClassifierEvaluation)
    assert result.truncated == 1
    assert result.in_words()["texts cut to the context"] == "1"
    assert notes.heard("has no row of: fine")
    with pytest.raises(TooLong):
        evaluate(tiny_classifier_folder, data=table, on_long="error")


def test_a_language_model_is_measured_on_text(tiny_model_folder: Path, tmp_path: Path) -> None:
    text = tmp_path / "unseen.txt"
    text.write_text("\n\n".join(sentences()))
    result = evaluate(tiny_model_folder, text=text)
    assert isinstance(result, LanguageModelEvaluation)
    assert 0.0 <= result.top1 <= result.top5 <= 1.0
    assert result.loss > 0
    assert result.left_out == 0
    assert evaluate(tiny_model_folder, text=[text]) == result
    short = evaluate(tiny_model_folder, text=text, most_tokens=300)
    assert isinstance(short, LanguageModelEvaluation)
    assert short.left_out > 0
    assert short.as_dict()["targets"] < result.targets


def test_each_kind_of_model_asks_for_its_kind_of_data(
    tiny_model_folder: Path, tiny_classifier_folder: Path, table: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"--label-column x would do nothing: what .* has none"):
        evaluate(tiny_model_folder, text=tmp_path, label_column="x")
    with pytest.raises(ConfigError, match=r"a language model, .*: give it --text FILE"):
        evaluate(tiny_model_folder, data=table)
    with pytest.raises(ConfigError, match=r"a classifier, .*: give it --data TABLE"):
        evaluate(tiny_classifier_folder, text=table)
    with pytest.raises(ConfigError, match=r"leave --text words out; .* give --text-column words"):
        evaluate(tiny_classifier_folder, data=table, text="words")
    with pytest.raises(TextError, match="no file or folder"):
        evaluate(tiny_model_folder, text=tmp_path / "nowhere.txt")
    opened = open_encoder(tiny_model_folder)
    save_model(
        tmp_path / "bare", opened.model, arch=opened.arch, config=opened.config,
        tokenizer=opened.tokenizer,
    )  # fmt: skip
    with pytest.raises(ModelError, match="an encoder without a head"):
        evaluate(tmp_path / "bare", data=table)


def test_predictions_keep_order_and_unknown_columns(
    tiny_classifier_folder: Path, table: Path, tmp_path: Path
) -> None:
    result = predict(tiny_classifier_folder, input=table, output=tmp_path / "out.jsonl")
    rows = read_jsonl(tmp_path / "out.jsonl")
    assert [row["key"] for row in rows] == [str(7 * n) for n in range(50)]
    assert [row["remark"] for row in rows] == [f"note, {n}" for n in range(50)]
    assert [row["label"] for row in rows] == [LABELS[n % 3] for n in range(50)]
    answers = Classifier.from_pretrained(tiny_classifier_folder).predict(sentences()[:50])
    assert [row["predicted"] for row in rows] == [answer["label"] for answer in answers]
    assert [row["score"] for row in rows] == pytest.approx([a["score"] for a in answers], rel=1e-5)
    assert list(rows[0]) == list(result.columns)
    assert result.columns[4:] == ("predicted", "score", "tokens", "truncated")
    assert result.rows == 50 == sum(result.labels.values())


@pytest.mark.parametrize("suffix", ["csv", "tsv"])
def test_tables_out_are_read_back_whole(
    tiny_classifier_folder: Path, table: Path, tmp_path: Path, suffix: str
) -> None:
    output = tmp_path / f"out.{suffix}"
    predict(tiny_classifier_folder, input=table, output=output, scores=True)
    with output.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t" if suffix == "tsv" else ","))
    assert [row["remark"] for row in rows] == [f"note, {n}" for n in range(50)]
    assert set(json.loads(rows[0]["scores"])) == set(LABELS)
    assert rows[0]["truncated"] == "false"


def test_long_and_empty_texts_are_answered_and_counted(
    tiny_classifier_folder: Path, tmp_path: Path
) -> None:
    table = write_csv(tmp_path / "a.csv", [("",), (LONG,)], ("text",))
    result = predict(tiny_classifier_folder, input=table, output=tmp_path / "o.jsonl")
    rows = read_jsonl(tmp_path / "o.jsonl")
    assert [(row["tokens"], row["truncated"]) for row in rows] == [(2, False), (62, True)]
    assert result.truncated == 1
    predict(tiny_classifier_folder, input=table, output=tmp_path / "c.jsonl", on_long="chunk")
    assert not any(row["truncated"] for row in read_jsonl(tmp_path / "c.jsonl"))


def test_lines_of_plain_text_are_rows(tiny_classifier_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.txt"
    path.write_text('a dog\n\nthe house, "red"\n', encoding="utf-8")
    predict(tiny_classifier_folder, input=path, output=tmp_path / "out.jsonl")
    rows = read_jsonl(tmp_path / "out.jsonl")
    assert [row["text"] for row in rows] == ["a dog", "", 'the house, "red"']
    answers = Classifier.from_pretrained(tiny_classifier_folder).predict([r["text"] for r in rows])
    assert [row["predicted"] for row in rows] == [answer["label"] for answer in answers]
    path.write_bytes(b"good\n\xff\n")
    with pytest.raises(CorruptText, match=r"new\.txt:2: byte 0xff"):
        predict(tiny_classifier_folder, input=path, output=tmp_path / "bad.jsonl")


def test_values_of_every_kind_pass_through(tiny_classifier_folder: Path, tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    values = {
        "text": ["she"],
        "number": [3],
        "gap": [float("nan")],
        "none": [None],
        "yes": [True],
        "list": [[1, 2]],
        "day": [datetime.date(2026, 11, 22)],
        "price": [Decimal("1.10")],
        "table": [{"a": 1}],
    }
    parquet.write_table(arrow.table(values), tmp_path / "in.parquet")
    predict(tiny_classifier_folder, input=tmp_path / "in.parquet", output=tmp_path / "o.jsonl")
    (row,) = read_jsonl(tmp_path / "o.jsonl")
    given = {name: row[name] for name in values}
    assert given == {
        "text": "she", "number": 3, "gap": None, "none": None, "yes": True, "list": [1, 2],
        "day": "2026-11-22", "price": "1.10", "table": {"a": 1},
    }  # fmt: skip
    parquet.write_table(arrow.table({"text": ["she"], "raw": [b"\x00"]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="column 'raw' holds a value of type bytes"):
        predict(tiny_classifier_folder, input=tmp_path / "b.parquet", output=tmp_path / "b.jsonl")


def test_json_lines_keep_extra_keys_and_lone_surrogates(
    tiny_classifier_folder: Path, tmp_path: Path
) -> None:
    lines = ['{"text": "she", "a": "\\ud800"}', '{"text": "a dog", "a": "é", "b": 1}']
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    predict(tiny_classifier_folder, input=tmp_path / "in.jsonl", output=tmp_path / "o.jsonl")
    rows = read_jsonl(tmp_path / "o.jsonl")
    assert (rows[0]["a"], rows[1]["a"], rows[1]["b"]) == ("\ud800", "é", 1)
    for suffix, words in (("csv", "surrogate"), ("tsv", "surrogate")):
        with pytest.raises(DataError, match=words):
            predict(
                tiny_classifier_folder,
                input=tmp_path / "in.jsonl",
                output=tmp_path / f"o.{suffix}",
            )
    (tmp_path / "in.jsonl").write_text("\n".join(['{"text": "she"}', lines[1]]))
    with pytest.raises(DataError, match="column 'a', which the first row lacks"):
        predict(tiny_classifier_folder, input=tmp_path / "in.jsonl", output=tmp_path / "o.csv")


def test_a_failure_leaves_no_output_and_keeps_the_old_one(
    tiny_classifier_folder: Path, tmp_path: Path
) -> None:
    good = ['{"text": "she"}'] * 1500
    (tmp_path / "in.jsonl").write_text("\n".join([*good, "{broken"]))
    output = tmp_path / "o.jsonl"
    with pytest.raises(CorruptText, match=r"in\.jsonl:1501"):
        predict(tiny_classifier_folder, input=tmp_path / "in.jsonl", output=output)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]
    output.write_text("old")
    with pytest.raises(CorruptText):
        predict(tiny_classifier_folder, input=tmp_path / "in.jsonl", output=output, replace=True)
    assert output.read_text() == "old"
    notes = Notes()
    result = predict(
        tiny_classifier_folder, input=tmp_path / "in.jsonl", output=output, replace=True,
        on_bad="skip", watch=notes,
    )  # fmt: skip
    assert (result.rows, result.skipped) == (1500, 1)
    assert notes.heard("1 bad place left out (--on-bad skip): ")
    assert notes.heard("in.jsonl:1501 (")
    assert len(read_jsonl(output)) == 1500


def test_empty_texts_are_told_by_their_lines(tiny_classifier_folder: Path, tmp_path: Path) -> None:
    table, notes = tmp_path / "in.csv", Notes()
    rows = [("she", "good"), ("", "bad"), ("{", ""), ("he", "good"), ("\u200b", "bad")]
    write_csv(table, rows, ("text", "label"))
    out = tmp_path / "o.jsonl"
    result = predict(tiny_classifier_folder, input=table, output=out, watch=notes)
    assert notes.heard(f"2 texts are empty: {table}:3, {table}:6")
    assert (result.empty, result.in_words()["empty texts"]) == (2, "2")
    notes = Notes()
    evaluate(tiny_classifier_folder, data=table, watch=notes, on_bad="skip", max_bad=0.5)
    assert notes.heard(f"2 texts are empty: {table}:3, {table}:6")
    assert notes.heard(f"1 bad place left out (--on-bad skip): {table}:4 (")


def test_outputs_that_are_refused(
    tiny_classifier_folder: Path, tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    (tmp_path / "there.jsonl").write_text("")
    with pytest.raises(ConfigError, match=r"exists already.*--replace"):
        predict(tiny_classifier_folder, input=table, output=tmp_path / "there.jsonl")
    with pytest.raises(ConfigError, match="another file than the input"):
        predict(tiny_classifier_folder, input=table, output=table, replace=True)
    with pytest.raises(ConfigError, match=r"one of \.jsonl, \.csv, \.tsv"):
        predict(tiny_classifier_folder, input=table, output=tmp_path / "o.xlsx")
    with pytest.raises(DataError, match="no column 'body'"):
        predict(tiny_classifier_folder, input=table, output=tmp_path / "o.csv", text_column="body")
    with pytest.raises(ModelError, match="a language model, which says nothing of a row"):
        predict(tiny_model_folder, input=table, output=tmp_path / "o.csv")
    save_sentence(tmp_path / "vectors", open_sentence(tiny_model_folder, pooling="mean"))
    with pytest.raises(ModelError, match=r"is an embedding model.* use unmask embed"):
        predict(tmp_path / "vectors", input=table, output=tmp_path / "o.csv")
    assert not (tmp_path / "o.csv").exists()


def test_new_columns_do_not_hide_old_ones(tiny_classifier_folder: Path, tmp_path: Path) -> None:
    table = write_csv(tmp_path / "a.csv", [("she", "9")], ("text", "score"))
    with pytest.raises(DataError, match=r"a column 'score' already; .* --prefix"):
        predict(tiny_classifier_folder, input=table, output=tmp_path / "o.jsonl")
    predict(tiny_classifier_folder, input=table, output=tmp_path / "o.jsonl", prefix="model_")
    (row,) = read_jsonl(tmp_path / "o.jsonl")
    assert row["score"] == "9"
    assert row["model_predicted"] in LABELS


def test_a_row_file_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "below" / "a.csv"
    with row_file(path, ("a", "b"), replace=False) as write:
        write({"b": 2, "a": 'say "1"'})
        assert not path.exists()
    assert path.read_bytes() == b'a,b\n"say ""1""",2\n'


def test_info_describes_each_kind(
    tiny_model_folder: Path, tiny_classifier_folder: Path, tmp_path: Path
) -> None:
    model, classifier = info(tiny_model_folder), info(tiny_classifier_folder)
    assert (model.architecture, model.layers, model.width) == ("modernbert", 2, 64)
    assert model.holds == "a language model"
    assert (model.labels, model.pooling) == ((), None)
    assert classifier.labels == LABELS
    assert classifier.pooling == "cls"
    assert model.format == "hf"
    assert (model.context, model.mask_token) == (48, "[MASK]")
    assert model.positions == (
        "rotary to the base 160,000; rotary to the base 10,000, where a window is"
    )
    assert model.windows == (None, 64)
    assert model.bytes == 4 * model.parameters
    stored = (tiny_model_folder / "model.safetensors").stat().st_size
    assert model.bytes <= stored < model.bytes + 10_000
    assert info(tiny_model_folder, tokens=24).flops < model.flops
    with pytest.raises(ConfigError, match="between 1 and 48, not be 49"):
        info(tiny_model_folder, tokens=49)
    with pytest.raises(ModelError, match="does not exist"):
        info(tmp_path / "nowhere")
    assert "bad, fine, good" in classifier.in_words()["labels"]
    assert "labels" not in model.in_words()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_info_of_every_architecture(row: Row, tmp_path: Path) -> None:
    """Parameters and memory are those of the oracle; the cost is told of encoder and head."""
    pair = Pair(row, "lm", tmp_path / "theirs")
    count = sum(p.numel() for p in pair.theirs.parameters())
    found = info(pair.folder, tokens=40)
    assert (found.architecture, found.parameters) == (row.arch, count)
    assert found.dtype == "float32"
    assert found.bytes == 4 * count
    assert found.flops == forward_flops(pair.opened.model.encoder.config, [40])
    assert found.head_flops
    assert found.causal == (row.arch == "decoder")
    positions = {
        "roberta": "learned",
        "mpnet": "learned; a shared bias for 32 buckets of distance",
        "decoder": "rotary to the base 500",
        "elmo": "by reading in order",
    }
    assert found.positions.startswith(positions.get(row.arch, ""))
    assert all(found.in_words().values())
