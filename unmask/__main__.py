"""`python -m unmask`: the same as the `unmask` command."""

from __future__ import annotations

from unmask.cli.main import run

if __name__ == "__main__":
    run()
