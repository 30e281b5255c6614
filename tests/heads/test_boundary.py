"""The head for the boundaries of spans, beside language models of several shapes."""

from __future__ import annotations

import pytest
import torch

from unmask.arch.registry import arch_of, sized_config
from unmask.batches.pack import pack
from unmask.heads.boundary import BoundaryModel
from unmask.heads.model import LanguageModel
from unmask.nn.init import initialise
from unmask.train.optim import parameter_groups

ROWS = [[2, 7, 8, 9, 10, 3], [2, 11, 12, 3]]


def model_of(arch: str, places: int = 4, **changed: object) -> BoundaryModel:
    config = sized_config(arch, "1x64", vocab_size=40, context=16, pad_token_id=0, **changed)
    declared = arch_of(arch)
    model = BoundaryModel(LanguageModel(declared.encoder(config), declared.lm_head(config)), places)
    initialise(model, 0.1, 1, torch.Generator().manual_seed(0))
    return model.eval()


@pytest.mark.parametrize("arch", ["modernbert", "bert", "albert", "electra", "deberta_v2"])
def test_the_language_model_says_what_it_says_alone(arch: str) -> None:
    """And the head reads the rows that it is given, each with its place."""
    model, batch = model_of(arch), pack(ROWS)
    outside, places = torch.tensor([[0, 6], [4, 9]]), torch.tensor([1, 0])
    rows = torch.tensor([2, 7, 8])
    with torch.inference_mode():
        tokens, bounded = model(batch, rows, outside, places)
        alone = model.language_model(batch, rows)
        moved = [
            model(batch, rows, *changed)[1]
            for changed in ((outside.flip(0), places), (outside, places + 1), (outside, places + 9))
        ]
        last = model(batch, rows, outside, torch.tensor([3, 3]))[1]
    assert torch.equal(tokens, alone)
    assert tokens.shape == (3, 40)
    assert bounded.shape == (2, 40)
    assert not any(torch.allclose(bounded, other) for other in moved)
    assert torch.equal(moved[2], last)  # tokens behind the last place share it


def test_the_table_is_the_output_table() -> None:
    """Its gradient comes from the boundary too; no second table is held."""
    model = model_of("bert")
    names = dict(model.named_parameters())
    assert [name for name, p in names.items() if p.shape[0] == 40 and p.dim() == 2] == [
        "language_model.encoder.embedding.tokens.weight"
    ]
    _, bounded = model(pack(ROWS), torch.tensor([0]), torch.tensor([[0], [3]]), torch.tensor([0]))
    bounded.logsumexp(1).sum().backward()
    table = model.language_model.encoder.embedding.tokens.weight.grad
    assert table is not None
    assert table[30:].abs().sum() > 0  # rows that no token of the text reads


def test_which_optimiser_has_the_head() -> None:
    model = model_of("bert")
    wanted = [{id(p) for p in group} for group in parameter_groups(model)]
    matrices, tables, _ = [
        {name for name, p in model.boundary.named_parameters() if id(p) in ids} for ids in wanted
    ]
    assert matrices == {"first.dense.weight", "second.dense.weight"}
    assert tables == {"places.weight"}
