"""Fine-tuning vectors: from a file of texts that belong together to a model that finds them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.verbs.labelled import Interrupted, Notes
from tests.verbs.related_texts import graded, pairs, without, written
from unmask.checkpoint.sentence import open_sentence
from unmask.errors import ConfigError, CorruptText, DataError, ModelError, TooLong
from unmask.evaluation.embedding import EmbeddingFigures
from unmask.pipelines.embed import Embedder
from unmask.train.log import read_log
from unmask.verbs.embed import embed as embed_rows
from unmask.verbs.finetune import finetune
from unmask.verbs.finetune_settings import FinetuneSettings, finetune_settings
from unmask.verbs.info import info
from unmask.verbs.tasks.result import FinetuneResult

QUICK: dict[str, Any] = {
    "task": "embed", "lr": 2e-3, "batch": 16, "epochs": 4, "dtype": "fp32", "threads": 1
}  # fmt: skip


def with_embed(**embed: Any) -> FinetuneSettings:
    """The quick settings, and some of the task's own."""
    return finetune_settings(None, {"embed": embed}, **QUICK)


@pytest.fixture(scope="module")
def learnt(
    tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FinetuneResult, Notes]:
    """A run on queries with documents and negatives, with prompts and Matryoshka."""
    root, notes = tmp_path_factory.mktemp("embed"), Notes()
    result = finetune(
        tiny_model_folder,
        train=written(root / "train.jsonl", pairs(120)),
        dev=written(root / "dev.jsonl", pairs(60, seed=1)),
        out=root / "run",
        settings=with_embed(
            matryoshka=[16, 64], query_prompt="she likes ", document_prompt="she sees "
        ),
        watch=notes,
    )
    return result, notes


def test_documents_are_found_better_than_before(learnt: tuple[FinetuneResult, Notes]) -> None:
    result, notes = learnt
    figures = result.figures
    assert isinstance(figures, EmbeddingFigures)
    assert figures.gain is not None
    assert figures.gain.better == "first"
    assert [one.name for one in figures.figures[:2]] == ["nDCG@10", "MRR@10"]
    assert all(one.before is not None for one in figures.figures)
    # Whole vectors are measured in any case.
    assert [(one.name, one.dimension) for one in figures.cut] == [("nDCG@10", 16)]
    assert (result.task, result.labels, result.train_rows) == ("embed", (), 120)
    assert FinetuneResult.read(result.folder) == result
    for words in (
        "train.jsonl: pairs from columns 'query' and 'positive', negatives from 'negative'; 120",
        "learnt: to find a query's document among those of its update (embed.loss=contrastive)",
        "a text's vector is pooled by mean and has 64 numbers",
        "before each query stands 'she likes '",
        "measuring the model as it is",
    ):  # fmt: skip
        assert notes.heard(words), words
    assert result.next.startswith("unmask embed ")
    card = (result.model / "README.md").read_text()
    for words in ("pipeline_tag: sentence-similarity", "unmask.Embedder", "| nDCG@10 (dev) |"):
        assert words in card


def test_the_log_has_every_dimension_and_the_dev_figures(
    learnt: tuple[FinetuneResult, Notes],
) -> None:
    log = list(read_log(learnt[0].folder / "log.jsonl"))
    steps = [one for one in log if one["kind"] == "train"]
    assert steps[0]["terms"].keys() == {"queries", "queries@16"}
    assert steps[-1]["loss"] < steps[0]["loss"]
    held_out = [one for one in log if one["kind"] == "held_out"]
    assert len(held_out) == 4
    assert {"nDCG@10", "MRR@10", "recall@10"} <= held_out[-1].keys()


def test_the_saved_model_opens_with_its_prompts_and_can_be_cut(
    learnt: tuple[FinetuneResult, Notes], tmp_path: Path
) -> None:
    result, _ = learnt
    embedder = Embedder.from_pretrained(result.folder)
    assert embedder.prompts == {"query": "she likes ", "document": "she sees "}
    stored = json.loads((result.model / "config_sentence_transformers.json").read_text())
    assert stored["similarity_fn_name"] == "cosine"
    texts = ["an apple"]
    whole = embedder.encode_query(texts)
    np.testing.assert_array_equal(whole, embedder.encode(["she likes an apple"]))
    cut = Embedder.from_pretrained(result.folder, truncate_dim=16)
    np.testing.assert_array_equal(cut.encode_query(texts), whole[:, :16])
    cut.save_pretrained(tmp_path / "cut")
    assert Embedder.from_pretrained(tmp_path / "cut").dimension == 16
    assert open_sentence(tmp_path / "cut").dims == open_sentence(result.folder).dims == (64, 16)
    with pytest.raises(ModelError, match="cannot be cut to 99"):
        Embedder.from_pretrained(result.folder, truncate_dim=99)


def test_info_and_embed_tell_what_vectors_may_be_cut_to(
    learnt: tuple[FinetuneResult, Notes], tiny_model_folder: Path, tmp_path: Path
) -> None:
    result, _ = learnt
    found = info(result.model).in_words()
    assert found["may be cut to"] == "16 numbers (Matryoshka)"
    assert found["prompts"] == "query: 'she likes ', document: 'she sees '"
    assert found["vectors"] == "64 wide, by mean; compared by cosine"
    path, notes = written(tmp_path / "a.jsonl", [{"text": "an apple"}, {"text": "a dog"}]), Notes()

    def cut(model: Path, to: int | None, **more: Any) -> bool:
        notes.said.clear()
        embed_rows(model, input=path, output=tmp_path / "v.npy", truncate_dim=to, replace=True,
              watch=notes, **more)  # fmt: skip
        return notes.heard("may tell")

    assert not cut(result.model, 16)
    assert not cut(result.model, 64)
    assert not cut(result.model, None)
    assert cut(result.model, 20)
    assert notes.heard("trained to have 64, 16 numbers, and are cut to 20")
    assert cut(tiny_model_folder, 16, pooling="mean")
    assert notes.heard("the folder does not say that vectors were trained to be cut to 16")


def test_training_goes_on_from_what_was_trained(
    learnt: tuple[FinetuneResult, Notes], tmp_path: Path
) -> None:
    result, _ = learnt
    path, notes = written(tmp_path / "a.jsonl", pairs(40)), Notes()
    again = finetune(result.folder, train=path, out=tmp_path / "run", watch=notes, **QUICK)
    assert notes.heard("before each document stands 'she sees '")
    assert Embedder.from_pretrained(again.folder).prompts["query"] == "she likes "
    with pytest.raises(ModelError, match=r"says in modules\.json how it pools, and pooling='cls'"):
        finetune(result.folder, train=path, out=tmp_path / "b", pooling="cls", **QUICK)


def test_a_pooling_of_a_model_without_one(tiny_model_folder: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", pairs(24))
    result = finetune(
        tiny_model_folder, train=path, out=tmp_path / "run", pooling="cls", **{**QUICK, "epochs": 1}
    )
    assert open_sentence(result.folder).head.config.pool.modes == ("cls",)


@pytest.mark.parametrize("loss", ["ranking", "cosine", None])
def test_graded_pairs(tiny_model_folder: Path, tmp_path: Path, loss: str | None) -> None:
    path, notes = written(tmp_path / "a.jsonl", graded(150)), Notes()
    result = finetune(
        tiny_model_folder,
        train=path,
        dev=written(tmp_path / "dev.jsonl", graded(60, seed=1)),
        out=tmp_path / "run",
        settings=with_embed(**({} if loss is None else {"loss": loss})),
        watch=notes,
    )
    figures = result.figures
    assert isinstance(figures, EmbeddingFigures)
    assert (figures.pairs, figures.queries) == (60, None)
    assert figures["Spearman"].value is not None
    assert figures["Spearman"].value > 0.7
    assert notes.heard(f"embed.loss={loss or 'ranking'}")
    assert notes.heard("grades from 0 to 3 are learnt as cosines from 0 to 1") == (loss == "cosine")


@pytest.mark.parametrize("loss", ["margin", "kl", None])
def test_a_teachers_scores(tiny_model_folder: Path, tmp_path: Path, loss: str | None) -> None:
    rows = [{**row, "teacher_scores": [8.0, -3.0 - n % 2]} for n, row in enumerate(pairs(100))]
    notes = Notes()
    result = finetune(
        tiny_model_folder,
        train=written(tmp_path / "a.jsonl", rows),
        dev=written(tmp_path / "dev.jsonl", pairs(40, seed=1)),
        out=tmp_path / "run",
        settings=with_embed(**({} if loss is None else {"loss": loss})),
        watch=notes,
    )
    assert notes.heard(f"embed.loss={loss or 'margin'}")
    assert isinstance(result.figures, EmbeddingFigures)
    assert result.figures.queries is not None
    steps = [one for one in read_log(result.folder / "log.jsonl") if one["kind"] == "train"]
    assert steps[-1]["loss"] < steps[0]["loss"]


def test_rows_are_held_out_by_query(tiny_model_folder: Path, tmp_path: Path) -> None:
    rows = [{**row, "query": f"the {n // 2}"} for n, row in enumerate(pairs(60))]
    notes = Notes()
    result = finetune(
        tiny_model_folder, train=written(tmp_path / "a.jsonl", rows), out=tmp_path / "run",
        watch=notes, **{**QUICK, "epochs": 1},
    )  # fmt: skip
    assert (result.train_rows, result.dev_rows) == (54, 6)
    assert notes.heard("6 of 60 rows are held out, all those of 3 queries")


def test_what_is_no_negative_is_left_out_and_counted(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    rows = pairs(30)
    # Equal by their tokens: space does not count, and a document of another row of the query does.
    rows[0]["negative"] = f"  {rows[0]['positive']}"
    rows[1] |= {"query": rows[2]["query"], "negative": rows[2]["positive"]}
    rows[3]["negative"] = rows[3]["query"]
    rows[4]["negative"] = ["an apple", "an apple"]
    notes, dev = Notes(), written(tmp_path / "dev.jsonl", pairs(20, seed=1))
    given = {**QUICK, "epochs": 1}
    finetune(
        tiny_model_folder, train=written(tmp_path / "a.jsonl", rows), dev=dev,
        out=tmp_path / "run", watch=notes, **given,
    )  # fmt: skip
    assert notes.heard("4 negatives are left out: documents of the query itself")
    taught = [{**row, "teacher_scores": [1.0, 0.0]} for row in rows[:3] + rows[5:]]
    notes = Notes()
    result = finetune(
        tiny_model_folder, train=written(tmp_path / "b.jsonl", taught), dev=dev,
        out=tmp_path / "b", watch=notes, **given,
    )  # fmt: skip
    assert notes.heard("2 rows without another negative are left out")
    assert result.train_rows == len(taught) - 2


def test_data_that_teach_nothing_are_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    one = without(pairs(1), "negative")
    flat = [{**row, "score": 1} for row in graded(20)]
    dev = written(tmp_path / "dev.jsonl", pairs(10))
    path = tmp_path / "a.jsonl"
    for rows, given, wrong in (
        (one, {"dev": dev}, "that could be held against a query: it has 1 row with 1 different"),
        (one, {}, "needs two different queries, but"),
        (flat, {}, "a.jsonl are 1; give others"),
        (without(pairs(9), "positive"), {}, "must hold the texts of a pair"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=wrong.replace(".", r"\.")):
            finetune(tiny_model_folder, train=written(path, rows), out=tmp_path / "run",
                     **given, **QUICK)  # fmt: skip
    assert not (tmp_path / "run").exists()
    empty = [*pairs(9), {"query": "the", "positive": ""}]
    with pytest.raises(CorruptText, match=":10: the query has no document"):
        finetune(tiny_model_folder, train=written(path, empty), out=tmp_path / "run", **QUICK)
    # One row with a negative is something to learn from.
    given = {**QUICK, "epochs": 1}
    result = finetune(
        tiny_model_folder, train=written(path, pairs(1)), dev=dev, out=tmp_path / "run", **given
    )
    assert result.train_rows == 1


def test_settings_that_do_not_fit(tiny_model_folder: Path, tmp_path: Path) -> None:
    plain = written(tmp_path / "a.jsonl", without(pairs(9), "negative"))
    for embed, error, wrong in (
        ({"loss": "cosine"}, DataError, "must hold the grade"),
        ({"loss": "kl"}, DataError, "must hold the teacher's scores"),
        ({"matryoshka": [999]}, ConfigError, "at most the vectors' 64 numbers, not 999"),
        ({"matryoshka": [8, 8]}, ConfigError, "must be different numbers"),
        ({"temperature": 0.0}, ConfigError, "must be above 0"),
        ({"tokens": 0}, ConfigError, "embed.tokens must be at least 1"),
        ({"query_prompt": "the dog " * 40}, ConfigError, "a prompt must leave room for text"),
    ):
        with pytest.raises(error, match=wrong):
            finetune(
                tiny_model_folder, train=plain, out=tmp_path / "run", settings=with_embed(**embed)
            )
    with pytest.raises(ConfigError, match=r"query_prompt=x is not for the task .*--task embed"):
        finetune(tiny_model_folder, train=plain, out=tmp_path / "run", query_prompt="x")
    with pytest.raises(ConfigError, match="is not for the task embed"):
        finetune(tiny_model_folder, train=plain, out=tmp_path / "run", freeze=True, **QUICK)


def test_options_that_the_loss_does_not_read(tiny_model_folder: Path, tmp_path: Path) -> None:
    plain = written(tmp_path / "a.jsonl", without(pairs(9), "negative"))
    scored = written(tmp_path / "b.jsonl", graded(20))

    def refused(path: Path, wrong: str, embed: dict[str, Any], **more: Any) -> None:
        settings = finetune_settings(None, {"embed": embed}, **{**QUICK, **more})
        with pytest.raises(ConfigError, match=wrong):
            finetune(tiny_model_folder, train=path, out=tmp_path / "run", settings=settings)

    both = r"embed.directions=both would do nothing: embed.loss=ranking .* embed.loss=contrastive"
    refused(scored, both, {"directions": "both"})
    warm = r"embed.temperature=0.5 would do nothing: embed.loss=cosine .*=contrastive or ranking"
    refused(scored, warm, {"loss": "cosine", "temperature": 0.5})
    numbers = r"--label-column score would do nothing: embed.loss=contrastive reads no numbers"
    refused(scored, numbers, {"loss": "contrastive"}, label_column="score")
    with pytest.raises(ConfigError, match=r"dev_share=0.3 and --dev .*a.jsonl are both there"):
        finetune(
            tiny_model_folder, train=plain, dev=plain, out=tmp_path / "run", dev_share=0.3, **QUICK
        )


def test_long_texts_are_cut_and_counted_or_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    rows = pairs(20)
    rows[0]["positive"] = "the dog sees the river " * 30
    path = written(tmp_path / "a.jsonl", rows)
    dev, notes, given = written(tmp_path / "dev.jsonl", rows), Notes(), {**QUICK, "epochs": 1}
    cut = finetune(
        tiny_model_folder, train=path, dev=dev, out=tmp_path / "run", watch=notes, **given
    )
    assert cut.truncated == 1
    assert notes.heard("different training texts is longer than the model's limit of 48 tokens")
    assert notes.heard("1 dev text is longer than the model's limit of 48 tokens")
    assert notes.heard("a.jsonl as well, which flatters the figures")
    with pytest.raises(TooLong, match="at most 48 tokens"):
        finetune(tiny_model_folder, train=path, out=tmp_path / "b", on_long="error", **given)


def test_a_stopped_run_goes_on_to_the_same_bits(tiny_model_folder: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", pairs(60))
    # Small budgets, so that most texts are read twice, and dropout in both readings.
    settings = finetune_settings(
        None, {"embed": {"tokens": 60, "kept_tokens": 120}}, **QUICK, dropout=0.1
    )
    with pytest.raises(Interrupted):
        finetune(
            tiny_model_folder, train=path, out=tmp_path / "b", settings=settings,
            watch=Notes("fine-tuning", 0.6),
        )  # fmt: skip
    digests, figures = [], []
    for name in ("a", "b"):
        result = finetune(tiny_model_folder, train=path, out=tmp_path / name, settings=settings)
        weights = (result.model / "model.safetensors").read_bytes()
        digests.append(hashlib.sha256(weights).hexdigest())
        figures.append(result.figures)
    assert digests[0] == digests[1]
    assert figures[0] == figures[1]


def test_an_update_of_one_row_is_refused(tiny_model_folder: Path, tmp_path: Path) -> None:
    """There would be nothing to tell a query's document from, and only weight decay would work."""
    rows = {"contrastive": without(pairs(20), "negative"), "ranking": graded(20)}
    for loss, some in rows.items():
        settings = finetune_settings(None, {"embed": {"loss": loss}}, **{**QUICK, "batch": 1})
        train = written(tmp_path / f"{loss}.jsonl", some)
        with pytest.raises(ConfigError, match=f"embed.loss={loss} .* two at least, not 1"):
            finetune(tiny_model_folder, train=train, out=tmp_path / "run", settings=settings)
