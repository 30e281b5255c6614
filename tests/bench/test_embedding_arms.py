"""Embedding as arms of a comparison: order, padding, pooling, choices, and what they are given."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from unmask.bench import ours, peers_exported, peers_torch, prepare_embed, sorted_batches, timing
from unmask.bench import texts as of_texts
from unmask.bench.arm import F32
from unmask.bench.measure import Setting
from unmask.bench.peers_exported import _at_once, _in_turn
from unmask.bench.runner import cosines
from unmask.bench.sorted_batches import NAMES, Arrays
from unmask.checkpoint import durable
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train

needs_model = pytest.mark.skipif(
    importlib.util.find_spec(of_texts.PACKAGE) is None,
    reason="the package with the real model is not installed",
)
WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight")
TEXTS = [" ".join(WORDS[: 1 + n * 3 % 8]) for n in range(7)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer."""
    path = tmp_path_factory.mktemp("tokenizer")
    train(TEXTS, kind="wordpiece", vocab_size=80).save_pretrained(path)
    return path


class Table:
    """A model that looks its tokens up, padding too, and notes the batches that it was given."""

    def __init__(self) -> None:
        self.vectors = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, batches: Iterable[Arrays]) -> Iterable[F32]:
        for arrays in batches:
            self.shapes.append(arrays["input_ids"].shape)
            yield self.vectors[arrays["input_ids"]]

    def expected(self, folder: Path, texts: Sequence[str], longest: int) -> F32:
        tokenizer = sorted_batches.fast_tokenizer(folder, longest)
        means = np.stack([self.vectors[tokenizer.encode(text).ids].mean(0) for text in texts])
        found: F32 = means / np.linalg.norm(means, axis=1, keepdims=True)
        return found


@pytest.mark.parametrize("batch", [1, 2, 32])
def test_vectors_come_in_the_order_of_the_texts_and_of_real_tokens(
    folder: Path, batch: int
) -> None:
    model = Table()
    encode = sorted_batches.encoder(folder, 7, batch, model.forward)
    assert encode(TEXTS) == pytest.approx(model.expected(folder, TEXTS, 7), abs=1e-6)
    assert sum(rows for rows, _ in model.shapes) == len(TEXTS)
    lengths = [length for _, length in model.shapes]
    assert lengths == sorted(lengths, reverse=True)
    assert max(lengths) == 7  # cut there, special tokens included
    assert encode([]).shape == (0, 0)


def test_batches_are_padded_behind() -> None:
    arrays = sorted_batches.padded([[5, 6, 7], [8]])
    assert {name: arrays[name].tolist() for name in NAMES} == {
        "input_ids": [[5, 6, 7], [8, 0, 0]],
        "attention_mask": [[1, 1, 1], [1, 0, 0]],
        "token_type_ids": [[0, 0, 0], [0, 0, 0]],
    }


class Clock:
    """Time that passes where it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(timing.time, "perf_counter", lambda: self.now)

    def taking(self, seconds: list[float]) -> tuple[Callable[[Sequence[str]], F32], list[int]]:
        """A function that takes so long, call by call, and how many texts each was given."""
        given: list[int] = []

        def encode(texts: Sequence[str]) -> F32:
            self.now += seconds[len(given)]
            given.append(len(texts))
            return np.ones((len(texts), 2), np.float32)

        return encode, given


def test_the_fastest_is_that_with_the_least_time_on_all_texts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    steady, given = clock.taking([0.1, 3.0, 3.0])
    slow_once, _ = clock.taking([50.0, 9.0, 2.0])
    assert timing.fastest({1.0: steady, 8.0: slow_once}, ["a"] * 1000) == 8.0
    assert given == [200, 1000, 1000]


def test_single_texts_are_timed_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    encode, given = Clock(monkeypatch).taking([0.001] * 98 + [0.002, 0.011])
    measured = timing.OneByOne(encode, ["a"] * 100, 300).run()
    assert given == [1] * 100
    assert measured.work == 300
    assert measured.seconds == pytest.approx(0.111)
    assert measured.facts["p50"] == pytest.approx(1.0)
    assert measured.facts["p99"] == pytest.approx(2.09)
    assert measured.outputs is not None
    assert measured.outputs.shape == (100, 2)


class Request:
    """Gives the ids that it was given, as float, in the one room that it has."""

    def __init__(self) -> None:
        self.data = np.zeros((1, 1, 1), np.float32)

    def infer(self, fed: dict[str, Any], **_: Any) -> None:
        ids = fed["input_ids"]
        if self.data.shape[:2] != ids.shape:
            self.data = np.zeros((*ids.shape, 1), np.float32)
        self.data[:] = ids[:, :, None]

    def get_output_tensor(self, number: int) -> Any:
        return SimpleNamespace(data=self.data)


class Queue:
    """Does its work in the end, from the middle, all by one request."""

    def __init__(self, compiled: Any) -> None:
        self.waiting: list[tuple[dict[str, Any], Any]] = []

    def set_callback(self, call: Callable[[Any, Any], None]) -> None:
        self.call = call

    def start_async(self, fed: dict[str, Any], userdata: Any) -> None:
        self.waiting.append((fed, userdata))

    def wait_all(self) -> None:
        request = Request()
        while self.waiting:
            fed, userdata = self.waiting.pop(len(self.waiting) // 2)
            request.infer(fed)
            self.call(request, userdata)


class Port(str):
    def get_names(self) -> set[str]:
        return {str(self)}


COMPILED = SimpleNamespace(inputs=[Port(name) for name in NAMES], create_infer_request=Request)


@pytest.mark.parametrize("make", [_at_once, _in_turn])
def test_batches_at_once_come_back_in_their_order(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    openvino = ModuleType("openvino")
    openvino.AsyncInferQueue = Queue  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "openvino", openvino)
    forward = make(COMPILED)
    for first in (0, 50):
        batches = [sorted_batches.padded([[first + n] * 3]) for n in range(1, 6)]
        found = [hidden[0, :, 0].tolist() for hidden in forward(batches)]
        assert found == [[first + n] * 3 for n in range(1, 6)]
    assert list(forward([])) == []


def test_the_best_variant_and_batch_are_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS), "utf-8")
    first, second = Table(), Table()
    forwards = {0: first.forward, 1: second.forward}
    given = (forwards, str(folder), str(tmp_path / "texts.json"), 40, 7)
    tried: list[float] = []

    def fastest(choices: dict[float, Any], texts: Sequence[str]) -> float:
        tried.extend(choices)
        return 1008.0

    monkeypatch.setattr(peers_exported, "fastest", fastest)
    measured = peers_exported._best(*given, one_by_one=False).run()
    assert tried == [1.0, 8.0, 32.0, 1001.0, 1008.0, 1032.0]
    assert measured.facts == {"batch": 8.0, "variant": 1.0}
    assert (len(first.shapes), len(second.shapes)) == (0, 1)
    peers_exported._best({0: first.forward}, *given[1:], one_by_one=True).run()
    assert [rows for rows, _ in first.shapes] == [1] * len(TEXTS)


@needs_model
def test_sentence_transformers_is_run_at_its_batch_and_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sentence_transformers", reason="the peer is not installed")
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS), "utf-8")
    given = (str(of_texts.minilm()), str(tmp_path / "texts.json"), 40)
    monkeypatch.setattr(peers_torch, "fastest", lambda choices, texts: max(choices))
    theirs = peers_torch.sentence_transformers(*given, batch="best", max_length=6).run()
    assert theirs.facts == {"batch": 32.0}
    assert theirs.outputs is not None
    arm = ours.embedder(*given, precision="fp32", max_length=6, work=str(tmp_path))
    with pytest.warns(UserWarning, match="longer than 6 tokens"):
        own = arm.run()
    assert own.outputs is not None
    assert cosines(own.outputs, theirs.outputs)[0] > 0.999999
    longer = ours.embedder(*given, precision="fp32").run().outputs
    assert longer is not None
    assert cosines(longer, theirs.outputs)[0] < 0.99


@needs_model
@pytest.mark.filterwarnings("ignore")  # of the exporters' own libraries
@pytest.mark.parametrize("library", ["onnxruntime", "openvino"])
def test_exported_models_agree(library: str, tmp_path: Path) -> None:
    for needed in (library, "onnx", "transformers"):
        pytest.importorskip(needed, reason="the peer is not installed")
    (tmp_path / "texts.json").write_text(json.dumps(TEXTS), "utf-8")
    given = (str(of_texts.minilm()), str(tmp_path / "texts.json"), 40)
    make = getattr(peers_exported, library)
    theirs = make(*given, work=str(tmp_path), threads=1, kind="fp32").run()
    own = ours.embedder(*given, precision="fp32").run()
    assert own.outputs is not None
    assert cosines(own.outputs, theirs.outputs)[0] > 0.999999
    assert theirs.facts["batch"] in timing.BATCHES


def test_a_model_with_another_limit_is_whole_or_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, work = tmp_path / "model", tmp_path / "work"
    (model / "onnx").mkdir(parents=True)
    (model / "manifest.json").touch()
    path = "sentence_bert_config.json"
    (model / path).write_text('{"max_seq_length": 256, "other": 1}', "utf-8")
    assert ours.lengthened(str(model), 0, str(work)) == model
    with monkeypatch.context() as patched:
        patched.setattr(ours.json, "dumps", stopped)
        with pytest.raises(KeyboardInterrupt):
            ours.lengthened(str(model), 512, str(work))
    assert list(work.iterdir()) == []
    copy = ours.lengthened(str(model), 512, str(work))
    assert [one.name for one in copy.iterdir()] == [path]
    assert json.loads((copy / path).read_text("utf-8")) == {"max_seq_length": 512, "other": 1}
    assert ours.lengthened(str(model), 512, str(work)) == copy


def stopped(*_: Any, **__: Any) -> Any:
    raise KeyboardInterrupt


def test_docstrings_are_read_once_and_kept_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []

    class Source:
        @classmethod
        def find(cls) -> Source:
            return cls()

        def documents(self, reading: Any) -> list[Any]:
            reads.append(1)
            return [SimpleNamespace(text=text) for text in TEXTS]

    monkeypatch.setattr(of_texts, "InstalledDocstrings", Source)
    with monkeypatch.context() as patched:
        patched.setattr(durable.os, "replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            of_texts.documents(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert of_texts.documents(tmp_path) == of_texts.documents(tmp_path) == TEXTS
    assert len(reads) == 2


DOCUMENTS = [
    *(f"{WORDS[n % 8]} {n} {' '.join(WORDS * (n % 5))}\n\nnot the first" for n in range(400)),
    *("twice\n\na", "twice\n\nb", "far too long " * 200),
]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "docstrings.json").write_text(json.dumps(DOCUMENTS), "utf-8")
    return tmp_path


def test_paragraphs_are_first_ones_and_none_comes_twice(folder: Path, work: Path) -> None:
    tokenizer = Tokenizer.from_pretrained(folder)
    every = of_texts.paragraphs(work, tokenizer, 1000)
    assert len(every) == len(set(every)) == 401
    assert "twice" in every
    assert not [text for text in every if "not the first" in text or "too long" in text]
    some = of_texts.paragraphs(work, tokenizer, 20)
    assert len(some) == 20
    assert of_texts.paragraphs(work, tokenizer, 20) == some
    assert of_texts.paragraphs(work, tokenizer, 20, seed=1) != some


def test_texts_of_a_length_have_it(folder: Path) -> None:
    tokenizer = Tokenizer.from_pretrained(folder)
    made = of_texts.of_length(tokenizer, TEXTS * 3, 9, 12)
    assert of_texts.token_counts(tokenizer, made) == [9] * 12
    with pytest.raises(ValueError, match="no text of 500 tokens could be made of 1 texts"):
        of_texts.of_length(tokenizer, TEXTS[:1], 500, 1)


def test_texts_come_back_from_their_file(folder: Path, tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_pretrained(folder)
    told = of_texts.stored(tmp_path, "name", TEXTS, tokenizer)
    counts = of_texts.token_counts(tokenizer, TEXTS)
    assert of_texts.loaded(told["texts"]) == TEXTS
    assert told["tokens"] == told["told"]["tokens"] == sum(counts)
    assert (told["told"]["texts"], told["told"]["longest"]) == (len(TEXTS), max(counts))


@needs_model
def test_measures_are_given_texts_of_their_lengths(work: Path) -> None:
    setting = Setting(str(work), 1, quick=True)
    tokenizer = Tokenizer.from_pretrained(of_texts.minilm())

    def lengths(options: dict[str, Any]) -> list[int]:
        assert (options["work"], options["threads"]) == (str(work), 1)
        assert options["folder"] == str(of_texts.minilm())
        counts = of_texts.token_counts(tokenizer, of_texts.loaded(options["texts"]))
        assert options["tokens"] == sum(counts)
        return counts

    assert len(lengths(prepare_embed.paragraphs(setting))) == of_texts.FEW
    short = lengths(prepare_embed.short(setting))
    assert len(short) == prepare_embed.FEW_CALLS
    assert 8 <= min(short) <= max(short) <= 32
    for length in (32, 128, 512):
        options = getattr(prepare_embed, f"of_length_{length}")(setting)
        assert lengths(options) == [length] * (prepare_embed.FEW_TOKENS // length)
        assert options["max_length"] == 512
