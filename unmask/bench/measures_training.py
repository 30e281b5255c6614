"""The comparisons of training: what runs, and what is to be reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unmask.bench.arm import ArmSpec
from unmask.bench.measure import Alike, Measure, Ratio

OWN = "unmask.bench.training:"
PEERS = "unmask.bench.training_peers:"
PREPARE = "unmask.bench.prepare_training:"
DEFAULT = "transformers Trainer"
GROUPED = tuple(f"transformers Trainer bf16, texts in blocks of {n}" for n in (128, 512))
BY_LENGTH = "unmask bf16, lines of like length together"


# As many steps of every arm, so that their losses can be held against each other.
FEW = 4
"""Steps of a run against the loop that takes seconds for each."""
LOSS = Alike("held_out_loss", 0.05)
"""After the same number of steps; in nats."""
ACCURACY = Alike("accuracy", 0.02, more=True)
"""Of 3,080 test rows: one standard error of a difference is under 0.01."""


def _own(dtype: str, **options: Any) -> ArmSpec:
    return ArmSpec(f"unmask {dtype}", f"{OWN}pretraining", {"dtype": dtype, **options})


_SORTED = ArmSpec(BY_LENGTH, f"{OWN}pretraining", {"dtype": "bf16", "order": "length"})


PRETRAIN = Measure(
    name="pretrain",
    what="BERT of 4 layers, 256 wide, learns masked tokens of docstrings, 64 lines a batch",
    unit="tokens",
    arms=(
        _own("bf16", steps=FEW),
        _own("fp32", steps=FEW),
        ArmSpec(DEFAULT, f"{PEERS}masked_lm", {"loop": "default", "steps": FEW}),
    ),
    goals=(
        Ratio("pretrain in bf16", "unmask bf16", (DEFAULT,), 15.0, 25.0, given=LOSS),
        Ratio("pretrain in fp32", "unmask fp32", (DEFAULT,), given=LOSS),
    ),
    prepare=f"{PREPARE}pretraining",
)

PRETRAIN_GROUPED = Measure(
    name="pretrain-grouped",
    what="the same against Trainer in bf16, without dropout, texts grouped to full length",
    unit="tokens",
    arms=(
        _own("bf16"),
        _SORTED,
        *(
            ArmSpec(name, f"{PEERS}masked_lm", {"loop": f"grouped-{length}"})
            for name, length in zip(GROUPED, (128, 512), strict=True)
        ),
    ),
    goals=(
        Ratio("pretrain, grouped texts", "unmask bf16", GROUPED, 2.5, 4.0, given=LOSS),
        Ratio("pretrain by length, grouped texts", BY_LENGTH, GROUPED, given=LOSS),
    ),
    prepare=f"{PREPARE}pretraining",
)


def _finetune(
    name: str, what: str, options: Mapping[str, Any], given: Alike | None = None, **more: Any
) -> Measure:
    """Fine-tuning, some steps at a time or the whole epoch."""
    half = f"{DEFAULT} bf16"
    return Measure(
        name=name,
        what=f"all-MiniLM-L6-v2 learns the 77 labels of banking77, {what}",
        unit="tokens",
        arms=(
            ArmSpec("unmask bf16", f"{OWN}finetuning", {"dtype": "bf16", **options}),
            ArmSpec("unmask fp32", f"{OWN}finetuning", {"dtype": "fp32", **options}),
            ArmSpec(DEFAULT, f"{PEERS}classifier", options),
            ArmSpec(half, f"{PEERS}classifier", {"bf16": True, **options}),
        ),
        goals=(
            Ratio(f"fine-tune in bf16, {what}", "unmask bf16", (DEFAULT,), 3.0, 5.0, given=given),
            Ratio(f"fine-tune in fp32, {what}", "unmask fp32", (DEFAULT,), given=given),
            Ratio(f"fine-tune in bf16, Trainer too, {what}", "unmask bf16", (half,), given=given),
        ),
        prepare=f"{PREPARE}finetuning",
        **more,
    )


FINETUNE = _finetune("finetune", "20 steps at a time", {})
EPOCH = "the whole epoch"
# Once each, for the accuracies on the test rows.
FINETUNE_EPOCH = _finetune(
    "finetune-epoch",
    EPOCH,
    {"steps": None},
    ACCURACY,
    warm_up=0,
    fewer=dict.fromkeys(("unmask bf16", "unmask fp32", DEFAULT, f"{DEFAULT} bf16"), 1),
)

MEASURES_TRAINING = (
    PRETRAIN,
    PRETRAIN_GROUPED,
    FINETUNE,
    FINETUNE_EPOCH,
)
