"""A generator, which puts tokens into a text, and a discriminator, which tells them from the
text's own (Clark et al. 2020), and what of their embeddings they have in common.

The generator owns what is common. The discriminator reads it as a guest: a second owner would make
saving, counting and the optimiser see one table twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from unmask.errors import ConfigError
from unmask.heads.model import LanguageModel, TokenClassifier
from unmask.nn.config import EncoderConfig, LMHeadConfig, TokenHeadConfig
from unmask.nn.embedding import Embedding

Share = Literal["none", "tokens", "all", "gdes"]
"""What is in common: nothing; the token table; the embedding but for its projection to the
encoder's width; or the table without gradients of the discriminator, which adds its own."""

_ALL = ("tokens", "positions", "segments", "norm")


class Lent(nn.Module):
    """A part of another model's embedding, read and trained through, but not owned."""

    def __init__(self, owned: nn.Module) -> None:
        super().__init__()
        # Inside a tuple PyTorch does not see the module, and lists its weights with the owner's.
        self._owned = (owned,)

    @property
    def weight(self) -> torch.Tensor:
        """The owner's."""
        weight: torch.Tensor = self._owned[0].weight  # type: ignore[assignment]
        return weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self._owned[0](x)
        return out

    def state(self) -> dict[str, torch.Tensor]:
        """What a part that stands alone would hold."""
        return dict(self._owned[0].state_dict())


class Corrected(nn.Module):
    """Another model's token table, into which no gradient flows, plus differences of its own.

    The differences begin at zero. Source: gradient-disentangled embedding sharing, He et al. 2021,
    section 3.2.3.
    """

    def __init__(self, owned: nn.Embedding) -> None:
        super().__init__()
        self._owned = (owned,)
        self.difference = nn.Embedding(*owned.weight.shape)
        self.begin()

    @property
    def weight(self) -> torch.Tensor:
        """The sum."""
        return self._owned[0].weight.detach() + self.difference.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = F.embedding(ids, self._owned[0].weight.detach()) + self.difference(ids)
        return out

    def begin(self) -> None:
        """Let both tables be one, as they are at the beginning."""
        nn.init.zeros_(self.difference.weight)

    def state(self) -> dict[str, torch.Tensor]:
        """What a table that stands alone would hold."""
        return {"weight": self.weight.detach()}


class ReplacedTokens(nn.Module):
    """Both models as one module.

    Attributes:
        generator: a masked language model.
        discriminator: scores every token, above zero for a replaced one.
    """

    def __init__(
        self,
        generator: tuple[EncoderConfig, LMHeadConfig],
        discriminator: tuple[EncoderConfig, TokenHeadConfig],
        share: Share,
    ) -> None:
        """Build both.

        Args:
            generator, discriminator: encoder and head of each.
            share: what they have in common.

        Raises:
            ConfigError: their embeddings cannot have that in common.
        """
        super().__init__()
        check_shared(generator[0], discriminator[0], share)
        self.generator = LanguageModel(*generator)
        self.discriminator = TokenClassifier(*discriminator)
        ours, theirs = self.discriminator.encoder.embedding, self.generator.encoder.embedding
        if share == "gdes":
            ours.add_module("tokens", Corrected(theirs.tokens))
        for name in {"none": (), "gdes": (), "tokens": ("tokens",), "all": _ALL}[share]:
            if getattr(theirs, name) is not None:
                ours.add_module(name, Lent(getattr(theirs, name)))

    def begin(self) -> None:
        """After weights were drawn: the differences of a table in common are none."""
        for part in _guests(self.discriminator.encoder.embedding).values():
            if isinstance(part, Corrected):
                part.begin()

    def alone(self) -> TokenClassifier:
        """The discriminator as a model of its own, with a copy of what it reads as a guest."""
        model = TokenClassifier(self.discriminator.encoder.config, self.discriminator.head_config)
        state = dict(self.discriminator.state_dict())
        for name, part in _guests(self.discriminator.encoder.embedding).items():
            prefix = f"encoder.embedding.{name}."
            state = {key: value for key, value in state.items() if not key.startswith(prefix)}
            state |= {prefix + key: value for key, value in part.state().items()}
        model.load_state_dict(state)
        return model.eval()


def _guests(embedding: Embedding) -> Mapping[str, Lent | Corrected]:
    """Parts that belong to the generator, by name."""
    parts = dict(embedding.named_children()).items()
    return {name: part for name, part in parts if isinstance(part, Lent | Corrected)}


def check_shared(generator: EncoderConfig, discriminator: EncoderConfig, share: Share) -> None:
    """Check that two encoders can have that in common.

    Raises:
        ConfigError: they cannot.
    """
    if share == "none":
        return
    mine, theirs = generator.embedding, discriminator.embedding
    widths = generator.token_width, discriminator.token_width
    same = (mine.vocab, widths[0]) == (theirs.vocab, widths[1])
    if share == "all":
        same = replace(mine, width=widths[0], widen=None) == replace(
            theirs, width=widths[1], widen=None
        )
    if not same:
        raise ConfigError(
            f"share={share!r} needs embeddings of one width, but the generator's is {widths[0]} "
            f"wide and the discriminator's {widths[1]}, and this architecture has no projection "
            'between embedding and encoder. Give rtd.generator=1 or rtd.share="none", or --arch '
            "electra, which has one"
        )
