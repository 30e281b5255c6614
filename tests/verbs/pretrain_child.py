"""Run by the kill test in a process of its own: a small pretraining run, from or to anywhere."""

from __future__ import annotations

import sys
from pathlib import Path

from unmask.verbs.pretrain import pretrain
from unmask.verbs.pretrain_settings import pretrain_settings

STEPS = 120


def main(text: str, out: str) -> None:
    settings = pretrain_settings(
        {
            "model": {"size": "1x64", "context": 32},
            "tokenizer": {"vocab_size": 200},
            "budget": {"steps": STEPS, "tokens_per_step": 256, "accumulate": 2},
            "run": {"save_every": 10, "eval_every": 40, "threads": 1, "seed": 3},
        },
        text=text,
    )
    result = pretrain(out=Path(out), settings=settings)
    assert result.finished


if __name__ == "__main__":
    main(*sys.argv[1:])
