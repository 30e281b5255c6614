"""The models of the exercise on sentiment: one size, three ways of reading, and a bag of words."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from labelled_texts import Data, Rows, pretraining_texts, write_table
from paired import text_settings

import unmask
from unmask.arch.registry import arch_of
from unmask.arch.spec import PublishedConfig
from unmask.checkpoint.building import bare
from unmask.checkpoint.folder import save_model
from unmask.evaluation.bag_of_words import BagOfWords
from unmask.heads.model import LanguageModel
from unmask.nn.config import Pooling
from unmask.nn.init import initialise
from unmask.tokens.tokenizer import Tokenizer
from unmask.verbs.finetune_settings import finetune_settings
from unmask.verbs.pretrain_settings import pretrain_settings

LAYERS, WIDTH, HEADS, CONTEXT = 2, 64, 2, 128
LABELS = ("no", "yes")  # two of them, to count parameters with
RUN = {"threads": 1, "device": "cpu", "dtype": "fp32", "keep": 1}


@dataclass(frozen=True, slots=True)
class Rival:
    """A way of reading.

    Attributes:
        arch: of the package.
        pooling: which vector of a text is classified.
        said: in the table.
    """

    arch: str
    pooling: Pooling
    said: str


RIVALS: Mapping[str, Rival] = {
    # Each hands on the vector that has seen the whole text.
    "encoder": Rival("modernbert", "cls", "encoder, [CLS]"),
    "decoder": Rival("decoder", "last", "decoder, last token"),
    "lstm": Rival("elmo", "mean", "two-way LSTM, mean"),
}
BAG = "bag"
WAYS = ("pretrained", "scratch")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What all models have in common.

    Attributes:
        sentences: to learn from, at most; the pretraining sees them without their labels.
        vocabulary: tokens.
        steps, tokens_per_step: of pretraining.
        epochs: of fine-tuning.
    """

    sentences: int = 10_000
    vocabulary: int = 4000
    steps: int = 700
    tokens_per_step: int = 2048
    epochs: int = 5


def shapes(vocabulary: int, pad: int) -> dict[str, PublishedConfig]:
    """A configuration for each rival, with as many parameters as the encoder has, or nearly."""
    sizes = {"vocab_size": vocabulary, "context": CONTEXT, "pad_token_id": pad}
    found = {
        name: arch_of(RIVALS[name].arch).sized(LAYERS, WIDTH, HEADS, **sizes)
        for name in ("encoder", "decoder")
    }
    wanted = parameters("encoder", found["encoder"])[0]
    # An LSTM has no feed-forward block, so it gets more cells until the whole is as large.
    elmo = arch_of(RIVALS["lstm"].arch)
    options = [
        elmo.sized(LAYERS, 2 * cells, 1, **sizes).model_dump() | {"cell_size": cells}
        for cells in range(WIDTH // 2, 2 * WIDTH)
    ]
    checked = [elmo.check(option) for option in options]
    found["lstm"] = min(checked, key=lambda one: abs(parameters("lstm", one)[0] - wanted))
    return found


def parameters(name: str, config: PublishedConfig) -> tuple[int, int]:
    """Of a classifier: all of its parameters, and those of its token table."""
    model = bare(arch_of(RIVALS[name].arch), "sequence", config, LABELS)
    table = sum(p.numel() for n, p in model.named_parameters() if "embedding.tokens" in n)
    return sum(p.numel() for p in model.parameters()), table


def untrained(
    name: str, config: PublishedConfig, tokenizer: Tokenizer, seed: int, folder: Path
) -> Path:
    """A folder with a model whose weights are drawn, to be pretrained or fine-tuned."""
    arch = arch_of(RIVALS[name].arch)
    model = LanguageModel(arch.encoder(config), arch.lm_head(config))
    initialise(model, config.initializer_range, LAYERS, torch.Generator().manual_seed(seed))
    save_model(folder, model.eval(), arch=arch, config=config, tokenizer=tokenizer, replace=True)
    return folder


def pretrained(
    start: Path, text: Path, sentences: int, recipe: Recipe, seed: int, out: Path
) -> Path:
    """The same model after it has read the sentences, each by what its architecture is for: hidden
    tokens, the next token, or the next and the previous one."""
    settings = pretrain_settings(
        {
            "text": text_settings(text, sentences),
            "model": {"start": str(start)},
            "budget": {"steps": recipe.steps, "tokens_per_step": recipe.tokens_per_step},
            "run": {**RUN, "seed": seed},
        }
    )
    return unmask.pretrain(out=out, settings=settings).model


def accuracy(
    name: str, start: Path, tables: tuple[Path, Path], recipe: Recipe, seed: int, out: Path
) -> float:
    """Of a model that is fine-tuned whole on one table, on the other, after the last epoch: the
    test chooses nothing."""
    settings = finetune_settings(
        {"run": {**RUN, "seed": seed}, "budget": {"best": False}},
        pooling=RIVALS[name].pooling,
        epochs=recipe.epochs,
    )
    result = unmask.finetune(start, train=tables[0], dev=tables[1], out=out, settings=settings)
    assert result.figures is not None
    return result.figures.accuracy


def bag_accuracy(train: Rows, test: Rows) -> float:
    """TF-IDF of words and pairs of words, and logistic regression."""
    bag = BagOfWords.fit(list(train), list(train.values()))
    guesses = bag.predict(list(test))
    return sum(g == t for g, t in zip(guesses, test.values(), strict=True)) / len(test)


def run_seed(data: Data, recipe: Recipe, text: Path | None, out: Path, seed: int) -> dict[str, Any]:
    """Split, train and test everything once. A run that was stopped goes on where it stood."""
    torch.set_num_threads(1)
    work = out / f"seed-{seed}"
    work.mkdir(parents=True, exist_ok=True)
    split = data.split(seed, recipe.sentences)
    sentences = (
        list(split.train) if text is None else pretraining_texts(text, split.test, recipe.sentences)
    )
    plain = work / "sentences.txt"
    plain.write_text("".join(f"{one}\n" for one in sentences), encoding="utf-8")
    tables = (
        write_table(work / "train.csv", split.train),
        write_table(work / "test.csv", split.test),
    )
    tokenizer, _ = unmask.train_tokenizer(
        out=work / "tokenizer", text=plain, document="line", vocab_size=recipe.vocabulary
    )
    configs = shapes(tokenizer.vocab_size, tokenizer.pad_id)
    figures: dict[str, dict[str, float]] = {BAG: {"scratch": bag_accuracy(split.train, split.test)}}
    for name in RIVALS:
        drawn = untrained(name, configs[name], tokenizer, seed, work / f"{name}-untrained")
        begun = {
            "pretrained": pretrained(
                drawn, plain, len(sentences), recipe, seed, work / f"{name}-reading"
            ),
            "scratch": drawn,
        }
        figures[name] = {
            way: accuracy(name, begun[way], tables, recipe, seed, work / f"{name}-{way}")
            for way in WAYS
        }
    counts = {name: parameters(name, config) for name, config in configs.items()}
    facts = {
        "train": len(split.train),
        "test": len(split.test),
        "pretraining": len(sentences),
        "tokens": tokenizer.vocab_size,
    }
    return {"figures": figures, "parameters": counts, "facts": facts}
