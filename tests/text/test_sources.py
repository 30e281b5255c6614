"""Finding files, naming what is not read, and the digest of the raw input."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from unmask.errors import TextError
from unmask.text.sources import TextSources, source_digest


@pytest.fixture
def corpus(write, tmp_path) -> Path:
    for name in ("b.txt", "a.md", "news/2020/x.jsonl", "news/y.csv", ".hidden.txt", ".git/z.txt"):
        write(f"corpus/{name}", ["One."])
    for name in ("logo.png", "news/photo.PNG", "Makefile"):
        (tmp_path / "corpus" / name).write_bytes(b"\x89")
    return tmp_path / "corpus"


def test_folders_are_searched_in_sorted_order_without_hidden_files(corpus):
    sources = TextSources.find([corpus])
    assert [file.name for file in sources.files] == [
        "a.md",
        "b.txt",
        "news/y.csv",
        "news/2020/x.jsonl",
    ]
    assert [file.group for file in sources.files] == ["a", "b", "news", "news"]


def test_files_that_are_not_served_are_counted(corpus):
    assert TextSources.find([corpus]).skipped == {".png": 2, "(no suffix)": 1}


def test_a_named_file_is_its_own_group(corpus):
    assert TextSources.find([corpus / "news" / "y.csv"]).files[0].group == "y"


def test_hidden_files_are_read_when_named(corpus):
    assert len(TextSources.find([corpus / ".git", corpus / ".hidden.txt"]).files) == 2


def test_a_file_is_read_once(corpus):
    sources = TextSources.find([corpus / "b.txt", corpus])
    assert [file.name for file in sources.files].count("b.txt") == 1
    assert sources.skipped["(same file again)"] == 1


@pytest.mark.skipif(sys.platform == "win32", reason="making links needs rights on Windows")
def test_links_to_folders_and_broken_links_are_counted(corpus):
    (corpus / "loop").symlink_to(corpus)
    (corpus / "gone.txt").symlink_to(corpus / "nowhere.txt")
    skipped = TextSources.find([corpus]).skipped
    assert skipped["(linked folder)"] == skipped["(not a regular file)"] == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux allows any bytes in a file's name")
def test_a_name_that_is_not_utf8_can_be_shown(tmp_path, read):
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("One.")
    document = read(tmp_path)[0]
    assert document.group == "caf\\xe9"
    document.source.encode()
    source_digest(TextSources.find([path]))


def test_nothing_to_read_says_what_was_there(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"")
    with pytest.raises(TextError, match=r"but 1 \.pdf.*Served are \.txt"):
        TextSources.find([tmp_path])
    with pytest.raises(TextError, match="but nothing"):
        TextSources.find([])


def test_a_path_that_is_not_there_or_not_served_is_named(tmp_path):
    with pytest.raises(TextError, match=r"no file or folder .*nope\.txt"):
        TextSources.find([tmp_path / "nope.txt"])
    (tmp_path / "a.pdf").write_bytes(b"")
    with pytest.raises(TextError, match=r"a\.pdf is not of a kind that can be read"):
        TextSources.find([tmp_path / "a.pdf"])


def test_the_digest_follows_names_and_contents_and_nothing_else(write, tmp_path, monkeypatch):
    write("one/a.txt", ["One."])
    write("one/b.txt", ["Two."])
    write("two/a.txt", ["One."])
    write("two/b.txt", ["Two."])
    digest = source_digest(TextSources.find([tmp_path / "one"]))
    assert len(digest) == 64
    assert source_digest(TextSources.find([tmp_path / "two"])) == digest
    monkeypatch.chdir(tmp_path)
    assert source_digest(TextSources.find(["one/"])) == digest
    write("two/b.txt", ["Two!"])
    assert source_digest(TextSources.find([tmp_path / "two"])) != digest
    (tmp_path / "one" / "b.txt").rename(tmp_path / "one" / "c.txt")
    assert source_digest(TextSources.find([tmp_path / "one"])) != digest


def test_moving_text_between_files_changes_the_digest(write, tmp_path):
    write("one/a.txt", ["One.", "Two."])
    write("one/b.txt", ["Three."])
    write("two/a.txt", ["One."])
    write("two/b.txt", ["Two.", "Three."])
    digests = {source_digest(TextSources.find([tmp_path / name])) for name in ("one", "two")}
    assert len(digests) == 2
