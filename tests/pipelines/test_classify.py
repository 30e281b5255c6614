"""Classifier: order, batching, long texts, streams, labels by name."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.conftest import sentences
from unmask.batches.pack import pack
from unmask.checkpoint.folder import open_classifier
from unmask.errors import ConfigError, ModelError, TokenizerError, TooLong
from unmask.pipelines import running
from unmask.pipelines.classify import Classifier

LONG = "the dog " * 30


@pytest.fixture(scope="module")
def classifier(tiny_classifier_folder: Path) -> Classifier:
    return Classifier.from_pretrained(tiny_classifier_folder)


def test_answers_are_the_models_probabilities(
    classifier: Classifier, tiny_classifier_folder: Path
) -> None:
    opened = open_classifier(tiny_classifier_folder)
    (answer,) = classifier.predict(["my old neighbour waits"], scores=True)
    ids = opened.tokenizer.encode("my old neighbour waits", specials=True).ids
    with torch.inference_mode():
        shares = opened.model(pack([ids])).softmax(1)[0]
    assert classifier.labels == ("bad", "fine", "good")
    assert answer["label"] == classifier.labels[int(shares.argmax())]
    assert answer["scores"] == pytest.approx(
        dict(zip(classifier.labels, shares.tolist(), strict=True)), rel=1e-5
    )
    assert answer["score"] == max(answer["scores"].values())
    assert (answer["tokens"], answer["truncated"]) == (len(ids), False)
    assert "scores" not in classifier.predict(["x"])[0]


def test_neither_order_nor_batching_changes_an_answer(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [*sentences()[:90], "", LONG[:100]]
    first = classifier.predict(texts)
    order = list(range(len(texts)))
    random.Random(1).shuffle(order)
    shuffled = classifier.predict([texts[place] for place in order])
    monkeypatch.setattr(running.by_length, "__defaults__", (64,))
    defaults = {"segments": None, "tokens": 64, "tell": None, "lanes": None}
    monkeypatch.setattr(running.run, "__kwdefaults__", defaults)
    small = classifier.predict(texts)
    for place, other in zip(order, shuffled, strict=True):
        assert other["label"] == first[place]["label"]
        assert other["score"] == pytest.approx(first[place]["score"], rel=1e-5)
    assert [a["score"] for a in small] == pytest.approx([a["score"] for a in first], rel=1e-5)


def test_long_texts_are_cut_with_one_warning_that_counts(classifier: Classifier) -> None:
    with pytest.warns(UserWarning, match=r"2 of 4 texts are longer than the context of 48") as said:
        answers = classifier.predict([LONG, "the dog", LONG + LONG, "she"])
    assert len(said) == 1
    assert [a["truncated"] for a in answers] == [True, False, True, False]
    assert [a["tokens"] for a in answers] == [62, 4, 122, 3]


def test_chunks_are_averaged_by_their_tokens(classifier: Classifier) -> None:
    words = LONG.split()
    (whole,) = classifier.predict([LONG], on_long="chunk", scores=True)
    parts = classifier.predict([" ".join(words[:30]), " ".join(words[30:])], scores=True)
    for label in classifier.labels:
        mean = sum(part["scores"][label] for part in parts) / 2
        assert whole["scores"][label] == pytest.approx(mean, rel=1e-5)
    assert (whole["tokens"], whole["truncated"]) == (62, False)


def test_error_refuses_and_names_the_text(classifier: Classifier) -> None:
    with pytest.raises(TooLong, match="text 1 "):
        classifier.predict(["she", LONG], on_long="error")
    with pytest.raises(ConfigError, match="on_long"):
        classifier.predict(["she"], on_long="cut")  # type: ignore[arg-type]


def test_an_iterator_gives_an_iterator_that_reads_no_further_than_it_must(
    classifier: Classifier,
) -> None:
    taken = 0

    def texts() -> Iterator[str]:
        nonlocal taken
        for text in sentences() * 30:
            taken += 1
            yield text

    answers = classifier.predict(texts())
    assert taken == 0
    first = next(answers)
    assert taken < 3 * running.WINDOW
    assert len(list(answers)) == len(sentences()) * 30 - 1
    assert first["score"] == pytest.approx(
        classifier.predict(sentences()[:1])[0]["score"], rel=1e-5
    )


def test_streams_warn_at_their_end_and_stream_never(classifier: Classifier) -> None:
    with pytest.warns(UserWarning, match="1 of 1 texts"):
        list(classifier.predict(iter([LONG])))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert next(classifier.stream([LONG]))["truncated"]


def test_what_is_no_list_of_texts_is_refused(classifier: Classifier) -> None:
    with pytest.raises(TokenizerError, match=r"write \[text\]"):
        classifier.predict("the dog")
    with pytest.raises(TokenizerError, match="1"):
        classifier.predict(["the dog", 3])  # type: ignore[list-item]
    assert classifier.predict([]) == []


def test_saving_and_opening_keeps_labels_and_answers(
    classifier: Classifier, tmp_path: Path
) -> None:
    classifier.save_pretrained(tmp_path / "copy")
    copy = Classifier.from_pretrained(tmp_path / "copy")
    assert copy.labels == classifier.labels
    assert copy.predict(["she", "a dog"]) == classifier.predict(["she", "a dog"])


def test_a_language_model_is_refused(tiny_model_folder: Path) -> None:
    with pytest.raises(ModelError, match="must hold a classifier"):
        Classifier.from_pretrained(tiny_model_folder)
