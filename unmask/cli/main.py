"""`unmask`: the verbs, and how errors look."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from unmask import __version__
from unmask.errors import UnmaskError

# Verb to "module:function", in the order of a first visit. Loaded only when asked for.
VERBS = {
    "quickstart": "unmask.cli.quickstart:quickstart",
    "tokenizer": "unmask.cli.tokenizer:app",
    "pretrain": "unmask.cli.pretrain:pretrain",
    "fill": "unmask.cli.fill:fill",
    "finetune": "unmask.cli.finetune:finetune",
    "evaluate": "unmask.cli.evaluate:evaluate",
    "probe": "unmask.cli.probe:probe",
    "predict": "unmask.cli.predict:predict",
    "embed": "unmask.cli.embed:embed",
    "rerank": "unmask.cli.rerank:rerank",
    "mine": "unmask.cli.mine:mine",
    "info": "unmask.cli.info:info",
    "scope": "unmask.cli.scope:scope",
    "doctor": "unmask.cli.doctor:doctor",
    "convert": "unmask.cli.convert:convert",
    "bench": "unmask.cli.bench:bench",
    "claims": "unmask.cli.claims:app",
}

# OpenMP's threads spin while they wait for each other, which gains a tenth on an idle machine.
# Where another process wants a core, it costs a factor of three to ten (docs/log.md): so they
# sleep, unless the user says otherwise.
WAITING = "PASSIVE"


class Verbs(TyperGroup):
    """The verbs, in order, each imported on its own."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All verbs."""
        return list(VERBS)

    def get_command(self, ctx: Any, name: str) -> Any:
        """One verb, or None."""
        if name not in VERBS:
            return None
        module, _, attribute = VERBS[name].partition(":")
        target = getattr(import_module(module), attribute)
        if isinstance(target, typer.Typer):
            return typer.main.get_command(target)
        single = typer.Typer(add_completion=False, rich_markup_mode=None)
        single.command(name)(target)
        return typer.main.get_command(single)


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Encoder-only language models of the BERT family, from raw text to a model that is used.

    First time here? `unmask quickstart` does everything once, on text found on this machine.
    """


def run() -> None:
    """The entry point: errors raised on purpose are printed as one line, without a traceback."""
    os.environ.setdefault("OMP_WAIT_POLICY", WAITING)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    try:
        app()
    except UnmaskError as error:
        if os.environ.get("UNMASK_TRACEBACK"):
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
