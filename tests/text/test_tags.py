"""Tag schemes: to spans and back, told apart by looking, and tags that follow none."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.errors import DataError
from unmask.text.schemes import scheme_of_labels, scheme_of_sentences
from unmask.text.tags import (
    BIO,
    BIOES,
    IOB1,
    PLAIN,
    SCHEMES,
    Scheme,
    WordSpan,
)

SPANS = [WordSpan(0, 2, "a"), WordSpan(2, 3, "a"), WordSpan(4, 7, "b"), WordSpan(7, 8, "c")]
WRITTEN = {
    "BIO": "B-a I-a B-a O B-b I-b I-b B-c",
    "IOB1": "I-a I-a B-a O I-b I-b I-b I-c",
    "BIOES": "B-a E-a S-a O B-b I-b E-b S-c",
    "plain": "a a a O b b b c",
}


def at(number: int, place: int) -> str:
    return f"file:{10 * number + place + 1}"


def told(*sentences: str) -> Scheme:
    return scheme_of_sentences([one.split() for one in sentences], at)


@pytest.mark.parametrize("name", SCHEMES)
def test_spans_are_written_by_each_scheme(name: str) -> None:
    assert SCHEMES[name].tags(SPANS, 8) == WRITTEN[name].split()  # type: ignore[index]


@pytest.mark.parametrize("scheme", [BIO, IOB1, BIOES])
@given(st.data())
def test_spans_come_back_from_their_tags(scheme: Scheme, data: st.DataObject) -> None:
    spans, place = [], 0
    for gap, length, label in data.draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from("ab")))
    ):
        spans.append(WordSpan(place + gap, place + gap + length, label))
        place += gap + length
    tags = scheme.tags(spans, place + 1)
    assert scheme.fault(tags) is None
    assert scheme.spans(tags) == spans
    if spans:
        assert scheme_of_sentences([tags], at) == scheme


@pytest.mark.parametrize("scheme", [BIO, IOB1, BIOES])
def test_valid_is_what_spans_can_be_written_as(scheme: Scheme) -> None:
    labels = scheme.labels("ab")
    for tags in product(labels, repeat=4):
        spans = scheme.spans(tags)
        assert (scheme.fault(tags) is None) == (scheme.tags(spans, 4) == list(tags))


def test_every_plain_tag_is_a_span_of_one_word() -> None:
    assert PLAIN.spans(["NOUN", "NOUN", "O", "VERB"]) == [
        WordSpan(0, 1, "NOUN"),
        WordSpan(1, 2, "NOUN"),
        WordSpan(3, 4, "VERB"),
    ]


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        (("O B-a I-a", "O O"), BIO),
        (("O O", "I-a B-a"), IOB1),
        (("O I-a", "I-b I-a"), IOB1),
        (("S-a O",), BIOES),
        (("B-a E-a",), BIOES),
        (("DET NOUN", "VERB"), PLAIN),
        (("O O",), PLAIN),
        (("O B I O B",), BIO),
        (("B-creative-work I-creative-work O",), BIO),
        (("B NOUN O",), PLAIN),
    ],
)
def test_schemes_are_told_apart_by_looking(sentences: tuple[str, ...], scheme: Scheme) -> None:
    assert told(*sentences) == scheme


@pytest.mark.parametrize(
    ("sentences", "words"),
    [
        (("B-a I-a", "O I-a B-b"), r"file:12: .*nearest to BIO, .*'I-a' follows 'O' \(1 such"),
        (("B-a I-b B-b",), r"file:2: .*nearest to BIO.*'I-b' follows 'B-a'"),
        (("I-a I-a O B-a", "I-b"), r"file:4: .*nearest to IOB1.*'B-a' follows 'O'"),
        (("S-a B-a",), r"file:2: .*nearest to BIOES.*the end of the sentence follows 'B-a'"),
        (("E-a",), r"file:1: .*'E-a' follows the beginning of a sentence"),
        (("B-a PER",), r"file:2: .*this is 'PER' and others have one"),
        (("B-a L-a",), r"file:2: .*L- as E-"),
    ],
)
def test_tags_of_no_scheme_are_an_error_with_the_place(
    sentences: tuple[str, ...], words: str
) -> None:
    with pytest.raises(DataError, match=words):
        told(*sentences)


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        ("O B-a I-a B-b I-b", BIO),
        ("O B-a I-a I-b", IOB1),
        ("O B-a I-a E-a S-a", BIOES),
        ("LABEL_0 LABEL_1", PLAIN),
        ("O B-a I-a X [CLS]", BIO),
        ("O B I", BIO),
    ],
)
def test_a_models_labels_tell_its_scheme(labels: str, scheme: Scheme) -> None:
    assert scheme_of_labels(labels.split()) == scheme


def test_labels_are_all_that_any_span_needs() -> None:
    assert BIO.labels({"b", "a"}) == ("O", "B-a", "I-a", "B-b", "I-b")
    assert PLAIN.labels({"VERB", "NOUN"}) == ("NOUN", "VERB")
    assert BIO.labels({""}) == ("O", "B", "I")
    for scheme in (BIO, BIOES, PLAIN):
        assert scheme.types(scheme.labels({"a", "b"})) == {"a", "b"}
