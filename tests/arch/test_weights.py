"""Weight tables: reversible, total, strict."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from unmask.arch.registry import ARCHS, arch_of, sized_config
from unmask.arch.spec import HeadKind
from unmask.arch.weights import (
    Aside,
    Fuse,
    Kept,
    Rename,
    Rule,
    Tied,
    asides,
    places_in,
    read,
    renewed,
    write,
)
from unmask.checkpoint.building import bare, named_weights
from unmask.errors import WeightMapError

RULES: tuple[Rule, ...] = (
    Rename("encoder.tokens.weight", "@words.weight"),
    Rename("encoder.layers.{}.norm.*", "@block.{}.LN.*"),
    Fuse("encoder.layers.{}.qkv.*", ("@block.{}.q.*", "@block.{}.k.*", "@block.{}.v.*")),
    Rename("head.bias", "out.bias"),
    Tied("out.weight", "@words.weight"),
    Tied("out.decoder_bias", "out.bias"),
    Aside("@pooler.*", "the pooler"),
)


def ours() -> dict[str, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    names = {
        "encoder.tokens.weight": (7, 4),
        "encoder.layers.0.norm.weight": (4,),
        "encoder.layers.0.norm.bias": (4,),
        "encoder.layers.0.qkv.weight": (12, 4),
        "encoder.layers.10.qkv.weight": (12, 4),
        "encoder.layers.10.qkv.bias": (12,),
        "head.bias": (7,),
    }
    return {name: torch.randn(shape, generator=draws) for name, shape in names.items()}


def places() -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in ours().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("prefix", ["model.", ""])
def test_written_weights_read_back_as_the_same(prefix: str) -> None:
    theirs = write(RULES, prefix, ours())
    assert set(theirs) == {
        f"{prefix}words.weight",
        f"{prefix}block.0.LN.weight",
        f"{prefix}block.0.LN.bias",
        *(f"{prefix}block.{i}.{p}.weight" for i in (0, 10) for p in "qkv"),
        *(f"{prefix}block.10.{p}.bias" for p in "qkv"),
        "out.bias",
    }
    back, aside, new, _ = read(RULES, "model.", theirs, places())
    assert same(back, ours())
    assert (aside, new) == ((), ())


def test_fused_parts_stand_in_their_order() -> None:
    theirs = write(RULES, "model.", ours())
    whole = ours()["encoder.layers.10.qkv.bias"]
    parts = [theirs[f"model.block.10.{part}.bias"] for part in "qkv"]
    assert torch.equal(torch.stack(parts), whole.view(3, 4))


def test_what_is_set_aside_is_named() -> None:
    theirs = write(RULES, "model.", ours()) | {"model.pooler.weight": torch.zeros(1)}
    assert read(RULES, "model.", theirs, places())[1] == ("model.pooler.weight",)


def test_a_new_head_may_be_missing_and_nothing_else() -> None:
    theirs = write(RULES, "model.", ours())
    del theirs["out.bias"]
    assert read(RULES, "model.", theirs, places(), fresh=("head.",))[2] == ("head.bias",)
    with pytest.raises(WeightMapError, match=r"places without a weight: out\.bias\. Use"):
        read(RULES, "model.", theirs, places())
    del theirs["model.words.weight"]
    with pytest.raises(WeightMapError, match=r"without a weight: model\.words\.weight\. Use"):
        read(RULES, "model.", theirs, places(), fresh=("head.",))


def test_a_tied_repeat_is_dropped_and_must_be_equal() -> None:
    theirs = write(RULES, "model.", ours())
    table = theirs["model.words.weight"]
    assert same(read(RULES, "model.", theirs | {"out.weight": table.clone()}, places())[0], ours())
    for wrong in (table + 1e-6, table.double(), table[:3]):
        with pytest.raises(WeightMapError, match=r"out\.weight must equal model\.words\.weight"):
            read(RULES, "model.", theirs | {"out.weight": wrong}, places())


def test_a_tied_weight_may_stand_under_its_second_name_alone() -> None:
    theirs = write(RULES, "model.", ours())
    theirs["out.weight"] = theirs.pop("model.words.weight")
    theirs["out.decoder_bias"] = theirs.pop("out.bias")
    assert same(read(RULES, "model.", theirs, places())[0], ours())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"extra.weight": torch.zeros(2)}, "weights without a place: extra.weight"),
        ({"model.block.0.LN.gamma": torch.zeros(4)}, "without a place: model.block.0.LN.gamma"),
        ({"model.block.3.LN.weight": torch.zeros(4)}, "place: model.block.3.LN.weight"),
        ({"model.words.weight": torch.zeros(6, 4)}, "tokens.weight has shape (6, 4), not (7, 4)"),
        ({"model.block.0.q.weight": None}, "model.block.0.k.weight, model.block.0.v.weight"),
        (
            {
                "model.block.0.q.weight": torch.zeros(5, 4),
                "model.block.0.k.weight": torch.ones(3, 4),
            },
            "model.block.0.k.weight, model.block.0.v.weight must have equal shapes",
        ),
        ({f"model.block.10.{p}.bias": torch.tensor(1.0) for p in "qkv"}, "must have equal shapes"),
    ],
)
def test_one_error_lists_what_does_not_fit(changes: dict[str, Any], says: str) -> None:
    theirs = write(RULES, "model.", ours()) | changes
    with pytest.raises(WeightMapError) as caught:
        read(RULES, "model.", {k: v for k, v in theirs.items() if v is not None}, places())
    assert says in str(caught.value)


def test_long_lists_are_cut_visibly() -> None:
    theirs = write(RULES, "model.", ours()) | {f"x{i:02}": torch.zeros(1) for i in range(30)}
    with pytest.raises(WeightMapError, match="x11 and 18 more"):
        read(RULES, "model.", theirs, places())


def test_ours_without_a_name_of_theirs_is_an_error() -> None:
    with pytest.raises(WeightMapError, match=r"but these have none: head\.scale"):
        write(RULES, "model.", ours() | {"head.scale": torch.zeros(1)})


def test_old_endings() -> None:
    one, two = torch.zeros(1), torch.ones(1)
    endings = {"LN.gamma": "LN.weight"}
    found = renewed({"a.LN.gamma": one, "gamma.x": two}, endings)
    assert list(found) == ["a.LN.weight", "gamma.x"]
    for order in (("a.LN.gamma", "a.LN.weight"), ("a.LN.weight", "a.LN.gamma")):
        with pytest.raises(WeightMapError, match=r"a\.LN\.weight is in the checkpoint twice"):
            renewed(dict.fromkeys(order, one), endings)


def test_asides_cover_what_the_rules_would_open() -> None:
    theirs = write(RULES, "model.", ours()) | {"out.weight": torch.zeros(1)}
    found = read(asides(RULES, "everything"), "model.", theirs, {})
    assert found.ours == {}
    assert set(found.aside) == set(theirs)


def test_places_in() -> None:
    names = ["model.block.3.LN.bias", "out.bias", "other"]
    assert places_in(RULES, "model.", names) == {"encoder.layers.3.norm.bias", "head.bias"}


@pytest.mark.parametrize(
    ("arch_name", "kind"), [(name, kind) for name, arch in ARCHS.items() for kind in arch.heads]
)
def test_every_parameter_has_a_published_name_and_back(arch_name: str, kind: HeadKind) -> None:
    arch = arch_of(arch_name)
    config = sized_config(arch_name, "2x64", vocab_size=50, context=16, pad_token_id=0)
    model = bare(arch, kind, config, ("a", "b"))
    mine = {n: p.detach() for n, p in named_weights(model).items()}
    rules, prefix = arch.rules(config, kind), arch.prefix_of(kind)
    places = {n: p.shape for n, p in mine.items()}
    back = read(rules, prefix, write(rules, prefix, mine), places)
    assert same(back.ours, mine)
    assert back[1:] == ((), (), {})


def test_kept_weights_are_neither_lost_nor_read() -> None:
    rules = (Rename("encoder.a.*", "@a.*"), Kept("@pooler.*"))
    weights = {"model.a.weight": torch.zeros(2), "model.pooler.bias": torch.ones(1)}
    found = read(rules, "model.", weights, {"encoder.a.weight": torch.Size([2])})
    assert same(found.kept, {"pooler.bias": torch.ones(1)})
    assert found.aside == found.new == ()


def test_parts_of_unequal_shares() -> None:
    """Four heads of queries share two of keys: of eight rows, four, two and two."""
    rules = (Fuse("qkv.*", ("q.*", "k.*", "v.*"), (4, 2, 2)),)
    ours = {"qkv.weight": torch.arange(24.0).view(8, 3)}
    theirs = write(rules, "", ours)
    assert [len(theirs[name]) for name in ("q.weight", "k.weight", "v.weight")] == [4, 2, 2]
    places = {"qkv.weight": torch.Size([8, 3])}
    assert same(read(rules, "", theirs, places).ours, ours)
    swapped = theirs | {"q.weight": theirs["k.weight"], "k.weight": theirs["q.weight"]}
    with pytest.raises(WeightMapError, match="must have rows in the ratio 4:2:2"):
        read(rules, "", swapped, places)
