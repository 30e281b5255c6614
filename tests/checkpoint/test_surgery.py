"""Models cut to another vocabulary or to fewer layers, in every architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.parity.oracles import LABELS, ROWS, TEXTS, VOCAB, Row, oracle, tokenizer, write_folder
from unmask.batches.pack import pack
from unmask.checkpoint.building import named_weights
from unmask.checkpoint.folder import Opened, open_model, save_model
from unmask.checkpoint.layers import keep_layers, kept_config
from unmask.checkpoint.surgery import extended, initialise_from
from unmask.errors import ModelError, TokenizerError, UnsupportedModel
from unmask.tokens import Tokenizer, train
from unmask.tokens.extend import Extension, count_words, extend

SYLLABLES = ("nephr", "thromb", "hepat", "gastr", "card", "derm")
ENDINGS = ("itis", "ology", "osis", "opathy", "ectomy")
FIELD = [f"{a}o{b}{e} and {b}o{a}" for a in SYLLABLES for b in SYLLABLES for e in ENDINGS]
TABLE, BIAS, OWN = "encoder.embedding.tokens.weight", "head.bias", "head.table.weight"
TEXT = "The quick brown fox jumps over the lazy dog, and the dog sleeps on."


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread: None) -> None:
    """Tiny models."""


@pytest.fixture(scope="module")
def tokens() -> Tokenizer:
    return tokenizer()


def opened(row: Row, kind: str, tokens: Tokenizer, folder: Path) -> Opened[Any]:
    write_folder(row, kind, oracle(row, kind), folder, tokens)  # type: ignore[arg-type]
    return open_model(folder, labels=LABELS if kind in ("sequence", "token") else None)


def row_of(arch: str) -> Row:
    return next(row for row in ROWS if row.arch == arch)


def logits(model: Opened[Any], text: str = TEXT) -> torch.Tensor:
    batch = pack([list(model.tokenizer.encode(text, specials=True).ids)])
    with torch.inference_mode():
        if hasattr(model.model, "head") and hasattr(model.model.head, "predicts"):
            return model.model(batch, torch.arange(batch.tokens))
        return model.model(batch)


def words(tokens: Tokenizer, add: int) -> Extension:
    extension = extend(count_words(tokens, FIELD), add=add, min_count=1)
    assert len(extension.words) == add
    return extension


@pytest.fixture(scope="module")
def few(tokens: Tokenizer) -> Extension:
    """Fewer words than the table has rows to spare."""
    return words(tokens, 4)


@pytest.fixture(scope="module")
def many(tokens: Tokenizer) -> Extension:
    """More words than that."""
    return words(tokens, 130)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_extended_in_every_architecture(
    row: Row, tokens: Tokenizer, many: Extension, tmp_path: Path
) -> None:
    old = opened(row, "lm", tokens, tmp_path / "old")
    new = extended(old, many)
    size = many.tokenizer.vocab_size
    assert VOCAB < size == new.config.vocab_size
    was, now = named_weights(old.model), named_weights(new.model)
    for name in was:
        if name not in (TABLE, BIAS, OWN):
            assert torch.equal(now[name], was[name])
            continue
        assert now[name].shape == (size, *was[name].shape[1:])
        assert torch.equal(now[name][: tokens.vocab_size], was[name][: tokens.vocab_size])
        for index, pieces in many.rows.items():
            mean = was[name][list(pieces)].mean(0)
            torch.testing.assert_close(now[name][index], mean, rtol=0, atol=1e-6)
    # A text without new tokens has the scores that it had, on the old entries.
    text = next(t for t in TEXTS if tokens.encode(t).ids == many.tokenizer.encode(t).ids)
    before, after = logits(old, text), logits(new, text)
    close = {"rtol": 0.0, "atol": 1e-6}
    torch.testing.assert_close(
        after[..., : tokens.vocab_size], before[..., : tokens.vocab_size], **close
    )
    # A new token's score is the mean of its pieces' scores: never above the best of them.
    for index, pieces in many.rows.items():
        mean = before[..., list(pieces)].mean(-1)
        torch.testing.assert_close(after[..., index], mean, rtol=0, atol=1e-4)
    # Tables are still tied, and whatever is tied is stored once.
    save_model(
        tmp_path / "new", new.model, arch=new.arch, config=new.config, tokenizer=new.tokenizer
    )
    again = open_model(tmp_path / "new")
    assert torch.equal(logits(again, FIELD[0]), logits(new, FIELD[0]))
    assert again.tokenizer == many.tokenizer


@pytest.mark.parametrize("arch", ["bert", "modernbert", "albert"])
def test_transformers_opens_the_extended_folder(
    arch: str, tokens: Tokenizer, many: Extension, tmp_path: Path
) -> None:
    new = extended(opened(row_of(arch), "lm", tokens, tmp_path / "old"), many)
    save_model(
        tmp_path / "new", new.model, arch=new.arch, config=new.config, tokenizer=new.tokenizer
    )
    theirs, report = transformers.AutoModelForMaskedLM.from_pretrained(
        tmp_path / "new", output_loading_info=True
    )
    assert {name for name, faults in report.items() if faults} == set()
    their_tokens = transformers.AutoTokenizer.from_pretrained(tmp_path / "new")
    for text in [*FIELD, *TEXTS]:
        ids = list(new.tokenizer.encode(text, specials=True).ids)
        assert their_tokens(text)["input_ids"] == ids
    with torch.inference_mode():
        expected = theirs(**their_tokens(FIELD[0], return_tensors="pt")).logits[0]
    torch.testing.assert_close(logits(new, FIELD[0]), expected, rtol=0, atol=2e-5)
    table = theirs.get_input_embeddings().weight
    assert torch.equal(table, named_weights(new.model)[TABLE])
    assert theirs.get_output_embeddings().weight is table


@pytest.mark.parametrize("arch", ["bert", "modernbert"])
def test_spare_rows_are_used_first(
    arch: str, tokens: Tokenizer, few: Extension, tmp_path: Path
) -> None:
    old = opened(row_of(arch), "lm", tokens, tmp_path / "old")
    assert tokens.vocab_size + 4 < VOCAB
    new = extended(old, few)
    assert new.config == old.config
    was, now = named_weights(old.model), named_weights(new.model)
    for name in (TABLE, BIAS):
        changed = (was[name] != now[name]).flatten(1) if name == TABLE else was[name] != now[name]
        rows = changed.any(1) if name == TABLE else changed
        assert rows.nonzero().flatten().tolist() == sorted(few.rows)


@pytest.mark.parametrize("kind", ["encoder", "sequence", "token", "span"])
def test_other_heads_are_kept(
    kind: str, tokens: Tokenizer, many: Extension, tmp_path: Path
) -> None:
    old = opened(row_of("bert"), kind, tokens, tmp_path / "old")
    new = extended(old, many)
    text = next(t for t in TEXTS if tokens.encode(t).ids == many.tokenizer.encode(t).ids)
    assert torch.equal(logits(new, text), logits(old, text))
    assert new.kept.keys() == old.kept.keys()


def test_another_models_words_are_refused(
    tokens: Tokenizer, many: Extension, tmp_path: Path
) -> None:
    old = opened(row_of("bert"), "lm", tokens, tmp_path / "old")
    twice = extend(count_words(many.tokenizer, FIELD * 2 + ["neuropathies"] * 5), add=3)
    with pytest.raises(ModelError, match=r"has \d+ ids and the extension is one of \d+"):
        extended(old, twice)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_same_tokenizer_gives_the_same_model(
    row: Row, tokens: Tokenizer, tmp_path: Path
) -> None:
    old = opened(row, "lm", tokens, tmp_path / "old")
    start = initialise_from(old, tokens)
    assert (start.copied, start.averaged, start.drawn) == (tokens.vocab_size, 0, 0)
    assert torch.equal(logits(start.opened), logits(old)[..., : tokens.vocab_size])


def moved(tokens: Tokenizer, by: int) -> Tokenizer:
    """The same tokens, every id higher by some, in a circle."""
    size = tokens.vocab_size
    spec = {**tokens.spec, "model": {**tokens.spec["model"]}}
    spec["model"]["vocab"] = {t: (i + by) % size for t, i in spec["model"]["vocab"].items()}
    spec["added_tokens"] = [{**e, "id": (e["id"] + by) % size} for e in spec["added_tokens"]]
    processor = {**spec["post_processor"]}
    processor["special_tokens"] = {
        name: {**entry, "ids": [(i + by) % size for i in entry["ids"]]}
        for name, entry in processor["special_tokens"].items()
    }
    return Tokenizer.from_spec({**spec, "post_processor": processor}, tokens.settings)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_other_ids_of_the_same_tokens_give_the_same_scores(
    row: Row, tokens: Tokenizer, tmp_path: Path
) -> None:
    """RoBERTa's positions, which begin behind the padding, move with it."""
    old = opened(row, "lm", tokens, tmp_path / "old")
    new = moved(tokens, 3)
    start = initialise_from(old, new)
    assert (start.copied, start.averaged, start.drawn) == (tokens.vocab_size, 0, 0)
    assert start.opened.config.pad_token_id == new.pad_id == 3
    assert start.opened.model.encoder.config.context == old.model.encoder.config.context
    places = [(i + 3) % tokens.vocab_size for i in range(tokens.vocab_size)]
    torch.testing.assert_close(
        logits(start.opened)[..., places], logits(old)[..., : tokens.vocab_size], rtol=0, atol=1e-6
    )
    save_model(
        tmp_path / "new",
        start.opened.model,
        arch=old.arch,
        config=start.opened.config,
        tokenizer=new,
    )
    assert torch.equal(logits(open_model(tmp_path / "new")), logits(start.opened))


def test_another_kind_of_tokenizer(tokens: Tokenizer, tmp_path: Path) -> None:
    old = opened(row_of("modernbert"), "lm", tokens, tmp_path / "old")
    bpe = train(TEXTS * 3, kind="bpe", vocab_size=340)
    start = initialise_from(old, bpe, seed=4)
    assert start.copied + start.averaged + start.drawn == bpe.vocab_size
    assert min(start.copied, start.averaged, start.drawn) > 0
    was, now = (named_weights(m.model) for m in (old, start.opened))
    for role in ("cls", "sep", "mask", "pad", "unk"):
        ours, theirs = bpe.roles.get(role), tokens.roles.get(role)  # type: ignore[arg-type]
        assert ours is not None
        assert torch.equal(now[TABLE][ours], was[TABLE][theirs])
    config = start.opened.config
    assert (config.pad_token_id, config.cls_token_id, config.sep_token_id) == (
        bpe.pad_id, bpe.cls_id, bpe.sep_id,
    )  # fmt: skip
    the, then = bpe.token_to_id("Ġthe"), tokens.token_to_id("the")
    assert the is not None
    for name in (TABLE, BIAS):
        assert torch.equal(now[name][the], was[name][then])
    again, other = initialise_from(old, bpe, seed=4), initialise_from(old, bpe, seed=5)
    assert torch.equal(named_weights(again.opened.model)[TABLE], now[TABLE])
    assert not torch.equal(named_weights(other.opened.model)[TABLE], now[TABLE])


def test_a_tokenizer_without_the_special_tokens_is_refused(
    tokens: Tokenizer, tmp_path: Path
) -> None:
    old = opened(row_of("bert"), "lm", tokens, tmp_path / "old")
    spec = {**tokens.spec, "post_processor": None, "added_tokens": []}
    vocab = {t: i for t, i in spec["model"]["vocab"].items() if t != "[MASK]"}
    bare = Tokenizer.from_spec({**spec, "model": {**spec["model"], "vocab": vocab}})
    with pytest.raises(TokenizerError, match=r"the new tokenizer has no token for: mask"):
        initialise_from(old, bare)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_keeping_all_layers_keeps_the_model(row: Row, tokens: Tokenizer, tmp_path: Path) -> None:
    old = opened(row, "lm", tokens, tmp_path / "old")
    new = keep_layers(old, range(old.config.num_hidden_layers))
    assert new.config == old.config
    assert torch.equal(logits(new), logits(old))


@pytest.mark.parametrize("arch", ["bert", "roberta", "modernbert", "electra", "deberta_v2"])
def test_kept_layers_are_those_of_a_model_built_by_hand(
    arch: str, tokens: Tokenizer, tmp_path: Path
) -> None:
    """The oracle with its own list of layers cut, saved by itself."""
    row = row_of(arch)
    theirs = oracle(row, "lm")
    kept = (0, 3) if arch == "modernbert" else (0, 2)  # both of them see everything
    stack = theirs.base_model.layers if arch == "modernbert" else theirs.base_model.encoder.layer
    layers = torch.nn.ModuleList([stack[i] for i in kept])
    if arch == "modernbert":
        theirs.base_model.layers = layers
        theirs.config.layer_types = [theirs.config.layer_types[i] for i in kept]
    else:
        theirs.base_model.encoder.layer = layers
    theirs.config.num_hidden_layers = len(kept)
    write_folder(row, "lm", theirs, tmp_path / "hand", tokens)
    by_hand = open_model(tmp_path / "hand")
    new = keep_layers(opened(row, "lm", tokens, tmp_path / "old"), kept)
    assert new.config == by_hand.config
    ours, hands = named_weights(new.model), named_weights(by_hand.model)
    assert ours.keys() == hands.keys()
    assert all(torch.equal(ours[name], hands[name]) for name in ours)
    assert torch.equal(logits(new), logits(by_hand))


def test_shared_layers(tokens: Tokenizer, tmp_path: Path) -> None:
    """ALBERT: fewer uses of one set of weights; of two sets only in equal shares."""
    one, two = (row for row in ROWS if row.arch == "albert")
    old = opened(one, "lm", tokens, tmp_path / "one")
    new = keep_layers(old, (1,))
    assert new.config.num_hidden_layers == 1
    assert new.model.encoder.config.weights_of == (0,)
    old = opened(two, "lm", tokens, tmp_path / "two")  # runs of two and of one
    assert old.model.encoder.config.weights_of == (0, 0, 1)
    new = keep_layers(old, (1, 2))
    assert (new.config.num_hidden_groups, new.config.num_hidden_layers) == (2, 2)
    assert new.model.encoder.config.weights_of == (0, 1)
    last = keep_layers(old, (2,))
    assert last.config.num_hidden_groups == 1
    name = "encoder.layers.{}.mlp.up.weight"
    was = named_weights(old.model)[name.format(1)]
    assert torch.equal(named_weights(last.model)[name.format(0)], was)


def test_shares_that_are_not_equal_are_refused(tokens: Tokenizer, tmp_path: Path) -> None:
    row = next(row for row in ROWS if row.name == "albert, two groups")
    wider = Row(row.arch, "four", {**row.settings, "num_hidden_layers": 4}, row.model_type)
    old = opened(wider, "lm", tokens, tmp_path / "old")
    assert old.model.encoder.config.weights_of == (0, 0, 1, 1)
    with pytest.raises(UnsupportedModel, match=r"albert .* layers 0,2,3 fall .* Keep equally many"):
        keep_layers(old, (0, 2, 3))
    assert keep_layers(old, (0, 3)).config.num_hidden_groups == 2


@pytest.mark.parametrize("arch", ["modernbert", "elmo"])
def test_a_first_layer_that_is_special_must_stay(
    arch: str, tokens: Tokenizer, tmp_path: Path
) -> None:
    old = opened(row_of(arch), "lm", tokens, tmp_path / "old")
    message = rf"layer 1 cannot become layer 0: at that place the {arch} .* Keep layer 0 too"
    with pytest.raises(UnsupportedModel, match=message):
        keep_layers(old, (1, 2))


def test_windows_go_with_their_layers(tokens: Tokenizer, tmp_path: Path) -> None:
    row = next(row for row in ROWS if row.name == "decoder, Qwen2, sliding window")
    old = opened(row, "lm", tokens, tmp_path / "old")
    new = keep_layers(old, (0, 2))
    assert [layer.attention.window for layer in new.model.encoder.config.layers] == [
        old.model.encoder.config.layers[i].attention.window for i in (0, 2)
    ]
    # Where the config gives them by place alone, they cannot.
    by_place = old.arch.check({**old.config.model_dump(), "layer_types": None})
    assert kept_config(old.arch, by_place, (0, 2)).num_hidden_layers == 2
    with pytest.raises(UnsupportedModel, match="layer 1 cannot become layer 0"):
        kept_config(old.arch, by_place, (1, 2))


@pytest.mark.parametrize("layers", [(), (2, 1), (1, 1), (0, 3), (-1, 0)])
def test_layers_that_are_not_there(
    layers: tuple[int, ...], tokens: Tokenizer, tmp_path: Path
) -> None:
    old = opened(row_of("bert"), "lm", tokens, tmp_path / "old")
    shown = ",".join(map(str, layers)) or "none"
    with pytest.raises(ModelError, match=rf"from 0 to 2, ascending and each once, not {shown}"):
        keep_layers(old, layers)
