"""Learning rates that fall with depth: what is near the inputs moves least."""

from __future__ import annotations

import re

from torch import nn

_PLACE = re.compile(r"(?:^|\.)encoder\.(?:layers\.(\d+)|(embedding|relative)|final_norm)\.")


def layer_shares(model: nn.Module, decay: float) -> dict[str, float]:
    """Of every parameter of the encoder the share of the peak rate, by name.

    What lies low in an encoder is general and what lies high belongs to the task it was trained
    for, so the first should move less (Howard and Ruder 2018, discriminative fine-tuning; Clark et
    al. 2020 fine-tune ELECTRA so). The last layer has a share of `decay`, each layer below it
    `decay` times the one above, and the embeddings, with tables that all layers read, once more
    so. Layers that share their weights have one share. A head has all of the rate.

    Args:
        model: any module with an encoder below it.
        decay: from one layer to the next, above 0 and at most 1.
    """
    places = {name: found for name, _ in model.named_parameters() if (found := _PLACE.search(name))}
    sets = 1 + max((int(found[1]) for found in places.values() if found[1]), default=-1)

    def above(found: re.Match[str]) -> int:
        """Steps from the head down to a place."""
        if found[1]:
            return sets - int(found[1])
        return sets + 1 if found[2] else 1

    return {name: decay ** above(found) for name, found in places.items()}
