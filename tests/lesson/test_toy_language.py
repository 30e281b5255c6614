"""The toy language against sums done by hand, and the model's exact claims about it."""

import ast
import sys
from math import isclose, log
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

CODE = Path(__file__).resolve().parents[2] / "lesson" / "code"
STEPS = (
    "main.py", "toy_language.py", "tiny_bert.py", "pretraining.py", "mask_types.py", "sentiment.py",
    "checks.py",
)  # fmt: skip


def entropy(*shares: float) -> float:
    return sum(-p * log(p) for p in shares)


def test_the_sizes_are_those_of_the_lesson(toy: ModuleType) -> None:
    language = toy.all_sentences()
    assert len(set(toy.WORDS)) == 20
    assert {word for sentence in language for word in sentence} == set(toy.WORDS)
    assert len(language) == 576
    assert isclose(sum(language.values()), 1)
    assert all(len(sentence) == toy.SENTENCE_WORDS for sentence in language)
    assert toy.VOCABULARY[:5] == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def test_the_enumerated_entropy_is_the_one_by_hand(toy: ModuleType) -> None:
    language = toy.all_sentences()
    by_place = toy.entropy_by_place(language, language)
    assert isclose(by_place[0], log(2), rel_tol=1e-6)
    # With the verb known, an adjective is one of two (3 : 2), and so is the verb (7 : 3).
    assert isclose(by_place[toy.ADJECTIVE_PLACE], entropy(0.6, 0.4), rel_tol=1e-6)
    assert isclose(by_place[toy.VERB_PLACE], entropy(0.7, 0.3), rel_tol=1e-6)
    # Adjective and verb together say whether "not" stood there; if not, two words are left (9 : 5).
    degree = 0.7 * entropy(0.45 / 0.7, 0.25 / 0.7)
    assert isclose(by_place[toy.DEGREE_PLACE], degree, rel_tol=1e-6)
    fixed = [loss for place, loss in enumerate(by_place) if place not in toy.CHOICE_PLACES]
    assert fixed == [0, 0, 0, 0]


def test_entropy_is_the_least_loss_of_any_guess(toy: ModuleType) -> None:
    language = toy.all_sentences()
    lowest = toy.entropy_by_place(language, language)[toy.VERB_PLACE]
    for share in (0.6, 0.65, 0.75, 0.8):
        verbs = {"stayed": share, "clapped": 1 - share, "left": share, "yawned": 1 - share}
        loss = sum(-p * log(verbs[s[toy.VERB_PLACE]]) for s, p in language.items())
        assert loss > lowest


def test_missing_not_costs_what_the_lesson_says(toy: ModuleType) -> None:
    # The entropy of the verb given the adjective alone, less its entropy given everything.
    language = toy.all_sentences()
    joint: dict[tuple[str, str], float] = {}
    for sentence, p in language.items():
        pair = (sentence[toy.ADJECTIVE_PLACE], sentence[toy.VERB_PLACE])
        joint[pair] = joint.get(pair, 0.0) + p
    blind = sum(-p * log(p / toy.ADJECTIVES[adjective]) for (adjective, _), p in joint.items())
    lowest = toy.entropy_by_place(language, language)[toy.VERB_PLACE]
    assert blind - lowest == pytest.approx(0.61, abs=0.005)


@pytest.mark.parametrize(
    ("degree", "adjective", "verbs"),
    [
        ("quite", "good", {"stayed", "clapped"}),
        ("not", "dull", {"stayed", "clapped"}),
        ("truly", "bad", {"left", "yawned"}),
        ("not", "great", {"left", "yawned"}),
    ],
)
def test_the_verb_agrees_with_the_opinion(
    toy: ModuleType, degree: str, adjective: str, verbs: set[str]
) -> None:
    start = ("this", "film", "and", "that", "play", "were", degree, adjective, "so", "we")
    language = toy.all_sentences()
    assert {s[-1] for s in language if s[:-1] == start} == verbs


def test_a_causal_mask_would_be_caught(lesson: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    pretraining = sys.modules["pretraining"]
    model = lesson.new_model(0).eval()
    ids = torch.tensor(lesson.encode(next(iter(lesson.all_sentences()))))
    with torch.no_grad():
        assert pretraining.reach(model, ids).all()

        def causal(scores: torch.Tensor, dim: int) -> torch.Tensor:
            # Only the attention's scores have four dimensions.
            hidden = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
            return torch.softmax(scores.masked_fill(hidden, float("-inf")), dim)

        monkeypatch.setattr(torch.Tensor, "softmax", causal)
        reached = pretraining.reach(model, ids)
    # What is changed moves itself and what comes after, and nothing before.
    assert reached.equal(torch.ones_like(reached).triu())


def test_the_measured_loss_is_zero_excess_for_a_perfect_model(
    lesson: ModuleType, toy: ModuleType
) -> None:
    """`loss_by_place` of a model that looks the answer up equals `entropy_by_place`."""
    language = lesson.all_sentences()

    class Perfect(nn.Module):
        def encoder(self, ids: torch.Tensor) -> torch.Tensor:
            rows = torch.full((*ids.shape, len(toy.VOCABULARY)), -1e9)
            for row, sentence in enumerate(ids.tolist()):
                position = sentence.index(toy.MASK_ID)
                words = tuple(toy.VOCABULARY[id_] for id_ in sentence[1:-1])
                for word, p in toy.fitting_words(language, words, position - 1).items():
                    rows[row, position, toy.ID_OF[word]] = log(p)
            return rows

        def head(self, hidden: torch.Tensor) -> torch.Tensor:
            return hidden

    some = dict(list(language.items())[::9])
    measured = sys.modules["pretraining"].loss_by_place(Perfect(), some)
    assert measured == pytest.approx(toy.entropy_by_place(language, some), abs=1e-5)


def test_a_claim_that_does_not_hold_is_remembered(
    lesson: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = lesson.Checks()
    checks.claim(True, "the sky is up")
    checks.claim(False, "two is three")
    assert checks.failed == ["two is three"]
    assert checks.made == 2
    assert capsys.readouterr().out == "  [PASS] the sky is up\n  [FAIL] two is three\n"


def test_the_four_steps_stand_alone() -> None:
    """The exercises are scripts of their own, and use the package."""
    files = [CODE / name for name in STEPS]
    own = {path.stem for path in files}
    imported = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {name.name.split(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add((node.module or "").split(".")[0])
    assert imported - own - sys.stdlib_module_names == {"torch"}
