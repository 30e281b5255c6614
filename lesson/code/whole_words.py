"""Exercise 1: what changes when whole words are hidden instead of single tokens?

    python lesson/code/whole_words.py                      five seeds, on a made language
    python lesson/code/whole_words.py --text notes.txt     on 500 lines of your own
    python lesson/code/whole_words.py --show lesson/outputs/whole-words.json

Needs the package: `pip install -e .` in a checkout. Two models for each
seed are alike in everything (500 sentences, tokenizer, first weights, order, steps) but for what
their training hides. Both are then asked the same questions about sentences that neither has seen.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import Any

# The lesson's other files lie beside this one; say so, however this one was loaded.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from hiding import ARMS, Draw, Recipe, from_file, from_language, run_seed
from inflecting_language import best_share
from paired import (
    add_options,
    differences,
    draw,
    exit_status,
    load,
    recipe_of,
    row,
    store,
    told,
)

from unmask.claims.effects import Estimate
from unmask.verbs.machine import versions

NAME = "whole-words"
TITLE = "Whole words instead of single tokens"
MADE = "the made language"
SIZES = ("sentences", "held_out", "vocabulary", "steps")
QUICK = Recipe(sentences=60, held_out=80, vocabulary=90, steps=6)


def run(drawn: Draw, recipe: Recipe, seeds: int, of: str, out: Path) -> dict[str, Any]:
    """All seeds; what they came to, ready to be stored.

    Args:
        of: what the sentences are of.
        out: folder for the runs; those that are finished there are not run again.
    """
    found = [run_seed(drawn, recipe, seed, out / f"seed-{seed}") for seed in range(seeds)]
    return {
        "exercise": NAME,
        "of": of,
        "recipe": asdict(recipe),
        "seeds": seeds,
        "figures": {
            arm: {
                kind: [one["figures"][arm][kind] for one in found] for kind in ("tokens", "words")
            }
            for arm in ARMS
        },
        "example": found[0]["example"],
        "facts": {name: mean(one["facts"][name] for one in found) for name in found[0]["facts"]},
        "versions": versions(),
    }


def effects(result: dict[str, Any]) -> dict[str, list[float]]:
    """By what is asked, what hiding words gains over hiding tokens, seed by seed."""
    figures = result["figures"]
    return {
        kind: differences(figures["words"][kind], figures["tokens"][kind])
        for kind in ("tokens", "words")
    }


def table(result: dict[str, Any]) -> str:
    """The result in words and numbers."""
    facts, recipe, figures = result["facts"], result["recipe"], result["figures"]
    lines = [
        f"== Exercise 1. {TITLE} ==",
        "",
        f"  {recipe['sentences']} sentences of {result['of']} in {recipe['vocabulary']} tokens, "
        f"{facts['pieces']:.1f} to a word:",
        f"    {result['example']}",
        f"  Asked of each model: {facts['tokens']:,.0f} single tokens, and {facts['words']:,.0f} "
        f"words, of which {facts['several']:.0%} have several.",
        "",
        f"  Share guessed, mean of {result['seeds']} seeds; the difference with its 95 % interval:",
        "",
        "                   trained by hiding",
        "    asked about    tokens   words    words minus tokens",
    ]
    for kind, label in (("tokens", "single tokens"), ("words", "whole words")):
        shares = "    ".join(f"{mean(figures[arm][kind]):.3f}" for arm in ARMS)
        gain = told(Estimate.of(effects(result)[kind]))
        lines.append(f"    {label:<13}  {shares}    {gain}")
    lines += ["", f"  Of whole words, always the commonest: {facts['common']:.3f}"]
    if result["of"] == MADE:
        lines.append(f"  Of a single hidden word, knowing the language: {best_share():.3f}")
    return "\n".join(lines)


def picture(result: dict[str, Any], path: Path) -> None:
    """Both differences with their intervals."""
    rows = [
        row(f"asked about {label}", effects(result)[kind], 3)
        for kind, label in (("tokens", "single tokens"), ("words", "whole words"))
    ]
    draw(rows, path, TITLE, "share guessed, hiding words minus hiding tokens")


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=TITLE)
    parser.add_argument(
        "--text", type=Path, help="a file of your own, with a sentence on each line"
    )
    add_options(parser, Recipe(), SIZES)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    """Run it, or show what was stored; returns the exit status."""
    asked = arguments(words)

    def work() -> None:
        if asked.show is not None:
            print(table(load(asked.show, NAME)))
            return
        recipe = recipe_of(asked, Recipe(), QUICK, SIZES)
        made = asked.text is None
        drawn = from_language(recipe) if made else from_file(asked.text, recipe)
        of = MADE if made else asked.text.name
        result = run(drawn, recipe, asked.seeds, of, asked.out / f"{NAME}-runs")
        store(result, asked.out, NAME)
        picture(result, asked.out / f"{NAME}.svg")
        print(table(result))

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())
