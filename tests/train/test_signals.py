"""The first signal is a request, the second an interruption, and both end with the block."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from unmask.train.signals import stop_on_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted(number: int) -> None:
    before = signal.getsignal(number)
    with stop_on_signals() as request:
        assert request.signal is None
        os.kill(os.getpid(), number)
        assert request.signal == number
    assert signal.getsignal(number) is before


def test_the_second_interrupts() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    def twice() -> None:
        with stop_on_signals():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_handlers_come_back_after_an_error() -> None:
    before = signal.getsignal(signal.SIGTERM)

    def fails() -> None:
        with stop_on_signals():
            raise ValueError("inside")

    with pytest.raises(ValueError, match="inside"):
        fails()
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_installs_nothing() -> None:
    """Python delivers signals to the main thread and refuses handlers elsewhere."""
    seen = []

    def elsewhere() -> None:
        with stop_on_signals() as request:
            seen.append((request.signal, signal.getsignal(signal.SIGTERM)))

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [(None, before)]
