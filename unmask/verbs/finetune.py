"""`unmask finetune`: from labelled text and an encoder to a model that does a task."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from unmask.checkpoint.locating import locate
from unmask.config import read_recipe
from unmask.errors import ConfigError
from unmask.train.precision import resolve_dtype
from unmask.verbs.finetune_settings import FinetuneSettings, TuneData, finetune_settings
from unmask.verbs.machine import environment, resolve_device, use_threads
from unmask.verbs.run_folder import digest_of
from unmask.verbs.seeds import over_seeds
from unmask.verbs.task_settings import TuneFewShot
from unmask.verbs.tasks.job import Job, Surroundings
from unmask.verbs.tasks.kinds import chosen
from unmask.verbs.tasks.pieces import Given, check_on_long
from unmask.verbs.tasks.result import FinetuneResult
from unmask.verbs.watch import Silent, Watch


def finetune(
    model: str | Path,
    *,
    train: str | Path,
    out: str | Path,
    dev: str | Path | None = None,
    unlabelled: str | Path | None = None,
    settings: FinetuneSettings | None = None,
    config: str | Path | None = None,
    revision: str | None = None,
    watch: Watch | None = None,
    **short: Any,
) -> FinetuneResult:
    """Teach an encoder a task, or go on with a run that was stopped.

    Args:
        model: folder of a model or of a finished run, or a name on the Hub. A classifier is
            trained further, and its labels must be those of the data.
        train: table with a text, or a pair of texts, and a label in each row: .csv, .tsv, .jsonl
            or .parquet.
        out: the run's folder. An unfinished run of the same settings and data is resumed, to the
            same bits; a finished one is left as it is. Of several seeds each has a run of its own
            below it.
        dev: table to measure with; None to hold out a share of the training rows.
        unlabelled: table or .txt with more texts, whose labels nobody has said, for `few_shot`;
            None for none.
        settings: everything, or give `config` and `short` names instead.
        config: a recipe, as a TOML file; `short` names win over it. None for none.
        revision: branch, tag or commit of a name on the Hub; None for the default branch. A run
            that is continued needs the same commit.
        watch: is told of the progress.
        short: `freeze`, `lora`, `epochs`, `lr`, `text_column`, `seeds` and so on: the long options
            of `unmask finetune`, with underscores.

    Returns:
        Where the run stands, with its figures; the model is in `result.model`. Of several seeds
        that of the best, and in `result.seeds` how much they differ.

    Raises:
        ConfigError: a setting is wrong, or something is given beside `settings`.
        DataError: the tables cannot be used; LabelMismatch where labels do not fit together.
        CorruptText: a bad place in a table.
        ResumeMismatch: `out` holds a run of other settings, data or of another model.
        NonFiniteLoss: the loss was not finite three times in a row.
    """
    base = read_recipe(config, settings, short)
    settings = settings or finetune_settings(base, **short)
    watch = watch or Silent()
    kind = chosen(settings)
    _check_share(settings, dev)
    _check_unlabelled(settings, unlabelled)
    threads = use_threads(settings.run.threads)
    device = resolve_device(settings.run.device)
    dtype = resolve_dtype(settings.run.dtype, device)
    on_long = check_on_long(settings.data.on_long, kind.on_long)
    machine = environment(device, dtype, threads)

    def job_of(one: FinetuneSettings) -> Job:
        given = Given(model, revision, train, dev, one, on_long, device, watch, unlabelled)
        pieces = kind.pieces(given)
        return Job.of(one, pieces, Surroundings(device, dtype, _digests(given), machine, watch))

    # Before the run's folder is touched, all that can be wrong with the data has been found.
    if settings.run.seeds > 1:
        return over_seeds(settings, Path(out), job_of)
    job = job_of(settings)
    with job.folder(out, settings) as folder:
        return job.run(folder)


def _check_share(settings: FinetuneSettings, dev: str | Path | None) -> None:
    """Rows are held out, or given.

    Raises:
        ConfigError: both are asked for.
    """
    share = settings.data.dev_share
    if dev is not None and share != TuneData().dev_share:
        raise ConfigError(
            f"rows to measure with are held out or given, but dev_share={share:g} and --dev {dev} "
            "are both there; leave one of them out"
        )


def _check_unlabelled(settings: FinetuneSettings, unlabelled: str | Path | None) -> None:
    """Check that texts without a label are given to a training that reads them.

    Raises:
        ConfigError: it does not, or something is said of texts that are not given.
    """
    most = settings.few_shot.most_unlabelled
    if unlabelled is None and most != TuneFewShot().most_unlabelled:
        raise ConfigError(
            f"few_shot.most_unlabelled={most} would do nothing without --unlabelled; leave it out"
        )
    if unlabelled is not None and not settings.few_shot.use:
        also = "give both, or " if settings.task == "classify" else "leave it out, or "
        raise ConfigError(
            f"texts without a label are learnt from with --task classify --few-shot alone, but "
            f"--unlabelled {unlabelled} is given without it; {also}pretrain on these texts first "
            "(unmask pretrain --from)"
        )


def _digests(given: Given) -> dict[str, str]:
    """Of the model and the files, by the names under which messages speak of them."""
    also = {"dev": given.dev, "unlabelled": given.unlabelled}
    files = {"train": given.train, **{n: path for n, path in also.items() if path is not None}}
    model = {"model": _model_digest(given.model, given.revision)}
    return model | {name: digest_of(path) for name, path in files.items()}


def _model_digest(path: str | Path, revision: str | None) -> str:
    """One digest of the files that make up a model: its JSON and its weights."""
    located = locate(path, revision)
    if located.origin is not None:
        # The commit says it all, and the cache may hold other files of it the next time.
        return hashlib.sha256(f"{located.origin.name} {located.origin.commit}".encode()).hexdigest()
    folder = located.folder
    files = sorted(f for f in folder.iterdir() if f.suffix in (".json", ".safetensors"))
    lines = [f"{f.name} {digest_of(f)}\n" for f in files if f.name != "manifest.json"]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
