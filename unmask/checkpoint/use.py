"""How a model's outputs are read: what is stored beside its weights in `use.json`.

`config.json` has one word for it, `problem_type`, which `transformers` reads as well. The rest,
such as thresholds, is ours; a folder without it is read by that word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from unmask.checkpoint.jsonfile import read_json, render_json
from unmask.config import from_mapping
from unmask.errors import ConfigError, CorruptCheckpoint, UnsupportedModel

USE = "use.json"
Outputs = Literal["one", "several", "numbers"]
Scale = Literal["logit", "probability", "calibrated"]
PROBLEMS: Mapping[Outputs, str] = {
    "one": "single_label_classification",
    "several": "multi_label_classification",
    "numbers": "regression",
}
"""The word for each in a published `config.json`."""
SCALE_WORDS: Mapping[Scale | None, str] = {
    "logit": "logit",
    "probability": "probability",
    "calibrated": "calibrated probability",
    None: "number that is neither a logit nor a probability",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """How the outputs of a head over sequences are read.

    Attributes:
        outputs: scores of labels of which "one" is right, of labels of which "several" may be, or
            "numbers".
        texts: "single" or "pair", what a row is; None where nobody has said.
        temperature: scores are divided by it before they become probabilities.
        thresholds: of "several", the probability from which a label is given, by label; where one
            is missing it is `THRESHOLD`.
        ranges: of "numbers", the lowest and the highest that was learnt from, by output.
        scale: what the score of a pair of texts is: a "logit", a "probability", or one that was
            "calibrated" on rows that were not trained on; None where nobody has said.
    """

    outputs: Outputs = "one"
    texts: Literal["single", "pair"] | None = None
    temperature: float = 1.0
    thresholds: dict[str, float] = field(default_factory=dict)
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    scale: Scale | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.temperature < float("inf"):
            raise ConfigError(f"a temperature must be above 0, not {self.temperature}")
        if wrong := [one for one in self.thresholds.values() if not 0.0 <= one <= 1.0]:
            raise ConfigError(f"a threshold must lie between 0 and 1, not be {wrong[0]}")


THRESHOLD = 0.5
PLAIN = Use()


def problem_of(use: Use) -> dict[str, str]:
    """What `config.json` says of it: nothing of what it takes for granted."""
    return {} if use.outputs == "one" else {"problem_type": PROBLEMS[use.outputs]}


def outputs_of(raw: Mapping[str, Any], labels: int) -> Outputs:
    """By a published `config.json`.

    Args:
        raw: its content.
        labels: how many outputs there are. A single one is a number, whatever else is said.

    Raises:
        UnsupportedModel: `problem_type` is none of the known words.
    """
    if labels == 1:
        return "numbers"
    problem = raw.get("problem_type")
    for outputs, word in PROBLEMS.items():
        if problem in (None, word):
            return outputs
    raise UnsupportedModel(
        f"problem_type={problem!r} in config.json is not served; known are "
        f"{', '.join(PROBLEMS.values())}"
    )


def write_use(folder: Path, use: Use, labels: tuple[str, ...]) -> None:
    """Record it in a new folder, where there is more to say than `config.json` does."""
    unsaid = Use(outputs="numbers") if len(labels) == 1 else PLAIN
    if use not in (PLAIN, unsaid):
        (folder / USE).write_bytes(render_json(asdict(use)))


def read_use(folder: Path, outputs: Outputs, labels: tuple[str, ...]) -> Use:
    """What a folder says.

    Args:
        folder: the folder.
        outputs: by its `config.json`.
        labels: its outputs by name.

    Raises:
        CorruptCheckpoint: the record is not of this form, or is of other labels.
    """
    path = folder / USE
    if not path.is_file():
        return Use(outputs=outputs)
    try:
        use = from_mapping(Use, read_json(path))
    except ConfigError as error:
        raise CorruptCheckpoint(
            f"{path} does not say how outputs are read: {error}. Restore the folder from a good "
            "copy"
        ) from None
    if strange := sorted((use.thresholds.keys() | use.ranges.keys()) - set(labels)):
        raise CorruptCheckpoint(
            f"{path} names the output {strange[0]!r}, and config.json has: {', '.join(labels)}. "
            "Restore the folder from a good copy"
        )
    return use
