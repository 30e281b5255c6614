"""Start a process and say what it took: `python -m unmask.bench.launch ARGUMENTS`.

A process of its own, and a small one: a child begins with the peak of memory that its parent had,
so that a large parent would hide what the child needs. It imports nothing beyond the standard
library, and is itself not in what it tells.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

KIB = 1 if sys.platform == "darwin" else 1024  # bytes in a unit of `ru_maxrss`


def main(arguments: list[str]) -> None:
    """Run this interpreter with arguments; behind what it prints, a line of JSON with the facts.

    Keys: `seconds` from its start to its end, `cpu` seconds that the processor worked for it,
    `peak` of its resident memory in bytes, `code` that it ended with.
    """
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments])
    _, status, used = os.wait4(process.pid, 0)
    spent = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for
    told = {
        "seconds": spent,
        "cpu": used.ru_utime + used.ru_stime,
        "peak": used.ru_maxrss * KIB,
        "code": process.returncode,
    }
    print(f"\n{json.dumps(told)}")


if __name__ == "__main__":
    main(sys.argv[1:])
