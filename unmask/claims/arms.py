"""Arms as runs: the same arm of two claims is trained once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unmask import __version__
from unmask.claims.data import TRAIN, ClaimData
from unmask.claims.recipe import Arm, Claim, Text
from unmask.config import merge, to_mapping
from unmask.config import parse_assignments as parsed
from unmask.verbs.assembled import check
from unmask.verbs.pretrain import PretrainResult, pretrain
from unmask.verbs.pretrain_settings import merge_budget, pretrain_settings
from unmask.verbs.run_folder import MODEL
from unmask.verbs.tokenizer import train_tokenizer
from unmask.verbs.watch import Watch

BASE: Mapping[str, Any] = {
    "text": {"document": "line"},
    "model": {"arch": "modernbert", "size": "2x128", "context": 128},
    "budget": {"tokens": 4_000_000, "tokens_per_step": 2048},
    "optim": {"lr": 2e-3},
    "run": {"threads": 1, "keep": 1},
}
"""Settings of all arms, unless a claim says otherwise."""
VOCAB_SIZE = 8000
PROTOCOL = 2
"""Of training and measuring arms; to be raised where either changes, so that what was done before
is not compared with what is done after."""


@dataclass(frozen=True, slots=True)
class ArmRun:
    """One arm at one seed.

    Attributes:
        name: of the arm, in the claim that asked first.
        settings: of `unmask pretrain`, nested; text, tokenizer and seed left out.
        seed: of everything random.
        after: the run whose model it goes on from, or None.
        text: what it learns from.
    """

    name: str
    text: Text
    settings: Mapping[str, Any]
    seed: int
    after: ArmRun | None

    @property
    def key(self) -> str:
        """Tells it from all others, and is the same wherever it is asked for.

        Arms that are compared are trained and measured by one protocol and one version of PyTorch.
        That they read the same data is seen to by `ClaimData.check_same`.
        """
        before = None if self.after is None else self.after.key
        made_by = [__version__, PROTOCOL, torch.__version__]
        words = json.dumps([self.settings, self.text, self.seed, before, made_by], sort_keys=True)
        return hashlib.sha256(words.encode()).hexdigest()[:16]

    @property
    def device(self) -> str:
        """Where it is trained and measured."""
        return str(self.settings["run"]["device"])

    def folder(self, data: ClaimData) -> Path:
        """Of the run."""
        return data.work / "arms" / self.key

    def model(self, data: ClaimData) -> Path:
        """The finished model's folder."""
        return self.folder(data) / MODEL


def runs_of(
    claim: Claim, seeds: int, minutes: float | None, device: str = "cpu"
) -> dict[tuple[str, int], ArmRun]:
    """The runs of a claim by arm and seed.

    Args:
        claim: the claim.
        seeds: how many, from 0.
        minutes: of each model on one core, or on the GPU; None for the budget that the claim says.
        device: where all of it runs, as `unmask pretrain` takes it.
    """
    found: dict[tuple[str, int], ArmRun] = {}
    for arm in claim.arms:
        for seed in range(seeds):
            after = None if arm.after is None else found[arm.after, seed]
            found[arm.name, seed] = ArmRun(
                arm.name, arm.text, _settings(claim, arm, minutes, device), seed, after
            )
    return found


def _settings(claim: Claim, arm: Arm, minutes: float | None, device: str = "cpu") -> dict[str, Any]:
    """Nested settings of an arm, checked."""
    settings: dict[str, Any] = merge(BASE, {"run": {"device": device}})
    for one in (claim.set, arm.set):
        dotted = [f"{k}={json.dumps(v)}" for k, v in one.items()]
        settings = merge_budget(settings, parsed(dotted))
    if minutes is not None:
        settings = merge_budget(settings, {"budget": {"minutes": minutes}})
    # What is wrong is refused before anything is trained. What an arm that goes on may not say of
    # its model is left out when it begins, see `train_arm`.
    made = pretrain_settings(settings)
    if arm.after is None:
        check(made, None)
    return settings


def train_arm(run: ArmRun, data: ClaimData, watch: Watch) -> PretrainResult:
    """Train an arm, go on with it, or find it done.

    Raises:
        DataError: there is no text.
        ConfigError: see `pretrain`.
    """
    folder = run.folder(data)
    settings: dict[str, Any] = merge(run.settings, {"run": {"seed": run.seed}})
    settings["text"] = {**settings.get("text", {}), "paths": [str(data.text(run.text))]}
    if run.after is not None:
        settings = merge(settings, {"model": {"start": str(run.after.model(data))}})
        for decided in ("arch", "size"):
            settings["model"].pop(decided, None)
    else:
        settings = merge(settings, {"tokenizer": {"path": str(tokenizer_of(data))}})
    made = pretrain_settings(settings)
    text = data.work / "prepared" / _text_key(to_mapping(made))
    return pretrain(out=folder, settings=made, text_in=text, watch=watch)


def tokenizer_of(data: ClaimData) -> Path:
    """One tokenizer for all arms, so that their losses can be compared; trained where it is not
    there. Not to be called by two processes at once."""
    folder = data.work / "tokenizer"
    if not (folder / "tokenizer.json").is_file():
        train_tokenizer(out=folder, text=data.path(TRAIN), vocab_size=VOCAB_SIZE)
    return folder


def _text_key(settings: Mapping[str, Any]) -> str:
    """What a prepared text depends on, beside the text: how it is cut, and for which objective."""
    rooms = {name: settings.get(name) for name in ("text", "tokenizer", "objective", "pairs")}
    words = json.dumps([rooms, settings.get("mask", {}).get("words")], sort_keys=True)
    return hashlib.sha256(words.encode()).hexdigest()[:16]
