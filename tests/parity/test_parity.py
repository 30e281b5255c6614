"""Every architecture against `transformers`, there and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.parity.compare import Pair, hidden_states, our_logits, their_logits
from tests.parity.oracles import LABELS, ROWS, TEXTS, Row, class_of
from tests.parity.page import PAGE, stated
from tests.parity.table import CELLS, LIMITS, checks
from unmask.arch.registry import arch_of
from unmask.arch.spec import HeadKind
from unmask.checkpoint.files import verify
from unmask.checkpoint.folder import Opened, open_model, save_model
from unmask.checkpoint.weightfiles import read_weights
from unmask.errors import UnsupportedModel

Pairs = dict[tuple[str, HeadKind], Pair]
BY_NAME = {row.name: row for row in ROWS}

by_cell = pytest.mark.parametrize(
    ("row", "head"), CELLS, ids=[f"{row.name}-{head}" for row, head in CELLS]
)
PUBLISHED = [(row, head) for row, head in CELLS if row.published]
by_published = pytest.mark.parametrize(
    ("row", "head"), PUBLISHED, ids=[f"{row.name}-{head}" for row, head in PUBLISHED]
)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    """One pair for each row and head; nothing is built before it is used."""
    return {
        (row.name, kind): Pair(row, kind, tmp_path_factory.mktemp("parity") / "theirs")
        for row, kind in CELLS
    }


def save(opened: Opened[Any], folder: Path, **options: Any) -> str:
    return save_model(
        folder,
        opened.model,
        arch=opened.arch,
        config=opened.config,
        tokenizer=opened.tokenizer,
        labels=opened.labels,
        kept=opened.kept,
        **options,
    )


@by_cell
def test_same_numbers(pairs: Pairs, row: Row, head: HeadKind) -> None:
    """Outputs, loss and gradients; and no number is far from what the page says."""
    said = stated(PAGE.read_text(encoding="utf-8"))[row.name, head]
    for check in checks(head):
        measured = check.measure(pairs[row.name, head])
        assert measured <= LIMITS[check.unit], check.what
        # Other processors round otherwise, but not by an order of magnitude.
        most = max(10 * said[check.what], 2e-6)
        assert measured <= most, f"{check.what}: write the page anew: python -m tests.parity.page"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("bert, as published", {"layer_norm_eps": 0.0131}),
        ("bert, as published", {"hidden_act": "gelu_new"}),
        ("bert, as published", {"num_attention_heads": 4}),
        ("roberta, as published", {"pad_token_id": 0}),
        ("distilbert, as published", {"n_heads": 4}),
        ("electra, narrow embedding", {"hidden_act": "relu"}),
        ("albert, two groups", {"hidden_act": "gelu"}),
        ("mpnet, as published", {"layer_norm_eps": 0.0131}),
        ("deberta_v2, as in DeBERTa-v3", {"max_relative_positions": 60}),
        ("deberta_v2, as in DeBERTa-v3", {"pos_att_type": ["c2p"]}),
        ("deberta_v2, as in DeBERTa-v3", {"position_buckets": -1, "max_relative_positions": 12}),
        ("modernbert, as published", {"norm_eps": 0.0171}),
        ("modernbert, as published", {"local_attention": 12}),
        ("modernbert, as published", {"hidden_activation": "relu"}),
        ("modernbert, previous config format", {"global_rope_theta": 5100.0}),
        ("modernbert, previous config format", {"local_rope_theta": 310.0}),
        ("modernbert, previous config format", {"global_attn_every_n_layers": 3}),
        ("decoder, Llama, tied", {"rope_parameters": {"rope_theta": 510.0}}),
        ("decoder, Llama, tied", {"rms_norm_eps": 0.0131}),
        ("decoder, Qwen2, sliding window", {"sliding_window": 7}),
        ("decoder, Qwen2, sliding window", {"layer_types": None, "max_window_layers": 2}),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
)
def test_a_wrong_setting_would_be_seen(
    pairs: Pairs, name: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    row, pair = BY_NAME[name], pairs[name, "encoder"]
    _ = pair.theirs
    wrong = Pair(row, "encoder", shutil.copytree(pair.folder, tmp_path / "wrong"))
    path = wrong.folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    wrong.theirs = pair.theirs
    assert hidden_states(wrong) > 5 * LIMITS["difference"]


@by_cell
def test_what_is_opened_is_what_was_saved(pairs: Pairs, row: Row, head: HeadKind) -> None:
    opened = pairs[row.name, head].opened
    format = "hf" if row.published else "unmask"
    assert (opened.arch.name, opened.format, opened.new) == (row.arch, format, ())
    # Bare encoders of this line come with a pooler, with which nothing here computes.
    pooler = {"bert", "roberta", "albert", "mpnet"} & {row.arch}
    assert bool(opened.kept) == (head == "encoder" and bool(pooler))
    assert opened.aside == ()
    assert opened.labels == (LABELS if head in ("sequence", "token") else ())
    assert not opened.model.training


@by_published
def test_theirs_opens_what_is_saved_here(
    pairs: Pairs, row: Row, head: HeadKind, tmp_path: Path
) -> None:
    """No key is missing or unexpected, and every tensor is equal."""
    pair = pairs[row.name, head]
    assert save(pair.opened, tmp_path / "ours") == "hf"
    verify(tmp_path / "ours")
    options: dict[str, Any] = {"attn_implementation": "eager", "output_loading_info": True}
    back, report = class_of(row, head).from_pretrained(tmp_path / "ours", **options)
    assert {name: list(faults) for name, faults in report.items() if faults} == {}
    assert type(back) is type(pair.theirs)
    if not row.renamed:
        theirs = pair.theirs.state_dict()
        for name, tensor in back.state_dict().items():
            assert torch.equal(tensor, theirs[name]), name
    if head != "encoder":
        # Some heads are set up by class rather than by tensor: the numbers are the proof.
        with torch.no_grad():
            given, expected = their_logits(pair, back), their_logits(pair, pair.theirs)
        torch.testing.assert_close(given, expected, rtol=0.0, atol=1e-6 if row.renamed else 0.0)


@by_published
def test_files_there_and_back_hold_the_same(
    pairs: Pairs, row: Row, head: HeadKind, tmp_path: Path
) -> None:
    pair = pairs[row.name, head]
    save(pair.opened, tmp_path / "ours")
    before, after = read_weights(pair.folder), read_weights(tmp_path / "ours")
    if not row.renamed:
        # An untied table was written by `transformers` under two names, or by us under one.
        assert before.keys() == after.keys()
        assert all(torch.equal(before[name], tensor) for name, tensor in after.items())
    was, now = (
        transformers.AutoConfig.from_pretrained(folder).to_dict()
        for folder in (pair.folder, tmp_path / "ours")
    )
    written = json.loads((tmp_path / "ours" / "config.json").read_text())
    said_nothing = {"_name_or_path", "transformers_version", "global_attn_every_n_layers"}
    for settings in (was, now):
        for key in said_nothing | {*row.renamed}:
            settings.pop(key, None)
    assert now == was
    # What is written is what is read back, key by key; label numbers are text in JSON.
    written.pop("id2label", None)
    assert {key: now[key] for key in written} == written


@by_cell
def test_our_own_format_gives_the_same_bits(
    pairs: Pairs, row: Row, head: HeadKind, tmp_path: Path
) -> None:
    pair = pairs[row.name, head]
    assert save(pair.opened, tmp_path / "ours", format="unmask") == "unmask"
    again = open_model(tmp_path / "ours")
    assert (again.format, again.config, again.labels) == (
        "unmask",
        pair.opened.config,
        pair.opened.labels,
    )
    assert again.kept.keys() == pair.opened.kept.keys()
    assert all(torch.equal(again.kept[name], kept) for name, kept in pair.opened.kept.items())
    if head != "encoder":
        with torch.no_grad():
            assert torch.equal(our_logits(pair, again.model), our_logits(pair, pair.opened.model))
    with pytest.raises(ValueError, match="model type `unmask`"):
        class_of(row, head).from_pretrained(tmp_path / "ours")


@by_cell
def test_any_head_gives_its_encoder(pairs: Pairs, row: Row, head: HeadKind) -> None:
    """And the encoder a new head of any kind, the last layer of which is drawn."""
    pair = pairs[row.name, head]
    bare = open_model(pair.opened.path, "encoder")
    batch = pair.inputs.packed()
    encoder = pair.opened.model if head == "encoder" else pair.opened.model.encoder
    with torch.no_grad():
        assert torch.equal(bare.model(batch), encoder(batch))
    for other in arch_of(row.arch).heads.keys() - {head, "encoder"}:
        labels = ("no", "maybe", "yes", "never") if other in ("sequence", "token") else None
        fresh = open_model(pair.folder, other, labels=labels, new_head=True, seed=3)
        # A tied head for tokens may have nothing of its own.
        last = "pairs.project.weight" if other == "pretraining" else "head.project.weight"
        assert other == "lm" or last in fresh.new
        with torch.no_grad():
            assert our_logits(Pair(row, other, pair.folder), fresh.model).isfinite().all()


def test_what_has_no_published_format_says_so(pairs: Pairs, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match="elmo has no published format: save it with"):
        save(pairs["elmo, projected", "lm"].opened, tmp_path / "ours", format="hf")


# For a Qwen2 folder `transformers` builds Qwen's own tokenizer, whatever tokenizer.json says.
FREE = [row for row in ROWS if row.published and row.model_type != "qwen2"]


@pytest.mark.parametrize("row", FREE, ids=lambda row: row.name)
def test_tokenizers_give_equal_ids(pairs: Pairs, row: Row, tmp_path: Path) -> None:
    opened = pairs[row.name, "lm"].opened
    save(opened, tmp_path / "ours")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path / "ours")
    ours = opened.tokenizer.encode_batch(TEXTS, specials=True)
    assert [list(text.ids) for text in ours] == theirs(TEXTS)["input_ids"]
    assert (theirs.mask_token_id, theirs.pad_token_id) == (
        opened.tokenizer.mask_id,
        opened.tokenizer.pad_id,
    )
    assert ("token_type_ids" in theirs(TEXTS)) == (row.segments > 0)
    assert theirs.model_max_length == 72
