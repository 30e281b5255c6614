"""A model's token table cut to another vocabulary, and the language-model head with it.

Each new row is the mean of old rows: of one for a token that the model knows, of those of its
pieces for a word that was added. The head's bias and its own table, where it has one, go the same
way. The score of a new token is then at every place the mean of the scores of its pieces: it never
begins above the best of them, however the model was trained, and it begins where training would
have to bring it. Rows that nothing stands for are drawn as those of a new model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from unmask.arch.spec import PublishedConfig
from unmask.checkpoint.building import Model, bare, kind_of, named_weights
from unmask.checkpoint.folder import Opened
from unmask.errors import ModelError
from unmask.nn.init import CUTOFF
from unmask.tokens.extend import Extension
from unmask.tokens.surface import translate
from unmask.tokens.tokenizer import Tokenizer

TOKENS, POSITIONS = "encoder.embedding.tokens.weight", "encoder.embedding.positions.weight"
BIAS, OWN_TABLE = "head.bias", "head.table.weight"


@dataclass(frozen=True, slots=True)
class Start:
    """A model that begins with another's weights and has its own tokenizer.

    Attributes:
        opened: the model.
        copied: tokens that both tokenizers have, whose rows are the old ones.
        averaged: tokens whose rows are the mean of the old rows of their text's pieces.
        drawn: tokens that the old tokenizer cannot spell, whose rows are drawn.
    """

    opened: Opened[Any]
    copied: int
    averaged: int
    drawn: int


def extended(opened: Opened[Any], extension: Extension) -> Opened[Any]:
    """A model for a tokenizer that got more words.

    Rows that the table has beyond the old ids are taken for the first new ones; those that are
    left stay as they are. All other rows keep their bits.

    Args:
        opened: the model, of any kind and architecture.
        extension: of this model's tokenizer.

    Raises:
        ModelError: the extension is not of this model's tokenizer.
    """
    old, new = opened.tokenizer, extension.tokenizer
    if extension.rows.keys() != set(range(old.vocab_size, new.vocab_size)):
        raise ModelError(
            f"a model is extended with its own tokenizer, but that has {old.vocab_size} ids and "
            f"the extension is one of {new.vocab_size - len(extension.rows)}. Extend the tokenizer "
            "of the model's folder"
        )
    size = max(opened.config.vocab_size, new.vocab_size)
    sources = {row: extension.rows.get(row, (row,)) for row in range(size)}
    config = opened.arch.check({**opened.config.model_dump(), "vocab_size": size})
    weights = _with_rows(named_weights(opened.model), sources, size, opened.config, seed=0)
    return replace(opened, model=remade(opened, config, weights), config=config, tokenizer=new)


def initialise_from(opened: Opened[Any], tokenizer: Tokenizer, *, seed: int = 0) -> Start:
    """A model with another tokenizer that begins with this one's weights.

    A token that both tokenizers have keeps its row, see `unmask.tokens.surface`; any other gets
    the mean of the rows of the pieces into which the old tokenizer cuts its text.

    Args:
        opened: the model, of any kind and architecture.
        tokenizer: the new tokenizer.
        seed: for rows that nothing stands for.

    Raises:
        TokenizerError: the tokenizer lacks a special token that the architecture needs.
        UnsupportedModel: the configuration cannot hold the new tokenizer's ids.
    """
    arch, old = opened.arch, opened.config
    tokenizer.roles.demand(arch.roles, "the new tokenizer")
    said = translate(opened.tokenizer, tokenizer)
    size = tokenizer.vocab_size
    ids = {
        name: tokenizer.roles.get(role)
        for name, role in arch.token_ids.items()
        if getattr(old, name) is not None
    }
    fields = {**old.model_dump(), **ids, "vocab_size": size}
    config, shift = _same_context(opened, fields)
    weights = _with_rows(named_weights(opened.model), said.sources, size, old, seed=seed)
    if shift:
        table = weights[POSITIONS]
        first = arch.encoder(old).embedding.first_position
        unread = table[:first].mean(0, keepdim=True).expand(first + shift, -1)
        weights[POSITIONS] = torch.cat([unread, table[first:]])
    model = remade(opened, config, weights)
    begun = replace(opened, model=model, config=config, tokenizer=tokenizer)
    return Start(begun, said.copied, said.averaged, said.drawn)


def remade(
    opened: Opened[Any], config: PublishedConfig, weights: Mapping[str, torch.Tensor]
) -> Model:
    """A model of the same kind with another configuration and other weights, by our names."""
    kind = kind_of(opened.model)
    with torch.device("meta"):
        model = bare(opened.arch, kind, config, opened.labels)
    names = {name.removeprefix("encoder.") if kind == "encoder" else name: name for name in weights}
    state = {name: weights[ours].detach().clone() for name, ours in names.items()}
    model.load_state_dict(state, assign=True)
    return model.train(opened.model.training)


def _same_context(opened: Opened[Any], fields: dict[str, Any]) -> tuple[PublishedConfig, int]:
    """The configuration with these fields, and by how many rows its positions move.

    RoBERTa's positions begin behind the id of its padding, so another padding moves them.
    """
    arch = opened.arch
    config = arch.check(fields)
    was, now = arch.encoder(opened.config).embedding, arch.encoder(config).embedding
    shift = now.first_position - was.first_position
    if shift:
        rows = fields["max_position_embeddings"] + shift
        config = arch.check({**fields, "max_position_embeddings": rows})
    return config, shift


def _with_rows(
    weights: Mapping[str, torch.Tensor],
    sources: Mapping[int, tuple[int, ...]],
    size: int,
    config: PublishedConfig,
    *,
    seed: int,
) -> dict[str, torch.Tensor]:
    """The weights with all that has a row for each token made anew."""
    draws = torch.Generator().manual_seed(seed)
    std = config.initializer_range
    made = dict(weights)
    for name in (TOKENS, OWN_TABLE, BIAS):
        if name in made:
            made[name] = _rows(weights[name], sources, size, std, draws)
    return made


def _rows(
    old: torch.Tensor,
    sources: Mapping[int, tuple[int, ...]],
    size: int,
    std: float,
    draws: torch.Generator,
) -> torch.Tensor:
    """`(V, ...)` to `(size, ...)`: copies, means, and draws for a table or zeros for a bias."""
    old = old.detach()
    new = torch.zeros((size, *old.shape[1:]), dtype=old.dtype)
    single = {row: ids[0] for row, ids in sources.items() if len(ids) == 1}
    rows = torch.tensor(list(single), dtype=torch.long)
    new[rows] = old.cpu()[torch.tensor(list(single.values()), dtype=torch.long)]
    for row in range(size):
        ids = sources.get(row, ())
        if len(ids) > 1:
            new[row] = old[list(ids)].double().mean(0).to(old)
        elif not ids and old.dim() > 1:
            drawn = torch.empty(old.shape[1:])
            torch.nn.init.trunc_normal_(
                drawn, 0.0, std, -CUTOFF * std, CUTOFF * std, generator=draws
            )
            new[row] = drawn
    return new.to(old.device)
