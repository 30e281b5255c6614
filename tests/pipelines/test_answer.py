"""Answerer: exact offsets, several spans, no answer, long texts, streams, published folders."""

from __future__ import annotations

import json
import random
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import sentences
from tests.pipelines.theirs import backbone
from unmask.checkpoint.answer_rule import RULE, AnswerRule
from unmask.checkpoint.answering import AnswerModel, open_answerer
from unmask.errors import ConfigError, ModelError, TextError, TokenizerError, TooLong
from unmask.pipelines import running
from unmask.pipelines.answer import Answered, Answerer

TEXT = " ".join(sentences()[:9])
QUESTION = "who sees the river?"
PAIRS = [(QUESTION, text) for text in (TEXT, "she", *sentences()[:60], TEXT[50:200])]


@pytest.fixture(scope="module")
def answerer(tiny_model_folder: Path) -> Answerer:
    opened = open_answerer(tiny_model_folder, new_head=True, seed=3)
    with torch.no_grad():  # far from scores that are all alike
        opened.opened.model.head.project.weight.mul_(20)
    return Answerer(replace(opened, rule=AnswerRule(window=40, overlap=8, longest=6)))


def ruled(answerer: Answerer, **changes: object) -> Answerer:
    model = answerer.opened
    return Answerer(AnswerModel(model.opened, replace(model.rule, **changes)))  # type: ignore[arg-type]


def check(answered: Answered, text: str) -> None:
    """What holds of every answer."""
    assert answered["text"] == text[answered["start"] : answered["end"]]
    for span in answered["answers"]:
        assert span["text"] == text[span["start"] : span["end"]] == span["text"].strip() != ""
    scores = [span["score"] for span in answered["answers"]]
    assert scores == sorted(scores, reverse=True)
    assert len({(s["start"], s["end"]) for s in answered["answers"]}) == len(scores)
    assert 0 < sum(scores) + answered["no_answer"] <= 1 + 1e-9


@pytest.mark.filterwarnings("ignore:.*unknown tokens:UserWarning")
def test_the_answer_is_the_text_at_its_offsets(answerer: Answerer) -> None:
    texts = [
        TEXT,
        "  Zoe\u0308 sees\tthe re\u0301d house\u2003\n by the river 😀 . ",
        "ﬁne ① 北京 the dog",
        "good music " * 40,
    ]
    for text in texts:
        answered = answerer.answer(QUESTION, text, top_k=20)
        check(answered, text)
        assert (answered["truncated"], len(answered["answers"])) == (False, 20)


def test_top_k_gives_as_many_as_there_are(answerer: Answerer) -> None:
    text = "my old neighbour waits for the piano"
    every = answerer.answer(QUESTION, text, top_k=10_000)
    count = len(every["answers"])
    tokens = len(answerer.tokenizer.encode(text))
    assert count == sum(min(6, tokens - first) for first in range(tokens))
    assert sum(s["score"] for s in every["answers"]) + every["no_answer"] == pytest.approx(1)
    for top_k in (1, 2, count - 1, count):
        some = answerer.answer(QUESTION, text, top_k=top_k)
        assert len(some["answers"]) == top_k
        assert some["answers"] == every["answers"][:top_k]
    for bad in (0, -1, 1.5, True):
        with pytest.raises(ConfigError, match="top_k"):
            answerer.answer(QUESTION, text, top_k=bad)  # type: ignore[arg-type]


def test_no_answer_is_said_above_the_threshold(answerer: Answerer) -> None:
    found = answerer.answer(QUESTION, TEXT)  # the folder says nothing: there is always an answer
    assert found["text"] == found["answers"][0]["text"] != ""
    assert found["score"] == found["answers"][0]["score"]
    margin = found["margin"]
    odds = np.log(found["no_answer"] / found["answers"][0]["score"])
    assert margin == pytest.approx(odds, abs=1e-6)
    for threshold, said in ((margin - 0.01, False), (margin, True), (margin + 0.01, True)):
        for other in (
            answerer.answer(QUESTION, TEXT, threshold=threshold),
            ruled(answerer, threshold=threshold).answer(QUESTION, TEXT),
        ):
            assert bool(other["text"]) is said
            assert other["answers"] == found["answers"]
            if not said:
                assert (other["start"], other["end"]) == (0, 0)
                assert other["score"] == other["no_answer"]
    never = ruled(answerer, threshold=-99.0)
    assert never.answer(QUESTION, TEXT)["text"] == ""
    assert never.answer(QUESTION, TEXT, threshold=float("inf"))["text"] != ""


def test_neither_order_nor_batching_changes_an_answer(answerer: Answerer) -> None:
    first = answerer.predict(PAIRS, top_k=3)
    order = list(range(len(PAIRS)))
    random.Random(1).shuffle(order)
    shuffled = answerer.predict([PAIRS[place] for place in order], top_k=3)
    small = answerer.predict(PAIRS, top_k=3, batch_tokens=1)
    alone = [answerer.answer(*pair, top_k=3) for pair in PAIRS]
    for others in (alone, small, [shuffled[order.index(place)] for place in range(len(PAIRS))]):
        for one, other in zip(first, others, strict=True):
            assert (one["text"], one["start"]) == (other["text"], other["start"])
            assert one["score"] == pytest.approx(other["score"], rel=1e-4)
            assert one["margin"] == pytest.approx(other["margin"], abs=1e-4)


def test_long_texts_are_read_whole_cut_or_refused(answerer: Answerer) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = answerer.answer(QUESTION, TEXT)
    assert (whole["truncated"], whole["tokens"] > 80) == (False, True)
    with pytest.warns(UserWarning, match="1 of 2 questions or texts are longer than rows of 40"):
        cut, short = answerer.predict([(QUESTION, TEXT), (QUESTION, "she")], on_long="truncate")
    assert (cut["truncated"], short["truncated"]) == (True, False)
    assert cut["tokens"] == whole["tokens"]
    check(cut, TEXT)
    with pytest.raises(TooLong, match="pair 1 "):
        answerer.predict([("who?", "she"), (QUESTION, TEXT)], on_long="error")
    with pytest.raises(ConfigError, match="on_long"):
        answerer.answer(QUESTION, TEXT, on_long="cut")  # type: ignore[arg-type]
    with pytest.warns(UserWarning, match="questions or texts"):
        asked = answerer.answer(QUESTION * 9, TEXT)
    assert asked["truncated"]
    check(asked, TEXT)


def test_an_answer_far_into_a_long_text_is_found(answerer: Answerer) -> None:
    """The windows that hold the answer say so louder than any other."""

    class Loud(torch.nn.Module):
        """Scores that are high where two marked tokens stand in a row."""

        def __init__(self, encoder: torch.nn.Module, marks: tuple[int, int]) -> None:
            super().__init__()
            self.encoder, self.marks = encoder, marks

        def forward(self, batch: running.Batch) -> torch.Tensor:
            here = batch.ids == self.marks[0]
            after = torch.roll(batch.ids, -1) == self.marks[1]
            loud = here & after
            return torch.stack([loud, torch.roll(loud, 1)], 1).float() * 9

    text = "the dog likes a cat. " * 500 + "our teacher waits" + " the dog likes a cat." * 500
    ids = answerer.tokenizer.encode("our teacher").ids
    model = answerer.opened
    loud = Loud(model.opened.model.encoder, (ids[0], ids[1]))
    found = Answerer(replace(model, opened=replace(model.opened, model=loud)))  # type: ignore[arg-type]
    answered = found.answer(QUESTION, text)
    assert answered["start"] == text.index("our")
    assert answered["score"] > 0.5


def test_a_hundred_thousand_words(answerer: Answerer) -> None:
    text = " ".join(["dog", "cat", "river", "she"] * 25_000)
    big = ruled(answerer, window=48)
    answered = big.answer("who?", text, top_k=3)
    check(answered, text)
    assert (answered["truncated"], answered["tokens"] > 100_000) == (False, True)
    with pytest.raises(TooLong, match=r"has 1[0-9]{5}"):
        big.answer("who?", text, on_long="error")


def test_a_text_of_unknown_tokens_is_told(answerer: Answerer) -> None:
    text = "Ὅμηρος ἔγραψε"
    assert answerer.tokenizer.unk_id in answerer.tokenizer.encode(text).ids
    with pytest.warns(UserWarning, match="1 of 2 texts are mostly unknown tokens"):
        unknown, known = answerer.predict([(QUESTION, text), (QUESTION, "she")])
    assert (unknown["unknown"], known["unknown"]) == (1.0, 0.0)
    check(unknown, text)


def test_what_is_no_list_of_pairs_is_refused(answerer: Answerer) -> None:
    for bad in ("who?", {"who?": "she"}, 3):
        with pytest.raises(TokenizerError, match="a list of pairs"):
            answerer.predict(bad)  # type: ignore[call-overload]
    for pair in ("ab", ("who?",), ("who?", "she", "x"), ("who?", None), (3, "she")):
        with pytest.raises(TokenizerError, match=r"\b1\b"):
            answerer.predict([("who?", "she"), pair])  # type: ignore[list-item]
    with pytest.raises(TextError, match=r"the question of pair 1 .* is empty"):
        answerer.predict([("who?", "she"), ("", "she")])
    with pytest.raises(TextError, match=r"the text of pair 0 .* is empty"):
        answerer.answer("who?", " \n")
    assert answerer.predict([]) == []


def test_an_iterator_gives_an_iterator_that_reads_no_further_than_it_must(
    answerer: Answerer,
) -> None:
    taken = 0

    def pairs() -> Iterator[tuple[str, str]]:
        nonlocal taken
        for number in range(3 * running.WINDOW):
            taken += 1
            yield "who?", ("she", "a dog")[number % 2]

    answers = answerer.predict(pairs())
    assert taken == 0
    first = next(answers)
    assert taken <= running.WINDOW
    assert first == answerer.answer("who?", "she") or first["text"]
    assert len(list(answers)) == 3 * running.WINDOW - 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert next(answerer.stream([(QUESTION, TEXT)], on_long="truncate"))["truncated"]


def test_saving_keeps_answers_and_rule(answerer: Answerer, tmp_path: Path) -> None:
    ours = ruled(answerer, threshold=-1.25)
    for format in ("hf", "unmask"):
        ours.save_pretrained(tmp_path / format, format=format)  # type: ignore[arg-type]
        again = Answerer.from_pretrained(tmp_path / format)
        assert (
            again.rule == ours.rule == AnswerRule(threshold=-1.25, window=40, overlap=8, longest=6)
        )
        for one, other in zip(again.predict(PAIRS), ours.predict(PAIRS), strict=True):
            assert (one["text"], one["start"]) == (other["text"], other["start"])
            assert one["margin"] == pytest.approx(other["margin"], abs=1e-4)


def test_converting_keeps_the_rule(answerer: Answerer, tmp_path: Path) -> None:
    from unmask.verbs.convert import convert

    ours = ruled(answerer, threshold=2.5)
    ours.save_pretrained(tmp_path / "model")
    for number, format in enumerate(("unmask", "hf")):
        result = convert(tmp_path / "model", out=tmp_path / f"{number}", format=format)  # type: ignore[arg-type]
        assert RULE not in result.left_out
        assert Answerer.from_pretrained(tmp_path / f"{number}").rule == ours.rule


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"window": 400}', "windows of 400 tokens, but the model's context holds 48"),
        ('{"window": 0}', "window must be at least 1, not 0"),
        ('{"treshold": 1.0}', "unknown setting 'treshold'; the nearest is 'threshold'"),
        ('{"threshold": "1"}', "threshold must be of type float"),
        ("[]", "must hold a JSON object"),
    ],
)
def test_a_rule_that_cannot_be_used_is_an_error(
    answerer: Answerer, tmp_path: Path, content: str, words: str
) -> None:
    answerer.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / "manifest.json").unlink()
    (tmp_path / "model" / RULE).write_text(content)
    with pytest.raises(ModelError, match=words):
        Answerer.from_pretrained(tmp_path / "model")


def test_other_models_are_refused(tiny_model_folder: Path, tiny_classifier_folder: Path) -> None:
    for folder in (tiny_model_folder, tiny_classifier_folder):
        with pytest.raises(ModelError, match="must hold a model that finds answers"):
            Answerer.from_pretrained(folder)


@pytest.mark.parametrize("arch", ["bert", "modernbert"])
def test_published_folders_give_their_own_scores(tmp_path: Path, arch: str) -> None:
    """Against the model of transformers, and trying all spans of its scores."""
    transformers = pytest.importorskip("transformers")
    folder = backbone(tmp_path / "model", arch, "AutoModelForQuestionAnswering")
    ours = Answerer.from_pretrained(folder)
    assert ours.rule == AnswerRule(window=40)
    theirs = transformers.AutoModelForQuestionAnswering.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    text = "the cat sees a red house. our teacher waits for the piano."
    encoded = tokenizer(QUESTION, text, return_tensors="pt", return_offsets_mapping=True)
    assert encoded["input_ids"].shape[1] <= 40
    offsets = encoded.pop("offset_mapping")[0].tolist()
    with torch.inference_mode():
        out = theirs(**encoded)
    begin, end = out.start_logits[0].double(), out.end_logits[0].double()
    places = [place for place, kind in enumerate(encoded.sequence_ids(0)) if kind == 1]
    every = {
        (offsets[i][0], offsets[j][1]): float(begin[i] + end[j])
        for i in places
        for j in places
        if i <= j < i + 30
    }
    best = sorted(every, key=lambda span: -every[span])[:5]
    answered = ours.answer(QUESTION, text, top_k=5)
    assert [(span["start"], span["end"]) for span in answered["answers"]] == best
    assert answered["margin"] == pytest.approx(float(begin[0] + end[0]) - every[best[0]], abs=1e-4)
    ours.save_pretrained(tmp_path / "saved", format="hf")
    assert json.loads((tmp_path / "saved" / RULE).read_text())["threshold"] is None
    again = transformers.AutoModelForQuestionAnswering.from_pretrained(tmp_path / "saved").eval()
    with torch.inference_mode():
        torch.testing.assert_close(again(**encoded).start_logits, out.start_logits)
