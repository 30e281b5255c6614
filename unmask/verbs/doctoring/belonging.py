"""Whether a tokenizer belongs to the weights: each id is the row that was trained for it.

Nothing in a folder says so. Three things tell: the sizes; rows that nobody trained, under tokens
that are in use; and tokens spelled alike, whose rows are near each other in every trained table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch.nn import functional as F

from unmask.batches.draws import Draws
from unmask.checkpoint.building import encoder_of
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.doctoring.finding import Finding
from unmask.verbs.doctoring.patient import Patient

CHECK, SPELLED = "tokenizer", "spelling"
REMEDY = "Take tokenizer.json from the folder that the weights come from."
MOST_TEXTS = 2000
SPARE = 1000  # rows without a token that are no matter: tables are rounded up
PAIRS = 100  # of tokens spelled alike, at least, for a verdict
MOST_PAIRS = 4000
SAMPLE = 200  # rows whose nearest neighbours are looked for
UNTRAINED = 0.01  # share of the tokens in use
NEAR = 3.0  # standard deviations of the length of a drawn row
SHUFFLED = 901  # stream of Draws


def sizes(patient: Patient) -> Iterator[Finding]:
    """Every id has a row, and about every row an id."""
    tokenizer, said = patient.tokenizer.value, patient.described.value
    if tokenizer is None or said is None:
        return
    rows, named = said.config.vocab_size, len(tokenizer.named_ids)
    if tokenizer.vocab_size > rows:
        yield Finding(
            CHECK,
            "error",
            f"it has ids up to {tokenizer.vocab_size - 1:,}, and the token table {rows:,} rows",
            "Ids without a row fail on a CPU, and stop a GPU with an error that names neither.",
            f"{REMEDY} If words were added to it, the model needs rows for them: unmask tokenizer "
            "extend.",
        )
    elif rows - named > max(SPARE, rows // 10):
        yield Finding(
            CHECK,
            "warning",
            f"{rows - named:,} of {rows:,} rows of the token table have no token",
            "Tables are rounded up by less than that: the vocabulary may be another model's.",
            REMEDY,
        )
    else:
        yield Finding(CHECK, "ok", f"{named:,} tokens for {rows:,} rows of the token table")


def trained_rows(patient: Patient) -> Iterator[Finding]:
    """The tokens of the user's texts have rows that were trained, each its own."""
    opened, tokenizer = patient.opened.value, patient.tokenizer.value
    if opened is None or tokenizer is None:
        return
    table = encoder_of(opened.model).embedding.tokens.weight.detach().float().cpu()
    used = _used(patient, tokenizer)
    counts = torch.bincount(torch.tensor(used, dtype=torch.int64), minlength=len(table))
    share = counts.float() / max(1, len(used))
    twins = _twins(table)
    lengths, drawn = table.norm(dim=1), opened.config.initializer_range * table.shape[1] ** 0.5
    # The length of E drawn numbers deviates by about one part in sqrt(2E).
    fresh = (lengths / drawn - 1).abs() < NEAR / math.sqrt(2 * table.shape[1])
    whole = bool(fresh.float().mean() > 0.5)  # a table that nobody has trained yet, or hardly
    whose = "the texts" if patient.material is None else patient.material.name
    named = [("the same row as another token", twins)]
    named += [] if whole else [("a row as it was drawn before training", fresh)]
    bad = [(what, rows, float(share[rows].sum())) for what, rows in named]
    for what, rows, part in bad:
        if part > UNTRAINED:
            worst = (counts * rows).topk(min(5, int(rows.sum()))).indices.tolist()
            names = ", ".join(repr(tokenizer.id_to_token(i)) for i in worst if counts[i])
            yield Finding(
                "token rows",
                "warning",
                f"{part:.1%} of the tokens of {whose} have {what}, such as {names}",
                "The model cannot tell such words apart: it has not learnt them.",
                "If tokens were added, train the model on text that has them (unmask pretrain "
                "--from); else the tokenizer is another model's.",
            )
    if all(part <= UNTRAINED for *_, part in bad):
        state = "about as drawn: this model has hardly been trained" if whole else "trained"
        yield Finding("token rows", "ok", f"those of {len(set(used)):,} tokens in use are {state}")


def _used(patient: Patient, tokenizer: Tokenizer) -> list[int]:
    """The ids of the user's texts, or of plain English; those without a row are told elsewhere."""
    opened = patient.opened.value
    assert opened is not None
    rows, special = opened.config.vocab_size, tokenizer.special_ids
    ids = (index for row in tokenizer.ids_stream(patient.texts[:MOST_TEXTS]) for index in row)
    return [index for index in ids if index < rows and index not in special]


def _twins(table: torch.Tensor) -> torch.Tensor:
    """`(V,)` bool, which rows of `(V, E)` are another's copy."""
    # A sum with irrational weights tells rows apart as surely as comparing them, at once for all.
    weights = torch.arange(1, table.shape[1] + 1, dtype=torch.float64).sqrt()
    _, which, count = np.unique(
        (table.double() @ weights).numpy(), return_inverse=True, return_counts=True
    )
    return torch.from_numpy(count[which] > 1)


def spelling(patient: Patient) -> Iterator[Finding]:
    """Tokens that differ by one last letter have rows that are more alike than those of others."""
    opened, tokenizer = patient.opened.value, patient.tokenizer.value
    if opened is None or tokenizer is None:
        return
    table = encoder_of(opened.model).embedding.tokens.weight.detach().float().cpu()
    first, second = _spelled_alike(tokenizer, len(table))
    if len(first) < PAIRS:
        yield Finding(SPELLED, "ok", f"too small to be held against the weights by its spelling "
                      f"({len(first)} pairs of tokens that differ by a last letter)")  # fmt: skip
        return
    rows = F.normalize(table - table.mean(0), dim=1)
    alike = (rows[first] * rows[second]).sum(1)
    mixed = torch.from_numpy(Draws(0, 0).permutation(len(second), SHUFFLED))
    others = (rows[first] * rows[second[mixed]]).sum(1)
    gap = float(alike.mean() - others.mean())
    error = math.sqrt(float(alike.var() + others.var()) / len(first))
    told = (
        f"tokens that differ by a last letter ({len(first):,} pairs) have rows with a cosine of "
        f"{float(alike.mean()):.3f}, and other tokens of {float(others.mean()):.3f}"
    )
    if gap > 4 * error or not _has_neighbours(rows):
        untold = "" if gap > 4 * error else "; the table has no structure yet that could tell"
        yield Finding(SPELLED, "ok", told + untold)
        return
    yield Finding(
        SPELLED,
        "error",
        told,
        "In a trained table words that are spelled alike lie near each other. Here they do not, "
        "though others do: the ids are not those that the weights were trained with.",
        REMEDY,
    )


def _spelled_alike(tokenizer: Tokenizer, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`(P,)` twice: the ids of a token and of the same with one letter more."""
    names = {tokenizer.id_to_token(i): i for i in tokenizer.named_ids if i < rows}
    found = [
        (names[name[:-1]], index)
        for name, index in names.items()
        if len(name) > 4 and name[-4:].isalpha() and name[:-1] in names
    ][:MOST_PAIRS]
    pairs = torch.tensor(found, dtype=torch.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _has_neighbours(rows: torch.Tensor) -> bool:
    """Whether rows `(V, E)` of length 1 have nearer neighbours than drawn ones would have."""
    sample = torch.from_numpy(np.unique(np.linspace(0, len(rows) - 1, SAMPLE).astype(np.int64)))
    cosines = rows[sample] @ rows.T
    cosines[torch.arange(len(sample)), sample] = -1.0
    nearest = cosines.masked_fill(cosines > 0.9999, -1.0).amax(1)
    # The largest of V cosines of drawn rows, each about normal with variance 1/E.
    drawn = math.sqrt(2 * math.log(len(rows)) / rows.shape[1])
    return float(nearest.median()) > 1.25 * drawn
