"""Text to ids and back: one immutable wrapper over the `tokenizers` library."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import final

from unmask.errors import TokenizerError
from unmask.tokens import settings as files
from unmask.tokens.backend import Raw, Spec, guarded, run
from unmask.tokens.encoded import Encoded, batches, read_encoding
from unmask.tokens.layout import Layout
from unmask.tokens.literal import build_literal
from unmask.tokens.roles import ROLES, Role, Roles
from unmask.tokens.settings import Settings
from unmask.tokens.spec import open_spec
from unmask.tokens.summary import TrainingSummary
from unmask.tokens.words import Span

ENCODER_ROLES: tuple[Role, ...] = ("cls", "sep", "mask", "pad")


@final
@dataclass(frozen=True, eq=False, repr=False)
class Tokenizer:
    """A tokenizer with its roles known. Make one with `from_file`, `from_pretrained` or `train`.

    Truncation, padding and BPE dropout that a file asks for are switched off when it is opened:
    cutting text is the caller's stated choice, batches have no padding, and the same text must
    give the same ids. They are not written back either.

    Attributes:
        roles: the ids by role, None where there is none.
        layout: the special ids around one text and around two.
        settings: what the folder declared beside `tokenizer.json`.
        special_ids: ids never to be selected for prediction and never to be drawn: the roles, the
            layout's tokens, and all tokens marked special.
        vocab_size: rows that an embedding needs, the largest id plus one.
        digest: SHA-256 of the canonical `tokenizer.json`, in hexadecimal; saving and opening
            keeps it.
        training: how the tokenizer was trained, if this object comes from `train`.
    """

    roles: Roles
    layout: Layout
    settings: Settings
    special_ids: frozenset[int]
    vocab_size: int
    digest: str
    training: TrainingSummary | None
    _spec: Spec
    _raw: Raw
    _where: str

    @classmethod
    def from_file(
        cls, path: str | PathLike[str], *, require: Iterable[Role] = ENCODER_ROLES
    ) -> Tokenizer:
        """Open a `tokenizer.json` by itself.

        Roles come from its post-processor, its model, and well-known names.

        Args:
            path: the file.
            require: roles that must be filled. Decoders pass an empty tuple.

        Raises:
            TokenizerError: the file is missing or broken, or a required role is not filled.
        """
        return cls.from_spec(files.read_json(Path(path)), where=str(path), require=require)

    @classmethod
    def from_pretrained(
        cls, folder: str | PathLike[str], *, require: Iterable[Role] = ENCODER_ROLES
    ) -> Tokenizer:
        """Open a folder: `tokenizer.json`, and the roles that the files beside it declare.

        Args:
            folder: the folder.
            require: roles that must be filled. Decoders pass an empty tuple.

        Raises:
            TokenizerError: a file is missing or broken, the files contradict each other, or a
                required role is not filled.
        """
        root = Path(folder)
        if not (root / files.TOKENIZER_FILE).is_file():
            raise TokenizerError(
                f"{root} has no tokenizer.json. Where it has another kind of vocabulary file, open "
                "it with transformers.AutoTokenizer and save it again: that writes one"
            )
        spec, settings = files.read_json(root / files.TOKENIZER_FILE), files.read_settings(root)
        return cls.from_spec(spec, settings, where=str(root), require=require)

    @classmethod
    def from_spec(
        cls,
        spec: Spec,
        settings: Settings | None = None,
        *,
        where: str = "the tokenizer",
        require: Iterable[Role] = (),
        training: TrainingSummary | None = None,
    ) -> Tokenizer:
        """Build from a parsed `tokenizer.json`.

        Args:
            spec: the parsed file; not changed, and not to be changed afterwards.
            settings: what was declared beside it.
            where: the file or folder, for messages.
            require: roles that must be filled.
            training: how it was trained.

        Raises:
            TokenizerError: as `from_pretrained`.
        """
        settings = settings or Settings()
        opened = open_spec(spec, settings.declared, where, require)
        return cls(
            roles=opened.roles,
            layout=opened.layout,
            settings=settings,
            special_ids=opened.special_ids,
            vocab_size=opened.vocab_size,
            digest=opened.digest,
            training=training,
            _spec=opened.spec,
            _raw=opened.raw,
            _where=where,
        )

    def save_pretrained(
        self,
        folder: str | PathLike[str],
        *,
        model_max_length: int | None = None,
        segments: bool | None = None,
    ) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`, for `transformers.AutoTokenizer` too.

        Args:
            folder: made where it does not exist.
            model_max_length: longest input of the model in tokens; as opened where None.
            segments: whether the model takes segment ids (`token_type_ids`), as BERT does and
                RoBERTa and ModernBERT do not. Where None, as opened; where that is not known
                either, whether the layout of a pair tells its texts apart.

        Raises:
            TokenizerError: a file cannot be written, or the length is not positive.
        """
        if model_max_length is not None and model_max_length < 1:
            raise TokenizerError(f"model_max_length must be positive, not {model_max_length}")
        if segments is None:
            segments = self.settings.segments
        if segments is None:
            segments = any(any(part) for part in self.layout.pair.segments)
        tokens = {role: self.roles.get(role) for role in ROLES}
        settings = replace(
            self.settings,
            declared={r: self.id_to_token(i) for r, i in tokens.items() if i is not None},
            model_max_length=model_max_length or self.settings.model_max_length,
            segments=segments,
        )
        files.write_json(Path(folder) / files.TOKENIZER_FILE, self._spec)
        files.write_settings(Path(folder), settings)

    def lowercased(self) -> Tokenizer:
        """This tokenizer with all letters of a text lowered first; itself where it does that.

        Raises:
            TokenizerError: the library refuses the changed normaliser.
        """
        normalizer = self._spec.get("normalizer")
        steps = [] if normalizer is None else [normalizer]
        if normalizer is not None and normalizer.get("type") == "Sequence":
            steps = list(normalizer["normalizers"])
        if any(step.get("type") == "Lowercase" for step in steps):
            return self
        steps = [{"type": "Lowercase"}, *steps]
        spec = {**self._spec, "normalizer": {"type": "Sequence", "normalizers": steps}}
        return self.from_spec(spec, self.settings, where=self._where, training=self.training)

    @property
    def cls_id(self) -> int:
        """The id that stands first; TokenizerError where there is none."""
        return self.roles.need("cls")

    @property
    def sep_id(self) -> int:
        """The id that ends a text; TokenizerError where there is none."""
        return self.roles.need("sep")

    @property
    def mask_id(self) -> int:
        """The id of the mask; TokenizerError where there is none."""
        return self.roles.need("mask")

    @property
    def pad_id(self) -> int:
        """The id of padding; TokenizerError where there is none."""
        return self.roles.need("pad")

    @property
    def unk_id(self) -> int | None:
        """The id of what cannot be spelled, or None: a byte-level tokenizer spells everything."""
        return self.roles.unk

    def encode(self, text: str, *, specials: bool = False, allow_mask: bool = False) -> Encoded:
        """Encode one text; see `encode_batch`."""
        return self.encode_batch([text], specials=specials, allow_mask=allow_mask)[0]

    def encode_batch(
        self, texts: Sequence[str], *, specials: bool = False, allow_mask: bool = False
    ) -> list[Encoded]:
        """Encode texts. The names of special tokens in a text are text like any other.

        Args:
            texts: the texts.
            specials: put the layout's special tokens around each.
            allow_mask: let the name of the mask token, such as `[MASK]`, give the mask.

        Raises:
            TokenizerError: a text is not a str or holds a lone surrogate; its index is named.
        """
        return self._encode(texts, 0, specials, allow_mask)

    def encode_stream(
        self,
        texts: Iterable[str],
        *,
        batch: int = 1000,
        number: int = 0,
        specials: bool = False,
        allow_mask: bool = False,
    ) -> Iterator[Encoded]:
        """Encode any number of texts with constant memory, `batch` texts at a time at most.

        Args:
            number: of the first text, for messages, where these are a part of a stream.

        Raises:
            TokenizerError: as `encode_batch`; the index counts from the start of the stream.
        """
        for first, some in batches(texts, batch):
            yield from self._encode(some, number + first, specials, allow_mask)

    def ids_stream(
        self, texts: Iterable[str], *, batch: int = 1000, number: int = 0
    ) -> Iterator[list[int]]:
        """As `encode_stream`, for callers that need the ids alone: several times faster.

        Args:
            texts: the texts.
            batch: as there.
            number: of the first text, for messages, where these are a part of a stream.

        Yields:
            The ids of each text, (T,), without special tokens around them.
        """
        for first, some in batches(texts, batch):
            for encoding in run(self._plain, some, first=number + first, offsets=False):
                yield encoding.ids

    def spans_stream(
        self, texts: Iterable[str], *, batch: int = 1000
    ) -> Iterator[tuple[str, list[Span]]]:
        """For callers that need to know where the tokens of `ids_stream` stand.

        Yields:
            Each text, and for each of its tokens the characters `(start, end)` that it stands for,
            as the library gives them: white space before a word may count.
        """
        for first, some in batches(texts, batch):
            for text, encoding in zip(some, run(self._plain, some, first=first), strict=True):
                yield text, encoding.offsets

    def decode(self, ids: Sequence[int], *, specials: bool = False) -> str:
        """The text of ids; special tokens appear by name if `specials`, else not at all.

        Raises:
            TokenizerError: an id is not in the vocabulary.
        """
        for index in set(ids):
            self.id_to_token(index)
        with guarded("cannot decode"):
            return self._raw.decode(list(ids), skip_special_tokens=not specials)

    def id_to_token(self, index: int) -> str:
        """The token of an id, as the vocabulary spells it.

        Raises:
            TokenizerError: the id is not in the vocabulary.
        """
        token = self._raw.id_to_token(index) if 0 <= index < self.vocab_size else None
        if token is None:
            raise TokenizerError(
                f"id {index} is not in the vocabulary, whose ids go from 0 to "
                f"{self.vocab_size - 1}. Were the ids made by another tokenizer?"
            )
        return token

    def has_id(self, index: int) -> bool:
        """Whether an id has a token; a vocabulary may have gaps."""
        return 0 <= index < self.vocab_size and self._raw.id_to_token(index) is not None

    def token_to_id(self, token: str) -> int | None:
        """The id of a token as the vocabulary spells it, or None where it has none."""
        return self._raw.token_to_id(token)

    @property
    def named_ids(self) -> list[int]:
        """The ids that have a token, in ascending order: a vocabulary may have gaps."""
        return sorted(set(self._raw.get_vocab().values()))

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """The tokens of ids; see `id_to_token`."""
        return [self.id_to_token(index) for index in ids]

    @property
    def spec(self) -> Spec:
        """The parsed `tokenizer.json`. Not to be changed: build another with `from_spec`."""
        return self._spec

    def units(self, text: str) -> list[str] | None:
        """The pieces of a normalised text that no token crosses, spelled as tokens are.

        None where the tokenizer sets no such limits.
        """
        cutter = self._raw.pre_tokenizer
        if cutter is None:
            return None
        with guarded("cannot cut a text into words"):
            return [piece for piece, _ in cutter.pre_tokenize_str(text)]

    def __eq__(self, other: object) -> bool:
        """Equal where the ids of every text, and the roles of the ids, are."""
        if not isinstance(other, Tokenizer):
            return NotImplemented
        return (self.digest, self.roles) == (other.digest, other.roles)

    def __hash__(self) -> int:
        return hash((self.digest, self.roles))

    def __repr__(self) -> str:
        return f"Tokenizer(vocab_size={self.vocab_size}, digest={self.digest[:12]}...)"

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return _restore, (self._spec, self.settings, self._where, self.training)

    @cached_property
    def _plain(self) -> Raw:
        """For text in which no name of a special token counts."""
        return self._literal(None)

    @cached_property
    def _masking(self) -> Raw:
        """For text in which the name of the mask counts."""
        return self._literal(self.mask_id)

    def _literal(self, marker: int | None) -> Raw:
        special = {index: self.id_to_token(index) for index in self.special_ids}
        return build_literal(self._spec, special, unk=self.unk_id, marker=marker, where=self._where)

    def _encode(
        self, texts: Sequence[str], first: int, specials: bool, allow_mask: bool
    ) -> list[Encoded]:
        if isinstance(texts, str | bytes) or not isinstance(texts, Sequence):
            raise TokenizerError("encode_batch takes a list of texts; for one text there is encode")
        raw = self._masking if allow_mask else self._plain
        encodings = run(raw, texts, first=first)
        silent = self.special_ids - {self.unk_id}
        layout = self.layout if specials else None
        pairs = zip(texts, encodings, strict=True)
        return [read_encoding(text, encoding, silent, layout) for text, encoding in pairs]


def _restore(
    spec: Spec, settings: Settings, where: str, training: TrainingSummary | None
) -> Tokenizer:
    """Rebuild a pickled tokenizer."""
    return Tokenizer.from_spec(spec, settings, where=where, training=training)
