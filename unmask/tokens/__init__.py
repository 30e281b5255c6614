"""Text to ids: one tokenizer over the `tokenizers` library, training it, and its words."""

from unmask.tokens.encoded import Encoded
from unmask.tokens.layout import Layout, PairLayout
from unmask.tokens.report import FragmentedWord, TokenizerReport, report
from unmask.tokens.roles import Roles
from unmask.tokens.summary import TrainingSummary
from unmask.tokens.tokenizer import Tokenizer
from unmask.tokens.train import train
from unmask.tokens.words import segments, word_map

__all__ = [
    "Encoded",
    "FragmentedWord",
    "Layout",
    "PairLayout",
    "Roles",
    "Tokenizer",
    "TokenizerReport",
    "TrainingSummary",
    "report",
    "segments",
    "train",
    "word_map",
]
