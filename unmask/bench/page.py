"""The summary of stored results in a page: `python -m unmask.bench.page RESULT.json ... PAGE.md`.

Each measure is taken from the newest of the files that holds it, and what its seconds come to is
judged by the rules of today. Time to loss is no measure: its page tells it in words.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from unmask.bench.machine import COMMIT
from unmask.bench.registry import MEASURES
from unmask.bench.results import Results
from unmask.bench.runner import Table
from unmask.bench.tables import limits, machine, markdown, summary, versions
from unmask.bench.verdicts import Verdict, judged_anew
from unmask.checkpoint.durable import write_file
from unmask.errors import ConfigError, UnmaskError

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
OWN = frozenset({COMMIT, "unmask"})


def rendered(stored: Sequence[Results]) -> str:
    """The summary of several files, and what each measure was measured with.

    Raises:
        ConfigError: none of them holds a measure.
    """
    newest = _newest(stored)
    if not newest:
        raise ConfigError(f"results must hold one of the measures {', '.join(MEASURES)}")
    found = [one for name, (results, table) in newest.items() for one in _judged(results, table)]
    return f"{markdown(summary(found))}\n\n{_surroundings(newest)}"


def _newest(stored: Sequence[Results]) -> dict[str, tuple[Results, Table]]:
    """For each measure, in the order of all, the newest results that hold it, and its table."""
    there = {
        table.measure: (results, table)
        for results in sorted(stored, key=lambda one: one.date)
        for table in results.tables
    }
    return {name: there[name] for name in MEASURES if name in there}


def _judged(results: Results, table: Table) -> list[Verdict]:
    stored = [one for one in results.verdicts if one.measure == table.measure]
    return judged_anew(MEASURES[table.measure], table, stored)


def _surroundings(newest: dict[str, tuple[Results, Table]]) -> str:
    """A line for each invocation, then machines and versions, each once."""
    invocations: dict[str, tuple[Results, list[str]]] = {}
    for name, (results, _) in newest.items():
        invocations.setdefault(results.date, (results, []))[1].append(name)
    lines = [_invocation(*invocations[date]) for date in sorted(invocations)]
    every = [results for results, _ in invocations.values()]
    return "\n".join(
        [
            "Medians over the rounds, with the least and the greatest of them; cosines to the "
            "reference, the smallest and the mean. Measured",
            "",
            *lines,
            "",
            *dict.fromkeys(machine(one) for one in every),
            *dict.fromkeys(f"Versions: {versions(one, OWN)}." for one in every),
        ]
    )


def _invocation(results: Results, names: list[str]) -> str:
    at = results.versions.get(COMMIT)
    where = "" if at is None else f" at commit {at[:7]}{at[40:]}"
    quick = ", as a smoke test, whose figures mean little" if results.quick else ""
    return f"- {', '.join(names)}: on {results.date[:10]}{where}{quick}. {limits(results)}".rstrip()


def filled(page: str, stored: Sequence[Results]) -> str:
    """The page with what stands between its two marks replaced.

    Raises:
        ConfigError: the marks are not there once each, in order, or there is nothing to tell.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ConfigError(f"the page must have {BEGIN} and behind it {END}, once each")
    return f"{before}{BEGIN}\n{rendered(stored)}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Print the summary of results, or put it into a page."""
    files = [Path(name) for name in arguments if not name.endswith(".md")]
    pages = [Path(name) for name in arguments if name.endswith(".md")]
    if not files or len(pages) > 1:
        print("usage: python -m unmask.bench.page RESULT.json ... [PAGE.md]", file=sys.stderr)
        return 2
    try:
        stored = [Results.load(path) for path in files]
        if not pages:
            print(rendered(stored))
        for page in pages:
            write_file(page, filled(page.read_text("utf-8"), stored).encode())
    except (UnmaskError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
