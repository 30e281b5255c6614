"""Step 2: an encoder learns the toy language by filling blanks.

Shape suffixes: B sentences, T tokens in each (11 words, [CLS] and [SEP]), V ids.
"""

import random
from collections.abc import Callable, Mapping
from math import log

import torch
from checks import Checks
from tiny_bert import MaskedLanguageModel
from torch import Tensor
from toy_language import (
    MASK_ID,
    SENTENCE_WORDS,
    VERB_PLACE,
    VOCABULARY,
    WORDS,
    Sentence,
    encode,
    entropy_by_place,
    word_count_entropy,
)

# One sequence of ids in, the corrupted ids and the labels out.
Corrupt = Callable[[list[int], random.Random], tuple[list[int], list[int]]]

LENGTH = SENTENCE_WORDS + 2
STEPS, BATCH, PEAK_RATE, WARM_UP = 800, 32, 3e-3, 50
PLACES = ("this/that", "noun", "and", "this/that", "noun", "were", "degree", "adjective", "so",
          "we", "verb")  # fmt: skip


def new_model(seed: int) -> MaskedLanguageModel:
    """An untrained model; the same seed gives the same weights."""
    torch.manual_seed(seed)
    return MaskedLanguageModel(len(VOCABULARY), LENGTH)


def draw_training_sentences(language: Mapping[Sentence, float], seed: int) -> list[Sentence]:
    """The 200 sentences that training may see; likely ones come more than once, as in real text."""
    return random.Random(seed).choices(list(language), weights=list(language.values()), k=200)


def pretrain(
    sentences: list[Sentence],
    corrupt: Corrupt,
    seed: int,
    watch: Callable[[int, MaskedLanguageModel], None] = lambda step, model: None,
) -> MaskedLanguageModel:
    """A model trained to undo `corrupt`; `watch(step, model)` is called every 200 steps."""
    model = new_model(seed)
    rng = random.Random(seed)
    rows = [encode(sentence) for sentence in sentences]
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, weight_decay=0.01, fused=True)
    model.train()
    for step in range(STEPS):
        # The masks are drawn anew each time a sentence comes up ("dynamic masking", RoBERTa), so
        # 200 sentences ask many more than 200 questions.
        pairs = [corrupt(row, rng) for row in rng.sample(rows, BATCH)]
        ids_BT = torch.tensor([ids for ids, _ in pairs])
        labels_BT = torch.tensor([labels for _, labels in pairs])
        # Up from zero while the directions are still poor, then down to zero to settle.
        rate = PEAK_RATE * min(1.0, (step + 1) / WARM_UP) * (1 - step / STEPS)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        model.loss(ids_BT, labels_BT).backward()
        optimizer.step()
        if (step + 1) % 200 == 0:
            watch(step + 1, model)
    return model.eval()


@torch.no_grad()
def loss_by_place(model: MaskedLanguageModel, sentences: Mapping[Sentence, float]) -> list[float]:
    """The model's loss in nats at each place, when that one word is masked and all others stand.

    The sentences are weighted by their probabilities, so this is an exact expectation over
    them, comparable with `entropy_by_place` digit by digit.
    """
    was_training = model.training
    model.eval()  # no dropout while measuring
    ids_BT = torch.tensor([encode(sentence) for sentence in sentences])
    weight_B = torch.tensor(list(sentences.values()))
    weight_B = weight_B / weight_B.sum()
    losses = []
    for place in range(SENTENCE_WORDS):
        blanked_BT = ids_BT.clone()
        blanked_BT[:, place + 1] = MASK_ID
        hidden_BD = model.encoder(blanked_BT)[:, place + 1]
        log_p_BV = model.head(hidden_BD).log_softmax(dim=-1)
        log_p_B = log_p_BV.gather(1, ids_BT[:, place + 1, None])[:, 0]
        losses.append(float(-(weight_B * log_p_B).sum()))
    model.train(was_training)
    return losses


def mean(values: list[float]) -> float:
    """The plain average: every place counts the same."""
    return sum(values) / len(values)


@torch.no_grad()
def check_forward_pass(language: Mapping[Sentence, float], checks: Checks, seed: int) -> None:
    """What must hold of any such model before it is worth training."""
    model = new_model(seed).eval()
    ids_BT = torch.tensor([encode(sentence) for sentence in list(language)[:8]])
    scores_BTV = model(ids_BT)
    shape = (8, LENGTH, len(VOCABULARY))
    checks.claim(
        tuple(scores_BTV.shape) == shape,
        f"8 sentences of {LENGTH} tokens give scores of shape {shape}",
    )
    sums_BT = scores_BTV.softmax(dim=-1).sum(dim=-1)
    checks.claim(
        bool(torch.allclose(sums_BT, torch.ones_like(sums_BT), atol=1e-5)),
        "softmax over the last axis: the probabilities sum to one at every position",
    )
    reached = reach(model, ids_BT[0])
    checks.claim(
        bool(reached.all()),
        f"changing the token at any one position moves the scores at all {LENGTH}: "
        f"{int(reached.sum())} of {reached.numel()} pairs",
    )


def reach(model: MaskedLanguageModel, ids_T: Tensor) -> Tensor:
    """`(T, T)` booleans: does changing the token in row's position move the scores in column's?"""
    T = len(ids_T)
    changed_BT = ids_T.repeat(T, 1)  # one copy of the sentence for each position to change
    changed_BT.fill_diagonal_(MASK_ID)
    difference_BTV = model(changed_BT) - model(ids_T[None])
    return difference_BTV.abs().amax(dim=-1) > 1e-6


def pretraining_step(
    language: Mapping[Sentence, float], corrupt: Corrupt, checks: Checks, seed: int
) -> tuple[MaskedLanguageModel, dict[Sentence, float]]:
    """Runs step 2; returns the trained model and the sentences it has not seen."""
    seen = draw_training_sentences(language, seed)
    unseen = {s: weight for s, weight in language.items() if s not in set(seen)}
    entropy, floor = entropy_by_place(language, language), entropy_by_place(language, unseen)
    print(f"""
  The language has {len(WORDS)} words and {len(language)} sentences, such as
    {" ".join(seen[0])}
  Training sees 200 draws from it, {len(set(seen))} different ones; {len(unseen)} stay unseen.

  Loss on one blank with all other words in sight, in nats:
    a blind guess among {len(VOCABULARY)} ids           {log(len(VOCABULARY)):.3f}
    a guess by how common each word is   {word_count_entropy(language):.3f}
    the language's own entropy           {mean(entropy):.3f}
    the same over the unseen sentences   {mean(floor):.3f}
""")
    check_forward_pass(language, checks, seed)
    print("\n    step   loss on unseen sentences")

    def watch(step: int, model: MaskedLanguageModel) -> None:
        print(f"    {step:4}   {mean(loss_by_place(model, unseen)):.3f}", flush=True)

    watch(0, new_model(seed))
    model = pretrain(seen, corrupt, seed, watch)
    report(loss_by_place(model, unseen), floor, mean(entropy), checks)
    return model, unseen


def report(losses: list[float], floor: list[float], entropy: float, checks: Checks) -> None:
    """Prints the losses beside their floor and checks the two claims of this step."""
    print("\n    blank       model   floor   (unseen sentences)")
    for name, loss, best in zip(PLACES, losses, floor, strict=True):
        print(f"    {name:<10}  {loss:.3f}   {best:.3f}")
    print(f"    {'all':<10}  {mean(losses):.3f}   {mean(floor):.3f}\n")
    checks.claim(
        mean(losses) - entropy < 0.1,
        f"loss on unseen sentences {mean(losses):.3f}, "
        f"within 0.1 nats of the language's entropy {entropy:.3f}",
    )
    # A model that reads the adjective and misses "not" is wrong about the audience in 30 % of
    # sentences, and pays the entropy of that on every verb: 0.61 nats above the floor.
    checks.claim(
        losses[VERB_PLACE] - floor[VERB_PLACE] < 0.3,
        f"the verb: {losses[VERB_PLACE] - floor[VERB_PLACE]:.2f} nats above its floor, "
        'under half of the 0.61 that missing "not" costs',
    )
