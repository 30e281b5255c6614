"""Which files of a folder or repository make up a model, by their names alone."""

from __future__ import annotations

import re
from collections.abc import Collection

from unmask.checkpoint.answer_rule import RULE
from unmask.checkpoint.formats import CONFIG
from unmask.checkpoint.int8 import QUALITY, RANGES
from unmask.checkpoint.use import USE
from unmask.checkpoint.weightfiles import INDEX, PICKLED, PICKLED_INDEX, SINGLE, refusal
from unmask.errors import ModelError

# Beside the weights: what says of a model, its tokenizer and its parts what they are.
_BESIDE = frozenset(
    {
        CONFIG,
        QUALITY,
        RANGES,
        RULE,
        USE,
        "README.md",
        "added_tokens.json",
        "config_sentence_transformers.json",
        "merges.txt",
        "modules.json",
        "sentencepiece.bpe.model",
        "special_tokens_map.json",
        "spiece.model",
        "spm.model",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
        "vocab.json",
        "vocab.txt",
    }
)
# Of sentence-transformers, which names the file after the architecture: sentence_bert_config.json.
_SENTENCE = re.compile(r"sentence_[a-z-]+_config\.json")
# The folders of sentence-transformers' modules, such as 1_Pooling.
_MODULE = re.compile(r"\d+_[A-Za-z]\w*")


def files_of_model(
    names: Collection[str], where: str, *, pickled: bool = False, complete: bool = True
) -> list[str] | None:
    """The files of a model, sorted, out of all that lie in one place.

    Of several kinds of weights one is taken: safetensors before pickle, one file before shards.

    Args:
        names: relative paths, with `/` between their parts.
        where: the place, for messages and for the command that they name.
        pickled: whether pickle weights are taken where there are no others.
        complete: whether `names` are all that there are.

    Returns:
        Their relative paths; None where there are no weights and `names` are not all.

    Raises:
        UnsupportedModel: there are weights of other kinds only.
        ModelError: there is no `config.json`, or there are no weights.
    """
    known = set(names)
    if CONFIG not in known:
        raise ModelError(
            f"{where} holds no model that could be opened: it has no {CONFIG}. Name another"
        )
    weights = _weights(known, pickled)
    if not weights and (other := refusal(known, where)):
        raise other
    if not weights and not complete:
        return None
    if not weights:
        raise ModelError(f"{where} holds no weights: neither {SINGLE} nor {INDEX}. Name another")
    beside = {name for name in known if name in _BESIDE or _SENTENCE.fullmatch(name)}
    return sorted({*weights, *beside, *_modules(known, pickled)})


def is_pickle(name: str) -> bool:
    """Whether a file of a model holds its weights as pickle."""
    return name.endswith(".bin")


def _weights(known: set[str], pickled: bool) -> set[str]:
    """Weights in the main folder."""
    here = {name for name in known if "/" not in name}
    if SINGLE in here:
        return {SINGLE}
    if INDEX in here:
        return {INDEX, *(name for name in here if name.endswith(".safetensors"))}
    if not pickled:
        return set()
    if PICKLED in here:
        return {PICKLED}
    if PICKLED_INDEX in here:
        return {PICKLED_INDEX, *(n for n in here if re.fullmatch(r"pytorch_model-.*\.bin", n))}
    return set()


def _modules(known: set[str], pickled: bool) -> set[str]:
    """Configuration and weights of modules, in their folders."""
    found = set()
    for name in known:
        folder, _, file = name.rpartition("/")
        if not _MODULE.fullmatch(folder):
            continue
        alone = f"{folder}/{SINGLE}" not in known
        if file in (CONFIG, SINGLE) or (pickled and alone and file == PICKLED):
            found.add(name)
    return found
