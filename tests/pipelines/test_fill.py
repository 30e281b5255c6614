"""FillMask: shapes, roles, what goes wrong, and guesses as they read in the text."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.conftest import sentences
from unmask.arch.registry import arch_of, sized_config
from unmask.batches.pack import pack
from unmask.checkpoint.folder import open_language_model, save_model
from unmask.errors import ConfigError, ModelError, TextError, TooLong
from unmask.heads.model import LanguageModel
from unmask.nn.init import initialise
from unmask.pipelines.fill import FillMask, _put
from unmask.tokens.train import train

TEXTS = ["the [MASK] sees a dog.", "[MASK]", "she paints the [MASK] , the [MASK] and an apple."]


@pytest.fixture(scope="module")
def fill(tiny_model_folder: Path) -> FillMask:
    return FillMask.from_pretrained(tiny_model_folder)


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory: pytest.TempPathFactory) -> FillMask:
    """A model over byte-level pieces, in which a mask takes the space before it along."""
    tokenizer = train(sentences(), kind="bpe", vocab_size=420, min_frequency=1)
    arch = arch_of("bert")
    config = sized_config(
        "bert", "1x64", vocab_size=tokenizer.vocab_size, context=32, pad_token_id=tokenizer.pad_id
    )
    model = LanguageModel(arch.encoder(config), arch.lm_head(config))
    initialise(model, 0.1, 1, torch.Generator().manual_seed(0))
    folder = tmp_path_factory.mktemp("bpe") / "model"
    save_model(folder, model.eval(), arch=arch, config=config, tokenizer=tokenizer)
    return FillMask.from_pretrained(folder)


def test_one_mask_gives_a_list_and_several_give_lists(fill: FillMask) -> None:
    one = fill(TEXTS[0], top_k=3)
    assert len(one) == 3
    assert all(set(guess) == {"token", "score", "text"} for guess in one)
    several = fill(TEXTS[2], top_k=2)
    assert [len(masks) for masks in several] == [2, 2]
    answers = fill(TEXTS, top_k=3)
    assert len(answers) == 3
    assert [guess["text"] for guess in answers[0]] == [guess["text"] for guess in one]
    assert [len(masks) for masks in fill.by_mask(TEXTS)] == [1, 1, 2]
    assert fill([]) == []


def test_scores_are_the_models_probabilities_best_first(
    fill: FillMask, tiny_model_folder: Path
) -> None:
    opened = open_language_model(tiny_model_folder)
    tokenizer = opened.tokenizer
    ids = tokenizer.encode(TEXTS[0], specials=True, allow_mask=True).ids
    place = ids.index(tokenizer.mask_id)
    with torch.inference_mode():
        scores = opened.model(pack([ids]), torch.tensor([place])).softmax(1)[0]
    ordinary = [i for i in range(tokenizer.vocab_size) if i not in tokenizer.special_ids]
    wanted = sorted((float(scores[i]) for i in ordinary), reverse=True)
    everything = fill(TEXTS[0], top_k=len(ordinary))
    assert [guess["score"] for guess in everything] == pytest.approx(wanted, rel=1e-4)
    assert {guess["token"] for guess in everything}.isdisjoint({"[MASK]", "[PAD]", "[UNK]"})
    assert sum(guess["score"] for guess in everything) < 1.0


def test_answers_do_not_depend_on_the_texts_beside(fill: FillMask) -> None:
    many = [*TEXTS, *(f"{s} [MASK]" for s in sentences()[:40])]
    together = fill.by_mask(many, top_k=3)
    for text, masks in zip(many, together, strict=True):
        alone = fill.by_mask([text], top_k=3)[0]
        for mask, other in zip(masks, alone, strict=True):
            assert [g["score"] for g in mask] == pytest.approx(
                [g["score"] for g in other], rel=1e-4
            )


def test_each_guess_fills_its_own_mask(fill: FillMask) -> None:
    first, second = fill(TEXTS[2], top_k=1)
    assert first[0]["text"].count("[MASK]") == 1
    assert first[0]["text"].endswith("the [MASK] and an apple.")
    assert second[0]["text"].startswith("she paints the [MASK] , the")


def test_a_text_without_a_mask_names_this_models_mask(fill: FillMask) -> None:
    with pytest.raises(TextError, match=r"this model writes \[MASK\].*text 1 .*'nothing'.*Put \[M"):
        fill(["a [MASK]", "nothing"])
    assert fill.mask_token == "[MASK]"


def test_long_texts(fill: FillMask) -> None:
    long = "the dog " * 30 + "[MASK] sees"
    with pytest.raises(TooLong, match="at most 48 tokens"):
        fill(long)
    with pytest.raises(TextError, match=r"was cut to 48 tokens, and \[MASK\] stands behind that"):
        fill(long, on_long="truncate")
    (guesses,) = fill.by_mask([long], top_k=2, on_long="chunk")[0]
    assert guesses[0]["text"].startswith("the dog the dog")
    assert len(fill("[MASK] " + "the dog " * 30, top_k=2, on_long="truncate")) == 2


@pytest.mark.parametrize("top_k", [0, -1, 10_000])
def test_top_k_must_be_possible(fill: FillMask, top_k: int) -> None:
    with pytest.raises(ConfigError, match="top_k must lie between 1 and"):
        fill(TEXTS[0], top_k=top_k)


def test_a_classifier_is_refused(tiny_classifier_folder: Path) -> None:
    with pytest.raises(ModelError, match="must hold a language model"):
        FillMask.from_pretrained(tiny_classifier_folder)


def test_saving_and_opening_keeps_the_guesses(fill: FillMask, tmp_path: Path) -> None:
    fill.save_pretrained(tmp_path / "copy")
    assert FillMask.from_pretrained(tmp_path / "copy")(TEXTS[0]) == fill(TEXTS[0])


@pytest.mark.parametrize(
    ("text", "words", "filled"),
    [
        ("The [MASK] fox", " brown", "The brown fox"),
        ("The [MASK] fox", "ory", "Theory fox"),
        ("[MASK] fox", " the", "the fox"),
        ("a ([MASK])", " b", "a (b)"),
        ("a [MASK]", ".", "a."),
    ],
)
def test_words_and_pieces_are_put_in_as_they_read(text: str, words: str, filled: str) -> None:
    start = text.index("[MASK]")
    assert _put(text, (start, start + 6), words) == filled


def test_wordpieces_join_the_word_before(fill: FillMask) -> None:
    everything = fill("a red [MASK] here", top_k=fill.tokenizer.vocab_size - 5)
    piece = next(guess for guess in everything if guess["token"].startswith("##"))
    assert piece["text"] == f"a red{piece['token'][2:]} here"
    word = next(guess for guess in everything if guess["token"] == "house")
    assert word["text"] == "a red house here"


def test_byte_level_pieces_keep_the_spaces(byte_level: FillMask) -> None:
    tokenizer = byte_level.tokenizer
    everything = byte_level("my [MASK] dog", top_k=tokenizer.vocab_size - 5)
    by_text = {guess["text"]: guess for guess in everything}
    assert by_text["my lazy dog"]["token"] == "lazy"
    assert "my dog" not in by_text
    assert "mys dog" in by_text
