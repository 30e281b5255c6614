"""How the scores of a model that finds answers become one: `answering.json` beside the model.

The published formats have no word for it; other libraries do not look at the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from unmask.checkpoint.formats import Format
from unmask.checkpoint.jsonfile import read_json, render_json
from unmask.config import from_mapping
from unmask.errors import ConfigError, ModelError

RULE = "answering.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerRule:
    """How a model's scores become an answer.

    Attributes:
        threshold: by how many nats "no answer" must be ahead of the best words to be given; None
            for a model that always answers, since it was never shown a text without an answer.
        window: the longest row in tokens, question and special tokens included.
        overlap: tokens that neighbouring windows of a long text share at least.
        longest: tokens of an answer at most.
    """

    threshold: float | None = None
    window: int = 384
    overlap: int = 128
    longest: int = 30

    def __post_init__(self) -> None:
        for name, least in (("window", 1), ("overlap", 0), ("longest", 1)):
            if (value := getattr(self, name)) < least:
                raise ConfigError(f"{name} must be at least {least}, not {value}")


def rule_writer(rule: AnswerRule) -> Callable[[Path, Format], None]:
    """What adds a rule to a new folder; see `save_opened`."""

    def write(folder: Path, used: Format) -> None:
        (folder / RULE).write_bytes(render_json(asdict(rule)))

    return write


def read_rule(folder: Path, context: int) -> AnswerRule:
    """The rule that a folder has, or the usual one, with windows that its model can read.

    Raises:
        ModelError: it is none, or its windows are longer than the model's context.
    """
    file = folder / RULE
    if not file.is_file():
        usual = AnswerRule()
        return AnswerRule(window=min(usual.window, context))
    values = read_json(file)
    try:
        if not isinstance(values, dict):
            raise ConfigError(f"it must hold a JSON object, not {type(values).__name__}")
        rule = from_mapping(AnswerRule, values)
    except ConfigError as error:
        raise ModelError(f"{file} cannot be used: {error}. Correct or remove it") from None
    if rule.window > context:
        raise ModelError(
            f"{file} has windows of {rule.window} tokens, but the model's context holds {context}. "
            "Correct the window"
        )
    return rule
