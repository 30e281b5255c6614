"""`unmask bench`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unmask.cli import options
from unmask.cli.console import Terminal, print_json

if TYPE_CHECKING:
    from unmask.bench.results import Results

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="What to measure. See --list.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List what can be measured.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results. Default: benchmarks/ and the time.")
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(help="Folder for texts and models, used again. Default: work in --out."),
    ] = None,
    rounds: Annotated[int, typer.Option(help="Of all arms. Default: 5.", show_default=False)] = 5,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few texts, two rounds: only to see that it works.")
    ] = False,
    threads: options.Threads = None,
    json: options.Json = False,
) -> None:
    """Compare speed, memory and agreement with other libraries, in one run.

    Example: unmask bench embed latency --rounds 5
    """
    from unmask.bench.registry import MEASURES

    if list_:
        told = {name: measure.what for name, measure in MEASURES.items()}
        if json:
            print_json(told)
            return
        for name, words in told.items():
            print(f"{name:<14} {words}{'' if MEASURES[name].default else ' (on request only)'}")
        return
    _same_for_all(threads)
    from unmask.bench.command import benchmark

    results = benchmark(
        names or (),
        out=out,
        work=work,
        rounds=rounds,
        threads=threads,
        quick=quick,
        watch=Terminal(),
    )
    if json:
        print_json(results.as_json())
    else:
        _show(results)


def _same_for_all(threads: int | None) -> None:
    """What the processes of all arms find in their environment."""
    # This command line lets idle threads sleep; peers are measured as their users have them, and
    # so are this package's pipelines.
    os.environ.pop("OMP_WAIT_POLICY", None)
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    for name in THREADS if threads is not None else ():
        os.environ[name] = str(threads)


def _show(results: Results) -> None:
    """The tables, drawn in a terminal and as Markdown anywhere else."""
    from rich.console import Console
    from rich.table import Table

    from unmask.bench.tables import details, page, summary, surroundings

    console = Console(highlight=False)
    if not console.is_terminal:
        print(page(results), end="")
        return
    parts = [summary(results.verdicts), *(details(results, table) for table in results.tables)]
    for words in parts:
        table = Table(*words.heads, title=words.title, title_justify="left")
        for row in words.rows:
            table.add_row(*row)
        console.print(table, markup=False)
    console.print(surroundings(results), markup=False)
