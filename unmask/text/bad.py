"""What a pass over the sources meets: records seen, bad places among them, bytes read.

A bad place stops the pass with `CorruptText`, unless the user chose `on_bad="skip"`. Then it is
left out, counted, and kept as an example for the report, and the pass still fails when more than
the share `max_bad` of what was there is bad. Two shares are watched, because they fail apart: bad
records among the records seen, and bytes in files whose rest could not be read at all.
"""

from __future__ import annotations

from collections.abc import Callable

from unmask.errors import ConfigError, CorruptText, TextError

NAMED = 5
"""Bad places that a message names; the others are only counted there."""
MAX_EXAMPLES = 20
"""Bad places kept word for word; the others are only counted."""
EARLY_RECORDS = 1000
"""Before so many records, a share says too little to stop a pass early."""
EARLY_FACTOR = 10
"""A share this many times the limit stops a pass early; less may still be diluted by what follows.
"""


def none_read(rule: str, name: str, reading: Reading) -> str:
    """The message where nothing of a file could be used, and why that is.

    Args:
        rule: what there must be.
        name: of the file.
        reading: that has read it.
    """
    if not reading.bad:
        return f"{rule}, but {name} has none"
    left_out = "1 bad place was" if reading.bad == 1 else f"{reading.bad:,} bad places were"
    return (
        f"{rule}, but {name} has none: {left_out} left out (--on-bad skip), the first at "
        f"{reading.examples[0]}"
    )


class Reading:
    """One pass over sources: its rule for bad places, and its counts so far.

    Attributes:
        on_bad: "stop" or "skip".
        max_bad: greatest share of bad records, and of unreadable bytes, under "skip".
        seen: records (lines, in plain text) met so far, the bad ones too.
        bad: bad places met so far.
        lost_bytes: bytes of the files, as stored, that could not be read because of a bad place.
        examples: the first bad places, as `file:line: reason`.
        places: they without the reason.
        skipped: files that turned out not to be text of the kind they seemed, by reason.
    """

    def __init__(
        self,
        on_bad: str = "stop",
        max_bad: float = 0.01,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        if on_bad not in ("stop", "skip"):
            raise ConfigError(f"on_bad is 'stop' or 'skip', not {on_bad!r}.")
        if not 0 <= max_bad <= 1:
            raise ConfigError(f"max_bad is a share from 0 to 1, not {max_bad!r}.")
        self.on_bad, self.max_bad = on_bad, max_bad
        self.seen = self.bad = self.lost_bytes = 0
        self.examples: list[str] = []
        self.places: list[str] = []
        self.skipped: dict[str, int] = {}
        self._progress = progress
        self._finished_bytes = 0

    def saw(self, records: int = 1) -> None:
        """Counts records that were met, good or bad."""
        self.seen += records

    def skip(self, reason: str) -> None:
        """Counts a file that is left out and is no bad place."""
        self.skipped[reason] = self.skipped.get(reason, 0) + 1

    def report_bad(self, file: str, line: int | None, reason: str, lost_bytes: int = 0) -> None:
        """Takes note of a bad place, which the caller then leaves out.

        Args:
            file: the file as the user named it.
            line: 1-based line (row, in Parquet), or None where the file has none.
            reason: what is wrong there; no full stop at its end.
            lost_bytes: how much of the stored file cannot be read because of it.

        Raises:
            CorruptText: under "stop".
            TextError: under "skip", when the limit is so far behind that it is no accident.
        """
        found = CorruptText(file, line, reason)
        if self.on_bad == "stop":
            raise found
        self.bad += 1
        self.lost_bytes += lost_bytes
        if len(self.examples) < MAX_EXAMPLES:
            place = file if line is None else f"{file}:{line}"
            self.examples.append(f"{place}: {reason}")
            self.places.append(place)
        if self.seen >= EARLY_RECORDS and self.bad > self.max_bad * self.seen * EARLY_FACTOR:
            raise self._too_many(f"{self.bad:,} of the first {self.seen:,} records")

    @property
    def left_out(self) -> str:
        """How many bad places were left out, the first by where they are and what is wrong at the
        very first; empty where there were none."""
        if not self.bad:
            return ""
        # A file without lines has one name for all its places.
        first, *others = dict.fromkeys(self.places[:NAMED])
        named = [f"{first} ({self.examples[0].removeprefix(f'{first}: ')})", *others]
        more = f" and {self.bad - len(named):,} more" if self.bad > len(named) else ""
        what = "1 bad place" if self.bad == 1 else f"{self.bad:,} bad places"
        return f"{what} left out (--on-bad skip): {', '.join(named)}{more}"

    def at(self, position: int) -> None:
        """Reports how far into the current file the pass has come, in stored bytes."""
        if self._progress is not None:
            self._progress(self._finished_bytes + position)

    def finished(self, size: int) -> None:
        """Reports that a file of so many stored bytes is done."""
        self._finished_bytes += size
        self.at(0)

    def check(self, total_bytes: int) -> None:
        """Holds the counts against the limit, at the end of the pass.

        Args:
            total_bytes: size of all files together, as stored.

        Raises:
            TextError: more than the share `max_bad` of the records is bad, or of the bytes lost.
        """
        if self.bad > self.max_bad * max(self.seen, 1):
            raise self._too_many(f"{self.bad:,} of {self.seen:,} records")
        if self.lost_bytes > self.max_bad * total_bytes:
            raise self._too_many(
                f"{self.lost_bytes:,} of {total_bytes:,} bytes cannot be read: they"
            )

    def _too_many(self, what: str) -> TextError:
        shown = "\n  ".join(self.examples[:5])
        return TextError(
            f"{what} are bad, more than the share of {self.max_bad:g} that --max-bad allows. "
            f"Repair them, or raise --max-bad. The first ones:\n  {shown}"
        )
