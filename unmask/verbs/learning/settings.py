"""The settings of the objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unmask.errors import ConfigError
from unmask.heads.replaced import Share
from unmask.heads.sentence import TrainedPooling
from unmask.objectives.rtd import Judged
from unmask.text.sentences import Splitter
from unmask.tokens.marks import Words

ObjectiveName = Literal[
    "mlm", "whole_word", "span", "clm", "elmo", "nsp", "sop", "rtd", "hybrid", "simcse"
]
PAIRS: frozenset[ObjectiveName] = frozenset({"nsp", "sop"})
"""Objectives that need to know where sentences begin."""
WHOLE_WORDS: frozenset[ObjectiveName] = frozenset({"whole_word", "span"})
"""Objectives that need to know which tokens form a word."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectiveSettings:
    """Attributes:
    name: what is learnt. "mlm" predicts hidden tokens; "whole_word" hides all tokens of a word or
        none; "span" hides runs of words; "clm" the next token; "elmo" the next and the previous
        one; "nsp" hidden tokens and whether a second text follows a first one, "sop" hidden tokens
        and whether two texts stand in order; "rtd" which tokens a generator has replaced; "hybrid"
        hidden tokens in some updates and next tokens in the others; "simcse" vectors of texts,
        without labels. None for what the architecture is for.
    """

    name: ObjectiveName | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskSettings:
    """Attributes:
    rate: share of tokens selected; `final_rate` that at the end, if it is to change. "clm" and
        "elmo" have no masks, and refuse settings of this room.
    masked, random: what becomes of the selected; the rest is kept. "rtd" masks all of them, and
        refuses these two.
    predict: share of tokens that are predicted; None for all that are selected. Below the rate,
        the others are hidden and not asked for. Above it, each sequence is read in predict / rate
        copies in one step, rounded up, with other tokens hidden in each; memory and time of a step
        grow as much, and each copy counts as tokens read.
    static: whether a sequence has the same masks in every epoch. Refused where
        sequences change: by `ramp.context`, and with "nsp" and "sop", which cut pairs anew in every
        epoch.
    words: what a word is in scripts without spaces, for "whole_word" and "span". With "characters"
        each character is one; with "marked" words end only at white space, punctuation and U+200B,
        which a segmenter has put into the text and which is taken out of it before tokenising.
    """

    rate: float = 0.15
    final_rate: float | None = None
    masked: float = 0.8
    random: float = 0.1
    predict: float | None = None
    static: bool = False
    words: Words = "characters"


@dataclass(frozen=True, kw_only=True, slots=True)
class SpanSettings:
    """Attributes:
    length_p: chance that a span ends after each of its words, above 0 and below 1; so short spans
        are the commonest. Of "span" alone, as all settings of this room.
    most: words of the longest span.
    boundary: weight of the loss of predicting each token of a span from the two tokens outside it
        and its place, beside 1 for that of the hidden tokens; 0 for none. Place is counted up to
        four tokens a word of the longest span, and tokens further behind share the last.
    """

    length_p: float = 0.2
    most: int = 10
    boundary: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PairSettings:
    """Attributes:
    splitter: what the texts of a pair are made of: "lines" of a document, or "sentences", which
        needs the extra of that name. Of "nsp" and "sop" alone, as all settings of this room.
    language: code of the language of "sentences", such as "en". Languages that `sentencex` has no
        rules for are cut by those of English.
    negatives: share of pairs that are changed: of "nsp" by another second text, of "sop" by
        exchanging the two.
    weight: of the pairs' loss, beside 1 for that of the hidden tokens.
    """

    splitter: Splitter = "lines"
    language: str = "en"
    negatives: float = 0.5
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RtdSettings:
    """Attributes:
    generator: the generator's width, heads and feed-forward size as a share of the discriminator's,
        above 0 and at most 1; whole heads are what it is rounded to.
    depth: its layers as a share of the discriminator's, likewise.
    share: which embeddings the two have in common: "none"; "tokens", the token table; "all", also
        positions, segments and norm; "gdes", the token table without gradients of the
        discriminator, which adds differences of its own. With "none" the generator's embedding is
        as narrow as it is.
    weight: of the discriminator's loss beside the generator's.
    judged: the tokens that the discriminator is asked of: "all", or only those that were "masked",
        which shows what the others bring.
    """

    generator: float = 0.25
    depth: float = 1.0
    share: Share = "tokens"
    weight: float = 50.0
    judged: Judged = "all"

    def __post_init__(self) -> None:
        for name, share in (("generator", self.generator), ("depth", self.depth)):
            if not 0.0 < share <= 1.0:
                raise ConfigError(
                    f"the generator's size, rtd.{name}, must be above 0 and at most 1 as a share "
                    f"of the discriminator's, not {share}: a generator that is the larger one "
                    "leaves little to detect. Give rtd.generator=0.25 as the paper's small models "
                    "have, or rtd.generator=1 and rtd.depth=0.5 as DeBERTa-v3 has"
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class HybridSettings:
    """Attributes:
    causal: share of updates in which every token sees only what stands before it and predicts the
        next; the others hide tokens. `final_causal` that at the end, if it is to change.
    """

    causal: float = 0.5
    final_causal: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SimcseSettings:
    """Attributes:
    pooling: how the tokens of a text become its vector: their "mean", or that of the first, "cls",
        with a dense layer and tanh behind it in training alone. None for what the model to start
        from says in its `modules.json`, and the mean where it says nothing or something else. The
        finished model's folder says which it was.
    temperature: that cosines are divided by before the softmax; above 0.
    dropout: share of hidden units dropped, of others in each of a text's two readings; above 0 and
        below 1. It takes the place of the dropout that the model's configuration asks for. Beside
        a model to start from, "simcse" has other defaults of the optimiser: `optim.muon_lr` 0,
        `schedule.shape` "linear", and `optim.lr` by the model's width, 0.001 up to 128, 0.0005 up
        to 256, 0.0002 up to 512 and 0.00005 beyond.
    """

    pooling: TrainedPooling | None = None
    temperature: float = 0.05
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if not 0.0 < self.dropout < 1.0:
            raise ConfigError(
                "the share of hidden units that is dropped, simcse.dropout, must be above 0 and "
                f"below 1, not {self.dropout}: the two readings of a text differ by nothing else, "
                "and without it there is nothing to learn. Give simcse.dropout=0.1, as in the paper"
            )


GENTLE: frozenset[ObjectiveName] = frozenset({"simcse"})
"""Objectives by which a trained model is only turned a little: the usual rates, which are for new
models, would undo it."""
