"""`unmask pretrain`: from raw text to a pretrained model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from unmask.arch.registry import arch_of
from unmask.arch.spec import HeadKind
from unmask.checkpoint.jsonfile import read_json, write_json
from unmask.checkpoint.lock import RunLock
from unmask.config import read_recipe, to_mapping
from unmask.errors import ConfigError
from unmask.tokens.tokenizer import Tokenizer
from unmask.train.loop import Outcome, Position, StepFacts, train
from unmask.train.precision import resolve_dtype
from unmask.verbs.assembled import assemble, check, loop_of
from unmask.verbs.budget import ENDS
from unmask.verbs.cards import pretraining_card
from unmask.verbs.health import Health
from unmask.verbs.learning.pieces import Pieces
from unmask.verbs.machine import environment, resolve_device, use_threads
from unmask.verbs.prepared import Prepared, prepare_text, text_digest, text_sources
from unmask.verbs.pretrain_settings import BUDGETS, PretrainSettings, Settled, settle
from unmask.verbs.progress import StepLine
from unmask.verbs.run_folder import RunFolder
from unmask.verbs.start_settings import Start
from unmask.verbs.trial import Plan, Trial
from unmask.verbs.watch import Silent, Watch, stopped

EVAL_TOKENS = 50_000  # read by each of them; the last reads four times as many


@dataclass(frozen=True, slots=True)
class PretrainResult:
    """What a pretraining run came to.

    Attributes:
        folder: the run's folder; the model is in `model/` below it when the run is finished.
        finished: False when a signal stopped it; the same command goes on from there.
        stopped_by: number of that signal, or None.
        steps, tokens: done so far.
        seconds: spent in training, over all sessions.
        held_out: loss in nats, top1 and top5 on held-out text; empty before the end.
        counts: what the objective did to the tokens; empty where it changes none.
        skipped: steps left out because their loss was not finite.
        sessions: how often the run was begun or resumed.
        fills: whether the model fills blanks.
        flops: floating-point operations of the training's matrix products, as counted.
        head: what the model ends in.
        warnings: what went wrong in training without an error, by the steps where it was seen.
    """

    folder: Path
    finished: bool
    stopped_by: int | None
    steps: int
    tokens: int
    seconds: float
    held_out: dict[str, float]
    counts: dict[str, int]
    skipped: int
    sessions: int
    fills: bool
    flops: float
    head: HeadKind = "lm"
    warnings: tuple[str, ...] = ()

    @property
    def model(self) -> Path:
        """The model's folder."""
        return self.folder / "model"


def pretrain(
    *,
    out: str | Path,
    settings: PretrainSettings | Settled | None = None,
    config: str | Path | None = None,
    watch: Watch | None = None,
    text_in: str | Path | None = None,
    **short: Any,
) -> PretrainResult:
    """Pretrain a model, or go on with a run that was stopped.

    It learns by masked language modelling, or by the objective that is named. A decoder learns to
    predict the next token, and a recurrent model the next and the previous one, at every token of a
    text and at its end. "simcse" makes an embedding model, which `Embedder` opens as it is.
    Replaced-token detection leaves a generator beside the model, in `generator/`.

    Args:
        out: the run's folder. An unfinished run of the same settings and text is resumed, to the
            same bits; a finished one is left as it is.
        settings: everything, alone or as `settle` gives it; or else `config` and `short` names.
        config: a recipe, as a TOML file; `short` names win over it. None for none.
        watch: is told of the progress.
        text_in: a folder in which runs on the same text keep it, cleaned and tokenised once; None
            for the run's own.
        short: `text`, `size`, `minutes`, `steps`, `seed` and so on: the long options of
            `unmask pretrain`, with underscores.

    Returns:
        Where the run stands; the model is in `result.model`.

    Raises:
        ConfigError: a setting is wrong, no budget is given, or something beside `settings`.
        TextError: the text cannot be used.
        ModelError: the model to start from cannot be opened.
        ResumeMismatch: `out` holds a run of other settings, other text or another model to start
            from.
        NonFiniteLoss: the loss was not finite three times in a row.
    """
    settings, start = _settled(settings, config, short)
    watch = watch or Silent()
    if all(getattr(settings.budget, name) is None for name in BUDGETS):
        raise ConfigError(f"a run needs an end: give {ENDS}")
    check(settings, start)
    sources = text_sources(settings)
    with watch.stage("reading the text"):
        digests = {"text": text_digest(settings, sources, Path(text_in or out), watch)}
    if start is not None:
        digests["model to start from"] = start.digest()
    if settings.tokenizer.path is not None:
        roles = arch_of(settings.model.arch).roles
        opened = Tokenizer.from_pretrained(settings.tokenizer.path, require=roles)
        digests["tokenizer"] = opened.digest
    threads = use_threads(settings.run.threads)
    device = resolve_device(settings.run.device)
    dtype = resolve_dtype(settings.run.dtype, device)
    with RunFolder.open(
        Path(out),
        "pretrain",
        settings=to_mapping(settings),
        digests=digests,
        environment=environment(device, dtype, threads),
    ) as folder:
        for note in folder.notes:
            watch.say(note)
        if folder.finished:
            watch.say(f"{folder.path} is finished; remove it or name another --out to train anew")
            return PretrainResult(**_stored(folder.path))
        with RunLock(Path(text_in), wait=True) if text_in is not None else nullcontext():
            prepared = prepare_text(settings, sources, Path(text_in or out), watch, start)
        return _train(settings, start, prepared, folder, device, dtype, watch)


def plan(
    *,
    settings: PretrainSettings | Settled | None = None,
    config: str | Path | None = None,
    watch: Watch | None = None,
    **short: Any,
) -> Plan:
    """What a run would be: tokens, parameters, memory, time. Nothing is kept.

    Raises:
        ConfigError, TextError: as `pretrain`.
    """
    settings, start = _settled(settings, config, short)
    watch = watch or Silent()
    use_threads(settings.run.threads)
    device = resolve_device(settings.run.device)
    dtype = resolve_dtype(settings.run.dtype, device)
    with tempfile.TemporaryDirectory() as scratch:
        prepared = prepare_text(settings, text_sources(settings), Path(scratch), watch, start)
        pieces = assemble(settings, start, prepared, device)
        for note in pieces.notes:
            watch.say(note)
        trial = _timed(settings, pieces, device, dtype, watch)
        steps = pieces.steps(settings, lambda: trial.seconds_per_step)
        for note in () if pieces.stages is None else pieces.stages.notes(steps):
            watch.say(note)
        return Plan.of(steps, trial, pieces.model, prepared.store.meta)


def _settled(
    given: PretrainSettings | Settled | None,
    config: str | Path | None,
    short: Mapping[str, Any],
) -> tuple[PretrainSettings, Start | None]:
    """The settings and the model to start from, which is found here once if it was not before."""
    base = read_recipe(config, given, short)
    if given is None:
        given = settle(base, **short)
    settled = given if isinstance(given, Settled) else Settled.of(given)
    return settled.settings, settled.start


def _train(
    settings: PretrainSettings,
    start: Start | None,
    prepared: Prepared,
    folder: RunFolder,
    device: torch.device,
    dtype: torch.dtype,
    watch: Watch,
) -> PretrainResult:
    """Decide the steps, train, evaluate, save."""
    pieces = assemble(settings, start, prepared, device)
    for note in pieces.notes:
        watch.say(note)
    steps, peak = _decided(settings, pieces, folder, device, dtype, watch)
    figures_of_line = _staged(pieces, steps, folder, watch)
    held_out = pieces.evaluate(EVAL_TOKENS)
    loop = loop_of(settings, steps)
    health = Health(pieces.checks, steps, folder.path / "log.jsonl", watch.say)
    with watch.stage("pretraining") as advance:
        line = StepLine(steps, pieces.flops, peak, advance, figures_of_line)

        def watching(facts: StepFacts, position: Position) -> None:
            line(facts, position)
            health(facts, position)

        with line.also_to_tensorboard(folder.path, settings.run.tensorboard):
            outcome = train(
                pieces.model,
                pieces.objective,
                pieces.over(steps, loop.accumulate),
                loop,
                optim=settings.optim,
                schedule=settings.schedule,
                run_dir=folder.path,
                device=device,
                dtype=dtype,
                evaluate=held_out,
                watch=watching,
            )
        if outcome.stopped_by is not None:
            stopped(advance, outcome.position.step, steps)
    for note in outcome.notes:
        watch.say(note)
    if outcome.stopped_by is not None:
        return _result(folder.path, outcome, {}, pieces, health.warnings)
    with watch.stage("evaluating on held-out text"):
        pieces.model.eval()
        with torch.inference_mode():
            figures = pieces.evaluate(4 * EVAL_TOKENS)(pieces.model)
    result = _result(folder.path, outcome, figures, pieces, health.warnings)
    _save(settings, prepared, pieces, result)
    return result


def _staged(
    pieces: Pieces, steps: int, folder: RunFolder, watch: Watch
) -> Callable[[Sequence[StepFacts]], str]:
    """Say and write down where the stages begin, if there are several; the figures of a step's
    line."""
    if (stages := pieces.stages) is None:
        return pieces.figures
    for note in stages.notes(steps):
        watch.say(note)
    folder.decide("stages", list(stages.firsts(steps)))
    return stages.figures(steps, pieces.figures)


def _save(
    settings: PretrainSettings, prepared: Prepared, pieces: Pieces, result: PretrainResult
) -> None:
    """The result's figures, then the model's folder, which marks the run as finished."""
    stored = {k: getattr(result, k) for k in PretrainResult.__dataclass_fields__ if k != "folder"}
    write_json(result.folder / "result.json", stored)
    pieces.save(result.model, pretraining_card(settings, prepared.corpus, pieces, result))


def _decided(
    settings: PretrainSettings,
    pieces: Pieces,
    folder: RunFolder,
    device: torch.device,
    dtype: torch.dtype,
    watch: Watch,
) -> tuple[int, float]:
    """The number of steps, decided once and kept, and the processor's peak speed."""
    from unmask.train.peak import measured_peak

    peak = measured_peak(dtype, device)
    if (kept := folder.decided("steps")) is not None:
        return int(kept), peak
    steps = pieces.steps(
        settings, lambda: _timed(settings, pieces, device, dtype, watch).seconds_per_step
    )
    folder.decide("steps", steps)
    return steps, peak


def _timed(
    settings: PretrainSettings,
    pieces: Pieces,
    device: torch.device,
    dtype: torch.dtype,
    watch: Watch,
) -> Trial:
    """Some steps, timed."""
    with watch.stage("timing some steps") as advance:
        return pieces.trial(settings, device, dtype, lambda share: advance(share, ""))


def _result(
    folder: Path,
    outcome: Outcome,
    figures: Mapping[str, float],
    pieces: Pieces,
    warnings: tuple[str, ...],
) -> PretrainResult:
    at = outcome.position
    return PretrainResult(
        folder=folder,
        finished=outcome.stopped_by is None,
        stopped_by=outcome.stopped_by,
        steps=at.step,
        tokens=at.tokens,
        seconds=at.seconds,
        held_out=dict(figures),
        counts=dict(at.counts),
        skipped=at.skipped,
        sessions=at.sessions,
        fills=pieces.fills,
        flops=float(pieces.flops(at.tokens, at.targets)),
        head=pieces.kind,
        warnings=warnings,
    )


def _stored(folder: Path) -> dict[str, Any]:
    """The result of a finished run."""
    stored = read_json(folder / "result.json")
    return {"folder": folder, **stored, "warnings": tuple(stored.get("warnings", ()))}
