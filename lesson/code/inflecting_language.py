"""A made language whose words bend, for the exercise on whole words.

Six words a sentence, and all but the first have an ending:

    lolum  digi-vik   gilo-vik  labar-fik  povel-mok  fevon-mok
    time   adjective  noun      verb       adjective  noun

A noun's ending says number, case and gender, and its adjective repeats it. A verb's ending says its
tense, which the first word tells too, and the number of the noun that does it. Meaning is simple:
nouns come in fields of six, each adjective goes with one field, and each verb has one field that
does it and another that it is done to. So of a hidden word the ending can always be worked out, and
its stem can be guessed at, but only from *other* words. From the rest of its own pieces a stem is
nearly always plain, and that is what the exercise is about.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

# How common the words of a field are, the commonest first: six nouns, three adjectives.
NOUN_SHARES = (0.40, 0.20, 0.15, 0.10, 0.08, 0.07)
ADJECTIVE_SHARES = (0.5, 0.3, 0.2)
FIELDS, VERBS = 8, 24
TENSES, NUMBERS, CASES, GENDERS = 3, 2, 2, 2
CONSONANTS, VOWELS = "bdfgklmnprstv", "aeiou"
WORDS = 6


def made_words(rng: random.Random) -> Iterator[str]:
    """Stems without end, no two alike: two syllables, every other one closed."""
    seen: set[str] = set()
    while True:
        syllables = [rng.choice(CONSONANTS) + rng.choice(VOWELS) for _ in range(2)]
        word = "".join(syllables) + rng.choice(["", rng.choice("lmnrs")])
        if word not in seen:
            seen.add(word)
            yield word


def made_endings(rng: random.Random, count: int) -> list[str]:
    """Different endings: consonant, vowel, consonant."""
    shapes = list(product(CONSONANTS, VOWELS, "kstz"))
    return ["".join(letters) for letters in rng.sample(shapes, count)]


@dataclass(frozen=True)
class Language:
    """The words, made from one number; the sentences are drawn from another.

    Attributes:
        times: one word for each tense.
        nouns, adjectives: stems of each field, the commonest first.
        verbs: stem, the field that does it, and the field that it is done to.
        noun_endings: by number, case and gender; a field has one gender.
        verb_endings: by tense and number.
    """

    times: list[str]
    nouns: list[list[str]]
    adjectives: list[list[str]]
    verbs: list[tuple[str, int, int]]
    noun_endings: dict[tuple[int, int, int], str]
    verb_endings: dict[tuple[int, int], str]

    @classmethod
    def made(cls, seed: int = 0) -> "Language":
        """The language of a seed."""
        rng = random.Random(seed)
        stems = made_words(rng)
        noun_keys = list(product(range(NUMBERS), range(CASES), range(GENDERS)))
        verb_keys = list(product(range(TENSES), range(NUMBERS)))
        endings = made_endings(rng, len(noun_keys) + len(verb_keys))
        pairs = [(one, other) for one in range(FIELDS) for other in range(FIELDS) if one != other]
        return cls(
            times=[next(stems) for _ in range(TENSES)],
            nouns=[[next(stems) for _ in NOUN_SHARES] for _ in range(FIELDS)],
            adjectives=[[next(stems) for _ in ADJECTIVE_SHARES] for _ in range(FIELDS)],
            verbs=[(next(stems), *pair) for pair in rng.sample(pairs, VERBS)],
            noun_endings=dict(zip(noun_keys, endings, strict=False)),
            verb_endings=dict(zip(verb_keys, endings[len(noun_keys) :], strict=True)),
        )

    def sentence(self, rng: random.Random) -> str:
        """One sentence, drawn."""
        tense, verb = rng.randrange(TENSES), rng.choice(self.verbs)
        stem, doer, done_to = verb
        one, other = rng.randrange(NUMBERS), rng.randrange(NUMBERS)
        words = [
            self.times[tense],
            *self.phrase(doer, one, 0, rng),
            stem + self.verb_endings[tense, one],
            *self.phrase(done_to, other, 1, rng),
        ]
        return " ".join(words)

    def phrase(self, field: int, number: int, case: int, rng: random.Random) -> tuple[str, str]:
        """An adjective and a noun of a field, with one ending."""
        ending = self.noun_endings[number, case, field % GENDERS]
        (adjective,) = rng.choices(self.adjectives[field], ADJECTIVE_SHARES)
        (noun,) = rng.choices(self.nouns[field], NOUN_SHARES)
        return adjective + ending, noun + ending

    def sentences(self, count: int, rng: random.Random) -> list[str]:
        """So many sentences, no two alike."""
        found: dict[str, None] = {}
        while len(found) < count:
            found[self.sentence(rng)] = None
        return list(found)


def best_share() -> float:
    """The share of single hidden words that somebody who knows the language guesses, on average.

    All five other words are in sight. Time and every ending follow from them, and so does the verb:
    its two fields are those of the nouns, and no other verb has the same two. Of a noun and an
    adjective the field is known, and the best guess is the commonest word in it.
    """
    certain, adjective, noun = 2, 2 * ADJECTIVE_SHARES[0], 2 * NOUN_SHARES[0]
    return (certain + adjective + noun) / WORDS
