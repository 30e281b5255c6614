"""Batches side by side: the same answers in the same order, and nothing left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from unmask.checkpoint.folder import open_encoder
from unmask.pipelines import lanes, running
from unmask.pipelines.lanes import lanes_of, side_by_side
from unmask.pipelines.running import by_length, evened, run


@pytest.fixture
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_lane_for_each_thread_of_the_cpu_and_one_elsewhere(two_threads: None) -> None:
    assert lanes_of("cpu") == lanes_of(torch.device("cpu")) == 2
    assert lanes_of("cuda") == 1


def test_jobs_are_done_at_once_each_by_one_thread(two_threads: None) -> None:
    both, threads = threading.Barrier(2), set()

    def work(job: int) -> tuple[int, int, bool]:
        both.wait(20)  # fails unless two are under way
        threads.add(threading.get_ident())
        return job, torch.get_num_threads(), torch.is_inference_mode_enabled()

    found = list(side_by_side(work, range(6), 2))
    assert found == [(job, 1, True) for job in range(6)]
    assert len(threads) == 2
    assert threading.get_ident() not in threads
    # Neither this thread nor those to come are left with one thread of computing.
    assert torch.get_num_threads() == 2
    later: list[int] = []
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [2]


@pytest.mark.parametrize(("jobs", "at_once"), [(1, 2), (5, 1), (0, 2)])
def test_one_job_or_one_lane_stays_where_it_is(jobs: int, at_once: int, two_threads: None) -> None:
    here = threading.get_ident()
    found = list(
        side_by_side(lambda job: (job, threading.get_ident() == here), range(jobs), at_once)
    )
    assert found == [(job, True) for job in range(jobs)]


def test_fewer_jobs_than_lanes(two_threads: None) -> None:
    assert list(side_by_side(lambda job: -job, [1, 2], 8)) == [-1, -2]


def test_an_error_ends_it_and_the_rest_is_left_undone(two_threads: None) -> None:
    done = []

    def work(job: int) -> int:
        if job == 0:
            raise ValueError("no")
        done.append(job)
        return job

    with pytest.raises(ValueError, match="no"):
        list(side_by_side(work, range(1000), 2))
    assert len(done) < 1000
    assert not [one for one in threading.enumerate() if one.name.startswith("lane")]
    assert torch.get_num_threads() == 2


def test_a_models_answers_are_the_same(
    tiny_model_folder: Path, two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = open_encoder(tiny_model_folder).model
    rows = [[2, *range(5, 5 + length % 40), 3] for length in range(300)]
    shares: list[float] = []

    def read(batch: object) -> list[torch.Tensor]:
        hidden = model(batch)
        return list(hidden.split(batch.lengths))  # type: ignore[attr-defined]

    together = run(rows, read, "cpu", tokens=256, tell=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    monkeypatch.setattr(running, "lanes_of", lambda device: 1)
    alone = run(rows, read, "cpu", tokens=256)
    for one, two in zip(together, alone, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=1e-5)
    assert [len(one) for one in together] == [len(row) for row in rows]


@pytest.mark.parametrize("count", [0, 1, 7, 100, 1000])
@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_lanes_have_about_as_many_batches(count: int, at_once: int) -> None:
    rows = [[0] * (3 + number % 30) for number in range(count)]
    whole = sum(map(len, rows))
    budget = evened(whole, 512, at_once)
    assert budget <= 512
    batches = list(by_length(rows, budget))
    assert sorted(place for batch in batches for place in batch) == list(range(count))
    if count >= 100:
        rounds = -(-whole // (512 * at_once))
        assert len(batches) <= rounds * at_once + 1


def test_the_module_has_no_threads_of_its_own() -> None:
    assert not [value for value in vars(lanes).values() if isinstance(value, threading.Thread)]
