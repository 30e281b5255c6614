"""Batches side by side on a CPU: each in a thread of its own, which computes alone.

A batch that is computed by all threads together waits for the slowest of them after every product,
and its Python runs while they stand still. Batches are independent, so each thread can take one and
wait for nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

import torch

T = TypeVar("T")
A = TypeVar("A")


def lanes_of(device: torch.device | str) -> int:
    """How many batches are computed at once: on a CPU as many as this thread may use threads."""
    return torch.get_num_threads() if torch.device(device).type == "cpu" else 1


def side_by_side(work: Callable[[A], T], jobs: Sequence[A], lanes: int) -> Iterator[T]:
    """What is made of each job, in their order.

    Args:
        work: makes it; called in inference mode.
        jobs: the costliest first, so that no thread is left alone with it at the end.
        lanes: how many at once. With one of them, or one job, all threads work on it together.
    """

    def made(job: A) -> T:
        with torch.inference_mode():  # which is a thread's own
            return work(job)

    if lanes < 2 or len(jobs) < 2:
        yield from map(made, jobs)
        return
    lanes = min(lanes, len(jobs))
    ready = Barrier(lanes + 1)

    def alone() -> None:
        torch.get_num_threads()  # a thread's first question sets it to what was noted last
        torch.set_num_threads(1)
        ready.wait()

    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(lanes, "lane", alone)
    try:
        found = [pool.submit(made, job) for job in jobs[:lanes]]
        ready.wait()
        # A thread's number is its own, but PyTorch notes the last one for threads to come.
        torch.set_num_threads(threads)
        found += [pool.submit(made, job) for job in jobs[lanes:]]
        for future in found:
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)
