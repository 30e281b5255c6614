"""What generator and discriminator have in common, and that it is held once."""

from __future__ import annotations

import copy
from typing import Any, get_args

import pytest
import torch

from tests.objectives.replaced import VOCAB, detection, pair
from tests.train.toys import rows_of
from unmask.arch.registry import arch_of, sized_config
from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.errors import ConfigError
from unmask.heads.replaced import ReplacedTokens, Share, check_shared
from unmask.objectives.rtd import judged_logits
from unmask.train.optim import OptimConfig, Optimizer, parameter_groups

SHARES: tuple[Share, ...] = get_args(Share)
by_share = pytest.mark.parametrize("share", SHARES)
TABLE = "generator.encoder.embedding.tokens.weight"
DIFFERENCE = "discriminator.encoder.embedding.tokens.difference.weight"


def gradients(model: ReplacedTokens, term: str) -> dict[str, float]:
    """How large the gradient of one term is, by name of the weight that it reaches."""
    task = detection().corrupt(pack(rows_of(20)), Draws(0, 0))
    model.zero_grad()
    detection().loss(model, task).terms[term].total.backward()  # type: ignore[no-untyped-call]
    found = ((n, p.grad) for n, p in model.named_parameters())
    return {n: float(g.abs().max()) for n, g in found if g is not None}


@by_share
def test_where_the_discriminators_gradient_goes(share: Share) -> None:
    reached = gradients(pair(share), "discriminator")
    common = {name for name in reached if name.startswith("generator.")}
    inside = "generator.encoder.embedding."
    assert (
        common
        == {
            "none": set(),
            "gdes": set(),
            "tokens": {TABLE},
            "all": {
                TABLE,
                f"{inside}positions.weight",
                f"{inside}segments.weight",
                f"{inside}norm.weight",
                f"{inside}norm.bias",
            },
        }[share]
    )
    assert all(reached[name] > 0 for name in common)
    assert (DIFFERENCE in reached) == (share == "gdes")
    assert reached.get(DIFFERENCE, 1.0) > 0


@by_share
def test_the_generators_gradient_stays_in_the_generator(share: Share) -> None:
    reached = gradients(pair(share), "generator")
    assert all(name.startswith("generator.") for name in reached)
    assert reached[TABLE] > 0


@by_share
def test_each_weight_is_held_once(share: Share) -> None:
    model = pair(share)
    state = model.state_dict()
    places = [tensor.data_ptr() for tensor in state.values()]
    assert len(places) == len(set(places))
    assert state.keys() == dict(model.named_parameters()).keys()
    matrices, tables, vectors = parameter_groups(model)
    ids = [id(p) for p in (*matrices, *tables, *vectors)]
    assert len(ids) == len(set(ids)) == len(state)
    rows = [name for name, p in model.named_parameters() if any(p is one for one in tables)]
    assert TABLE in rows
    # A last layer is no matrix between hidden states, wherever it stands.
    assert "discriminator.head.project.weight" in rows
    assert (DIFFERENCE in rows) == (share == "gdes")
    tables_of_tokens = [n for n, p in model.named_parameters() if p.shape == (VOCAB, 64)]
    assert len(tables_of_tokens) == {"none": 1, "tokens": 1, "all": 1, "gdes": 2}[share]


@by_share
def test_the_discriminator_alone_is_the_same(share: Share) -> None:
    model = pair(share)
    for parameter in model.parameters():  # the differences are not zero any more
        with torch.no_grad():
            parameter.add_(0.1 * torch.randn_like(parameter))
    batch = pack(rows_of(6))
    rows = torch.arange(batch.tokens)
    alone = model.alone()
    with torch.inference_mode():
        guest = judged_logits(model.discriminator.eval(), batch, rows)
        torch.testing.assert_close(judged_logits(alone, batch, rows), guest)
    if share == "gdes":
        state = model.state_dict()
        table = alone.encoder.embedding.tokens.weight
        torch.testing.assert_close(table.detach(), state[TABLE] + state[DIFFERENCE])
    # A copy: what is trained on does not change it.
    before = alone.encoder.embedding.tokens.weight.clone()
    with torch.no_grad():
        model.generator.encoder.embedding.tokens.weight.add_(1.0)
    assert torch.equal(alone.encoder.embedding.tokens.weight, before)


def test_tables_begin_as_one_or_as_two() -> None:
    for share in SHARES:
        model = pair(share)
        one = model.generator.encoder.embedding.tokens.weight
        two = model.discriminator.encoder.embedding.tokens.weight
        same = one.shape == two.shape and torch.equal(one, two)
        assert same == (share != "none")


@by_share
def test_a_copy_is_a_pair_of_its_own(share: Share) -> None:
    """A trial of the speed trains a copy."""
    model = pair(share)
    twin = copy.deepcopy(model)
    task = detection().corrupt(pack(rows_of(20)), Draws(0, 0))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    losses = detection().loss(twin, task)
    sum(loss.total for loss in losses.terms.values()).backward()  # type: ignore[union-attr]
    Optimizer(twin, OptimConfig()).step(1.0)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    again = detection().loss(twin, task).terms["discriminator"].total
    assert not torch.equal(again, losses.terms["discriminator"].total)
    table = twin.discriminator.encoder.embedding.tokens.weight
    if share in ("tokens", "all"):
        assert table is twin.generator.encoder.embedding.tokens.weight


def test_embeddings_that_cannot_be_one_are_refused() -> None:
    arch: Any = arch_of("electra")

    def encoder(size: str, **changes: int) -> Any:
        config = sized_config("electra", size, vocab_size=VOCAB, context=32, pad_token_id=0)
        return arch.encoder(arch.check({**config.model_dump(), **changes}))

    small, large = encoder("1x64"), encoder("1x128")
    check_shared(small, large, "none")
    for share in ("tokens", "all", "gdes"):
        with pytest.raises(ConfigError, match=r"64 wide .* 128, .*rtd.generator=1 or rtd.share"):
            check_shared(small, large, share)
    projected = encoder("1x64", embedding_size=128)
    for share in SHARES:
        check_shared(projected, large, share)
    shorter = encoder("1x64", embedding_size=128, max_position_embeddings=16)
    check_shared(shorter, large, "tokens")
    with pytest.raises(ConfigError, match="all"):
        check_shared(shorter, large, "all")
