"""Exercise 2: a small encoder, pretrained and fine-tuned, beside its rivals.

    python lesson/code/sentiment_rivals.py --data reviews.csv       columns text and label
    python lesson/code/sentiment_rivals.py --sst2                   SST-2, from the Hub
    python lesson/code/sentiment_rivals.py --show lesson/outputs/sentiment.json

Needs the package: `pip install -e .` in a checkout. An encoder of two
layers and 64 features reads 10,000 sentences, and is then trained through [CLS] to tell their
sentiment. Beside it stand a decoder and a two-way LSTM of as many parameters, each with and
without pretraining, and a bag of words.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from typing import Any

# The lesson's other files lie beside this one; say so, however this one was loaded.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from labelled_texts import Data, sst2
from paired import (
    add_options,
    differences,
    draw,
    exit_status,
    load,
    recipe_of,
    row,
    say,
    store,
    told,
)
from rivals import BAG, RIVALS, WAYS, Recipe, run_seed

from unmask.claims.effects import Estimate
from unmask.errors import ConfigError
from unmask.verbs.machine import versions

NAME = "sentiment"
TITLE = "A small encoder and its rivals"
SIZES = ("sentences", "vocabulary", "steps", "epochs")
QUICK = Recipe(sentences=300, vocabulary=300, steps=20, tokens_per_step=1024, epochs=1)


def run(
    data: Data, recipe: Recipe, seeds: int, out: Path, text: Path | None = None, jobs: int = 1
) -> dict[str, Any]:
    """All seeds; what they came to, ready to be stored.

    Args:
        out: folder for the runs; those that are finished there are not run again.
        text: to pretrain on, other than the texts with labels.
        jobs: seeds at a time, of one thread each.
    """
    one = partial(run_seed, data, recipe, text, out)
    found = []
    if jobs == 1:
        found = [_told(seed, one(seed)) for seed in range(seeds)]
    else:
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            found = [_told(seed, done) for seed, done in enumerate(pool.map(one, range(seeds)))]
    return {
        "exercise": NAME,
        "of": data.name,
        "split": "anew" if data.test is None else "given",
        "text": None if text is None else text.name,
        "recipe": asdict(recipe),
        "seeds": seeds,
        "figures": {
            name: {way: [seed["figures"][name][way] for seed in found] for way in ways}
            for name, ways in found[0]["figures"].items()
        },
        "parameters": found[0]["parameters"],
        "facts": {name: mean(seed["facts"][name] for seed in found) for name in found[0]["facts"]},
        "versions": versions(),
    }


def _told(seed: int, found: dict[str, Any]) -> dict[str, Any]:
    say(f"seed {seed}: " + ", ".join(f"{n} {f}" for n, f in found["figures"].items()))
    return found


def rivals_of(result: dict[str, Any]) -> dict[str, list[float]]:
    """What each rival is better by than the pretrained encoder, in points, seed by seed."""
    figures = result["figures"]
    named = {
        "bag of words": figures[BAG]["scratch"],
        "encoder without pretraining": figures["encoder"]["scratch"],
        "decoder": figures["decoder"]["pretrained"],
        "decoder without pretraining": figures["decoder"]["scratch"],
        "LSTM": figures["lstm"]["pretrained"],
        "LSTM without pretraining": figures["lstm"]["scratch"],
    }
    encoder = figures["encoder"]["pretrained"]
    return {
        name: [100 * one for one in differences(values, encoder)] for name, values in named.items()
    }


def table(result: dict[str, Any]) -> str:
    """The result in words and numbers."""
    facts, recipe, figures = result["facts"], result["recipe"], result["figures"]
    anew, text = result["split"] == "anew", result["text"]
    read = "the same" if text is None else f"{facts['pretraining']:,.0f} of {text}"
    lines = [
        f"== Exercise 2. {TITLE} ==",
        "",
        f"  {result['of']}: {facts['train']:,.0f} texts to learn from, {facts['test']:,.0f} to "
        f"test on, {'split anew by each seed' if anew else 'the same for all seeds'}.",
        f"  Pretraining: {read}, without labels; {recipe['steps']} steps of "
        f"{recipe['tokens_per_step']:,} tokens. Fine-tuning: {recipe['epochs']} "
        f"epoch{'s' * (recipe['epochs'] != 1)}.",
        "",
        f"  Accuracy, mean of {result['seeds']} seeds (and their standard deviation):",
        "",
        "                           parameters",
        "                           in all   token table   pretrained      from scratch",
    ]
    for name, rival in RIVALS.items():
        whole, tokens = result["parameters"][name]
        shares = "   ".join(_share(figures[name][way]) for way in WAYS)
        lines.append(f"    {rival.said:<20}  {whole:>7,}       {tokens:>7,}   {shares}")
    lines += [f"    {'bag of words':<58}{_share(figures[BAG]['scratch'])}", ""]
    lines += ["  Points of accuracy better than the pretrained encoder, with 95 % interval:", ""]
    for name, values in rivals_of(result).items():
        lines.append(f"    {name:<27}  {told(Estimate.of(values), 1)}")
    return "\n".join(lines)


def _share(values: Sequence[float]) -> str:
    return f"{mean(values):.3f} ({stdev(values):.3f})"


def picture(result: dict[str, Any], path: Path) -> None:
    """Every rival against the encoder."""
    rows = [row(name, values, 1) for name, values in rivals_of(result).items()]
    draw(rows, path, TITLE, "points of accuracy better than the pretrained encoder")


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=TITLE)
    parser.add_argument("--data", type=Path, help="a table with a text and a label in each row")
    parser.add_argument("--test", type=Path, help="another to test on; else a part of --data is")
    parser.add_argument("--text-column", help="of the tables, where it is not called text")
    parser.add_argument("--label-column", help="of the tables, where it is not called label")
    parser.add_argument("--sst2", action="store_true", help="take SST-2 from the Hub as data")
    parser.add_argument("--text", type=Path, help="pretrain on the lines of this file instead")
    parser.add_argument("--jobs", type=int, default=2, help="seeds at a time, of one thread each")
    add_options(parser, Recipe(), SIZES)
    return parser.parse_args(words)


def data_of(asked: argparse.Namespace) -> Data:
    """What the command line asks for.

    Raises:
        ConfigError: not exactly one source of labelled texts.
        DataError: it cannot be used.
    """
    if asked.sst2 == (asked.data is not None):
        raise ConfigError(
            "labelled texts come from one place: give --data TABLE or --sst2, "
            f"and not {'both' if asked.sst2 else 'neither'}"
        )
    if asked.sst2:
        return sst2()
    return Data.read(asked.data, asked.test, asked.text_column, asked.label_column)


def main(words: Sequence[str] | None = None) -> int:
    """Run it, or show what was stored; returns the exit status."""
    asked = arguments(words)

    def work() -> None:
        if asked.show is not None:
            print(table(load(asked.show, NAME)))
            return
        if asked.jobs < 1:
            raise ConfigError(f"--jobs must be at least 1, not {asked.jobs}; leave it out for 2")
        recipe = recipe_of(asked, Recipe(), QUICK, SIZES)
        runs = asked.out / f"{NAME}-runs"
        result = run(data_of(asked), recipe, asked.seeds, runs, asked.text, asked.jobs)
        store(result, asked.out, NAME)
        picture(result, asked.out / f"{NAME}.svg")
        print(table(result))

    return exit_status(work)


if __name__ == "__main__":
    sys.exit(main())
