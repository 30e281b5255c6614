"""Claims that the program makes about itself: each is tested, and a false one fails the run."""

from dataclasses import dataclass, field


@dataclass
class Checks:
    """Prints each claim with PASS or FAIL and remembers what failed."""

    made: int = 0
    failed: list[str] = field(default_factory=list)

    def claim(self, holds: bool, text: str) -> None:
        """State `text`, and whether it `holds`."""
        self.made += 1
        if not holds:
            self.failed.append(text)
        print(f"  [{'PASS' if holds else 'FAIL'}] {text}")
