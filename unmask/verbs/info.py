"""`unmask info`: what a model folder holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from unmask.checkpoint.building import encoder_of, kind_of
from unmask.checkpoint.cross import scale_said
from unmask.checkpoint.folder import Opened, open_model
from unmask.checkpoint.formats import HOLDS
from unmask.checkpoint.locating import AnyPath, resolved
from unmask.checkpoint.sentence import SentenceModel, open_sentence, sentence_root
from unmask.checkpoint.sentence_files import read_modules
from unmask.checkpoint.use import SCALE_WORDS, Scale
from unmask.checkpoint.weightfiles import stored_dtype
from unmask.errors import ConfigError
from unmask.heads.model import LanguageModel, PretrainingModel, SequenceClassifier
from unmask.nn.config import Bucketed, Disentangled, EncoderConfig, Rope
from unmask.nn.encoder import Encoder
from unmask.nn.flops import forward_flops, lm_head_flops


@dataclass(frozen=True, slots=True)
class EmbeddingInfo:
    """What follows the encoder of an embedding model.

    Attributes:
        pooling: how tokens become one vector; several are joined.
        dimension: width of the vector.
        stages: what follows the pooling, in words.
        longest: the longest text in tokens that is read whole, special tokens included.
        prompts: what may be put before a text, by name.
        default_prompt: the name of the one that is, where nothing else is asked for; or None.
        similarity: how vectors are compared.
        dims: to how many leading numbers a vector may be cut, since the model was trained so
            (Matryoshka), the whole one first; empty where the folder does not say.
    """

    pooling: tuple[str, ...]
    dimension: int
    stages: tuple[str, ...]
    longest: int
    prompts: dict[str, str]
    default_prompt: str | None
    similarity: str
    dims: tuple[int, ...]

    @classmethod
    def of(cls, model: SentenceModel) -> EmbeddingInfo:
        """Of an opened embedding model."""
        config = model.head.config
        names = [type(stage).__name__.removesuffix("Config").lower() for stage in config.stages]
        return cls(
            pooling=config.pool.modes,
            dimension=config.dimension,
            stages=tuple(names),
            longest=model.limit,
            prompts=dict(model.prompts),
            default_prompt=model.default_prompt_name,
            similarity=model.similarity,
            dims=model.dims,
        )


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a model folder holds.

    Attributes:
        folder: where it is.
        origin: name and commit of the model on the Hub that it comes from, if it does.
        format: "hf" where `transformers` opens it too, "unmask" for our own.
        architecture: its name; `model_type` is that of its `config.json`.
        holds: what the model ends in, in words.
        layers, width: of the encoder.
        heads: of attention in each layer; empty for a recurrent encoder.
        windows: for each layer how many tokens it sees on each side; None for all.
        causal: whether a token sees only what stands before it.
        positions: how places and distances enter, in words.
        context: longest text in tokens, special tokens included.
        vocabulary: tokens that the tokenizer knows; `rows` are those of the token table.
        mask_token: how the mask is written in text, or None where there is none.
        labels: of a classifier or a tagger, in the order of its outputs; else empty.
        pooling: of a head over sequences: "cls", "mean" or "last"; else None.
        scale: what the score of a reranker is, as its folder says; None where it does not.
        embedding: what follows the encoder, where the folder is an embedding model.
        parameters: numbers that were learnt, shared ones counted once.
        dtype: what they are stored as; where there are several, the type that holds them all.
        bytes: what they need in memory in this dtype.
        aside: stored weights that are not opened, such as another head's.
        tokens: length of the text that `flops` is for.
        flops: floating-point operations of the encoder for one text of so many tokens.
        head_flops: of a language-model head for one predicted token; else None.
    """

    folder: Path
    origin: str | None
    format: str
    architecture: str
    model_type: str
    holds: str
    layers: int
    width: int
    heads: tuple[int, ...]
    windows: tuple[int | None, ...]
    causal: bool
    positions: str
    context: int
    vocabulary: int
    rows: int
    mask_token: str | None
    labels: tuple[str, ...]
    pooling: str | None
    scale: Scale | None
    embedding: EmbeddingInfo | None
    parameters: int
    dtype: str
    bytes: int
    aside: tuple[str, ...]
    tokens: int
    flops: int
    head_flops: int | None

    def in_words(self) -> dict[str, str]:
        """For people."""
        return {
            "folder": str(self.folder),
            **({} if self.origin is None else {"from the Hub": self.origin}),
            "holds": f"{self.holds}, {self.architecture}",
            "opens in transformers": "yes" if self.format == "hf" else "no",
            "layers": f"{self.layers} of width {self.width}{self._attention()}",
            "positions": self.positions,
            "context": f"{self.context:,} tokens",
            "vocabulary": self._vocabulary(),
            **({"labels": f"{len(self.labels)}: {', '.join(self.labels)}"} if self.labels else {}),
            **({"pooling": self.pooling} if self.pooling else {}),
            **({"score": f"a {SCALE_WORDS[self.scale]}"} if self.scale else {}),
            **self._embedding(),
            "parameters": f"{self.parameters:,}",
            "in memory": f"{self.bytes / 2**20:,.1f} MiB as {self.dtype}",
            **({"set aside": ", ".join(self.aside)} if self.aside else {}),
            "one text": self._cost(),
        }

    def _attention(self) -> str:
        if not self.heads:
            return ", an LSTM in each direction"
        before = " before it" if self.causal else " to each side"
        every = "all before it" if self.causal else "all"
        counts = Counter(self.windows).items()
        sees = (f"{n} see {every if w is None else f'{w} tokens{before}'}" for w, n in counts)
        return f", {self.heads[0]} heads; {', '.join(sees)}"

    def _vocabulary(self) -> str:
        mask = f"; the mask is {self.mask_token}" if self.mask_token else "; no mask"
        more = f", {self.rows:,} rows" if self.rows != self.vocabulary else ""
        return f"{self.vocabulary:,} tokens{more}{mask}"

    def _embedding(self) -> dict[str, str]:
        if (found := self.embedding) is None:
            return {}
        stages = ", then ".join((" and ".join(found.pooling), *found.stages))
        default = {found.default_prompt: " (the default)"}
        named = ", ".join(
            f"{name}: {text!r}{default.get(name, '')}" for name, text in found.prompts.items()
        )
        cut = ", ".join(map(str, found.dims[1:]))
        return {
            "vectors": f"{found.dimension} wide, by {stages}; compared by {found.similarity}",
            "longest text": f"{found.longest:,} tokens",
            **({"prompts": named} if named else {}),
            **({"may be cut to": f"{cut} numbers (Matryoshka)"} if cut else {}),
        }

    def _cost(self) -> str:
        encoder = f"{self.flops / 1e9:,.2f} GFLOP for {self.tokens:,} tokens"
        if self.head_flops is None:
            return encoder
        return f"{encoder}, and {self.head_flops / 1e6:,.1f} MFLOP for each predicted one"


def info(model: str | Path, *, tokens: int | None = None, revision: str | None = None) -> ModelInfo:
    """Describe a model folder. It is opened and checked on the way.

    Args:
        model: folder of a model or of a finished run, or a name on the Hub.
        tokens: length of a text to count operations for; None for the whole context.
        revision: branch, tag or commit of a name on the Hub.

    Raises:
        ModelError: no model is there, or it cannot be opened.
        ConfigError: `tokens` is not between 1 and the context, or a revision of a folder.
    """
    path, origin = resolved(model, revision)
    sentence = open_sentence(path) if _gives_vectors(path) else None
    opened = open_model(path) if sentence is None else sentence.encoder
    origin = origin or opened.origin
    module = opened.model
    config = encoder_of(module).config
    length = config.context if tokens is None else tokens
    if not 1 <= length <= config.context:
        raise ConfigError(f"tokens must lie between 1 and {config.context}, not be {length}")
    parameters = sum(p.numel() for p in module.parameters())
    if sentence is not None:
        parameters += sum(p.numel() for p in sentence.head.parameters())
    stored = stored_dtype(opened.path)
    return ModelInfo(
        folder=opened.path,
        origin=None if origin is None else str(origin),
        format=opened.format,
        architecture=opened.arch.name,
        model_type=opened.config.model_type,
        holds="an embedding model" if sentence else HOLDS[kind_of(module)],
        layers=len(config.layers),
        width=config.width,
        heads=tuple(attention.heads for attention in config.attentions),
        windows=tuple(attention.window for attention in config.attentions),
        causal=any(attention.causal for attention in config.attentions),
        positions=_positions(config),
        context=config.context,
        vocabulary=opened.tokenizer.vocab_size,
        rows=config.embedding.vocab,
        mask_token=_mask(opened),
        labels=opened.labels,
        pooling=module.head_config.pooling if isinstance(module, SequenceClassifier) else None,
        scale=scale_said(opened) if isinstance(module, SequenceClassifier) else None,
        embedding=EmbeddingInfo.of(sentence) if sentence else None,
        parameters=parameters,
        dtype=str(stored).removeprefix("torch."),
        bytes=parameters * stored.itemsize,
        aside=opened.aside,
        tokens=length,
        flops=forward_flops(config, [length]),
        head_flops=_head_flops(module, config),
    )


def _gives_vectors(path: AnyPath) -> bool:
    """Whether a folder of sentence-transformers holds more than the one module of a reranker."""
    root = sentence_root(path)
    return root is not None and [kind for kind, _ in read_modules(root)] != ["Transformer"]


def _mask(opened: Opened[Encoder]) -> str | None:
    index = opened.tokenizer.roles.mask
    return None if index is None else opened.tokenizer.id_to_token(index)


def _head_flops(module: object, config: EncoderConfig) -> int | None:
    match module:
        case LanguageModel():
            return lm_head_flops(config, 1, module.head_config)
        case PretrainingModel():
            return lm_head_flops(config, 1, module.head_config.tokens)
    return None


def _positions(config: EncoderConfig) -> str:
    """How an encoder is told where tokens stand."""
    kinds: list[str] = ["learned"] if config.embedding.positions else []
    for attention in config.attentions:
        match attention.position:
            case Rope(base):
                where = "" if attention.window is None else ", where a window is"
                kinds.append(f"rotary to the base {base:,.0f}{where}")
            case Bucketed(buckets=count):
                kinds.append(f"a shared bias for {count} buckets of distance")
            case Disentangled(span=span, bucketed=bucketed):
                kinds.append(
                    f"disentangled over {2 * span} {'buckets' if bucketed else 'distances'}"
                )
    return "; ".join(dict.fromkeys(kinds)) or "by reading in order"
