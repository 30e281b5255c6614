"""`unmask info`: what a model folder holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from unmask.checkpoint.building import kind_of
from unmask.checkpoint.folder import Opened, open_model
from unmask.checkpoint.formats import HOLDS
from unmask.checkpoint.weightfiles import read_weights
from unmask.errors import ConfigError
from unmask.heads.model import LanguageModel, SequenceClassifier
from unmask.nn.config import EncoderConfig
from unmask.nn.encoder import Encoder
from unmask.nn.flops import forward_flops

AnyOpened = Opened[Encoder] | Opened[LanguageModel] | Opened[SequenceClassifier]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model folder holds.

    Attributes:
        folder: where it is.
        origin: name and commit of the model on the Hub that it comes from, if it does.
        format: "hf" where `transformers` opens it too, "unmask" for our own.
        architecture: its name.
        holds: what the model ends in, in words.
        layers, width, heads: of the encoder.
        windows: for each layer how many tokens it sees on each side; None for all.
        positions: "rotary" or "learned".
        context: longest text in tokens, special tokens included.
        vocabulary: tokens that the tokenizer knows.
        mask_token: how the mask is written in text.
        labels: of a classifier, in the order of its outputs; else empty.
        pooling: of a classifier: "cls" or "mean"; else None.
        parameters: numbers that were learnt, shared ones counted once.
        dtype: what they are stored as.
        bytes: what they need in memory in this dtype.
        tokens: length of the text that `flops` is for.
        flops: floating-point operations of the encoder for one text of so many tokens.
    """

    folder: Path
    origin: str | None
    format: str
    architecture: str
    holds: str
    layers: int
    width: int
    heads: tuple[int, ...]
    windows: tuple[int | None, ...]
    positions: str
    context: int
    vocabulary: int
    mask_token: str
    labels: tuple[str, ...]
    pooling: str | None
    parameters: int
    dtype: str
    bytes: int
    tokens: int
    flops: int

    def in_words(self) -> dict[str, str]:
        """For people."""
        windows = Counter(self.windows)
        sees = ", ".join(
            f"{count} see {'all' if window is None else f'{window} tokens to each side'}"
            for window, count in windows.items()
        )
        classifier = {
            "labels": f"{len(self.labels)}: {', '.join(self.labels)}",
            "pooling": str(self.pooling),
        }
        return {
            "folder": str(self.folder),
            **({} if self.origin is None else {"from the Hub": self.origin}),
            "holds": f"{self.holds}, {self.architecture}",
            "opens in transformers": "yes" if self.format == "hf" else "no",
            "layers": f"{self.layers} of width {self.width}, {self.heads[0]} heads; {sees}",
            "positions": self.positions,
            "context": f"{self.context:,} tokens",
            "vocabulary": f"{self.vocabulary:,} tokens; the mask is {self.mask_token}",
            **(classifier if self.labels else {}),
            "parameters": f"{self.parameters:,}",
            "in memory": f"{self.bytes / 2**20:,.1f} MiB as {self.dtype}",
            "one text": f"{self.flops / 1e9:,.2f} GFLOP for {self.tokens:,} tokens",
        }


def info(model: str | Path, *, tokens: int | None = None, revision: str | None = None) -> ModelInfo:
    """Describe a model folder. It is opened and checked on the way.

    Args:
        model: folder of a model or of a finished run, or a name on the Hub.
        tokens: length of a text to count operations for; None for the whole context.
        revision: branch, tag or commit of a name on the Hub.

    Raises:
        ModelError: no model is there, or it cannot be opened.
        ConfigError: `tokens` is not between 1 and the context, or a revision of a folder.
    """
    opened: AnyOpened = open_model(model, revision=revision)
    folder = opened.path
    module = opened.model
    config = module.config if isinstance(module, Encoder) else module.encoder.config
    length = config.context if tokens is None else tokens
    if not 1 <= length <= config.context:
        raise ConfigError(f"tokens must lie between 1 and {config.context}, not be {length}")
    stored = read_weights(folder)
    widest = max(stored.values(), key=lambda tensor: tensor.element_size())
    parameters = sum(p.numel() for p in module.parameters())
    origin = None if opened.origin is None else str(opened.origin)
    return ModelInfo(
        folder=folder,
        origin=origin,
        format=opened.format,
        architecture=opened.arch.name,
        holds=HOLDS[kind_of(module)],
        layers=len(config.layers),
        width=config.width,
        heads=tuple(attention.heads for attention in config.attentions),
        windows=tuple(attention.window for attention in config.attentions),
        positions=_positions(config),
        context=config.context,
        vocabulary=opened.tokenizer.vocab_size,
        mask_token=opened.tokenizer.id_to_token(opened.tokenizer.mask_id),
        labels=opened.labels,
        pooling=module.head_config.pooling if isinstance(module, SequenceClassifier) else None,
        parameters=parameters,
        dtype=str(widest.dtype).removeprefix("torch."),
        bytes=parameters * widest.element_size(),
        tokens=length,
        flops=forward_flops(config, [length]),
    )


def _positions(config: EncoderConfig) -> str:
    if config.embedding.positions:
        return "learned"
    return "none"
