"""Which layers of an encoder are looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from unmask.errors import ConfigError, shown
from unmask.nn.config import EncoderConfig
from unmask.pipelines.checks import is_whole


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
            ConfigError: what is given is no layer number, there is no such layer, or it has no
                attention.
        """
        depth = len(config.layers)
        which, where = _numbers("hidden_states", states), _numbers("attentions", attentions)
        if where and not config.attentions:
            raise ConfigError("attentions were asked for, but this model is recurrent and has none")
        return cls(
            _layers("hidden_states", which, depth + 1),
            _layers("attentions", where, depth),
            depth,
        )


def _numbers(name: str, given: Iterable[int]) -> tuple[int, ...]:
    """Layer numbers as plain integers."""
    try:
        numbers = tuple(given)
    except TypeError:  # a single number, or a flag as `transformers` takes it
        numbers = None
    if numbers is None or not all(map(is_whole, numbers)):
        raise ConfigError(
            f"{name} must list layer numbers, not be {shown(given)}. Name those that are wanted, "
            f"as in {name}=(0, -1)"
        )
    return tuple(map(int, numbers))


def _layers(name: str, numbers: tuple[int, ...], count: int) -> tuple[int, ...]:
    for number in numbers:
        if not -count <= number < count:
            raise ConfigError(
                f"{name} must name layers between {-count} and {count - 1}, not {number}"
            )
    return tuple(dict.fromkeys(number % count for number in numbers))
