"""Step 4: a classifier on top of a frozen encoder.

The head is trained on 24 labelled sentences that use two adjectives (good, dull) and two verbs
(stayed, left), and tested on sentences that use the other two of each. Nothing in the labels says
that "great" is like "good". If the head gets it right, it was pretraining that knew.
"""

import random
from collections.abc import Callable, Mapping

import torch
from checks import Checks
from tiny_bert import WIDTH, Encoder
from torch import Tensor, nn
from torch.nn import functional as F
from toy_language import (
    ADJECTIVE_PLACE,
    VERB_PLACE,
    VOCABULARY,
    Sentence,
    encode,
    is_praise,
)

Features = Callable[[list[Sentence]], Tensor]
LABELLED, DRAWS = 24, 10


def encoder_features(encoder: Encoder) -> Features:
    """Mean of the encoder's output over the tokens: `(B, D)`, without a gradient.

    That is all "frozen" means: the encoder computes, and nothing flows back into it.
    """

    @torch.no_grad()
    def features(sentences: list[Sentence]) -> Tensor:
        hidden_BTD: Tensor = encoder(torch.tensor([encode(s) for s in sentences]))
        return hidden_BTD.mean(dim=1)

    return features


def word_counts(sentences: list[Sentence]) -> Tensor:
    """Bag of words: how often each token of the vocabulary occurs, `(B, V)`."""
    rows = [[encode(s).count(id_) for id_ in range(len(VOCABULARY))] for s in sentences]
    return torch.tensor(rows, dtype=torch.float32)


def train_head(features_BD: Tensor, labels_B: Tensor) -> nn.Linear:
    """Logistic regression: two scores from a weighted sum of the features."""
    head = nn.Linear(features_BD.shape[1], 2)
    nn.init.zeros_(head.weight)  # the problem is convex: the start does not matter
    nn.init.zeros_(head.bias)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.1, weight_decay=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        F.cross_entropy(head(features_BD), labels_B).backward()
        optimizer.step()
    return head


def labels(sentences: list[Sentence]) -> Tensor:
    """1 for praise, 0 for a complaint."""
    return torch.tensor([int(is_praise(s)) for s in sentences])


@torch.no_grad()
def accuracy(head: nn.Linear, features: Features, sentences: list[Sentence]) -> float:
    """Share of the sentences that the head labels rightly."""
    guesses_B = head(features(sentences)).argmax(dim=1)
    return float((guesses_B == labels(sentences)).float().mean())


def with_words(
    language: Mapping[Sentence, float], adjectives: set[str], verbs: set[str]
) -> list[Sentence]:
    """The sentences of the language that use only these adjectives and verbs."""
    return [s for s in language if s[ADJECTIVE_PLACE] in adjectives and s[VERB_PLACE] in verbs]


def measure(
    features: Features, labelled_words: list[Sentence], new_words: list[Sentence]
) -> tuple[float, float]:
    """Accuracy on sentences of labelled words and of new ones, averaged over ten draws."""
    known, new = 0.0, 0.0
    for draw in range(DRAWS):
        shuffled = random.Random(draw).sample(labelled_words, len(labelled_words))
        labelled, rest = shuffled[:LABELLED], shuffled[LABELLED:]
        head = train_head(features(labelled), labels(labelled))
        known += accuracy(head, features, rest) / DRAWS
        new += accuracy(head, features, new_words) / DRAWS
    return known, new


def sentiment_step(
    language: Mapping[Sentence, float],
    encoders: Mapping[str, Encoder],
    checks: Checks,
) -> None:
    """Runs step 4; `encoders` maps a name to a frozen encoder, "80/10/10" among them."""
    labelled_words = with_words(language, {"good", "dull"}, {"stayed", "left"})
    new_words = with_words(language, {"great", "bad"}, {"clapped", "yawned"})
    weights = sum(p.numel() for p in encoders["80/10/10"].parameters())
    print(f"""
  Praise or complaint? The encoder's {weights:,} weights stay as they are; the head has
  {2 * WIDTH + 2} and sees {LABELLED} labelled sentences with the words good, dull, stayed and left.
  Accuracy on other sentences, mean of {DRAWS} draws of the labelled ones:

    features from                 the same words   great, bad, clapped, yawned""")
    every: dict[str, Features] = {"word counts": word_counts}
    every |= {f"encoder, {name}": encoder_features(e) for name, e in encoders.items()}
    new: dict[str, float] = {}
    for name, features in every.items():
        known, new[name] = measure(features, labelled_words, new_words)
        print(f"    {name:<28}  {known:.2f}             {new[name]:.2f}")
    print()
    pretrained = new["encoder, 80/10/10"]
    checks.claim(
        pretrained > 0.9,
        "on the pretrained encoder the head is over 0.9 right about words it had no label for",
    )
    checks.claim(
        pretrained > max(new["word counts"], new["encoder, untrained"]) + 0.2,
        "word counts and the untrained encoder are at least 0.2 worse: pretraining knew the words",
    )
