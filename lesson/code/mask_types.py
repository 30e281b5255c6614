"""Step 3: why BERT does not turn every target into [MASK].

Two models differ in one thing only: what they saw in place of a target. Both are asked about one
word of a sentence in three ways: masked, as it stands, and replaced by a word that does not fit.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from checks import Checks
from tiny_bert import MaskedLanguageModel
from toy_language import (
    CHOICE_PLACES,
    ID_OF,
    VERB_PLACE,
    VOCABULARY,
    WORDS,
    Sentence,
    encode,
    fitting_words,
    with_word,
)

Language = Mapping[Sentence, float]
QUESTIONS = ("masked", "unmasked", "corrupted")


@dataclass(frozen=True, slots=True)
class Question:
    """One word of one sentence, and the token that the model is shown in its place."""

    sentence: Sentence
    place: int
    shown: str
    fitting: Mapping[str, float]  # the words that fit the ten others, with their probabilities
    weight: float  # how likely the sentence is

    @property
    def right(self) -> set[str]:
        """The words that count as a good answer: the one that stands there, if it fits."""
        return {self.shown} if self.shown in self.fitting else set(self.fitting)


def questions(kind: str, language: Language, sentences: Language, seed: int) -> list[Question]:
    """One question for every sentence and every place that leaves a choice."""
    rng = random.Random(seed)
    asked = []
    for sentence, weight in sentences.items():
        for place in CHOICE_PLACES:
            fitting = fitting_words(language, sentence, place)
            intruder = rng.choice([word for word in WORDS if word not in fitting])
            shown = {"masked": "[MASK]", "unmasked": sentence[place], "corrupted": intruder}[kind]
            asked.append(Question(sentence, place, shown, fitting, weight))
    return asked


def show(question: Question) -> list[int]:
    """Token ids of the question's sentence with the shown token in its place."""
    return encode(with_word(question.sentence, question.place, question.shown))


@torch.no_grad()
def share_on_right_words(model: MaskedLanguageModel, asked: Sequence[Question]) -> float:
    """The probability that the model puts on right answers, averaged over the questions."""
    scores_BTV = model(torch.tensor([show(question) for question in asked]))
    positions_B = torch.tensor([question.place + 1 for question in asked])
    p_BV = scores_BTV[torch.arange(len(asked)), positions_B].softmax(dim=-1)
    right_BV = torch.zeros_like(p_BV)
    for row, question in enumerate(asked):
        right_BV[row, [ID_OF[word] for word in question.right]] = 1.0
    weight_B = torch.tensor([question.weight for question in asked])
    return float(((p_BV * right_BV).sum(dim=1) * weight_B).sum() / weight_B.sum())


def ideal_answer(question: Question) -> dict[str, float]:
    """What a perfect learner of 80/10/10 answers, by Bayes' rule; the fitting words are the prior.

    A target shows its own word when it was kept (10 %) or drawn by chance (10 % / 20 words), and
    any other word only when that was drawn. [MASK] says nothing: it is equally likely for all.
    """
    drawn = 0.1 / len(WORDS)
    posterior = {
        word: p * (drawn + 0.1 * (word == question.shown)) for word, p in question.fitting.items()
    }
    total = sum(posterior.values())
    return {word: p / total for word, p in posterior.items()}


def ideal_share(asked: Sequence[Question]) -> float:
    """`share_on_right_words` of the perfect learner."""
    total = sum(question.weight for question in asked)
    return sum(
        question.weight / total * ideal_answer(question)[word]
        for question in asked
        for word in question.right
    )


@torch.no_grad()
def top_guesses(model: MaskedLanguageModel, question: Question) -> str:
    """The two likeliest words at the question's place, for reading."""
    p_V = model(torch.tensor([show(question)]))[0, question.place + 1].softmax(dim=-1)
    best = p_V.topk(2)
    pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
    return ", ".join(f"{VOCABULARY[id_]} {p:.2f}" for p, id_ in pairs)


def mask_types_step(
    language: Language,
    unseen: Language,
    all_mask: MaskedLanguageModel,
    three_way: MaskedLanguageModel,
    checks: Checks,
    seed: int,
) -> None:
    """Runs step 3 on two trained models."""
    show_one_sentence(language, unseen, all_mask, three_way)
    print(f"\n  The same over all {len(unseen)} unseen sentences and the 7 places with a choice,")
    print("  as the probability put on a right word:\n")
    print("    the word is   right is             100/0/0   80/10/10   ideal 80/10/10")
    share: dict[tuple[str, str], float] = {}
    for kind in QUESTIONS:
        asked = questions(kind, language, unseen, seed)
        share[kind, "100"] = share_on_right_words(all_mask, asked)
        share[kind, "80"] = share_on_right_words(three_way, asked)
        right = "the word itself" if kind == "unmasked" else "any word that fits"
        print(
            f"    {kind:<11}   {right:<18}   {share[kind, '100']:.2f}      "
            f"{share[kind, '80']:.2f}       {ideal_share(asked):.2f}"
        )
    print()
    checks.claim(
        min(share["masked", "100"], share["masked", "80"]) > 0.9,
        "both fill a blank with a word that fits, at over 0.9",
    )
    checks.claim(
        share["unmasked", "80"] > share["unmasked", "100"] + 0.2,
        "on an untouched sentence only 80/10/10 still knows which word stands there",
    )
    checks.claim(
        share["corrupted", "80"] > max(0.9, share["corrupted", "100"]),
        "80/10/10 puts a corrupted word right at over 0.9, and better than 100/0/0",
    )


def show_one_sentence(
    language: Language,
    unseen: Language,
    all_mask: MaskedLanguageModel,
    three_way: MaskedLanguageModel,
) -> None:
    """Prints the two models' guesses at the last word of one unseen sentence."""
    # The likeliest unseen sentence in which the rarer of the two fitting verbs stands: a model
    # that looks at the word says "clapped", a model that only looks around it says "stayed".
    sentence = max((s for s in unseen if s[VERB_PLACE] == "clapped"), key=unseen.__getitem__)
    fitting = fitting_words(language, sentence, VERB_PLACE)
    print(f"\n  {' '.join(sentence[:VERB_PLACE])} ...\n")
    print("    last word     100/0/0 guesses               80/10/10 guesses")
    for shown in ("[MASK]", "clapped", "yawned"):
        question = Question(sentence, VERB_PLACE, shown, fitting, unseen[sentence])
        guesses = f"{top_guesses(all_mask, question):<28}  {top_guesses(three_way, question)}"
        print(f"    {shown:<11}   {guesses}")
