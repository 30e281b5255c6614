"""Fine-tuning a reranker: from judged rows to a score that says what it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from tests.conftest import sentences
from tests.pipelines.theirs import CrossEncoder, backbone, cross_encoder
from tests.verbs.labelled import Interrupted, Notes, write_csv
from unmask.errors import ConfigError, CorruptCheckpoint, DataError, ModelError, TooLong
from unmask.evaluation.reranking import RerankFigures
from unmask.pipelines.rerank import Reranker
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.evaluate import evaluate
from unmask.verbs.evaluate_rerank import RerankEvaluation
from unmask.verbs.finetune import finetune
from unmask.verbs.finetune_settings import TuneData, finetune_settings
from unmask.verbs.info import info
from unmask.verbs.predict import predict
from unmask.verbs.rerank import rerank
from unmask.verbs.tasks.judged_data import JudgedSplit
from unmask.verbs.tasks.result import FinetuneResult

QUICK: dict[str, Any] = {"task": "rerank", "lr": 3e-3, "batch": 16, "dtype": "fp32", "threads": 1}
TEXTS = sentences()
MUSIC = [text for text in TEXTS if "music" in text]
OTHERS = [text for text in TEXTS if "music" not in text]


def settings(loss: str = "pointwise", scale: str | None = None, **more: Any) -> Any:
    rank = {"loss": loss} | ({} if scale is None else {"scale": scale})
    return finetune_settings(None, {"rank": rank}, **{**QUICK, **more})


def judged(path: Path, queries: int = 40, seed: int = 0) -> Path:
    """Each query with five documents, of which those with music are relevant."""
    dice = np.random.default_rng(seed)
    rows = []
    for number in range(queries):
        for text in (*dice.choice(MUSIC, 1), *dice.choice(OTHERS, 4, replace=False)):
            label = int("music" in text)
            rows.append((f"{TEXTS[number]} {seed}", str(text), label if dice.random() > 0.1 else 0))
    return write_csv(path, rows, ("query", "document", "label"))


def mined(path: Path, queries: int = 40, seed: int = 0, teacher: bool = False) -> Path:
    """The same as a positive and negatives, with a teacher's logits where asked for."""
    dice = np.random.default_rng(seed)
    with path.open("w") as file:
        for number in range(queries):
            negatives = [str(text) for text in dice.choice(OTHERS, 4, replace=False)]
            row: dict[str, Any] = {
                "query": f"{TEXTS[number]} {seed}",
                "positive": str(dice.choice(MUSIC)),
                "negatives": negatives,
            }
            if teacher:
                row["teacher_scores"] = [
                    9.0 + dice.normal(),
                    *(-5.0 + dice.normal(size=4)).tolist(),
                ]
            file.write(json.dumps(row) + "\n")
    return path


@pytest.fixture(scope="module")
def learnt(
    tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FinetuneResult, Notes, Path]:
    """A pointwise run on labels of which one in ten is wrong."""
    root = tmp_path_factory.mktemp("rerank")
    notes, dev = Notes(), judged(root / "dev.csv", 40, seed=1)
    result = finetune(
        tiny_model_folder,
        train=judged(root / "train.csv", 60),
        dev=dev,
        out=root / "run",
        settings=settings(epochs=4),
        watch=notes,
    )
    return result, notes, dev


def test_pairs_are_learnt_and_the_score_is_calibrated(
    learnt: tuple[FinetuneResult, Notes, Path],
) -> None:
    result, notes, _ = learnt
    figures = result.figures
    assert isinstance(figures, RerankFigures)
    assert (figures.ranking["MRR@10"].value or 0) > 0.95
    assert (result.train_rows, result.dev_rows, result.labels) == (300, 200, ("score",))
    assert notes.heard("train.csv: pairs from columns 'query' and 'document'")
    assert notes.heard("60 queries with 300 documents")
    assert notes.heard("new weights, drawn from seed 0: head.project")
    assert FinetuneResult.read(result.folder) == result
    assert figures.sure is not None
    scale = Reranker.from_pretrained(result.model).scale
    assert scale in ("probability", "calibrated")
    assert info(result.model).scale == scale
    assert info(result.model).in_words()["score"].endswith("probability")
    if scale == "calibrated":
        assert figures.uncalibrated is not None
        assert (figures.sure.log_loss.value or 9) < (figures.uncalibrated.log_loss.value or 0)
    assert notes.heard("the score of the model is a ")
    card = (result.model / "README.md").read_text()
    for words in ("pipeline_tag: text-ranking", "unmask.Reranker", "| nDCG@10 (dev) |"):
        assert words in card


def test_evaluate_gives_the_same_figures(
    learnt: tuple[FinetuneResult, Notes, Path], tmp_path: Path
) -> None:
    result, _, dev = learnt
    notes = Notes()
    found = evaluate(result.model, data=dev, watch=notes)
    assert isinstance(found, RerankEvaluation)
    assert isinstance(result.figures, RerankFigures)
    assert found.figures.ranking == result.figures.ranking
    assert found.figures.sure is not None
    assert result.figures.sure is not None
    assert found.figures.sure.log_loss.value == pytest.approx(result.figures.sure.log_loss.value)
    assert notes.heard("probability, as its folder says")
    assert json.loads(json.dumps(found.as_dict(), default=str))["documents"] == 200
    with pytest.raises(ConfigError, match=r"holds a reranker, .* measured on judged queries"):
        evaluate(result.model)
    evaluate(result.model, data=dev, report=tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text("utf-8")
    assert "nDCG@10" in page
    assert "How sure it is" in page


def test_two_rerankers_on_the_same_queries(
    learnt: tuple[FinetuneResult, Notes, Path], tmp_path: Path
) -> None:
    result, _, dev = learnt
    other = cross_encoder(tmp_path / "other", "modernbert")
    found = evaluate(result.model, data=dev, against=other)
    assert isinstance(found, RerankEvaluation)
    assert [one.figure for one in found.differences][:3] == ["nDCG@10", "MRR@10", "MAP"]
    assert found.differences[0].better == "first"
    assert "is better than" in found.in_words()["verdict"]
    assert info(other).scale is None  # the folder names no activation
    notes = Notes()
    alone = evaluate(other, data=dev, task="rerank", watch=notes)
    assert isinstance(alone, RerankEvaluation)
    assert notes.heard("a probability: the folder names no activation, and sigmoid is the usual")


def test_the_folder_opens_in_sentence_transformers(tmp_path: Path) -> None:
    model = backbone(tmp_path / "bert", "bert")
    result = finetune(
        model,
        train=mined(tmp_path / "train.jsonl", 30),
        out=tmp_path / "run",
        settings=settings("listwise", epochs=2),
    )
    ours = Reranker.from_pretrained(result.model)
    pairs = [(TEXTS[n], TEXTS[n * 5]) for n in range(20)]
    theirs = CrossEncoder(str(result.model), device="cpu").predict(pairs)
    np.testing.assert_allclose(ours.predict(pairs), theirs, atol=1e-5)
    assert ours.scale in ("calibrated", "probability")
    logits = [float(one.logits[0]) for one in ours.stream(pairs)]
    np.testing.assert_allclose(ours.predict(pairs), expit(logits), atol=1e-6)  # once, not twice


@pytest.mark.parametrize("loss", ["listwise", "mse"])
def test_orders_are_learnt(loss: str, tiny_model_folder: Path, tmp_path: Path) -> None:
    teacher = loss == "mse"
    result = finetune(
        tiny_model_folder,
        train=mined(tmp_path / "train.jsonl", 50, teacher=teacher),
        dev=mined(tmp_path / "dev.jsonl", 20, 1, teacher=teacher),
        out=tmp_path / "run",
        settings=settings(loss, epochs=5),
    )
    assert isinstance(result.figures, RerankFigures)
    assert (result.figures.ranking["MRR@10"].value or 0) > 0.9
    ours = Reranker.from_pretrained(result.model)
    music, other = ours.predict([(f"{TEXTS[0]} 1", MUSIC[0]), (f"{TEXTS[0]} 1", OTHERS[0])])
    if teacher:
        assert ours.scale == "logit"
        assert (music, other) == (pytest.approx(9, abs=3), pytest.approx(-5, abs=3))
        assert result.figures.sure is None
    else:
        assert ours.scale in ("calibrated", "probability")
        assert music > 0.5 > other


@pytest.mark.parametrize(("scale", "told"), [("logit", "logit"), ("probability", "probability")])
def test_the_scale_is_what_was_asked_for(
    scale: str, told: str, tiny_model_folder: Path, tmp_path: Path
) -> None:
    result = finetune(
        tiny_model_folder,
        train=judged(tmp_path / "train.csv", 12),
        out=tmp_path / "run",
        settings=settings(scale=scale, epochs=1),
    )
    ours = Reranker.from_pretrained(result.model)
    assert ours.scale == told
    (answer,) = ours.stream([("a", MUSIC[0])])
    raw = float(answer.logits[0])
    assert float(answer.scores[0]) == pytest.approx(raw if scale == "logit" else expit(raw))
    ours.save_pretrained(tmp_path / "copy")
    assert Reranker.from_pretrained(tmp_path / "copy").scale == told
    assert isinstance(result.figures, RerankFigures)
    assert (result.figures.sure is None) == (scale == "logit")
    use = tmp_path / "copy" / "use.json"
    other = "logit" if scale != "logit" else "calibrated"
    (tmp_path / "copy" / "manifest.json").unlink()
    use.write_text(json.dumps(json.loads(use.read_text()) | {"scale": other}))
    with pytest.raises(CorruptCheckpoint, match=f"its score is a {other}, which goes through"):
        Reranker.from_pretrained(tmp_path / "copy")


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    train = mined(tmp_path / "train.jsonl", 40)

    def run(name: str, watch: Notes | None = None) -> str:
        result = finetune(
            tiny_model_folder, train=train, out=tmp_path / name,
            settings=settings("listwise", epochs=2, dropout=0.1), watch=watch,
        )  # fmt: skip
        return hashlib.sha256((result.model / "model.safetensors").read_bytes()).hexdigest()

    whole = run("whole")
    with pytest.raises(Interrupted):
        run("halves", Notes("fine-tuning", at=0.6))
    assert not (tmp_path / "halves" / "model").exists()
    assert run("halves") == whole


def test_batches_hold_whole_queries(tiny_model_folder: Path, tmp_path: Path) -> None:
    from unmask.batches.rows import RowBatches

    rows = [[1] * (3 + place % 5) for place in range(60)]
    sizes = [2, 3, 1, 4, 10, 5, 5, 20, 4, 6]
    batches = RowBatches.of(rows, None, batch=5, seed=0, groups=sizes)
    group = np.repeat(np.arange(10), sizes)
    for epoch in range(3):
        seen = []
        for batch in batches.epoch(epoch):
            assert batch.samples is not None
            samples = batch.samples.tolist()
            held = group[samples]
            assert all((group == one).sum() == (held == one).sum() for one in set(held.tolist()))
            assert batch.tokens <= batches.budget or len(set(held.tolist())) == 1
            seen += samples
        assert sorted(seen) == list(range(60))


def test_the_head_alone(tiny_model_folder: Path, tmp_path: Path) -> None:
    result = finetune(
        tiny_model_folder,
        train=mined(tmp_path / "train.jsonl", 20),
        out=tmp_path / "run",
        settings=settings("listwise", epochs=3, freeze=True),
    )
    assert isinstance(result.figures, RerankFigures)
    before = Reranker.from_pretrained(result.model)
    again = finetune(
        result.model,
        train=mined(tmp_path / "more.jsonl", 20, 2),
        out=tmp_path / "again",
        settings=settings("pointwise", epochs=1),
    )
    assert not [note for note in again.notes if note.startswith("new weights")]
    assert Reranker.from_pretrained(again.model).labels == before.labels


def test_predict_and_rerank_give_the_models_own_scale(
    learnt: tuple[FinetuneResult, Notes, Path], tmp_path: Path
) -> None:
    result, _, dev = learnt
    out = tmp_path / "out.jsonl"
    predict(result.model, input=dev, output=out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    ours = Reranker.from_pretrained(result.model)
    expected = ours.predict([(row["query"], row["document"]) for row in rows])
    np.testing.assert_allclose([row["score"] for row in rows], expected, atol=1e-6)
    assert list(rows[0]) == ["query", "document", "label", "score", "tokens", "truncated"]
    with pytest.raises(ConfigError, match="one score for each row already"):
        predict(result.model, input=dev, output=tmp_path / "no.jsonl", scores=True)
    notes = Notes()
    found = rerank(result.model, query="a", input=dev, text_column="document", watch=notes)
    assert found.as_dict()["scale"] == ours.scale
    assert notes.heard("as its folder says")
    assert "music" in found.ranked[0]["text"]


def test_queries_that_teach_nothing_are_counted(tiny_model_folder: Path, tmp_path: Path) -> None:
    rows = [("a", MUSIC[0], 1), ("a", OTHERS[0], 0), ("b", OTHERS[1], 0), ("b", OTHERS[2], 0)]
    rows += [("c", MUSIC[1], 1), ("d", MUSIC[2], 1), ("d", OTHERS[3], 0)]
    train = write_csv(tmp_path / "train.csv", rows, ("query", "document", "label"))
    notes = Notes()
    result = finetune(
        tiny_model_folder, train=train, dev=judged(tmp_path / "dev.csv", 5), out=tmp_path / "run",
        settings=settings("listwise", epochs=1), watch=notes,
    )  # fmt: skip
    assert result.train_rows == 4
    assert notes.heard(
        "left out: 1 without a relevant document and 1 without one that is less relevant"
    )


def test_what_reads_like_a_positive_or_the_query_is_no_negative(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    """The rule of `unmask mine` and of embeddings; rows to measure with stay."""
    query, right, wrong = OTHERS[0], MUSIC[0], OTHERS[5]
    same, itself = right.replace(" ", "  "), f" {query}"
    rows = [(query, right, 1), (query, same, 0), (query, itself, 0), (query, wrong, 0)]
    rows += [(OTHERS[7], same, 0), (OTHERS[7], wrong, 1)]
    train = write_csv(tmp_path / "train.csv", rows, ("query", "document", "label"))
    split = JudgedSplit.read(train, train, TuneData(), "pointwise", 0)
    tokenizer = Tokenizer.from_pretrained(tiny_model_folder)
    kept = split.without_own(tokenizer, "pointwise")
    assert [query.documents for query in kept.train.queries] == [(right, wrong), (same, wrong)]
    assert kept.dev == split.dev
    assert kept.notes[-1].startswith("2 training documents are left out: not relevant by the rows")
    assert split.without_own(tokenizer, "pointwise").without_own(tokenizer, "pointwise").train == (
        kept.train
    )


@pytest.mark.parametrize(
    ("rows", "loss", "words"),
    [
        ([("a", "x", 1)], "pointwise", "holding out queries needs two of them"),
        (
            [("a", "x", 1), ("b", "y", 1)],
            "pointwise",
            r"is not, but .*train\.csv has none",
        ),
        (
            [(q, d, 0) for q in "abcd" for d in "xy"],
            "pointwise",
            "queries with a relevant document",
        ),
        (
            [("a", "x", 1), ("a", "y", 0), ("a", "x", 0)],
            "pointwise",
            r"train\.csv:4: a document has one label",
        ),
        ([("a", "x", 2), ("b", "y", 0)], "pointwise", "labels from 0"),
        ([("a", "x", "nan"), ("b", "y", 0)], "listwise", "a finite number, .* but it is 'nan'"),
    ],
)
def test_what_cannot_be_learnt_from(
    rows: list[tuple[object, ...]],
    loss: str,
    words: str,
    tiny_model_folder: Path,
    tmp_path: Path,
) -> None:
    train = write_csv(tmp_path / "train.csv", rows, ("query", "document", "label"))
    with pytest.raises(DataError, match=words):
        finetune(tiny_model_folder, train=train, out=tmp_path / "run", settings=settings(loss))
    assert not (tmp_path / "run").exists()


def test_settings_and_models_that_do_not_fit(
    tiny_model_folder: Path, tiny_classifier_folder: Path, tmp_path: Path
) -> None:
    train = judged(tmp_path / "train.csv", 12)
    given: dict[str, Any] = {"train": train, "out": tmp_path / "run"}
    with pytest.raises(ModelError, match="a classifier of 3 labels, and a reranker gives one"):
        finetune(tiny_classifier_folder, settings=settings(), **given)
    with pytest.raises(ConfigError, match="would misread a teacher's logits"):
        finetune(tiny_model_folder, settings=settings("mse", "probability"), **given)
    with pytest.raises(ConfigError, match=r"loss\.smoothing=0\.1 is not for the task rerank"):
        finetune(tiny_model_folder, settings=settings(label_smoothing=0.1), **given)
    with pytest.raises(
        ConfigError, match=r"rank\.loss=listwise is not for the task .*--task rerank"
    ):
        finetune(tiny_model_folder, settings=settings("listwise", task="classify"), **given)
    graded = write_csv(
        tmp_path / "graded.csv",
        [("a", "x", 1), ("a", "y", 0), ("b", "x", 0.5), ("b", "y", 0)],
        ("query", "document", "label"),
    )
    with pytest.raises(DataError, match="calibrated by labels that are 0 or 1"):
        finetune(
            tiny_model_folder, train=train, dev=graded, out=tmp_path / "run",
            settings=settings(scale="calibrated"),
        )  # fmt: skip
    long = write_csv(
        tmp_path / "long.csv",
        [("a", "the dog " * 60, 1), ("b", "y", 0)],
        ("query", "document", "label"),
    )
    with pytest.raises(TooLong, match="a pair may have at most 48 tokens"):
        finetune(tiny_model_folder, train=long, dev=train, out=tmp_path / "run",
                 settings=settings(on_long="error"))  # fmt: skip
