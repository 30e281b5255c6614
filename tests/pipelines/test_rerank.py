"""Scores of pairs, beside those of sentence-transformers' CrossEncoder."""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from tests.conftest import sentences
from tests.pipelines.theirs import PAIRS, CrossEncoder, cross_encoder, rewrite
from unmask.errors import ConfigError, ModelError, TokenizerError, TooLong, UnsupportedModel
from unmask.pipelines.classify import Classifier
from unmask.pipelines.pairs import longest_first
from unmask.pipelines.rerank import Reranker

TANH = "torch.nn.modules.activation.Tanh"
IDENTITY = "torch.nn.modules.linear.Identity"
NEWER = {"sentence_transformers": {"activation_fn": TANH, "version": "4.0.1"}}
OLDER = {"sbert_ce_default_activation_function": IDENTITY}


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Cut pairs are the rule here, and one test looks at the warning."""
    transformers.logging.set_verbosity_error()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\d+ of \d+ pairs are longer")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cross_encoder(tmp_path_factory.mktemp("cross") / "model")


def theirs(folder: Path, pairs: Any = PAIRS) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = CrossEncoder(str(folder), device="cpu").predict(pairs)
    return found


def assert_same(ours: Any, others: Any) -> None:
    assert ours.dtype == np.float32
    assert ours.shape == others.shape
    np.testing.assert_allclose(ours, others, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("arch", ["bert", "modernbert"])
@pytest.mark.parametrize("labels", [1, 3])
@pytest.mark.parametrize("said", [{}, NEWER, OLDER], ids=["nothing", "newer", "older"])
def test_scores_are_theirs(tmp_path: Path, arch: str, labels: int, said: dict[str, Any]) -> None:
    folder = cross_encoder(tmp_path / "model", arch, labels, **said)
    ours, expected = Reranker.from_pretrained(folder), theirs(folder)
    assert_same(ours.predict(PAIRS), expected)
    if labels == 1:
        assert np.ptp(expected) > 0.01
        assert (min(expected) > 0) == (not said)  # a sigmoid, unless something else is said
    ours.save_pretrained(tmp_path / "saved")
    assert_same(theirs(tmp_path / "saved"), expected)
    again = Reranker.from_pretrained(tmp_path / "saved")
    assert again.opened.activation == ours.opened.activation
    assert_same(again.predict(PAIRS), ours.predict(PAIRS))
    theirs_saved = tmp_path / "theirs"
    CrossEncoder(str(folder), device="cpu").save(str(theirs_saved), create_model_card=False)
    assert (theirs_saved / "modules.json").is_file()
    assert_same(Reranker.from_pretrained(theirs_saved).predict(PAIRS), expected)


def test_our_own_format_keeps_the_activation(tmp_path: Path) -> None:
    ours = Reranker.from_pretrained(cross_encoder(tmp_path / "model", **NEWER))
    ours.save_pretrained(tmp_path / "own", format="unmask")
    again = Reranker.from_pretrained(tmp_path / "own")
    assert_same(again.predict(PAIRS), ours.predict(PAIRS))
    with pytest.raises(ModelError, match="format must be one of auto, sentence-transformers"):
        ours.save_pretrained(tmp_path / "no", format="onnx")  # type: ignore[arg-type]


@pytest.mark.parametrize("segments", [True, False])
def test_segments_are_the_tokenizers_to_tell(tmp_path: Path, segments: bool) -> None:
    folder = cross_encoder(tmp_path / "model")
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if segments else [])]
    rewrite(folder / "tokenizer_config.json", model_input_names=names)
    assert_same(Reranker.from_pretrained(folder).predict(PAIRS), theirs(folder))


def test_max_length_is_the_tokenizers(tmp_path: Path) -> None:
    folder = cross_encoder(tmp_path / "model")
    rewrite(folder / "tokenizer_config.json", model_max_length=13)
    ours = Reranker.from_pretrained(folder)
    assert ours.max_length == 13
    assert_same(ours.predict(PAIRS), theirs(folder))
    ours.save_pretrained(tmp_path / "saved")
    assert_same(theirs(tmp_path / "saved"), theirs(folder))


def test_pairs_are_cut_as_transformers_cuts_them(folder: Path) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    token = tokenizer.tokenize("the")[0]
    for room in (6, 7):
        for first, second in itertools.product(range(10), repeat=2):
            cut = tokenizer(
                ["the " * first],
                ["the " * second],
                truncation="longest_first",
                max_length=room + 3,
                return_token_type_ids=True,
            )
            their_ids = tokenizer.convert_ids_to_tokens(cut["input_ids"][0])
            end = their_ids.index("[SEP]")
            counts = (their_ids[:end].count(token), their_ids[end:].count(token))
            if first + second <= room:
                assert counts == (first, second)
            else:
                assert longest_first(first, second, room) == counts, (first, second, room)


def test_rank(folder: Path) -> None:
    ours, model = Reranker.from_pretrained(folder), CrossEncoder(str(folder), device="cpu")
    documents = sentences()[::17]
    expected = model.rank("the cat", documents, return_documents=True)
    found = ours.rank("the cat", documents, return_documents=True)
    assert [one["corpus_id"] for one in found] == [one["corpus_id"] for one in expected]
    assert [one["text"] for one in found] == [one["text"] for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one["score"] == pytest.approx(other["score"], abs=1e-6)
    assert ours.rank("the cat", documents, top_k=3) == [
        {name: value for name, value in one.items() if name != "text"} for one in found[:3]
    ]
    for one in found:
        (alone,) = ours.stream([("the cat", one["text"])])
        assert (one["tokens"], one["truncated"]) == (alone.tokens, False)
    with pytest.warns(UserWarning, match="longer than"):
        (cut,) = ours.rank("the cat " * 200, documents[:1])
    assert cut["truncated"]
    assert cut["tokens"] > 200
    assert ours.rank("the cat", []) == []


def test_equal_documents_keep_their_order(folder: Path) -> None:
    ranked = Reranker.from_pretrained(folder).rank("she", ["the river"] * 5 + ["a dog"] * 5)
    places = [one["corpus_id"] for one in ranked]
    assert sorted(places[:5]) == places[:5]
    assert sorted(places[5:]) == places[5:]


def test_an_iterator_gives_an_iterator(folder: Path) -> None:
    ours = Reranker.from_pretrained(folder)
    texts = sentences() * 12
    pairs = list(zip(texts, texts[7:], strict=False))
    read = 0

    def source() -> Iterator[tuple[str, str]]:
        nonlocal read
        for pair in pairs:
            read += 1
            yield pair

    scores = ours.predict(source())
    first = next(scores)
    assert first.shape == (1,)
    assert read < len(pairs) - 300
    np.testing.assert_allclose(np.concatenate([first, *scores]), ours.predict(pairs), atol=1e-6)
    assert ours.predict([]).shape == (0,)


def test_long_pairs_are_counted_or_refused(folder: Path) -> None:
    ours = Reranker.from_pretrained(folder)
    with pytest.warns(UserWarning, match="^2 of 11 pairs are longer than 40 tokens"):
        ours.predict(PAIRS[:11])
    with pytest.raises(TooLong, match=r"pair 3 \(counted from 0\) has"):
        ours.predict(PAIRS, on_long="error")
    with pytest.raises(ConfigError, match="truncate, error here, not 'chunk'"):
        ours.predict(PAIRS, on_long="chunk")  # type: ignore[call-overload]


def test_what_is_no_pair(folder: Path) -> None:
    ours = Reranker.from_pretrained(folder)
    with pytest.raises(TokenizerError, match=r"number 1 \(counted from 0\) is 'ab'"):
        ours.predict([("a", "b"), "ab"])
    with pytest.raises(TokenizerError, match="number 0"):
        ours.predict([("a", "b", "c")])
    with pytest.raises(TokenizerError, match="list of documents"):
        ours.rank("a", "b")
    with pytest.raises(ConfigError, match="top_k must be at least 1, not 0"):
        ours.rank("a", ["b"], top_k=0)


def test_several_labels_give_a_table_and_no_ranking(tmp_path: Path) -> None:
    ours = Reranker.from_pretrained(cross_encoder(tmp_path / "model", labels=3))
    assert ours.predict(PAIRS).shape == (len(PAIRS), 3)
    assert ours.predict([]).shape == (0, 3)
    with pytest.raises(ModelError, match="one output, a score, but this one has the labels"):
        ours.rank("a", ["b"])


def test_a_score_is_no_classifier(folder: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"numbers.*'LABEL_0'.*unmask.Reranker"):
        Classifier.from_pretrained(folder)


def test_a_folder_without_scores(tiny_model_folder: Path) -> None:
    """To train a classifier, which is the remedy elsewhere, would not help here."""
    with pytest.raises(ModelError, match="must hold a sequence head, which scores") as caught:
        Reranker.from_pretrained(tiny_model_folder)
    said = str(caught.value)
    assert said.startswith(str(tiny_model_folder))
    assert "but holds a language model. Name the folder of a cross-encoder" in said
    assert "inetune" not in said
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_other_faults_of_a_folder_stay(tmp_path: Path) -> None:
    folder = cross_encoder(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="holds no weights"):
        Reranker.from_pretrained(folder)
    (folder / "config.json").write_text("[]")
    with pytest.raises(ModelError, match="must hold a JSON object, not list"):
        Reranker.from_pretrained(folder)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"sentence_transformers": {"activation_fn": "os.system"}}, "activation 'os.system'"),
        ({"sbert_ce_default_activation_function": "torch.nn.Bilinear"}, "torch.nn.Bilinear"),
        ({"sbert_ce_default_activation_function": 3}, "as text, not 3"),
        ({"sentence_transformers": {"other": 1}}, "only activation_fn and version"),
        ({"sentence_transformers": "Tanh"}, "only activation_fn and version"),
    ],
)
def test_strange_activations(tmp_path: Path, said: dict[str, Any], wrong: str) -> None:
    with pytest.raises(UnsupportedModel, match=wrong):
        Reranker.from_pretrained(cross_encoder(tmp_path / "model", **said))


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"prompts": {"query": "q: "}}, "has prompts"),
        ({"model_type": "SparseEncoder"}, "model_type='SparseEncoder'"),
        ({"activation_fn": "subprocess.Popen"}, "activation 'subprocess.Popen'"),
        ({"new": 1}, "unknown field 'new'"),
    ],
)
def test_strange_settings(tmp_path: Path, said: dict[str, Any], wrong: str) -> None:
    folder = cross_encoder(tmp_path / "model")
    (folder / "config_sentence_transformers.json").write_text(json.dumps(said))
    with pytest.raises(UnsupportedModel, match=wrong):
        Reranker.from_pretrained(folder)


def test_half_precision(folder: Path) -> None:
    half = Reranker.from_pretrained(folder, dtype=torch.bfloat16).predict(PAIRS)
    np.testing.assert_allclose(half, Reranker.from_pretrained(folder).predict(PAIRS), atol=0.05)


def test_the_scale_is_told_by_the_activation(tmp_path: Path) -> None:
    said = {"tanh": NEWER, "identity": OLDER, "sigmoid": {}}
    scales = {}
    for name, fields in said.items():
        ours = Reranker.from_pretrained(cross_encoder(tmp_path / name, **fields))
        scales[name] = (ours.scale, ours.opened.said)
        ours.save_pretrained(tmp_path / f"{name}-saved")
        assert Reranker.from_pretrained(tmp_path / f"{name}-saved").scale == ours.scale
    assert scales == {
        "tanh": (None, "config.json names tanh"),
        "identity": ("logit", "config.json names identity"),
        "sigmoid": ("probability", "the folder names no activation, and sigmoid is the usual one"),
    }


def test_places_that_a_search_found_are_ranked(folder: Path) -> None:
    ours, documents = Reranker.from_pretrained(folder), sentences()[:40]
    among = np.array([31, 4, 8, 15])
    found = ours.rank("the cat", documents, among=among)
    every = [one for one in ours.rank("the cat", documents) if one["corpus_id"] in among]
    assert [one["corpus_id"] for one in found] == [one["corpus_id"] for one in every]
    with pytest.raises(ConfigError, match="go from 0 to 39, but one is 40"):
        ours.rank("the cat", documents, among=[40])


def test_logits_rank_where_probabilities_are_all_1(tmp_path: Path) -> None:
    ours = Reranker.from_pretrained(cross_encoder(tmp_path / "model"))
    last = ours.opened.opened.model.head.project
    with torch.no_grad():
        last.weight.mul_(300)
        last.bias.add_(4000)
    documents = sentences()[:30]
    ranked = ours.rank("the cat", documents)
    assert {one["score"] for one in ranked} == {1.0}
    answers = list(ours.stream([("the cat", text) for text in documents]))
    logits = [float(one.logits[0]) for one in answers]
    assert [one["corpus_id"] for one in ranked] == np.argsort(-np.array(logits)).tolist()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_ties_of_half_precision_keep_the_order_of_the_documents(
    folder: Path, dtype: torch.dtype
) -> None:
    ours = Reranker.from_pretrained(folder, dtype=dtype)
    ranked = ours.rank("the cat", [*sentences()[:60], *sentences()[:60]])
    order = [(-one["score"], one["corpus_id"]) for one in ranked]
    assert order == sorted(order)
