"""Masked language modelling in four steps, on a laptop, in well under a minute.

    python lesson/code/main.py

1. the mask rule of BERT, and what it does to 10,000 words (this file)
2. an encoder learns a toy language with it (pretraining.py, tiny_bert.py, toy_language.py)
3. what happens when every target becomes [MASK] (mask_types.py)
4. a sentiment classifier on the frozen encoder (sentiment.py)

Every step checks its own claims. The exit status is 0 when all hold, and 1 otherwise.
"""

import random
import sys
from functools import partial
from math import sqrt
from operator import index
from pathlib import Path
from typing import NamedTuple

import torch

# The lesson's other files lie beside this one; say so, however this one was loaded.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from checks import Checks
from mask_types import mask_types_step
from pretraining import (
    draw_training_sentences,
    new_model,
    pretrain,
    pretraining_step,
)
from sentiment import sentiment_step
from toy_language import (
    CLS_ID,
    MASK_ID,
    SEP_ID,
    SPECIAL_IDS,
    VOCABULARY,
    all_sentences,
    encode,
)

IGNORE = -100  # the label of a position that is not predicted: PyTorch's losses leave it out
SEED = 0
SHOWING_ALL_THREE = 77  # a seed whose targets include a masked, a changed and a kept word


class Split(NamedTuple):
    """What becomes of a target: the chances of [MASK] and of a random word; else it is kept."""

    mask: float
    random: float


THREE_WAY = Split(mask=0.8, random=0.1)  # 80/10/10: BERT (Devlin et al. 2019, section 3.1)
ALL_MASK = Split(mask=1.0, random=0.0)  # 100/0/0: what one would try first


def create_mlm_batch(
    tokens: list[int],
    vocab_size: int,
    mask_prob: float = 0.15,
    rng: random.Random | None = None,
) -> tuple[list[int], list[int]]:
    """Turns a sequence of token ids into an exercise in filling blanks, by BERT's rule.

    Every word is a target with probability `mask_prob`, independently. A target is replaced by
    [MASK] in 80 % of cases, by a word drawn evenly from the vocabulary in 10 %, and stays as it is
    in 10 %. The draw may hit the target's own word.

    Convention: ids 0 to 4 are [PAD], [UNK], [CLS], [SEP] and [MASK], and all ids from 5 up to
    `vocab_size - 1` are words. The five specials are never targets ([UNK] is not worth
    predicting: it is no word) and never drawn.

    Args:
        tokens: whole numbers from 0 to `vocab_size - 1`; an empty list gives two empty lists.
        vocab_size: number of ids, the five specials counted.
        mask_prob: chance of each word to be a target, from 0 to 1.
        rng: source of randomness; only its `random()` is called. None draws afresh each time.

    Returns:
        `(input_ids, labels)`, both as long as `tokens`. A label is the original id at a target
        and -100 elsewhere. `tokens` is not changed.

    Raises:
        ValueError: for a vocabulary without words, a `mask_prob` that is no probability, or an
            id that the vocabulary does not have.
        TypeError: for a token that is not a whole number.
    """
    rng = random.Random() if rng is None else rng
    return corrupt(tokens, rng, vocab_size, mask_prob, THREE_WAY)


def corrupt(
    tokens: list[int], rng: random.Random, vocab_size: int, mask_prob: float, split: Split
) -> tuple[list[int], list[int]]:
    """`create_mlm_batch` with the split as an argument, which step 3 needs."""
    tokens = [index(token) for token in tokens]  # whole numbers of any kind become plain ints
    check_arguments(tokens, vocab_size, mask_prob)
    input_ids, labels = list(tokens), [IGNORE] * len(tokens)
    for position, token in enumerate(tokens):
        if token in SPECIAL_IDS or rng.random() >= mask_prob:
            continue
        labels[position] = token
        chance = rng.random()
        if chance < split.mask:
            input_ids[position] = MASK_ID
        elif chance < split.mask + split.random:
            first_word = len(SPECIAL_IDS)
            input_ids[position] = first_word + int(rng.random() * (vocab_size - first_word))
        # Otherwise the word stays and is still predicted: the model cannot tell a kept target from
        # any other word, so it has to know the right word everywhere.
    return input_ids, labels


def check_arguments(tokens: list[int], vocab_size: int, mask_prob: float) -> None:
    """Raises a ValueError that says which rule of `create_mlm_batch` was broken, and by what."""
    if vocab_size <= len(SPECIAL_IDS):
        raise ValueError(
            f"ids 0 to {len(SPECIAL_IDS) - 1} are special tokens, so a vocabulary needs more than "
            f"{len(SPECIAL_IDS)} ids to hold a word; vocab_size is {vocab_size}"
        )
    if not 0 <= mask_prob <= 1:
        raise ValueError(f"mask_prob is a probability, from 0 to 1; it is {mask_prob}")
    for position, token in enumerate(tokens):
        if not 0 <= token < vocab_size:
            raise ValueError(
                f"a token id lies from 0 to {vocab_size - 1} (vocab_size - 1); "
                f"the one at position {position} is {token}"
            )


def mask_rules_step(checks: Checks) -> None:
    """Step 1: one sentence masked, then the shares measured over 10,000 words."""
    show_one_exercise()
    rng = random.Random(SEED)
    vocab_size = 1_005
    words = [rng.randrange(5, vocab_size) for _ in range(10_000)]
    # A hundred sequences of a hundred words, each between [CLS] and [SEP].
    tokens = [
        token
        for start in range(0, 10_000, 100)
        for token in (CLS_ID, *words[start : start + 100], SEP_ID)
    ]
    input_ids, labels = create_mlm_batch(tokens, vocab_size, rng=rng)

    targets = [(new, old) for new, old in zip(input_ids, labels, strict=True) if old != IGNORE]
    masked = sum(new == MASK_ID for new, _ in targets)
    kept = sum(new == old for new, old in targets)
    changed = len(targets) - masked - kept
    # One draw in a thousand hits the word that was there, and looks like a kept one.
    own = 0.1 / (vocab_size - len(SPECIAL_IDS))
    print("\n  10,000 words of a 1,000-word vocabulary, and 200 special tokens between them:\n")
    print("                               expected   measured   counted")
    near = [
        share("words that are targets", 0.15, len(targets), len(words)),
        share("  targets shown as [MASK]", 0.8, masked, len(targets)),
        share("  shown as another word", 0.1 - own, changed, len(targets)),
        share("  shown as they are", 0.1 + own, kept, len(targets)),
    ]
    print()
    checks.claim(all(near), "each share is within four standard errors of what the rule says")
    touched = sum(
        new != old or label != IGNORE
        for new, old, label in zip(input_ids, tokens, labels, strict=True)
        if old in SPECIAL_IDS
    )
    drawn = sum(new in SPECIAL_IDS - {MASK_ID} for new, _ in targets)
    checks.claim(
        touched == drawn == 0,
        f"special tokens chosen as targets: {touched}; drawn as random words: {drawn}",
    )


def share(name: str, expected: float, count: int, total: int) -> bool:
    """Prints one line of the table; is the measured share where chance would put it?"""
    measured = count / total
    print(f"    {name:<25}  {expected:7.2%}    {measured:7.2%}    {count:5} of {total}")
    return abs(measured - expected) < 4 * sqrt(expected * (1 - expected) / total)


def show_one_exercise() -> None:
    """Prints a sentence, what the model gets to see of it, and what it must say."""
    words = ("this", "film", "and", "that", "play", "were", "not", "dull", "so", "we", "stayed")
    tokens = encode(words)
    rng = random.Random(SHOWING_ALL_THREE)
    input_ids, labels = create_mlm_batch(tokens, len(VOCABULARY), 0.3, rng)
    rows = {
        "sentence": [VOCABULARY[id_] for id_ in tokens],
        "input": [VOCABULARY[id_] for id_ in input_ids],
        "label": ["·" if label == IGNORE else VOCABULARY[label] for label in labels],
        "": [treatment(new, label) for new, label in zip(input_ids, labels, strict=True)],
    }
    widths = [max(map(len, column)) for column in zip(*rows.values(), strict=True)]
    print("\n  One sentence (with 30 % targets instead of 15 %, to show more in a short line):\n")
    for name, row in rows.items():
        print(f"    {name:<8}  " + " ".join(map(str.ljust, row, widths)).rstrip())


def treatment(input_id: int, label: int) -> str:
    """What the rule did to a token, in a word; nothing if it is not a target."""
    if label == IGNORE:
        return ""
    if input_id == MASK_ID:
        return "masked"
    return "kept" if input_id == label else "random"


def main() -> int:
    """Runs the four steps; returns the exit status."""
    # On matrices this small a second thread costs more in waiting than it saves.
    torch.set_num_threads(1)
    checks = Checks()
    language = all_sentences()
    rule = partial(corrupt, vocab_size=len(VOCABULARY), mask_prob=0.15)

    print("== 1. The mask rule ==")
    mask_rules_step(checks)

    print("\n== 2. An encoder learns a toy language ==")
    three_way, unseen = pretraining_step(language, partial(rule, split=THREE_WAY), checks, SEED)

    print("\n== 3. Mask types compared ==")
    seen = draw_training_sentences(language, SEED)
    all_mask = pretrain(seen, partial(rule, split=ALL_MASK), SEED)
    mask_types_step(language, unseen, all_mask, three_way, checks, SEED)

    print("\n== 4. Sentiment with the encoder frozen ==")
    encoders = {
        "untrained": new_model(SEED).eval().encoder,
        "100/0/0": all_mask.encoder,
        "80/10/10": three_way.encoder,
    }
    sentiment_step(language, encoders, checks)

    print(f"\n{checks.made - len(checks.failed)} of {checks.made} checks passed.")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
