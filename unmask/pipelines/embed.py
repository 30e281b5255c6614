"""`Embedder`: one vector for each text."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack, overload

import numpy as np
import torch

from unmask.batches.batch import Batch
from unmask.batches.sequences import OnLong
from unmask.checkpoint.sentence import SentenceFormat, SentenceModel, open_sentence, save_sentence
from unmask.errors import ConfigError
from unmask.heads.embedding import PoolingMode
from unmask.nn.prepared import Precision
from unmask.nn.products import in_tiles
from unmask.pipelines.checks import check_filled, check_several
from unmask.pipelines.precision import make_fast
from unmask.pipelines.prompted import Prompted
from unmask.pipelines.running import F32, TOKENS, Fitted, Tell, bar, run, warned, windows
from unmask.pipelines.similarity import similarity
from unmask.tokens.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class Embedded:
    """What is made of one text.

    Attributes:
        vector: `(E,)`.
        tokens: how many tokens the text had before anything was cut, special tokens and prompt
            included.
        truncated: whether some of them were not read.
        unknown: the share of its tokens, without the prompt's, that the tokenizer does not know,
            from 0 to 1; above a half, the vector means little.
    """

    vector: F32
    tokens: int
    truncated: bool
    unknown: float


class How(TypedDict, total=False):
    """The options of `Embedder.encode`, for checkers; each method has them with their defaults."""

    prompt: str | None
    prompt_name: str | None
    normalize: bool | None
    on_long: OnLong
    batch_tokens: int
    progress: bool


@dataclass(frozen=True, eq=False)
class Embedder:
    """Vectors for texts, by an embedding model.

    Attributes:
        opened: the model with its tokenizer and prompts.
        batch_invariant: whether what follows the pooling is done on tiles of a fixed number of
            texts. The encoder is prepared for that, or not, by `from_pretrained`.
    """

    opened: SentenceModel
    batch_invariant: bool = False

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        *,
        pooling: PoolingMode | None = None,
        truncate_dim: int | None = None,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        precision: Precision | None = None,
        batch_invariant: bool = False,
        calibration: Sequence[str] | None = None,
        revision: str | None = None,
    ) -> Embedder:
        """Open a sentence-transformers folder, or with `pooling` the folder of any model or run.

        Args:
            path: the folder; or a name on the Hub, such as "org/name", where no such folder is.
            pooling: for a folder without `modules.json`: how its tokens become a vector.
            truncate_dim: how many leading numbers of a vector are kept, for models that were taught
                so (Matryoshka); None for what the folder says, which mostly is all.
            device: where the model goes.
            dtype: of its parameters.
            precision: of the matrix products: "fp32", "bf16", "int8", or "auto", which is bf16
                where the processor is fast in it; None as `dtype` says. int8 checks itself against
                float32, and gives way to "auto" with a warning where it differs too much.
            batch_invariant: whether a text's vector must be the same bits whatever texts are with
                it; else the last bits may differ.
            calibration: some dozens of texts of the kind that will be read, for the ranges of int8;
                None for those that were saved with the model, or else English ones.
            revision: branch, tag or commit on the Hub; None for the default branch.

        Raises:
            ModelError: no model is there, its modules do not fit, or nothing says how it pools.
            CheckpointError: a file cannot be read or fetched.
        """
        opened = open_sentence(
            path,
            pooling=pooling,
            truncate_dim=truncate_dim,
            dtype=dtype,
            device=device,
            revision=revision,
        )
        make_fast(
            opened.encoder,
            precision,
            batch_invariant=batch_invariant,
            calibration=calibration,
        )
        return cls(opened, batch_invariant)

    def save_pretrained(
        self, path: str | Path, *, format: SentenceFormat = "auto", replace: bool = False
    ) -> None:
        """Save the model as a folder that opens again, here and in sentence-transformers.

        Of a model in int8, its ranges and their quality are saved too, and used when it is opened
        again.

        Args:
            path: the folder to make.
            format: "sentence-transformers"; "unmask" for encoders that it cannot express; "auto"
                the first where it can; "hf" the encoder by itself, as `transformers` opens it,
                without pooling, stages and prompts.
            replace: whether a folder that was saved there before may be replaced.

        Raises:
            UnsupportedModel: the format asked for cannot express the model; it says what.
            CheckpointError: the folder is taken and not to be replaced, or the disk is full.
        """
        save_sentence(path, self.opened, format=format, replace=replace)

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to ids."""
        return self.opened.encoder.tokenizer

    @property
    def dimension(self) -> int:
        """E, the width of a vector."""
        return self.opened.head.config.dimension

    @property
    def max_length(self) -> int:
        """The longest text in tokens, special tokens and prompt included."""
        return self.opened.limit

    @property
    def prompts(self) -> Mapping[str, str]:
        """What may be put before a text, by name."""
        return self.opened.prompts

    @overload
    def encode(self, texts: Iterator[str], **how: Unpack[How]) -> Iterator[F32]: ...

    @overload
    def encode(self, texts: Collection[str], **how: Unpack[How]) -> F32: ...

    def encode(
        self,
        texts: Iterator[str] | Collection[str],
        *,
        prompt: str | None = None,
        prompt_name: str | None = None,
        normalize: bool | None = None,
        on_long: OnLong = "truncate",
        batch_tokens: int = TOKENS,
        progress: bool = False,
    ) -> F32 | Iterator[F32]:
        """Vectors for texts, in their order. Warns once where texts were cut, and says how many.

        Args:
            texts: a collection gives an array `(N, E)`; an iterator gives an iterator of vectors
                `(E,)`, which reads ahead by a thousand texts or four million characters, whichever
                comes first, and holds no more in memory.
            prompt: put before each text as it is.
            prompt_name: the name of one of the model's prompts. With neither, the model's
                `default_prompt_name` counts, where it has one.
            normalize: None for what the model does; True for vectors of length 1 in any case;
                False to leave out the normalising at the model's end.
            on_long: what happens to a text longer than `max_length`: "truncate" reads its
                beginning; "chunk" splits it, puts the prompt before each part, and averages the
                pooled parts, weighed by their tokens, before what follows the pooling; "error"
                raises.
            batch_tokens: of a batch; a single longer text is a batch by itself.
            progress: show on standard error how many texts have been read.

        Raises:
            ConfigError: both kinds of prompt, a name that the model lacks, or a prompt that leaves
                no room for text.
            TooLong: a text is longer than `max_length`, under "error".
            TokenizerError: a text is no str.
            TextError: a text without tokens, where the tokenizer puts none around it.
        """
        check_several("encode", texts)
        found = warned(
            self.stream(
                texts,
                prompt=self.resolve(prompt, prompt_name),
                normalize=normalize,
                on_long=on_long,
                batch_tokens=batch_tokens,
                progress=progress,
            ),
            f"texts are longer than {self.max_length} tokens, and only their beginnings were read; "
            "on_long='chunk' reads all of them, 'error' refuses",
            lambda answer: (answer.truncated, answer.unknown),
            lambda answer: answer.vector,
        )
        if isinstance(texts, Iterator):
            return found
        return np.fromiter(found, np.dtype((np.float32, (self.dimension,))))

    @overload
    def encode_query(self, texts: Iterator[str], **how: Unpack[How]) -> Iterator[F32]: ...

    @overload
    def encode_query(self, texts: Collection[str], **how: Unpack[How]) -> F32: ...

    def encode_query(
        self,
        texts: Iterator[str] | Collection[str],
        *,
        prompt: str | None = None,
        prompt_name: str | None = None,
        normalize: bool | None = None,
        on_long: OnLong = "truncate",
        batch_tokens: int = TOKENS,
        progress: bool = False,
    ) -> F32 | Iterator[F32]:
        """As `encode`, for what is searched for: an array, or an iterator of vectors for one.

        Where neither `prompt` nor `prompt_name` is given, the prompt named "query" is put before
        each text, and nothing where the model has none: its default prompt does not count.
        """
        if prompt is None and prompt_name is None:
            prompt = self.prompts.get("query", "")
        return self.encode(
            texts,
            prompt=prompt,
            prompt_name=prompt_name,
            normalize=normalize,
            on_long=on_long,
            batch_tokens=batch_tokens,
            progress=progress,
        )

    @overload
    def encode_document(self, texts: Iterator[str], **how: Unpack[How]) -> Iterator[F32]: ...

    @overload
    def encode_document(self, texts: Collection[str], **how: Unpack[How]) -> F32: ...

    def encode_document(
        self,
        texts: Iterator[str] | Collection[str],
        *,
        prompt: str | None = None,
        prompt_name: str | None = None,
        normalize: bool | None = None,
        on_long: OnLong = "truncate",
        batch_tokens: int = TOKENS,
        progress: bool = False,
    ) -> F32 | Iterator[F32]:
        """As `encode`, for what is searched through: an array, or an iterator of vectors for one.

        Where neither `prompt` nor `prompt_name` is given, the prompt named "document" is put
        before each text, and nothing where the model has none: its default prompt does not count.
        A prompt named "passage" or "corpus" has to be asked for, as in sentence-transformers,
        which gives each model an empty prompt "document" first; a warning says so.
        """
        if prompt is None and prompt_name is None:
            prompt = self.document_prompt()
        return self.encode(
            texts,
            prompt=prompt,
            prompt_name=prompt_name,
            normalize=normalize,
            on_long=on_long,
            batch_tokens=batch_tokens,
            progress=progress,
        )

    def document_prompt(self) -> str:
        """What `encode_document` puts before each text; warns as it says."""
        prompt = self.prompts.get("document", "")
        other = next((name for name in ("passage", "corpus") if self.prompts.get(name)), None)
        if not prompt and other is not None:
            warnings.warn(
                f"the model has a prompt {other!r} and none 'document', so nothing is put before "
                f"the texts, as in sentence-transformers; pass prompt_name={other!r} to use it, or "
                "prompt='' for none",
                stacklevel=3,
            )
        return prompt

    def similarity(self, a: Any, b: Any) -> F32:
        """Every vector of `a` `(N, E)` compared with every one of `b` `(M, E)`: `(N, M)`.

        By the model's own measure, of which larger is more alike: cosine, dot product, or minus
        the Euclidean or the Manhattan distance.

        Raises:
            ModelError: the vectors are of different widths.
        """
        return similarity(a, b, self.opened.similarity)

    def resolve(self, prompt: str | None = None, prompt_name: str | None = None) -> str:
        """What is put before a text: the prompt, the one of that name, or the model's default.

        Raises:
            ConfigError: both are given, or there is no such name.
        """
        if prompt is not None and prompt_name is not None:
            raise ConfigError("give either prompt or prompt_name, and not both")
        name = self.opened.default_prompt_name if prompt_name is None else prompt_name
        if prompt is not None or name is None:
            return prompt or ""
        if name not in self.prompts:
            raise ConfigError(
                f"prompt_name must be one of the model's prompts, not {name!r}; it has: "
                f"{', '.join(map(repr, self.prompts)) or 'none'}"
            )
        return self.prompts[name]

    def stream(
        self,
        texts: Iterable[str],
        *,
        prompt: str = "",
        normalize: bool | None = None,
        on_long: OnLong = "truncate",
        batch_tokens: int = TOKENS,
        progress: bool = False,
    ) -> Iterator[Embedded]:
        """As `encode` for an iterator, without its warning: each answer says what was cut."""
        fit = Prompted.of(self.opened, prompt, on_long)
        skip = fit.skip
        # What is no str is refused by the tokenizer, which says at which place it stands.
        whole = (prompt + text if isinstance(text, str) else text for text in texts)
        with bar("embedding", texts, progress) as within:
            for number, window in windows(whole):
                ids = self.tokenizer.ids_stream(window, number=number)
                fitted = [fit(one, place) for place, one in enumerate(ids, number)]
                check_filled(fitted, number, skip)
                tell = within(number, window)
                yield from self._answers(fitted, skip, normalize, batch_tokens, tell)

    def _answers(
        self, fitted: list[Fitted], skip: int, normalize: bool | None, tokens: int, tell: Tell
    ) -> Iterator[Embedded]:
        model, head = self.opened.encoder.model, self.opened.head
        rows = [row for one in fitted for row in one.rows]

        def read(batch: Batch) -> list[torch.Tensor]:
            return list(head.pool(model(batch), batch, skip))

        device = model.embedding.tokens.weight.device
        found = iter(run(rows, read, device, tokens=tokens, tell=tell))
        pooled = []
        for one in fitted:
            parts = [next(found) for _ in one.rows]
            sizes = [len(row) - skip for row in one.rows]
            pooled.append(parts[0] if len(parts) == 1 else _average(parts, sizes))
        finish = partial(head.finish, normalize=normalize)
        with torch.inference_mode():
            whole = torch.stack(pooled)
            found_NE = in_tiles(finish, whole) if self.batch_invariant else finish(whole)
        vectors = found_NE.float().cpu().numpy()
        for one, vector in zip(fitted, vectors, strict=True):
            yield Embedded(vector, one.tokens, one.truncated, one.unknown)


def _average(parts: list[torch.Tensor], sizes: list[int]) -> torch.Tensor:
    """The pooled parts of one text, each `(P,)`, weighed by their numbers of tokens.

    In float32 whatever they are: bfloat16 holds no odd number above 256.
    """
    weights = torch.tensor(sizes, dtype=torch.float32, device=parts[0].device)
    return (weights @ torch.stack(parts).float() / weights.sum()).to(parts[0].dtype)
