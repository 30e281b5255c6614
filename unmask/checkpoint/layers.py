"""A model with fewer layers, chosen from those of another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from unmask.arch.spec import Arch, PublishedConfig
from unmask.checkpoint.building import named_weights
from unmask.checkpoint.folder import Opened
from unmask.checkpoint.surgery import remade
from unmask.errors import ModelError, UnsupportedModel

_LAYER = re.compile(r"encoder\.layers\.(\d+)\.(.*)")


def keep_layers(opened: Opened[Any], layers: Sequence[int]) -> Opened[Any]:
    """A model of these layers alone, with embedding and head as they are.

    Args:
        opened: the model, of any kind and architecture.
        layers: numbers of the layers to keep, from 0, ascending.

    Raises:
        ModelError: the numbers are none, not ascending, or not all there.
        UnsupportedModel: the architecture cannot hold these layers as they are; see `kept_config`.
    """
    arch, old = opened.arch, opened.config
    config = kept_config(arch, old, layers)
    was, now = arch.encoder(old).weights_of, arch.encoder(config).weights_of
    places = {was[layer]: now[place] for place, layer in enumerate(layers)}
    weights = {}
    for name, tensor in named_weights(opened.model).items():
        match = _LAYER.fullmatch(name)
        if match is None:
            weights[name] = tensor
        elif (owner := int(match[1])) in places:
            weights[f"encoder.layers.{places[owner]}.{match[2]}"] = tensor
    return replace(opened, model=remade(opened, config, weights), config=config)


def kept_config(arch: Arch[Any], config: PublishedConfig, layers: Sequence[int]) -> PublishedConfig:
    """The configuration of a model with these layers of another.

    Whatever the architecture says of single layers goes with them: the kinds of ModernBERT's
    layers, the groups of ALBERT's that share their weights.

    Raises:
        ModelError: the numbers are none, not ascending, or not all there.
        UnsupportedModel: a kept layer would be built otherwise at its new place. ModernBERT's first
            layer has no norm before its attention and the others have one, so layer 0 has to stay;
            the same holds for ELMo's, which adds nothing to what comes in.
    """
    depth = config.num_hidden_layers
    ascending = all(a < b for a, b in pairwise(layers))
    if not layers or not ascending or layers[0] < 0 or layers[-1] >= depth:
        raise ModelError(
            f"layers to keep must be numbers from 0 to {depth - 1}, ascending and each once, not "
            f"{','.join(map(str, layers)) or 'none'}"
        )
    fields = config.model_dump()
    wanted = arch.encoder(config)
    owners = [wanted.weights_of[layer] for layer in layers]
    fields["num_hidden_layers"] = len(layers)
    if fields.get("layer_types") is not None:
        fields["layer_types"] = [fields["layer_types"][layer] for layer in layers]
    if "num_hidden_groups" in fields:
        fields["num_hidden_groups"] = len(set(owners))
    kept: PublishedConfig = arch.check(fields)
    made = arch.encoder(kept)
    numbers = {owner: number for number, owner in enumerate(dict.fromkeys(owners))}
    if made.weights_of != tuple(numbers[owner] for owner in owners):
        raise UnsupportedModel(
            f"the {arch.name} architecture shares weights between equally long runs of layers, and "
            f"layers {','.join(map(str, layers))} fall into runs of other lengths. Keep equally "
            "many of each run"
        )
    for place, layer in enumerate(layers):
        if made.layers[place] != wanted.layers[layer]:
            raise UnsupportedModel(
                f"layer {layer} cannot become layer {place}: at that place the {arch.name} "
                "architecture builds a layer otherwise, and the kept weights would not fit. "
                + ("Keep layer 0 too" if place == 0 else "Keep other layers")
            )
    return kept
