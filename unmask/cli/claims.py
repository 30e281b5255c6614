"""`unmask claims list`, `run` and `report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from unmask.cli import options
from unmask.cli.console import print_json, print_table

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, name="claims")

Out = Annotated[Path, typer.Option(help="Folder of results, a JSON file a claim.")]
RESULTS = Path("benchmarks/claims")


@app.callback()
def claims() -> None:
    """The field's claims as experiments: what the literature says, measured at a matched budget."""


@app.command("list")
def list_(json: options.Json = False) -> None:
    """List the claims, with their sources.

    Example: unmask claims list
    """
    from unmask.claims.recipe import all_claims

    found = all_claims()
    if json:
        print_json(
            {name: {"sentence": c.sentence, "source": c.source} for name, c in found.items()}
        )
        return
    print_table({name: f"{claim.sentence} ({claim.source})" for name, claim in found.items()})


@app.command()
def run(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="Claims, files ending in .toml, or: all."),
    ],
    data: Annotated[
        Path | None,
        typer.Option(help="Folder with text/, sentence_polarity/ and blimp/; not for speed."),
    ] = None,
    out: Out = RESULTS,
    work: Annotated[Path, typer.Option(help="Folder for runs; several gigabytes.")] = Path(
        "runs/claims"
    ),
    benchmarks: Annotated[
        Path, typer.Option(help="Folder of stored results of `unmask bench`, for claims on speed.")
    ] = Path("benchmarks"),
    minutes_per_model: Annotated[
        float | None,
        typer.Option(help="Of training on one core. Default: as many tokens as the claim says."),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Of every arm, paired.")] = 5,
    at_once: Annotated[int, typer.Option(help="Arms trained at a time, one core each.")] = 2,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1 or auto.")] = "cpu",
    json: options.Json = False,
) -> None:
    """Train what claims compare, measure it, and say whether they hold.

    Example: unmask claims run mask-rate --data data/

    Stopped or killed, the same command goes on; what is done is not done again.
    """
    from dataclasses import asdict

    from unmask.claims.command import run_claims, runnable

    every = runnable() if "all" in names else []
    wanted = list(dict.fromkeys([*every, *(name for name in names if name != "all")]))
    found = run_claims(
        wanted,
        data=data,
        out=out,
        work=work,
        benchmarks=benchmarks,
        minutes_per_model=minutes_per_model,
        seeds=seeds,
        at_once=at_once,
        device=device,
        say=lambda words: print(words, file=sys.stderr, flush=True),
    )
    if json:
        print_json({result.name: asdict(result) for result in found})
        return
    for result in found:
        print_table(_told(result))


@app.command()
def report(
    own: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[CLAIM]...", help="Files of claims of your own, ending in .toml."),
    ] = None,
    out: Out = RESULTS,
    page: Annotated[Path, typer.Option(help="The page to write, Markdown.")] = Path("claims.md"),
    pictures: Annotated[
        Path | None, typer.Option(help="Folder of its pictures. Default: beside the page.")
    ] = None,
) -> None:
    """Write a page with pictures from the stored results.

    Example: unmask claims report --out benchmarks/claims --page claims.md
    """
    from unmask.claims.page import write_page

    write_page(out, page, pictures or page.parent / "claims", own or [])
    print(page)


def _told(result: Any) -> dict[str, str]:
    """A result for people."""
    from unmask.claims.page import told

    rows = {result.name: f"{result.says} ({result.hours:.1f} hours of one core)"}
    for effect in result.effects:
        interval = "" if effect.low is None else f" ({effect.low:+.4f} to {effect.high:+.4f})"
        rows[f"  {told(effect)}"] = f"{effect.mean:+.4f}{interval}: {effect.says}"
    return rows
