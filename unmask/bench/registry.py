"""All measures, by name."""

from __future__ import annotations

from collections.abc import Sequence

from unmask.bench.measure import Measure
from unmask.bench.measures_decoder import MEASURES_DECODER
from unmask.bench.measures_embed import MEASURES_EMBED
from unmask.bench.measures_long import MEASURES_LONG
from unmask.bench.measures_training import MEASURES_TRAINING
from unmask.bench.measures_wholes import MEASURES_WHOLES
from unmask.errors import ConfigError

MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        *MEASURES_EMBED,
        *MEASURES_LONG,
        *MEASURES_DECODER,
        *MEASURES_TRAINING,
        *MEASURES_WHOLES,
    )
}


def chosen(names: Sequence[str]) -> list[Measure]:
    """The measures of these names, in the table's order; without names, those of a usual run.

    Raises:
        ConfigError: there is none of that name.
    """
    if unknown := [name for name in names if name not in MEASURES]:
        raise ConfigError(f"there is no measure {unknown[0]!r}; there are: {', '.join(MEASURES)}")
    return [
        measure
        for measure in MEASURES.values()
        if (measure.name in names if names else measure.default)
    ]
