"""An arm in a process of its own: started, made and run through a pipe.

Processes are spawned, so that none inherits another library's threads. What libraries print goes
to a file beside the results, and its last line tells why a process died. Each leads a group of
processes: what an arm has started ends with it.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
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
        self.limit = limit
        options = {**common, **spec.options}
        self._child = _Child(_serve_arm, (spec.make, options, threads), log)
        try:
            self._child.answer(limit)
        except BaseException:
            self.close()
            raise

    def run(self, *, show: bool = False) -> Measured:
        """One run.

        Args:
            show: whether the outputs are wanted.

        Raises:
            NotMeasured: it failed, died or took too long.
        """
        self._child.send(RUN_AND_SHOW if show else RUN)
        measured = self._child.answer(self.limit)
        if not isinstance(measured, Measured):
            raise NotMeasured(f"an arm's run gives Measured, not {type(measured).__name__}")
        return measured

    def close(self) -> None:
        """End the process and all that it has started; may be called again."""
        with suppress(NotMeasured):  # it has ended already
            self._child.send(STOP)
        self._child.end()


def prepared(named: str, setting: Setting, log: Path, limit: float) -> dict[str, Any]:
    """What `prepare` returns, called in a process of its own.

    Raises:
        NotMeasured: it failed, died or took too long.
    """
    child = _Child(_serve_call, (named, setting), log)
    try:
        options: dict[str, Any] = child.answer(limit)
        return options
    finally:
        child.end()


class _Child:
    """A process in a group of its own with all that it starts, and a pipe to it.

    Args:
        target: what it calls, with its end of the pipe and the name of its log before `args`.
        args: pickled.
        log: the file that its output goes to.
    """

    def __init__(self, target: Any, args: tuple[Any, ...], log: Path) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._log, self._ended = log, False
        self._process = context.Process(target=target, args=(theirs, str(log), *args))
        self._process.start()
        theirs.close()

    def send(self, words: str) -> None:
        """Tell it what is wanted.

        Raises:
            NotMeasured: it has ended.
        """
        try:
            self._pipe.send(words)
        except OSError:
            raise self._gone() from None

    def answer(self, limit: float) -> Any:
        """What it sends back.

        Raises:
            NotMeasured: it sends why it failed, ends, or is silent for so many seconds.
        """
        try:
            if not self._pipe.poll(limit):
                self.end(0.0)
                raise NotMeasured(f"no answer within {limit:.0f} s")
            fault, value = self._pipe.recv()
        except (EOFError, OSError):
            raise self._gone() from None
        if fault is not None:
            raise NotMeasured(fault)
        return value

    def end(self, patience: float = ENDING) -> None:
        """End it with all that it has started, after so many seconds to end by itself."""
        if self._ended:
            return
        self._ended = True
        group = self._process.pid
        assert group is not None  # it was started
        # Not `join`: until it is waited for, its number is that of its group and of nobody else.
        wait([self._process.sentinel], patience)
        with suppress(ProcessLookupError, PermissionError):  # there is no such group, or not yet
            os.killpg(group, signal.SIGKILL)
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _gone(self) -> NotMeasured:
        self.end()
        code = self._process.exitcode
        return NotMeasured(f"the process ended with {code}: {_last(self._log)}")


def _last(log: Path) -> str:
    """The last line of a file."""
    lines = log.read_text("utf-8", errors="replace").split("\n") if log.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")


def _apart(log: str) -> None:
    """Lead a group of processes, and send what they and their libraries print to a file."""
    os.setsid()
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
    _apart(log)
    try:
        pipe.send((None, resolve(named)(setting)))
    except Exception as error:
        pipe.send((_told(error), None))


def _serve_arm(
    pipe: Connection, log: str, make: str, options: Mapping[str, Any], threads: int
) -> None:
    """In the process: make the arm, then run it as often as asked for."""
    _apart(log)
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
