"""Fine-tuning on pairs of texts: both are read, their order counts, and columns are found."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import sentences
from tests.verbs.labelled import Notes, write_csv
from unmask.arch.registry import arch_of, sized_config
from unmask.checkpoint.folder import open_classifier, save_model
from unmask.errors import ConfigError, DataError, LabelMismatch
from unmask.nn.encoder import Encoder
from unmask.nn.init import initialise
from unmask.pipelines.pair import ZeroShot
from unmask.text.columns import Columns
from unmask.text.labelled import read_labelled_pairs
from unmask.text.rows import Table
from unmask.tokens.train import train as train_vocabulary
from unmask.verbs.finetune import finetune
from unmask.verbs.tasks.labelled_data import hold_out
from unmask.verbs.tasks.rows import Rows

WORDS = ("dog", "house", "music", "piano")
SEEN, SAID = [f"she sees a {word}" for word in WORDS], "the {} is old"
QUICK: dict[str, Any] = {"epochs": 12, "lr": 3e-3, "batch": 16, "dtype": "fp32"}


def pairs(count: int = 240) -> list[tuple[str, str, str]]:
    """Whether both texts name the same thing: neither text alone tells it."""
    dice = random.Random(0)
    rows = []
    for number in range(count):
        one = dice.choice(WORDS)
        two = one if number % 2 else dice.choice([word for word in WORDS if word != one])
        rows.append((f"she sees a {one}", f"the {two} is old", "yes" if one == two else "no"))
    return rows


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pairs.csv"
    return write_csv(path, pairs(), ("premise", "hypothesis", "label"))


def test_what_only_both_texts_tell_is_learnt(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    dev = write_csv(tmp_path / "dev.csv", pairs(24), ("premise", "hypothesis", "label"))
    notes = Notes()
    result = finetune(
        tiny_model_folder, train=table, dev=dev, out=tmp_path / "run", task="pair", watch=notes,
        **QUICK,
    )  # fmt: skip
    assert notes.heard("pairs from columns 'premise' and 'hypothesis', labels from column 'label'")
    assert result.task == "pair"
    assert result.figures is not None
    assert result.figures.accuracy > 0.9
    card = (result.model / "README.md").read_text()
    assert "classifier of pairs for 2 labels" in card
    # The same word is entailment under another name, which has to be said.
    with pytest.raises(LabelMismatch, match=r"has: 'no', 'yes'\. Say which one it is with entail"):
        ZeroShot.from_pretrained(result.folder)
    named = ZeroShot.from_pretrained(result.folder, entailment="yes", contradiction="no")
    for several in (False, True):
        found = named.predict(SEEN, WORDS, template=SAID, several=several)
        assert [one["label"] for one in found] == list(WORDS)


def test_a_run_on_entailment_tells_labels_by_their_names(
    tiny_model_folder: Path, tmp_path: Path
) -> None:
    """Every text entails a dog, contradicts a house, and says nothing of music."""
    said = {"dog": "entailment", "house": "contradiction", "music": "neutral"}
    rows = [(text, SAID.format(word), said[word]) for text in sentences()[::3] for word in said]
    train = write_csv(tmp_path / "nli.csv", rows, ("premise", "hypothesis", "label"))
    result = finetune(
        tiny_model_folder, train=train, out=tmp_path / "run", task="pair",
        **{**QUICK, "epochs": 4},
    )  # fmt: skip
    assert result.labels == ("contradiction", "entailment", "neutral")
    model = ZeroShot.from_pretrained(result.folder)
    assert (model.entailment, model.contradiction) == ("entailment", "contradiction")
    (one,) = model.predict(SEEN[-1:], ["house", "dog", "music"], template=SAID)
    assert (one["label"], one["score"] > 0.8) == ("dog", True)
    (one,) = model.predict(SEEN[-1:], ["house", "dog"], template=SAID, several=True)
    assert one["scores"]["dog"] > 0.8
    assert one["scores"]["house"] < 0.2


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder that is told which text a token is of."""
    tokenizer, arch = (
        train_vocabulary(sentences(), vocab_size=150, min_frequency=1),
        arch_of("bert"),
    )
    config = sized_config(
        "bert",
        "1x64",
        vocab_size=tokenizer.vocab_size,
        context=48,
        pad_token_id=tokenizer.pad_id,
    )
    encoder = Encoder(arch.encoder(config))
    initialise(encoder, 0.1, 1, torch.Generator().manual_seed(0))
    folder = tmp_path_factory.mktemp("bert") / "model"
    save_model(folder, encoder.eval(), arch=arch, config=config, tokenizer=tokenizer)
    return folder


def test_rows_hold_both_texts_and_say_which_is_which(tiny_model_folder: Path, bert: Path) -> None:
    opened = open_classifier(bert, labels=("a", "b"))
    rows = Rows.of_pairs(["a dog", "the dog " * 40], ["a house", "she"], opened, "truncate")
    pair = opened.tokenizer.layout.pair
    before, between, after = map(list, (pair.before, pair.between, pair.after))
    one, two = opened.tokenizer.ids_stream(["a dog", "a house"])
    assert rows.rows[0] == [*before, *one, *between, *two, *after]
    assert rows.segments is not None
    first = len(before) + len(one) + len(between)
    assert rows.segments[0] == [0] * first + [1] * (len(two) + len(after))
    assert rows.truncated == 1
    assert len(rows.rows[1]) == opened.model.encoder.config.context
    batches = rows.batches(2, seed=0)
    for batch in batches.epoch(0):
        assert batch.samples is not None
        assert batch.segments is not None
        told = batch.segments.split(batch.lengths)
        for number, part in zip(batch.samples.tolist(), told, strict=True):
            assert part.tolist() == rows.segments[number]
    # ModernBERT is not told.
    other = open_classifier(tiny_model_folder, labels=("a", "b"))
    assert Rows.of_pairs(["a dog"], ["a house"], other, "truncate").segments is None


def test_columns_of_a_pair_are_told_by_their_names_or_named(tmp_path: Path) -> None:
    def columns(header: str, *named: str | None) -> Columns:
        path = tmp_path / "table.csv"
        path.write_text(header + "\n", "utf-8")
        return Columns.of_pairs(Table.open(path), *named)

    found = columns("sentence1,sentence2,gold_label")
    assert (found.text, found.pair, found.label) == ("sentence1", "sentence2", "gold_label")
    found = columns("Premise,Hypothesis,label,text")
    assert (found.text, found.pair) == ("Premise", "Hypothesis")
    found = columns("query,document,passage,label", None, "passage")
    assert (found.text, found.pair) == ("query", "passage")
    found = columns("a,b,label", "b", "a")
    assert (found.text, found.pair) == ("b", "a")
    with pytest.raises(DataError, match="several go together: 'query' with 'document', 'query'"):
        columns("query,document,passage,label")
    with pytest.raises(DataError, match=r"no names tell which; .*Choose with --text-column and"):
        columns("text,label")
    with pytest.raises(DataError, match="has no column 'c' for the pair"):
        columns("a,b,label", "a", "c")
    with pytest.raises(DataError, match="must be different columns"):
        columns("a,b,label", "a", "a")


def test_the_same_pair_is_held_out_whole_and_a_shared_text_is_not(tmp_path: Path) -> None:
    rows = [("a dog", f"number {n}", "yes" if n % 2 else "no") for n in range(40)] * 2
    path = write_csv(tmp_path / "pairs.csv", rows, ("text1", "text2", "label"))
    found = read_labelled_pairs(path)
    train, dev = hold_out(found, 0.25, 0, found.labels)
    assert not set(train.asked) & set(dev.asked)
    assert set(train.texts) == set(dev.texts) == {"a dog"}
    assert len(dev) == 20


def test_a_pair_column_without_pairs_is_refused(
    tiny_model_folder: Path, table: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"pair_column=b is not for the task .*--task pair"):
        finetune(tiny_model_folder, train=table, out=tmp_path / "run", pair_column="b")
    with pytest.raises(ConfigError, match="on_long must be one of truncate, error"):
        finetune(tiny_model_folder, train=table, out=tmp_path / "run", on_long="chunk")
    assert not (tmp_path / "run").exists()
