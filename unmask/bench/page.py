"""The summary of stored results in a page: `python -m unmask.bench.page RESULT.json README.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from unmask.bench.results import Results
from unmask.bench.tables import markdown, summary, surroundings
from unmask.errors import ConfigError, UnmaskError

BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


def rendered(results: Results) -> str:
    """The summary, and what it was measured with."""
    return f"{markdown(summary(results.verdicts))}\n\n{surroundings(results)}"


def filled(page: str, results: Results) -> str:
    """The page with what stands between its two marks replaced.

    Raises:
        ConfigError: the marks are not there once each, in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ConfigError(f"the page must have {BEGIN} and behind it {END}, once each")
    return f"{before}{BEGIN}\n{rendered(results)}\n{END}{after}"


def main(arguments: list[str]) -> int:
    """Print the summary of results, or put it into a page."""
    if len(arguments) not in (1, 2):
        print("usage: python -m unmask.bench.page RESULT.json [PAGE.md]", file=sys.stderr)
        return 2
    try:
        results = Results.load(Path(arguments[0]))
        if len(arguments) == 1:
            print(rendered(results))
            return 0
        page = Path(arguments[1])
        page.write_text(filled(page.read_text("utf-8"), results), "utf-8")
    except (UnmaskError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
