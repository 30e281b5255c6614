"""A text in a script that the tokenizer does not know: said by every pipeline, and by the verbs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.contract.folders import Folders
from tests.verbs.labelled import Notes
from unmask.checkpoint.sentence import open_sentence, save_sentence
from unmask.errors import DataError
from unmask.pipelines.classify import Classifier
from unmask.pipelines.embed import Embedder
from unmask.pipelines.pair import PairClassifier, ZeroShot
from unmask.pipelines.rerank import Reranker
from unmask.pipelines.tag import Tagger
from unmask.tokens import Tokenizer
from unmask.verbs.embed import embed
from unmask.verbs.evaluate import evaluate
from unmask.verbs.finetune import finetune
from unmask.verbs.predict import predict

STRANGE, KNOWN = "ሰላም ዓለም", "the cat"
WARNED = "1 of 2 texts are mostly unknown tokens to this tokenizer"
TOLD = "2; what is said of them means little"


def test_the_tokenizer_knows_one_and_not_the_other(tokenizer: Tokenizer) -> None:
    assert {*tokenizer.encode(STRANGE).ids} == {tokenizer.unk_id}
    assert tokenizer.unk_id not in tokenizer.encode(KNOWN).ids


def test_labels_and_spans(folders: Folders) -> None:
    for pipeline in (
        Classifier.from_pretrained(folders("bert", "sequence")),
        Tagger.from_pretrained(folders("bert", "token")),
    ):
        with pytest.warns(UserWarning, match=WARNED):
            strange, known = pipeline.predict([STRANGE, KNOWN])
        assert (strange["unknown"], known["unknown"]) == (1.0, 0.0)
        (half,) = pipeline.predict([f"{KNOWN} {STRANGE}"])
        assert half["unknown"] == 0.5
        with pytest.warns(UserWarning, match=WARNED):
            strange, _ = pipeline.predict([f"{STRANGE}.", KNOWN])
        assert strange["unknown"] == 2 / 3  # the full stop is known


def test_pairs_are_told_where_one_text_is_unknown(folders: Folders) -> None:
    pairs = [(KNOWN, STRANGE), (KNOWN, KNOWN)]
    pair = PairClassifier.from_pretrained(folders("bert", "sequence"))
    with pytest.warns(UserWarning, match=WARNED):
        strange, known = pair.predict(pairs)
    assert (strange["unknown"], known["unknown"]) == (1.0, 0.0)
    reranker = Reranker.from_pretrained(folders("bert", "sequence"))
    with pytest.warns(UserWarning, match=WARNED):
        reranker.predict(pairs)
    assert [one.unknown for one in reranker.stream(pairs)] == [1.0, 0.0]


def test_labels_without_training(folders: Folders) -> None:
    folder = folders("bert", "sequence")
    entails = ZeroShot.from_pretrained(
        folder, entailment=Classifier.from_pretrained(folder).labels[0]
    )
    with pytest.warns(UserWarning, match=WARNED):
        strange, known = entails.predict([STRANGE, KNOWN], ["the", "cat"], template="the {}")
    assert (strange["unknown"], known["unknown"]) == (1.0, 0.0)


@pytest.mark.parametrize("on_long", ["truncate", "chunk"])
def test_vectors_whose_prompt_is_known(folders: Folders, on_long: Any) -> None:
    embedder = Embedder.from_pretrained(folders("bert", "encoder"), pooling="mean")
    with pytest.warns(UserWarning, match=WARNED):
        embedder.encode([STRANGE, KNOWN], prompt="the ", on_long=on_long)
    read = embedder.stream([STRANGE, KNOWN, ""], prompt="the ", on_long=on_long)
    assert [one.unknown for one in read] == [1.0, 0.0, 0.0]


def test_verbs_count_them(folders: Folders, tmp_path: Path) -> None:
    rows = [{"text": STRANGE}, {"text": KNOWN}, {"text": f"{STRANGE * 2}."}]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for head in ("sequence", "token"):
        result = predict(folders("bert", head), input=source, output=tmp_path / f"{head}.jsonl")
        assert result.unknown == 2
        assert result.in_words()["texts of mostly unknown tokens"] == TOLD
    encoder = folders("bert", "encoder")
    made = embed(encoder, input=source, output=tmp_path / "a.npy", pooling="mean")
    assert made.in_words()["texts of mostly unknown tokens"] == TOLD
    one, _, other = np.load(tmp_path / "a.npy")
    assert not np.array_equal(one, other)  # longer


@pytest.mark.parametrize("task", ["classify", "pair"])
def test_training_says_so(tiny_model_folder: Path, tmp_path: Path, task: str) -> None:
    rows = [
        {"text": f"{text} {number}" if text == KNOWN else text, "pair": KNOWN, "label": label}
        for number in range(8)
        for text, label in ((KNOWN, "x"), (STRANGE, "y"))
    ]
    train = tmp_path / "train.jsonl"
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    notes = Notes()
    finetune(
        tiny_model_folder, train=train, dev=train, out=tmp_path / "run", task=task, epochs=1,
        watch=notes, threads=1,
    )  # fmt: skip
    noun = "texts" if task == "classify" else "pairs"
    for kind in ("training", "dev"):
        assert notes.heard(f"8 of 16 {kind} {noun} are mostly unknown tokens to this")


def test_nothing_is_learnt_of_unknown_tokens_alone(tiny_model_folder: Path, tmp_path: Path) -> None:
    train = tmp_path / "train.csv"
    train.write_text(
        "text,label\n" + "".join(f"{STRANGE * n}.,{'xy'[n % 2]}\n" for n in range(1, 9))
    )
    with pytest.raises(DataError, match="all 8 training texts are mostly unknown tokens"):
        finetune(tiny_model_folder, train=train, dev=train, out=tmp_path / "run", threads=1)
    assert not (tmp_path / "run").exists()


def test_training_of_vectors_says_so_and_refuses_likewise(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    def write(texts: list[str]) -> Path:
        rows = [{"query": text, "positive": f"{text} {text}"} for text in texts]
        path = tmp_path / f"{len(texts)}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    some, notes = write([KNOWN, "the dog", "the bird", f"{STRANGE}."]), Notes()
    how: dict[str, Any] = {"task": "embed", "epochs": 1, "threads": 1}
    finetune(tiny_model_folder, train=some, dev=some, out=tmp_path / "run", watch=notes, **how)
    assert notes.heard("2 of 8 different training texts are mostly unknown tokens to this")
    none = write([f"{STRANGE * n}." for n in range(1, 4)])
    with pytest.raises(DataError, match="all 6 different training texts are mostly unknown"):
        finetune(tiny_model_folder, train=none, dev=some, out=tmp_path / "no", **how)


def test_sentences_are_counted_and_not_their_rows(tiny_model_folder: Path, tmp_path: Path) -> None:
    train = tmp_path / "train.conll"
    train.write_text("".join(f"{STRANGE[:3]} B-x\n" * 500 + "ሰ O\n\n" for _ in range(2)))
    with pytest.raises(DataError, match="all 2 training sentences are mostly unknown tokens"):
        finetune(
            tiny_model_folder, train=train, dev=train, out=tmp_path / "run", task="tag", threads=1
        )


def test_measuring_says_so(folders: Folders, tmp_path: Path) -> None:
    def write(name: str, rows: list[dict[str, Any]]) -> Path:
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return tmp_path / name

    texts = [{"text": text, "label": "bad"} for text in (KNOWN, STRANGE)]
    words = [
        {"tokens": text.split(), "tags": [label] * 2}
        for text, label in ((KNOWN, "bad"), (STRANGE, "good"))
    ]
    pairs = [{"query": KNOWN, "document": text} for text in (KNOWN, STRANGE)]
    vectors = tmp_path / "vectors"
    save_sentence(vectors, open_sentence(folders("bert", "encoder"), pooling="mean"))
    for folder, rows in (
        (folders("bert", "sequence"), write("texts.jsonl", texts)),
        (folders("bert", "token"), write("words.jsonl", words)),
        (vectors, write("pairs.jsonl", pairs)),
    ):
        notes = Notes()
        evaluate(folder, data=rows, watch=notes)
        assert notes.heard("texts are mostly unknown tokens to this tokenizer"), rows
