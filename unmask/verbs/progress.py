"""The line of figures under a training run's bar."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unmask.errors import ConfigError
from unmask.train.loop import Position, StepFacts
from unmask.verbs.watch import Advance

RECENT = 50  # steps that the figures are averaged over


class StepLine:
    """Called after every step: loss, tokens a second, and the share of the processor's peak.

    Args:
        steps: of the run.
        flops: tokens and targets to what training on them costs, in operations.
        peak: of the processor, in operations a second.
        advance: is told.
        figures: of the last steps, which stand behind; empty for none.
    """

    def __init__(
        self,
        steps: int,
        flops: Callable[[int, int], float],
        peak: float,
        advance: Advance,
        figures: Callable[[Sequence[StepFacts]], str] = lambda steps: "",
    ) -> None:
        self.steps, self.flops, self.peak, self.advance = steps, flops, peak, advance
        self.figures = figures
        self.recent: deque[StepFacts] = deque(maxlen=RECENT)
        self.writer: Any = None

    def __call__(self, facts: StepFacts, position: Position) -> None:
        self.recent.append(facts)
        seconds = sum(f.seconds for f in self.recent)
        tokens = sum(f.tokens for f in self.recent)
        targets = sum(f.targets for f in self.recent)
        loss = sum(f.loss * f.targets for f in self.recent) / max(targets, 1)
        words = (
            f"loss {loss:.3f} · {tokens / seconds:,.0f} tokens/s · "
            f"{self.flops(tokens, targets) / seconds / self.peak:.0%} of peak"
        )
        more = self.figures([f for f in self.recent if math.isfinite(f.loss)])
        self.advance(position.step / self.steps, f"{words} · {more}" if more else words)
        if self.writer is not None:
            for name in ("loss", "accuracy", "lr", "grad_norm"):
                self.writer.add_scalar(f"train/{name}", getattr(facts, name), facts.step)

    @contextmanager
    def also_to_tensorboard(self, folder: Path, wanted: bool) -> Iterator[None]:
        """Within the block, figures also go to event files.

        Raises:
            ConfigError: the extra is not installed.
        """
        if not wanted:
            yield
            return
        try:
            from torch.utils.tensorboard.writer import SummaryWriter
        except ImportError:
            raise ConfigError(
                "tensorboard was asked for, but is not installed; pip install 'unmask[tensorboard]'"
            ) from None
        self.writer = SummaryWriter(str(folder / "tensorboard"))
        try:
            yield
        finally:
            self.writer.close()
            self.writer = None
