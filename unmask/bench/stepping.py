"""A loop that trains to its end once it is started, so many steps at a time.

It runs in a thread of its own, which stands still between the runs of the arm. All that computes is
in that thread: the model is made there, and evaluated there. OpenMP keeps a pool for every thread
that computes, and where the threads of all pools are more than the cores, GNU's library puts them
to sleep at each barrier, which makes the loop slower than its users have it.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from unmask.bench.arm import Measured
from unmask.bench.training import measured
from unmask.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Training:
    """A loop that is made and not started.

    Attributes:
        train: trains to the end. It calls `Stepping.stand` before its first batch and
            `Stepping.told` after each step.
        tokens: real ones of each step: padding does not count.
        steps: of one run of the arm.
        after: figures that are taken after each, outside the clock.
    """

    train: Callable[[], object]
    tokens: Sequence[int]
    steps: int
    after: Callable[[], Mapping[str, float]]


class Stepping:
    """An arm that goes on with such a loop.

    Args:
        make: gives the loop, which tells this object of its steps. It is called in the loop's
            thread, and nothing of what it makes is touched by any other.

    Raises:
        Exception: what `make` raises, or the loop before its first batch.
    """

    def __init__(self, make: Callable[[Stepping], Training]) -> None:
        self._steps, self._begun = 0, 0.0
        self._losses: list[float] = []
        self._training: Training | None = None
        self._go = threading.Semaphore(0)
        self._answers = queue.SimpleQueue[Measured | BaseException | None]()
        threads = torch.get_num_threads()  # a new thread does not have what was set in this one

        def work() -> None:
            try:
                torch.set_num_threads(threads)
                self._training = make(self)
                self._training.train()
                raise ConfigError(f"the loop is at its end after {self._steps} steps")
            except BaseException as error:
                self._answers.put(error)

        threading.Thread(target=work, daemon=True).start()
        self._answer()

    def run(self) -> Measured:
        """The next steps.

        Raises:
            ConfigError: fewer are left.
        """
        self._go.release()
        found = self._answer()
        assert found is not None
        return found

    def stand(self) -> None:
        """Called by the loop before its first batch: wait for the first run."""
        self._stand(None)

    def told(self, loss: float) -> None:
        """Called by the loop after each step: stand still where the run has all of its steps."""
        training = self._training
        assert training is not None  # it trains
        self._steps += 1
        self._losses.append(loss)
        if len(self._losses) < training.steps:
            return
        seconds = time.perf_counter() - self._begun
        tokens = training.tokens[self._steps - len(self._losses) : self._steps]
        self._stand(measured(seconds, tokens, self._losses, self._steps, training.after()))

    def _stand(self, answer: Measured | None) -> None:
        self._answers.put(answer)
        self._go.acquire()
        self._losses = []
        self._begun = time.perf_counter()

    def _answer(self) -> Measured | None:
        found = self._answers.get()
        if isinstance(found, BaseException):
            raise found
        return found
