"""An arm in a process of its own: started, made and run through a pipe.

Processes are spawned, so that none inherits another library's threads. What libraries print goes
to a file beside the results, and its last line tells why a process died.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from unmask.bench.arm import ArmSpec, Measured
from unmask.bench.measure import Setting

STOP = "stop"
RUN = "run"
RUN_AND_SHOW = "run and show"  # with the outputs, which are large
ENDING = 10.0  # seconds that a process has to end by itself


class NotMeasured(Exception):
    """An arm or what it needs could not be made, or a run failed; says why."""


def resolve(named: str) -> Any:
    """The function behind "module:function"."""
    module, _, function = named.partition(":")
    return getattr(import_module(module), function)


class ArmProcess:
    """An arm that is made and waits for its turn.

    Args:
        spec: how it is made.
        common: further options, the same for all arms of a measure.
        threads: of PyTorch in that process.
        log: the file that its output goes to.
        limit: seconds for the making, and for each run.
    """

    def __init__(
        self, spec: ArmSpec, common: Mapping[str, Any], threads: int, log: Path, limit: float
    ) -> None:
        self.log, self.limit = log, limit
        options = {**common, **spec.options}
        self._process, self._pipe = _started(_serve_arm, (spec.make, options, threads), log)
        try:
            self._answer()
        except NotMeasured:
            self.close()
            raise

    def run(self, *, show: bool = False) -> Measured:
        """One run.

        Args:
            show: whether the outputs are wanted.

        Raises:
            NotMeasured: it failed, died or took too long.
        """
        try:
            self._pipe.send(RUN_AND_SHOW if show else RUN)
        except OSError:  # it ended while it waited for its turn
            raise _gone(self._process, self.log) from None
        measured = self._answer()
        if not isinstance(measured, Measured):
            raise NotMeasured(f"an arm's run gives Measured, not {type(measured).__name__}")
        return measured

    def close(self) -> None:
        """End the process."""
        if self._process.is_alive():
            with suppress(OSError):  # it is ending already
                self._pipe.send(STOP)
            self._process.join(ENDING)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._pipe.close()

    def _answer(self) -> Any:
        return _answer(self._process, self._pipe, self.log, self.limit)


def prepared(named: str, setting: Setting, log: Path, limit: float) -> dict[str, Any]:
    """What `prepare` returns, called in a process of its own.

    Raises:
        NotMeasured: it failed, died or took too long.
    """
    process, pipe = _started(_serve_call, (named, setting), log)
    try:
        options: dict[str, Any] = _answer(process, pipe, log, limit)
        return options
    finally:
        process.join(ENDING)
        if process.is_alive():
            process.kill()
        pipe.close()


def _started(target: Any, args: tuple[Any, ...], log: Path) -> tuple[Any, Any]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, str(log), *args), daemon=False)
    process.start()
    theirs.close()
    return process, ours


def _answer(process: Any, pipe: Any, log: Path, limit: float) -> Any:
    """What the process sends back.

    Raises:
        NotMeasured: it sends why it failed, ends, or is silent for too long.
    """
    try:
        if not pipe.poll(limit):
            process.kill()
            raise NotMeasured(f"no answer within {limit:.0f} s")
        fault, value = pipe.recv()
    except (EOFError, OSError):
        raise _gone(process, log) from None
    if fault is not None:
        raise NotMeasured(fault)
    return value


def _gone(process: Any, log: Path) -> NotMeasured:
    process.join(ENDING)
    return NotMeasured(f"the process ended with {process.exitcode}: {_last(log)}")


def _last(log: Path) -> str:
    """The last line of a file."""
    lines = log.read_text("utf-8", errors="replace").split("\n") if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


def _quiet(log: str) -> None:
    """Send what this process and its libraries print to a file."""
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.close(out)


def _told(error: Exception) -> str:
    """Why something failed, in one line; the whole of it goes to the file."""
    traceback.print_exc()
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words}"[:300]


def _serve_call(pipe: Connection, log: str, named: str, setting: Setting) -> None:
    """In the process: call a function once."""
    _quiet(log)
    try:
        pipe.send((None, resolve(named)(setting)))
    except Exception as error:
        pipe.send((_told(error), None))


def _serve_arm(
    pipe: Connection, log: str, make: str, options: Mapping[str, Any], threads: int
) -> None:
    """In the process: make the arm, then run it as often as asked for."""
    _quiet(log)
    try:
        import torch

        torch.set_num_threads(threads)
        arm = resolve(make)(**options)
        pipe.send((None, None))
    except Exception as error:
        pipe.send((_told(error), None))
        return
    while (wanted := _received(pipe)) != STOP:
        try:
            measured = arm.run()
            shown = wanted == RUN_AND_SHOW
            pipe.send((None, measured if shown else replace(measured, outputs=None)))
        except Exception as error:
            pipe.send((_told(error), None))


def _received(pipe: Connection) -> str:
    """What is wanted next; to stop, where nobody is left to want anything."""
    try:
        wanted: str = pipe.recv()
    except EOFError:
        return STOP
    return wanted
