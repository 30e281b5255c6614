"""`unmask quickstart`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from shutil import which
from typing import Annotated

import typer

from unmask.cli import options
from unmask.cli.console import Terminal, print_json


def quickstart(
    text: options.Text = None,
    field: options.Field = None,
    minutes: Annotated[float, typer.Option(help="Time to pretrain for.")] = 4.0,
    out: Annotated[Path, typer.Option(help="Folder for everything.")] = Path("runs/quickstart"),
    seed: options.Seed = None,
    threads: options.Threads = None,
    json: options.Json = False,
) -> None:
    """Do everything once: tokenizer, pretraining, evaluation, classification, report.

    Example: unmask quickstart --minutes 4

    Needs no data and no network: it reads the docstrings of the Python packages on this machine.
    Interrupted and started again, it goes on where it was.
    """
    from dataclasses import asdict

    from unmask.tour.quickstart import quickstart

    watch = Terminal()
    result = quickstart(
        out=out,
        text=text or (),
        field=field or "text",
        minutes=minutes,
        seed=seed or 0,
        threads=threads,
        watch=watch,
    )
    if result.facts is None:
        watch.say("Stopped. The same command goes on from here.")
        if json:
            print_json({"finished": False, "stopped_by": result.stopped_by, "folder": out})
    elif json:
        print_json(asdict(result.facts))
    else:
        _show(result)
    options.exit_code(result.stopped_by)


def _show(result: object) -> None:
    """The figures, and what to type next."""
    from rich.console import Console

    from unmask.report.console import summary
    from unmask.tour.quickstart import QuickstartResult

    assert isinstance(result, QuickstartResult)
    assert result.facts is not None
    Console().print(summary(result.facts))
    print(f"\nThe report: {result.report}\n\nNext:")
    if which("unmask") is None:
        here = Path(sys.executable).parent / "activate"
        print(f"  source {os.path.relpath(here)}\n      so that the shell finds the command unmask")
    for command in result.facts.commands:
        print(f"  {command.line}\n      {command.does}")
