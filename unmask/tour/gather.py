"""The facts of a quickstart's report, gathered from what the run left behind."""

from __future__ import annotations

import os
from itertools import accumulate, islice
from pathlib import Path

import torch

from unmask.config import to_mapping
from unmask.heads.model import LanguageModel
from unmask.nn.flops import lm_training_flops
from unmask.report.facts import (
    Command,
    CorpusFacts,
    Group,
    HeldOutFacts,
    MaskFacts,
    ModelFacts,
    Rate,
    Setting,
    Share,
    SplitWord,
    StepFacts,
    TokenizerFacts,
    TrainingFacts,
)
from unmask.report.facts import settings as rows
from unmask.text.corpus import Corpus
from unmask.tokens.report import report
from unmask.train.log import read_log
from unmask.train.peak import measured_peak
from unmask.train.precision import resolve_dtype
from unmask.verbs.machine import (
    memory,
    peak_memory,
    processor,
    resolve_device,
    use_threads,
    versions,
)
from unmask.verbs.prepared import Prepared
from unmask.verbs.pretrain import PretrainResult
from unmask.verbs.pretrain_settings import PretrainSettings

MEASURED_DOCUMENTS = 4000  # that the tokenizer is measured on


def corpus_facts(corpus: Corpus, settings: PretrainSettings) -> CorpusFacts:
    """What was read, left out and kept."""
    stats = corpus.stats
    note = (
        f"It is the text in {', '.join(settings.text.paths)}."
        if settings.text.paths
        else "It is the docstrings of Python and of the installed packages, cleaned to prose."
    )
    notes = []
    if stats.cut_documents:
        notes.append(
            f"{stats.cut_documents:,} documents were longer than 1 % of the text, and cut."
        )
    if stats.bad_places:
        notes.append(f"{stats.bad_places:,} corrupt places were left out.")
    if stats.skipped:
        left = ", ".join(f"{count:,} {kind}" for kind, count in stats.skipped.items())
        notes.append(f"Files that were not read: {left}.")
    return CorpusFacts(
        documents=stats.train_documents,
        paragraphs=stats.paragraphs,
        words=stats.words,
        characters=stats.characters,
        duplicates_dropped=stats.dropped_paragraphs,
        held_out_documents=stats.held_out_documents,
        groups=tuple(Group(name, n) for name, n in stats.groups.items() if name),
        source_note=note,
        notes=tuple(notes),
    )


def tokenizer_facts(prepared: Prepared) -> TokenizerFacts:
    """The tokenizer on held-out text."""
    texts = [d.text for d in islice(prepared.corpus.documents("held_out"), MEASURED_DOCUMENTS)]
    tokenizer = prepared.tokenizer
    measured = report(tokenizer, texts)
    examples = tuple(SplitWord(one.text, one.pieces) for one in measured.fragmented[:4])
    kind = "byte-level BPE" if tokenizer.unk_id is None else "WordPiece"
    return TokenizerFacts(
        kind=kind,
        vocabulary=tokenizer.vocab_size,
        tokens_per_word=measured.tokens_per_word,
        unknown_share=measured.unknown_share,
        examples=examples,
    )


def model_facts(model: LanguageModel, settings: PretrainSettings) -> ModelFacts:
    """The encoder and how it was trained."""
    config = model.encoder.config
    device = resolve_device(settings.run.device)
    dtype = resolve_dtype(settings.run.dtype, device)
    shown = {
        f"{room}.{key}": value
        for room in ("mask", "budget", "optim", "schedule")
        for key, value in to_mapping(settings)[room].items()
    }
    return ModelFacts(
        architecture=settings.model.arch,
        layers=len(config.layers),
        width=config.width,
        heads=config.attentions[0].heads,
        parameters=sum(p.numel() for p in model.parameters()),
        context=config.context,
        dtype=str(dtype).removeprefix("torch."),
        optimiser="Muon for the matrices of the layers, AdamW for the rest",
        recipe=rows(shown),
    )


def training_facts(
    result: PretrainResult, model: LanguageModel, settings: PretrainSettings
) -> TrainingFacts:
    """The log of the run as curves."""
    log = list(read_log(result.folder / "log.jsonl"))
    train = [record for record in log if record["kind"] == "train"]
    tokens = list(accumulate(record["tokens"] for record in train))
    seconds = list(accumulate(record["seconds"] for record in train))
    steps = tuple(
        StepFacts(
            step=record["step"],
            tokens=at,
            seconds=spent,
            loss=record["loss"],
            lr=record["lr"],
            tokens_per_second=record["tokens"] / record["seconds"],
        )
        for record, at, spent in zip(train, tokens, seconds, strict=True)
    )
    held_out = tuple(
        HeldOutFacts(record["step"], record["loss"], record["top1"], record["top5"])
        for record in log
        if record["kind"] == "held_out"
    )
    return TrainingFacts(
        steps=steps,
        evaluations=held_out,
        total_tokens=result.tokens,
        wall_seconds=result.seconds,
        share_of_peak=_share_of_peak(result, model, settings, train),
        peak_memory_bytes=peak_memory(),
        resumed=result.sessions - 1,
        skipped_steps=result.skipped,
    )


def _share_of_peak(
    result: PretrainResult,
    model: LanguageModel,
    settings: PretrainSettings,
    train: list[dict[str, int]],
) -> float:
    """Matrix products done, against those that the processor could have done meanwhile."""
    device = resolve_device(settings.run.device)
    peak = measured_peak(resolve_dtype(settings.run.dtype, device), device)
    targets = sum(record["targets"] for record in train)
    flops = lm_training_flops(model.encoder.config, result.tokens, targets)
    return min(1.0, flops / result.seconds / peak)


def mask_facts(result: PretrainResult, settings: PretrainSettings) -> MaskFacts:
    """What masking was to do, and what it did."""
    counts, mask = result.counts, settings.mask
    selected = max(counts["selected"], 1)
    last = mask.rate if mask.final_rate is None else mask.final_rate
    return MaskFacts(
        tokens=counts["ordinary"],
        selected=Share((mask.rate + last) / 2, counts["selected"] / max(counts["ordinary"], 1)),
        masked=Share(mask.masked, counts["masked"] / selected),
        random=Share(mask.random, counts["random"] / selected),
        kept=Share(max(0.0, 1 - mask.masked - mask.random), counts["kept"] / selected),
    )


def rates(result: PretrainResult) -> tuple[Rate, ...]:
    """How fast it went."""
    return (
        Rate("pretraining", result.tokens / result.seconds, "tokens"),
        Rate("updates", result.steps / result.seconds, "updates"),
    )


def versions_facts() -> tuple[Setting, ...]:
    """Versions of the software."""
    return rows(versions())


def hardware_facts(settings: PretrainSettings) -> tuple[Setting, ...]:
    """The machine."""
    device = resolve_device(settings.run.device)
    facts = {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads used": use_threads(settings.run.threads),
        "memory": f"{memory() / 2**30:.1f} GiB",
        "device": str(device),
    }
    if device.type == "cuda":
        facts["GPU"] = torch.cuda.get_device_name(device)
    return rows(facts)


def commands(folder: Path, without_labels: bool) -> tuple[Command, ...]:
    """What to type next."""
    shown = [
        Command(
            f'unmask fill {folder} "The [MASK] of the array is returned."', "fill a blank of yours"
        ),
        Command(
            "unmask pretrain --text my-texts/ --size mini --minutes 30 --out runs/mine",
            "train on text of your own",
        ),
        Command(
            f"unmask finetune {folder} --task classify --train train.csv --out runs/classifier",
            "teach it labels: a CSV file with the columns text and label",
        ),
    ]
    if not without_labels:
        shown.insert(
            1,
            Command(
                f"unmask predict {folder}/classify/full --input {folder}/classify/test.jsonl "
                "--output answers.jsonl",
                "label texts with the classifier of this page",
            ),
        )
    return tuple(shown)
