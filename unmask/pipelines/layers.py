"""Which layers of an encoder are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unmask.errors import ConfigError
from unmask.nn.config import EncoderConfig


@dataclass(frozen=True, slots=True)
class Look:
    """Which layers are looked at, by number.

    Attributes:
        states: whose hidden states, 0 being the embedding.
        attentions: whose attention probabilities, 0 being the first layer.
        last: number of the last hidden states.
    """

    states: tuple[int, ...]
    attentions: tuple[int, ...]
    last: int

    @classmethod
    def at(cls, config: EncoderConfig, states: Sequence[int], attentions: Sequence[int]) -> Look:
        """Layers by number, negative ones from the last.

        Raises:
            ConfigError: there is no such layer, or it has no attention.
        """
        depth = len(config.layers)
        if attentions and not config.attentions:
            raise ConfigError("attentions were asked for, but this model is recurrent and has none")
        return cls(
            _layers("hidden_states", states, depth + 1),
            _layers("attentions", attentions, depth),
            depth,
        )


def _layers(name: str, numbers: Sequence[int], count: int) -> tuple[int, ...]:
    for number in numbers:
        if not -count <= number < count:
            raise ConfigError(
                f"{name} must name layers between {-count} and {count - 1}, not {number}"
            )
    return tuple(dict.fromkeys(number % count for number in numbers))
