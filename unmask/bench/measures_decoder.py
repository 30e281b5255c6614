"""An encoder against a decoder of as many parameters, as a classifier and as a reranker."""

from __future__ import annotations

from dataclasses import dataclass

from unmask.bench.arm import ArmSpec
from unmask.bench.measure import Agreement, Measure, Ratio

OURS = "unmask.bench.decoder:"
THEIRS = "unmask.bench.decoder_peers:"
PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True, slots=True)
class _Task:
    """A task, and what does it.

    Attributes:
        what: as it stands in the names of arms.
        encoder, decoder: functions that make arms.
    """

    what: str
    encoder: str
    decoder: str

    def own(self, precision: str) -> str:
        """Name of the encoder's arm."""
        return f"unmask encoder {self.what}, {precision}"

    def against(self, library: str, precision: str) -> str:
        """Name of a decoder's arm."""
        return f"{library} decoder {self.what}, {precision}"

    def arms(self) -> tuple[ArmSpec, ...]:
        """All of them in both precisions."""
        return tuple(
            ArmSpec(name, make, {"precision": half})
            for half in PRECISIONS
            for name, make in (
                (self.own(half), OURS + self.encoder),
                (self.against("unmask", half), OURS + self.decoder),
                (self.against("transformers", half), THEIRS + self.decoder),
            )
        )

    def goals(self) -> tuple[Ratio, ...]:
        """The encoder against the decoder in its own library, and in the other at its best."""
        theirs = tuple(self.against("transformers", half) for half in PRECISIONS)
        return tuple(
            Ratio(f"encoder {self.what} in {half}, {whose} decoder", self.own(half), against)
            for half in PRECISIONS
            for whose, against in (
                ("own", (self.against("unmask", half),)),
                ("transformers'", theirs),
            )
        )

    def references(self) -> dict[str, str]:
        """The encoder has no peer here, so its bf16 is held against its own fp32."""
        exact = self.against("transformers", "fp32")
        decoders = [
            self.against(name, p) for name in ("unmask", "transformers") for p in PRECISIONS
        ]
        return {self.own("bf16"): self.own("fp32"), **dict.fromkeys(decoders, exact)}


LABELS = _Task("labels texts", "classifier", "writer")
SCORES = _Task("scores pairs", "reranker", "scorer")
TASKS = (LABELS, SCORES)

DECODER = Measure(
    name="decoder",
    what="ModernBERT and Llama's decoder, both of 6 layers, 384 wide, label texts and score pairs",
    unit="texts",
    arms=tuple(spec for task in TASKS for spec in task.arms()),
    goals=tuple(goal for task in TASKS for goal in task.goals()),
    reference={name: exact for task in TASKS for name, exact in task.references().items()},
    # Of the labels that are written, the mean is the share of equal ones: near ties may fall
    # otherwise.
    agreement={
        LABELS.against("unmask", "fp32"): Agreement(-1.0, 0.98),
        SCORES.against("unmask", "fp32"): Agreement(0.99999),
        **{task.own("bf16"): Agreement(0.99) for task in TASKS},
    },
    prepare="unmask.bench.prepare_decoder:texts_and_pairs",
)

MEASURES_DECODER = (DECODER,)
