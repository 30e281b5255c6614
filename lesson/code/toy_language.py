"""A toy language that is small enough to know everything about.

Twenty words and one sentence pattern give 576 sentences, each with an exact probability:

    this film and that play were not dull so we stayed
    └─┬─┘ └─┬┘     └─┬┘ └─┬┘     └┬┘ └─┬┘       └──┬─┘
    any   any      any  another  any  any     must agree with both: praise keeps the
                        noun                  audience, a complaint sends it away

The last word is what makes the language worth learning: "dull" alone does not decide it, "not"
alone does not either. A model has to read both, and from the right, to fill the other two blanks.

Because every sentence can be listed, the best possible answer to any blank is known exactly.
`fitting_words` gives it, and `entropy_by_place` is the loss of a model that always gives it.
"""

from collections.abc import Mapping
from itertools import product
from math import log

# The first five ids of every vocabulary in this lesson are special tokens.
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD_ID, UNK_ID, CLS_ID, SEP_ID, MASK_ID = range(5)
SPECIAL_IDS = frozenset(range(5))

# How likely each word is in its place. The figures are uneven on purpose: "which word is likelier
# here" is then a fact that can be learnt, and not only "which words are possible here".
DETERMINERS = {"this": 0.5, "that": 0.5}
NOUNS = {"film": 0.5, "play": 0.3, "show": 0.2}
DEGREES = {"quite": 0.45, "truly": 0.25, "not": 0.3}
ADJECTIVES = {"good": 0.3, "great": 0.2, "bad": 0.3, "dull": 0.2}
PRAISE_WORDS = ("good", "great")
AFTER_PRAISE = {"stayed": 0.7, "clapped": 0.3}
AFTER_COMPLAINT = {"left": 0.7, "yawned": 0.3}

WORDS = (
    *DETERMINERS, *NOUNS, "and", "were", *DEGREES, *ADJECTIVES, "so", "we",
    *AFTER_PRAISE, *AFTER_COMPLAINT,
)  # fmt: skip
VOCABULARY = (*SPECIALS, *WORDS)
ID_OF = {token: id_ for id_, token in enumerate(VOCABULARY)}

Sentence = tuple[str, ...]
SENTENCE_WORDS = 11
DEGREE_PLACE, ADJECTIVE_PLACE, VERB_PLACE = 6, 7, 10
# Four places always hold the same word (and, were, so, we); these seven leave a choice.
CHOICE_PLACES = (0, 1, 3, 4, DEGREE_PLACE, ADJECTIVE_PLACE, VERB_PLACE)


def all_sentences() -> dict[Sentence, float]:
    """Every sentence of the language with its probability; the probabilities sum to one."""
    language = {}
    for this, film, that, play, degree, adjective in product(
        DETERMINERS, NOUNS, DETERMINERS, NOUNS, DEGREES, ADJECTIVES
    ):
        if film == play:
            continue
        # The second noun is drawn from those that are left, so their shares grow.
        second_noun = NOUNS[play] / (1 - NOUNS[film])
        start = DETERMINERS[this] * NOUNS[film] * DETERMINERS[that] * second_noun
        opinion = DEGREES[degree] * ADJECTIVES[adjective]
        for verb, share in verbs_after(degree, adjective).items():
            words = (this, film, "and", that, play, "were", degree, adjective, "so", "we", verb)
            language[words] = start * opinion * share
    return language


def verbs_after(degree: str, adjective: str) -> dict[str, float]:
    """The verbs that may end a sentence with this opinion: "not" turns the adjective round."""
    praise = (adjective in PRAISE_WORDS) != (degree == "not")
    return AFTER_PRAISE if praise else AFTER_COMPLAINT


def is_praise(sentence: Sentence) -> bool:
    """The sentiment of a sentence, which is what step 4 classifies."""
    return verbs_after(sentence[DEGREE_PLACE], sentence[ADJECTIVE_PLACE]) is AFTER_PRAISE


def with_word(sentence: Sentence, place: int, word: str) -> Sentence:
    """The sentence with another word at one place."""
    return (*sentence[:place], word, *sentence[place + 1 :])


def fitting_words(
    language: Mapping[Sentence, float], sentence: Sentence, place: int
) -> dict[str, float]:
    """What may stand at `place` given all other words: the exact probability of each word.

    Words that make no sentence of the language are left out, so the keys are those that fit.
    """
    options = {word: language.get(with_word(sentence, place, word), 0.0) for word in WORDS}
    total = sum(options.values())
    return {word: weight / total for word, weight in options.items() if weight > 0}


def entropy_by_place(
    language: Mapping[Sentence, float], sentences: Mapping[Sentence, float]
) -> list[float]:
    """The smallest possible loss, in nats, on a blank at each of the eleven places.

    `sentences` are weighted by their probabilities. Over the whole language this is the
    conditional entropy H(word | the ten other words); over a part of it, it is the loss there of
    a reader who knows the language perfectly.
    """
    total = sum(sentences.values())
    return [
        sum(
            weight / total * -log(fitting_words(language, sentence, place)[sentence[place]])
            for sentence, weight in sentences.items()
        )
        for place in range(SENTENCE_WORDS)
    ]


def word_count_entropy(language: Mapping[Sentence, float]) -> float:
    """The loss, in nats, of a guess that knows how common each word is and reads nothing else."""
    share = dict.fromkeys(WORDS, 0.0)
    for sentence, weight in language.items():
        for word in sentence:
            share[word] += weight / SENTENCE_WORDS
    return sum(-p * log(p) for p in share.values())


def encode(sentence: Sentence) -> list[int]:
    """Token ids of a sentence between [CLS] and [SEP]: place 0 becomes position 1."""
    return [CLS_ID, *(ID_OF[word] for word in sentence), SEP_ID]
