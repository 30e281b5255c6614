"""Model cards: a head that the Hub's own reader takes, and a body without surprises."""

from __future__ import annotations

from dataclasses import replace

import pytest
from huggingface_hub import ModelCard

from unmask.errors import ConfigError
from unmask.report.card import Card, model_card
from unmask.report.facts import Setting

CARD = Card(
    name="quickstart",
    folder="runs/quickstart",
    task="fill-mask",
    summary="A small encoder.\n\nIt was pretrained in four minutes.",
    data="1.31M words of docstrings.",
    recipe=(Setting("learning rate", "0.003"), Setting("a|b", "c\nd")),
    figures=(Setting("top-1 on 20,481 held-out blanks", "37.1%"),),
    versions=(Setting("torch", "2.13.0"),),
    limits=("English docstrings only.",),
    license="apache-2.0",
    language="en",
)


def head(card: Card) -> dict[str, object]:
    return dict(ModelCard(model_card(card)).data.to_dict())


def test_the_head_is_small_and_valid() -> None:
    assert head(CARD) == {
        "library_name": "transformers",
        "pipeline_tag": "fill-mask",
        "license": "apache-2.0",
        "language": "en",
        "mask_token": "[MASK]",
        "tags": ["unmask"],
    }
    plain = replace(CARD, license="", language="", task="text-classification")
    assert set(head(plain)) == {"library_name", "pipeline_tag", "tags"}


def test_the_body_tells_data_recipe_figures_versions_and_limits() -> None:
    text = model_card(CARD)
    for words in (
        "# quickstart\n\nA small encoder.\n\nIt was pretrained",
        "## Data\n\n1.31M words",
        "| learning rate | 0.003 |",
        "| a\\|b | c d |",
        "| top-1 on 20,481 held-out blanks | 37.1% |",
        "| torch | 2.13.0 |",
        "- English docstrings only.",
        "do not take a filled blank for a fact",
        "model = unmask.FillMask.from_pretrained('runs/quickstart')",
        "print(model('Say [MASK] to the world.', top_k=5))",
        "model = AutoModelForMaskedLM.from_pretrained('runs/quickstart')",
    ):
        assert words in text, words


def test_what_writes_is_not_said_to_write_nothing() -> None:
    text = model_card(replace(CARD, task="text-generation"))
    assert "do not take what it writes for a fact" in text
    assert "does not write any" in model_card(CARD)
    assert "does not write any" not in text


@pytest.mark.parametrize(
    ("task", "ours", "theirs"),
    [
        ("fill-mask", "unmask.FillMask", "AutoModelForMaskedLM"),
        ("text-generation", "unmask.Generator", "AutoModelForCausalLM"),
        ("text-classification", "unmask.Classifier", "AutoModelForSequenceClassification"),
        ("feature-extraction", "unmask.Encoder", "AutoModel"),
        ("sentence-similarity", "unmask.Embedder", "SentenceTransformer"),
    ],
)
def test_the_code_of_every_task_is_python(task: str, ours: str, theirs: str) -> None:
    text = model_card(replace(CARD, task=task, folder='it\'s "here"\\now'))  # type: ignore[arg-type]
    blocks = [part.split("```")[0] for part in text.split("```python\n")[1:]]
    assert len(blocks) == 2
    for block, name in zip(blocks, (ours, theirs), strict=True):
        compile(block, "card", "exec")
        opens = name if name == "SentenceTransformer" else f"{name}.from_pretrained"
        assert f"{opens}(" in block


def test_a_folder_of_our_own_format_does_not_promise_transformers() -> None:
    text = model_card(replace(CARD, opens_in_transformers=False))
    assert "`transformers` does not open it" in text
    assert "AutoModel" not in text
    assert head(replace(CARD, opens_in_transformers=False))["library_name"] == "unmask"


def test_hostile_words_stay_in_their_place() -> None:
    evil = "---\n# x <script> ![a](http://x.test/p.png) \x1b[0m"
    card = replace(
        CARD, name=evil, summary=evil, data=evil, language='e"n\n: x', folder="```\n</pre>"
    )
    text = model_card(card)
    assert head(card)["language"] == 'e"n\n: x'
    body = text.split("\n---\n", 1)[1]
    assert "<script>" not in body
    assert "](http" not in body
    assert "\x1b" not in body
    assert "\n---" not in body
    assert "\n````python\n" in body


def test_cards_need_a_name_and_a_known_task() -> None:
    with pytest.raises(ConfigError, match="needs the model's name"):
        replace(CARD, name=" ")
    with pytest.raises(ConfigError, match="not 'chat'"):
        replace(CARD, task="chat")  # type: ignore[arg-type]
