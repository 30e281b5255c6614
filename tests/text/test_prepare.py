"""Preparing a corpus: cut, drop what is repeated, split; and finding it again."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unmask.errors import ConfigError, CorruptText, TextError
from unmask.text import prepare as module
from unmask.text.corpus import MANIFEST, Corpus
from unmask.text.documents import Document
from unmask.text.installed import InstalledDocstrings
from unmask.text.paragraphs import paragraphs
from unmask.text.prepare import prepare
from unmask.text.sources import TextSources, source_digest

TEXTS = [f"Text number {n} is about {n * n}." for n in range(200)]


@pytest.fixture
def source(write) -> TextSources:
    return TextSources.find([write("in/a.jsonl", TEXTS)])


def sides(corpus: Corpus) -> tuple[list[str], list[str]]:
    train, held_out = (
        [document.text for document in corpus.documents(split)] for split in ("train", "held_out")
    )
    return train, held_out


def texts_of(corpus: Corpus) -> list[str]:
    train, held_out = sides(corpus)
    return train + held_out


def test_every_document_is_on_one_side(source, tmp_path):
    corpus = prepare(source, tmp_path / "out")
    train, held_out = sides(corpus)
    assert sorted(train + held_out) == sorted(TEXTS)
    assert (len(train), len(held_out)) == (
        corpus.stats.train_documents,
        corpus.stats.held_out_documents,
    )
    assert 2 <= len(held_out) <= 25
    first = next(corpus.documents("train"))
    assert first == Document(train[0], f"{tmp_path}/in/a.jsonl:{TEXTS.index(train[0]) + 1}", "a")


def test_the_counts_are_right(write, tmp_path):
    write("in/x/a.txt", ["One two.", "", "three", "", "One  TWO."])
    write("in/x/b.txt", ["Four five", "six.", "", "one two."])
    write("in/c.jsonl", [*TEXTS[:30], "Four five\nsix.\n\nSeven."])
    (tmp_path / "in" / "logo.png").write_bytes(b"")
    stats = prepare(TextSources.find([tmp_path / "in"]), tmp_path / "out").stats
    words = 2 + 1 + 3 + sum(len(text.split()) for text in TEXTS[:30]) + 1
    assert (stats.files, stats.skipped, stats.words) == (3, {".png": 1}, words)
    assert (stats.found_documents, stats.dropped_paragraphs, stats.dropped_documents) == (36, 3, 3)
    # In so small a corpus, two paragraphs are a long document.
    assert stats.cut_documents == 1
    assert stats.train_documents + stats.held_out_documents == stats.paragraphs == 34
    assert stats.groups == {"c": 32, "x": 2}
    # Lines of plain text, the blank ones too, and records.
    assert stats.records == 5 + 4 + 31
    assert (stats.bad_places, stats.lost_bytes, stats.bad_examples) == (0, 0, ())


def test_repeated_paragraphs_are_dropped_wherever_they_stand(write, tmp_path):
    licence = "Every file begins\nwith this licence."
    texts = [f"{licence}\n\n{text}" for text in TEXTS] + [licence.upper(), "  " + TEXTS[3]]
    corpus = prepare(TextSources.find([write("a.jsonl", texts)]), tmp_path / "out")
    together = texts_of(corpus)
    assert sum(licence in text for text in together) == 1
    assert sorted(text.replace(f"{licence}\n\n", "") for text in together) == sorted(TEXTS)
    assert corpus.stats.dropped_paragraphs == len(TEXTS) - 1 + 2
    assert corpus.stats.dropped_documents == 2


def test_a_document_without_repeats_is_unchanged(write, tmp_path):
    odd = "  One\n\n\n\n  two.\r\n\r\nThree \n "
    corpus = prepare(TextSources.find([write("a.jsonl", [odd, *TEXTS])]), tmp_path / "out")
    assert odd in texts_of(corpus)


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=20),
    share=st.sampled_from([0.05, 0.3, 0.5]),
)
def test_no_paragraph_is_on_both_sides_or_twice(texts, share, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any")
    lines = [json.dumps({"text": text}) + "\n" for text in [*texts, *TEXTS]]
    (folder / "a.jsonl").write_text("".join(lines))
    corpus = prepare(TextSources.find([folder / "a.jsonl"]), folder / "out", held_out=share)
    seen = Counter(
        " ".join(paragraph.split()).casefold()
        for text in texts_of(corpus)
        for paragraph in paragraphs(text)
    )
    assert set(seen.values()) == {1}
    wanted = {" ".join(p.split()).casefold() for text in texts for p in paragraphs(text)}
    assert wanted <= set(seen)


def test_a_text_is_on_the_same_side_in_every_corpus(write, tmp_path, source):
    held_out = set(sides(prepare(source, tmp_path / "one"))[1])
    others = [*(f"Another text, number {n}." for n in range(300)), *reversed(TEXTS)]
    again = prepare(TextSources.find([write("b.jsonl", others)]), tmp_path / "two")
    assert set(sides(again)[1]) & set(TEXTS) == held_out
    larger = prepare(source, tmp_path / "three", held_out=0.3)
    assert held_out < set(sides(larger)[1])


def test_the_share_that_is_held_out_is_about_what_was_asked(write, tmp_path):
    path = write("a.jsonl", [f"Text number {n}." for n in range(4000)])
    stats = prepare(TextSources.find([path]), tmp_path / "out", held_out=0.2).stats
    assert 0.17 < stats.held_out_documents / 4000 < 0.23


def test_long_documents_are_cut_into_blocks(write, tmp_path):
    book = "\n\n".join(f"Paragraph {n}\ngoes on here." for n in range(500))
    manual = "\n".join(f"Block {n} of the manual stands on one line." for n in range(500))
    path = write("a.jsonl", [book, manual, *TEXTS])
    corpus = prepare(TextSources.find([path]), tmp_path / "out")
    together = texts_of(corpus)
    assert corpus.stats.cut_documents == 2
    assert corpus.stats.found_documents == 202
    assert "Paragraph 7\ngoes on here." in together
    assert "Block 7 of the manual stands on one line." in together
    assert len(together) == 500 + 500 + 200


def test_one_file_is_enough(shared_data, tmp_path):
    path = shared_data / "text" / "git_doc.txt"
    corpus = prepare(TextSources.find([path]), tmp_path / "out")
    assert corpus.stats.cut_documents >= 1
    assert corpus.stats.held_out_documents > 100
    lines = set(path.read_text(encoding="utf-8").split("\n"))
    assert all(line in lines for text in sides(corpus)[1] for line in text.split("\n"))


def test_sentence_files_are_read_by_line(shared_data, tmp_path):
    for name in ("rt-polarity.pos", "rt-polarity.neg"):
        raw = (shared_data / "sentence_polarity" / name).read_bytes()
        (tmp_path / f"{name}.txt").write_bytes(raw)
    sources = TextSources.find([tmp_path / "rt-polarity.pos.txt", tmp_path / "rt-polarity.neg.txt"])
    stats = prepare(sources, tmp_path / "out", document="line").stats
    assert stats.found_documents == 10_662
    assert stats.groups.keys() == {"rt-polarity.pos", "rt-polarity.neg"}


def test_the_same_input_gives_the_same_bytes(source, tmp_path):
    one, two = prepare(source, tmp_path / "one"), prepare(source, tmp_path / "two")
    assert one.digest == two.digest
    for name in ("train.jsonl", "held_out.jsonl", MANIFEST):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert sorted(os.listdir(tmp_path / "one")) == [MANIFEST, "held_out.jsonl", "train.jsonl"]


def test_the_digest_is_of_the_text_and_not_of_its_place(write, tmp_path, source):
    digest = prepare(source, tmp_path / "one").digest
    moved = TextSources.find([write("elsewhere/a.jsonl", TEXTS)])
    assert prepare(moved, tmp_path / "two").digest == digest
    changed = TextSources.find([write("b/a.jsonl", [*TEXTS[:-1], TEXTS[-1] + "!"])])
    assert prepare(changed, tmp_path / "three").digest != digest
    assert prepare(source, tmp_path / "four", held_out=0.3).digest != digest


def test_a_corpus_opens_as_it_was_made(source, tmp_path):
    made = prepare(source, tmp_path / "out")
    assert Corpus.open(tmp_path / "out") == made
    assert made.source_digest == source_digest(source)
    assert made.options["held_out"] == 0.05


def test_a_corpus_that_stands_is_used_again(source, tmp_path, monkeypatch):
    made = prepare(source, tmp_path / "out")
    times = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    monkeypatch.setattr(module, "_make", None)
    assert prepare(source, tmp_path / "out") == made
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()} == times


def test_other_text_or_other_options_are_prepared_anew(write, source, tmp_path):
    first = prepare(source, tmp_path / "out")
    second = prepare(source, tmp_path / "out", held_out=0.2)
    assert second.stats.held_out_documents > first.stats.held_out_documents
    third = prepare(TextSources.find([write("in/a.jsonl", TEXTS[:100])]), tmp_path / "out")
    assert len(texts_of(third)) == 100
    assert Corpus.open(tmp_path / "out") == third


def test_a_corpus_that_was_changed_is_not_used(source, tmp_path):
    prepare(source, tmp_path / "out")
    path = tmp_path / "out" / "train.jsonl"
    path.write_bytes(path.read_bytes().replace(b"about", b"ab0ut", 1))
    with pytest.raises(TextError, match=r"train\.jsonl was changed since it was prepared"):
        prepare(source, tmp_path / "out")


def test_a_damaged_line_of_a_corpus_is_named(source, tmp_path):
    corpus = prepare(source, tmp_path / "out")
    path = tmp_path / "out" / "train.jsonl"
    path.write_bytes(path.read_bytes().replace(b'{"text"', b'{"test"', 1))
    with pytest.raises(CorruptText, match=r"train\.jsonl:1: the prepared corpus is damaged"):
        next(corpus.documents("train"))


def test_an_interrupted_preparation_is_no_corpus_and_does_no_harm(source, tmp_path, monkeypatch):
    out = tmp_path / "out"
    prepare(source, out)

    def dies(source: Path, target: Path) -> None:
        if Path(target).name == "held_out.jsonl":
            raise KeyboardInterrupt
        os.rename(source, target)

    monkeypatch.setattr(module.os, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        prepare(source, out, held_out=0.3)
    with pytest.raises(TextError, match="holds no finished corpus"):
        Corpus.open(out)
    monkeypatch.undo()
    (out / ".preparing").mkdir()
    (out / ".preparing" / "spool").write_text("left by a process that was killed")
    assert prepare(source, out, held_out=0.3) == Corpus.open(out)
    assert not (out / ".preparing").exists()


def test_a_failed_preparation_leaves_the_old_corpus(source, write, tmp_path):
    made = prepare(source, tmp_path / "out")
    broken = write("b.jsonl", TEXTS)
    broken.write_bytes(broken.read_bytes() + b"{")
    with pytest.raises(CorruptText, match=r"b\.jsonl:201"):
        prepare(TextSources.find([broken]), tmp_path / "out")
    assert Corpus.open(tmp_path / "out") == made
    assert len(texts_of(made)) == 200


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": 0}', '{"format": 1}'])
def test_a_manifest_that_makes_no_sense_is_named(content, source, tmp_path):
    prepare(source, tmp_path / "out")
    (tmp_path / "out" / MANIFEST).write_text(content)
    with pytest.raises(TextError, match="Delete the folder and prepare it again"):
        Corpus.open(tmp_path / "out")


def test_a_corpus_without_its_files_is_named(source, tmp_path):
    prepare(source, tmp_path / "out")
    (tmp_path / "out" / "train.jsonl").unlink()
    with pytest.raises(TextError, match=r"train\.jsonl is missing"):
        Corpus.open(tmp_path / "out")


def test_an_unknown_split_is_named(source, tmp_path):
    with pytest.raises(ConfigError, match="not 'test'"):
        next(prepare(source, tmp_path / "out").documents("test"))  # type: ignore[arg-type]


def test_no_text_is_an_error(tmp_path):
    (tmp_path / "a.txt").write_text("\n\n \n")
    with pytest.raises(
        TextError, match="The corpus is empty: no text in 3 lines or records of 1 file"
    ):
        prepare(TextSources.find([tmp_path / "a.txt"]), tmp_path / "out")
    assert not (tmp_path / "out" / MANIFEST).exists()


def test_an_empty_side_is_an_error_with_a_remedy(write, tmp_path):
    with pytest.raises(TextError, match=r"too small for that \(1 documents\).*--document line"):
        prepare(TextSources.find([write("a.txt", ["One."])]), tmp_path / "out")


@pytest.mark.parametrize("share", [0.0, -0.1, 0.6, float("nan")])
def test_the_share_held_out_has_limits(share, source, tmp_path):
    with pytest.raises(ConfigError, match=r"held_out is a share above 0 and up to 0\.5"):
        prepare(source, tmp_path / "out", held_out=share)


def test_bad_places_are_counted_in_the_corpus(write, tmp_path):
    path = write("a.jsonl", TEXTS)
    path.write_bytes(path.read_bytes() + b"{\n")
    stats = prepare(TextSources.find([path]), tmp_path / "out", on_bad="skip").stats
    assert (stats.bad_places, stats.records) == (1, 201)
    assert stats.bad_examples[0].startswith(f"{path}:201: not JSON")
    path.write_bytes(path.read_bytes() + b"{\n" * 5)
    with pytest.raises(TextError, match="6 of 206 records are bad"):
        prepare(TextSources.find([path]), tmp_path / "two", on_bad="skip")


def test_a_file_that_grows_while_it_is_read_is_an_error(source, tmp_path, monkeypatch):
    spool = module._spool

    def grows(*args):
        result = spool(*args)
        with source.files[0].path.open("a") as file:
            file.write('{"text": "more"}\n')
        return result

    monkeypatch.setattr(module, "_spool", grows)
    with pytest.raises(TextError, match="changed while it was read"):
        prepare(source, tmp_path / "out")


def test_progress_rises_to_the_total(write, tmp_path):
    seen = []
    path = write("a.jsonl", [f"Text number {n}." for n in range(5000)])
    prepare(
        TextSources.find([path]),
        tmp_path / "out",
        progress=lambda done, of: seen.append((done, of)),
    )
    total = path.stat().st_size
    assert {of for _, of in seen} == {total}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == total
    assert len(seen) > 5
    again = []
    prepare(TextSources.find([path]), tmp_path / "out", progress=lambda *step: again.append(step))
    assert again == [(total, total)]


def test_docstrings_are_a_source_like_any_other(tmp_path):
    for number in range(60):
        path = tmp_path / "site-packages" / f"pkg{number % 3}" / f"m{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'"""Module number {number} of this package does one thing."""\n')
    (path.parent / "old.py").write_text("print 'x'\n")
    (tmp_path / "lib").mkdir()
    sources = InstalledDocstrings.find(tmp_path / "lib", [tmp_path / "site-packages"])
    corpus = prepare(sources, tmp_path / "out", held_out=0.2)
    assert corpus.stats.groups == {"pkg0": 20, "pkg1": 20, "pkg2": 20}
    assert corpus.stats.skipped == {"(tests, vendored copies)": 0, "(does not parse)": 1}
    assert prepare(sources, tmp_path / "out", held_out=0.2) == corpus
