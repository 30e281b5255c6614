"""The sections of a quickstart report on pretraining: the curves, and the masking."""

from __future__ import annotations

from unmask.report import pictures
from unmask.report.facts import EvaluationFacts, MaskFacts, TrainingFacts
from unmask.report.markup import Html, join
from unmask.report.pieces import callout, figure, notes, prose, side_by_side, stats
from unmask.report.units import count, duration, percent, short, size


def training_section(facts: TrainingFacts, evaluation: EvaluationFacts) -> Html:
    """How the loss fell, and what the run took."""
    parts = [
        prose(
            "In each update some tokens are hidden and the model guesses them from those around; "
            "its weights move a little towards the right answers. The loss measures its doubt, in "
            "nats: a loss of 3 is the doubt between e³, about 20, equally likely tokens."
        ),
        stats(_figures(facts)),
    ]
    if facts.steps or facts.evaluations:
        parts.append(
            figure(pictures.loss_curve(facts, evaluation), _loss_caption(facts, evaluation))
        )
    else:
        parts.append(callout("No update was logged, so there is no curve to draw.", tone="warn"))
    if facts.evaluations:
        parts.append(figure(pictures.accuracy_curve(facts, evaluation), _ACCURACY_CAPTION))
    if facts.steps:
        parts.append(
            side_by_side(
                figure(pictures.small_curve(facts, "lr"), width="half"),
                figure(pictures.small_curve(facts, "speed"), width="half"),
            )
        )
    parts.append(notes(_events(facts)))
    return join(parts)


_ACCURACY_CAPTION = (
    "Dots are measured on held-out text while the run goes on; dashed lines are the first guesses "
    "of the baselines. A small model first learns only how frequent each token is, and stays low; "
    "it climbs once it uses the words around the blank."
)


def _loss_caption(facts: TrainingFacts, evaluation: EvaluationFacts) -> str:
    words = "Training loss of every update and loss on held-out text."
    if any(one.loss is not None for one in evaluation.baselines):
        words += " Dashed: the loss of guessing without a network."
    if not facts.evaluations:
        words += " The run was too short for an evaluation on the way."
    return words


def _figures(facts: TrainingFacts) -> list[tuple[str, str]]:
    rows = [
        ("updates", count(facts.steps[-1].step) if facts.steps else "0"),
        ("tokens read", short(facts.total_tokens)),
        ("time", duration(facts.wall_seconds)),
    ]
    if facts.wall_seconds:
        rows.append(("tokens per second", short(facts.total_tokens / facts.wall_seconds)))
    if facts.share_of_peak is not None:
        rows.append(("share of peak speed", percent(facts.share_of_peak, 0)))
    if facts.peak_memory_bytes is not None:
        rows.append(("peak memory", size(facts.peak_memory_bytes)))
    return rows


def _events(facts: TrainingFacts) -> list[str]:
    events = list(facts.notes)
    if facts.resumed:
        times = "once" if facts.resumed == 1 else f"{count(facts.resumed)} times"
        events.append(f"The run was interrupted and resumed {times}.")
    if facts.skipped_steps:
        updates = "update was" if facts.skipped_steps == 1 else "updates were"
        events.append(
            f"{count(facts.skipped_steps)} {updates} skipped because the loss was not finite; the "
            "curve leaves them out."
        )
    return events


def mask_section(facts: MaskFacts) -> Html:
    """What was hidden from the model, as counted."""
    shares = (facts.masked, facts.random, facts.kept)
    pairs = (facts.selected, *shares)
    worst = max(abs(pair.measured - pair.expected) for pair in pairs) * 100
    masked, random, kept = (f"{share.expected * 100:g}%" for share in shares)
    said = (
        f"{facts.selected.expected * 100:g}% of the tokens are selected to be guessed. Of these, "
        f"{masked} are replaced by the mask, {random} by a random token, and {kept} are kept. The "
        "last two teach the model to have an opinion on words it can see, since text in use has "
        "no masks."
    )
    counted = (
        f"Counted over {count(facts.tokens)} tokens; the largest difference from what was asked "
        f"for is {worst:.2f} percentage points."
    )
    if not facts.tokens:
        return join([prose(said), callout("No token was counted.", tone="warn")])
    return join([prose(said), figure(pictures.mask_bars(facts), counted, width="medium")])
