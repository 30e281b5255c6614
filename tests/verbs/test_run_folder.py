"""A run's folder: begun, resumed, refused, and what was decided kept."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from unmask.errors import CheckpointError, CorruptCheckpoint, ResumeMismatch
from unmask.verbs.run_folder import LOOSE, RunFolder, digest_of

SETTINGS: dict[str, Any] = {
    "optim": {"lr": 0.001, "betas": (0.9, 0.98)},
    "run": {"seed": 0, "threads": 2},
}
ENVIRONMENT = {"torch": "2.13.0", "processor": "one", "threads": "2"}


def begin(out: Path, kind: str = "finetune", **changes: Any) -> RunFolder:
    given = {
        "settings": SETTINGS,
        "digests": {"train": "abc"},
        "environment": ENVIRONMENT,
        **changes,
    }
    return RunFolder.open(out, kind, **given)


def test_a_new_run_writes_down_what_it_began_with(tmp_path: Path) -> None:
    with begin(tmp_path / "a" / "run") as folder:
        assert not folder.resumed
        assert not folder.finished
        assert folder.notes == ()
    stored = json.loads((tmp_path / "a" / "run" / "run.json").read_text())
    assert stored["kind"] == "finetune"
    assert stored["settings"]["optim"] == {"lr": 0.001, "betas": [0.9, 0.98]}
    assert stored["digests"] == {"train": "abc"}


def test_the_same_run_goes_on(tmp_path: Path) -> None:
    with begin(tmp_path):
        pass
    with begin(tmp_path) as folder:
        assert folder.resumed
        assert folder.notes == ()


def test_it_is_finished_when_its_model_is_there(tmp_path: Path) -> None:
    with begin(tmp_path) as folder:
        folder.model.mkdir()
        assert folder.finished


def test_decisions_are_made_once(tmp_path: Path) -> None:
    with begin(tmp_path) as folder:
        assert folder.decided("steps") is None
        folder.decide("steps", 1234)
    with begin(tmp_path) as folder:
        assert folder.decided("steps") == 1234
        folder.decide("steps", 1234)
        with pytest.raises(CheckpointError, match=r"decided steps=1234 .* cannot become 5"):
            folder.decide("steps", 5)
        assert folder.decided("steps") == 1234


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": {**SETTINGS, "optim": {"lr": 0.002, "betas": (0.9, 0.98)}}},
         "optim.lr was 0.001 and is 0.002"),
        ({"settings": {**SETTINGS, "optim": {"lr": 0.001}}}, "optim.betas was .* and is not set"),
        ({"settings": {**SETTINGS, "new": 1}}, "new was not set and is 1"),
        ({"settings": {**SETTINGS, "run": {"seed": 1, "threads": 2}}}, "run.seed was 0 and is 1"),
        ({"digests": {"train": "abd"}}, "the data 'train' changed"),
        ({"digests": {}}, "the data 'train' is gone"),
        ({"digests": {"train": "abc", "dev": "x"}}, "the data 'dev' is new"),
        ({"kind": "pretrain"}, "a run of unmask finetune, not of pretrain"),
    ],
)  # fmt: skip
def test_other_settings_data_or_verbs_are_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    begin(tmp_path).close()
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(ResumeMismatch, match=words):
        begin(tmp_path, **changes)
    assert (tmp_path / "run.json").read_bytes() == before
    begin(tmp_path).close()


def test_all_differences_are_listed(tmp_path: Path) -> None:
    begin(tmp_path).close()
    settings = {"optim": {"lr": 1.0, "betas": (0.5, 0.5)}, "run": SETTINGS["run"]}
    with pytest.raises(ResumeMismatch, match=r"optim\.betas.*optim\.lr.*'train' changed"):
        begin(tmp_path, settings=settings, digests={"train": "x"})


def test_other_surroundings_and_loose_settings_only_warn(tmp_path: Path) -> None:
    assert "run.threads" in LOOSE
    begin(tmp_path).close()
    settings = {**SETTINGS, "run": {"seed": 0, "threads": 1}}
    environment = {**ENVIRONMENT, "processor": "another", "threads": "1"}
    with begin(tmp_path, settings=settings, environment=environment) as folder:
        assert len(folder.notes) == 2
        assert 'began with processor "one", and goes on with "another"' in folder.notes[0]
        assert "bits may differ" in folder.notes[1]


def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    with pytest.raises(CheckpointError, match=r"is not empty and holds no run \(thesis\.txt\)"):
        begin(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(CheckpointError, match=r"thesis\.txt is a file"):
        begin(tmp_path / "thesis.txt")


def test_what_a_kill_before_the_first_write_leaves_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".lock").touch()
    (tmp_path / f".run.json.tmp-1-{'0' * 32}").write_text("{")
    begin(tmp_path).close()


def test_a_run_has_one_writer(tmp_path: Path) -> None:
    with begin(tmp_path), pytest.raises(CheckpointError, match="one writer"):
        begin(tmp_path)
    begin(tmp_path).close()


def test_a_refused_run_gives_the_lock_back(tmp_path: Path) -> None:
    begin(tmp_path).close()
    with pytest.raises(ResumeMismatch):
        begin(tmp_path, digests={})
    child = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path,))
    child.start()
    child.join(60)
    assert child.exitcode == 0


def _hold(path: Path) -> None:
    begin(path).close()


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("[]", CorruptCheckpoint, "does not describe a run"),
        ("{", CorruptCheckpoint, "not strict JSON"),
        ('{"schema": 1, "unmask": "0"}', CorruptCheckpoint, "does not describe a run"),
        ('{"schema": 2, "unmask": "9.9"}', CheckpointError, "go on with unmask 9.9"),
    ],
)
def test_a_damaged_or_newer_record_is_refused(
    tmp_path: Path, text: str, error: type[Exception], words: str
) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(error, match=words):
        begin(tmp_path)


def test_digests_are_those_of_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert digest_of(tmp_path / "a").startswith("ba7816bf8f01cfea")
    with pytest.raises(CheckpointError, match="cannot be read"):
        digest_of(tmp_path / "b")
