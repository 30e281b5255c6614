"""Hard negatives of a table: what is left out, what is written, and that nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import sentences
from tests.pipelines.theirs import Normalize, cross_encoder, embedding_model
from tests.verbs.labelled import Notes, write_csv
from unmask.errors import ConfigError, CorruptText, DataError, ModelError, TooLong
from unmask.pipelines.embed import Embedder
from unmask.pipelines.rerank import Reranker
from unmask.verbs.mine import mine

TEXTS = sentences()[:60]
QUERIES = sentences()[100:112]
LONG = "the dog " * 30


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("mine")
    return embedding_model(root, "bert", ("mean",), Normalize(), prompts={"query": "the cat "})


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cross_encoder(tmp_path_factory.mktemp("mine") / "model")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Twelve rows, of which the last repeats the query of the first with another positive."""
    queries = [*QUERIES[:11], QUERIES[0]]
    rows = [(n, query, TEXTS[n * 3]) for n, query in enumerate(queries)]
    return write_csv(tmp_path / "pairs.csv", rows, ("id", "question", "context"))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "corpus.csv", [(text,) for text in TEXTS], ("text",))


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_nearest_that_are_no_positives(
    model: Path, pairs: Path, corpus: Path, tmp_path: Path
) -> None:
    notes, out = Notes(), tmp_path / "out.jsonl"
    result = mine(model, input=pairs, output=out, corpus=corpus, per_query=4, watch=notes)
    rows = lines(out)
    assert list(rows[0]) == ["query", "positive", "negatives", "id"]
    assert [row["id"] for row in rows] == [str(n) for n in range(12)]
    embedder = Embedder.from_pretrained(model)
    documents = embedder.encode_document(TEXTS)
    for number, row in enumerate(rows):
        own = {TEXTS[0], TEXTS[33]} if number in (0, 11) else {row["positive"]}
        scores = embedder.similarity(embedder.encode_query([row["query"]]), documents)[0]
        order = [TEXTS[place] for place in np.argsort(-scores) if TEXTS[place] not in own]
        assert row["negatives"] == order[:4]
    assert (result.rows, result.full, result.fewer, result.none) == (12, 12, 0, 0)
    assert (result.candidates, result.negatives) == (60, 48)
    assert notes.heard("pairs.csv: pairs from columns 'question' and 'context'; 12 rows")
    assert notes.heard("corpus.csv: text from column 'text'; 60 texts")
    assert result.in_words()["  rows with all"] == "12"


def test_what_a_model_cannot_tell_from_query_or_positive_is_no_negative(
    model: Path, pairs: Path, tmp_path: Path
) -> None:
    """Each query stands in the corpus, and each positive in other letters and with a space."""
    copies = [*(text.upper() for text in TEXTS), *(f"{text} " for text in TEXTS), *QUERIES]
    corpus = write_csv(tmp_path / "corpus.csv", [(text,) for text in copies], ("text",))
    out = tmp_path / "out.jsonl"
    result = mine(model, input=pairs, output=out, corpus=corpus, per_query=60, range=200)
    for number, row in enumerate(lines(out)):
        own = {row["query"].lower(), row["positive"].lower()}
        own |= {TEXTS[0].lower(), TEXTS[33].lower()} if number in (0, 11) else set()
        found = [text.strip().lower() for text in row["negatives"]]
        assert not own & set(found)
        assert len(found) == len(set(found))
    assert result.candidates == 60 + len({query.lower() for query in QUERIES} - {
        text.lower() for text in TEXTS
    })  # fmt: skip


def test_without_a_corpus_the_positives_of_others_are_candidates(
    model: Path, pairs: Path, tmp_path: Path
) -> None:
    result = mine(model, input=pairs, output=tmp_path / "out.jsonl", per_query=11)
    rows = lines(tmp_path / "out.jsonl")
    positives = {row["positive"] for row in rows}
    assert result.candidates == 12
    for number, row in enumerate(rows):
        assert len(row["negatives"]) == (10 if number in (0, 11) else 11)
        assert set(row["negatives"]) < positives
        assert row["positive"] not in row["negatives"]
    assert (result.full, result.fewer, result.none) == (10, 2, 0)


def test_margins_skipping_and_range(model: Path, pairs: Path, corpus: Path, tmp_path: Path) -> None:
    def mined(name: str, **chosen: Any) -> list[dict[str, Any]]:
        mine(model, input=pairs, output=tmp_path / name, corpus=corpus, **chosen)
        return lines(tmp_path / name)

    every = mined("every.jsonl", per_query=59)
    some = mined("some.jsonl", per_query=59, skip_first=3, range=9)
    for one, other in zip(every, some, strict=True):
        assert other["negatives"] == one["negatives"][3:9]
    embedder = Embedder.from_pretrained(model)
    for name, rule in (("a", {"margin": 0.002}), ("b", {"relative_margin": 0.003})):
        strict = mined(f"{name}.jsonl", per_query=59, **rule)
        dropped = 0
        for one, other in zip(every, strict, strict=True):
            asked = embedder.encode_query([one["query"]])
            texts = embedder.encode_document([one["positive"], *one["negatives"]])
            positive, *scores = embedder.similarity(asked, texts)[0]
            most = positive - 0.002 if name == "a" else positive * 0.997
            kept = [t for t, s in zip(one["negatives"], scores, strict=True) if s <= most]
            assert other["negatives"] == kept
            dropped += len(scores) - len(kept)
        assert dropped > 0


def test_rows_without_negatives_are_written_and_counted(
    model: Path, pairs: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    result = mine(model, input=pairs, output=out, margin=1.9)
    assert [row["negatives"] for row in lines(out)] == [[]] * 12
    assert (result.none, result.negatives) == (12, 0)
    assert result.by_margin == 10 * 11 + 2 * 10
    assert result.in_words()["  rows without any"] == "12"


def test_sampled_negatives_hang_on_the_seed_alone(
    model: Path, pairs: Path, corpus: Path, tmp_path: Path
) -> None:
    def mined(name: str, seed: int) -> list[list[str]]:
        out = tmp_path / name
        mine(model, input=pairs, output=out, corpus=corpus, pick="sampled", seed=seed)
        return [row["negatives"] for row in lines(out)]

    assert mined("a.jsonl", 1) == mined("b.jsonl", 1) != mined("c.jsonl", 2)


def test_a_reranker_decides_and_teaches(
    model: Path, scorer: Path, pairs: Path, corpus: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"input": pairs, "corpus": corpus, "reranker": scorer}
    out = tmp_path / "out.jsonl"
    result = mine(model, output=out, per_query=4, range=20, margin=0.05, **given)
    plain = tmp_path / "plain.jsonl"
    mine(model, input=pairs, output=plain, corpus=corpus, per_query=20, range=20)
    teacher = Reranker.from_pretrained(scorer)
    for row, other in zip(lines(out), lines(plain), strict=True):
        texts = [row["positive"], *other["negatives"]]
        answers = teacher.stream([(row["query"], text) for text in texts])
        positive, *logits = [float(one.logits[0]) for one in answers]
        order = sorted(zip(logits, other["negatives"], strict=True), key=lambda pair: -pair[0])
        kept = [(score, text) for score, text in order if score <= positive - 0.05][:4]
        assert row["negatives"] == [text for _, text in kept]
        np.testing.assert_allclose(
            row["teacher_scores"], [positive, *(score for score, _ in kept)], atol=1e-4
        )
    assert result.by_margin > 0
    with pytest.raises(ConfigError, match="logits have no zero to count from"):
        mine(model, output=tmp_path / "no.jsonl", relative_margin=0.05, **given)


def test_what_is_refused(model: Path, scorer: Path, pairs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    with pytest.raises(ConfigError, match=r"must be a \.jsonl file"):
        mine(model, input=pairs, output=tmp_path / "out.csv")
    with pytest.raises(DataError, match=r"has no column .other. for the text"):
        mine(model, input=pairs, output=out, text_column="other")
    taken = write_csv(tmp_path / "t.csv", [("a", "b", 1)], ("query", "positive", "teacher_scores"))
    with pytest.raises(DataError, match=r"column 'teacher_scores', which is to be written"):
        mine(model, input=taken, output=out)
    with pytest.raises(ModelError, match="must say how a text becomes one vector"):
        mine(scorer, input=pairs, output=out)
    blank = write_csv(tmp_path / "b.csv", [("a", "b"), ("", "c")], ("query", "positive"))
    with pytest.raises(CorruptText, match=r"b\.csv:3: the query in column 'query' is empty"):
        mine(model, input=blank, output=out)
    assert mine(model, input=blank, output=out, on_bad="skip", max_bad=0.9).skipped == 1
    with pytest.raises(ConfigError, match="exists already"):
        mine(model, input=pairs, output=out)
    same = tmp_path / "same.jsonl"
    same.write_text(json.dumps({"query": "a", "positive": "b"}) + "\n")
    with pytest.raises(ConfigError, match="another file than the input"):
        mine(model, input=same, output=same, replace=True)
    long = write_csv(tmp_path / "long.csv", [(LONG, "b"), ("a", LONG)], ("query", "positive"))
    with pytest.raises(TooLong):
        mine(model, input=long, output=tmp_path / "long.jsonl", on_long="error")
    assert mine(model, input=long, output=tmp_path / "long.jsonl").truncated == 2


def test_one_row_has_nothing_to_be_told_from(model: Path, tmp_path: Path) -> None:
    one = write_csv(tmp_path / "one.csv", [("a", "b")], ("query", "positive"))
    result = mine(model, input=one, output=tmp_path / "out.jsonl")
    assert (result.rows, result.none, lines(tmp_path / "out.jsonl")[0]["negatives"]) == (1, 1, [])
