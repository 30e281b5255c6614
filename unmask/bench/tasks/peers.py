"""Plain scripts with `transformers` and its `Trainer`, by the recipes of its example scripts.

run_classification.py and run_ner.py, with the `Trainer`'s defaults: AdamW, linear decay without
warm-up, float32, the dropout of the model's configuration. Batches are padded to their longest row,
which is less work than the fixed length that run_classification.py takes by default.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from unmask.bench.arm import Measured
from unmask.bench.tasks.rows import Row, read_rows
from unmask.bench.tasks.tag import Sentence, read_sentences
from unmask.bench.tasks.task import Given

AT_ONCE = 32  # rows of a batch of predictions
IGNORED = -100  # the label of a token that is not learnt

Fields = dict[str, Any]
"""A row as the model takes it: `input_ids` and so on, `labels` or places to learn from."""


def trained(
    given: Given, model: Any, tokenizer: Any, rows: Sequence[Fields], collator: Callable[..., Any]
) -> float:
    """Train, save model and tokenizer; seconds of the training."""
    import transformers

    trainer = transformers.Trainer(
        model=model,
        args=arguments(given, transformers.TrainingArguments),
        train_dataset=rows,
        data_collator=collator,
    )
    found = trainer.train()
    trainer.save_model(given.out)
    tokenizer.save_pretrained(given.out)
    return float(found.metrics["train_runtime"])


def arguments(
    given: Given, make: Callable[..., Any], *, rows: int | None = None, **more: Any
) -> Any:
    """What a `Trainer` is told; nothing is saved on the way, or reported.

    Args:
        given: of the arm.
        make: the class of the arguments.
        rows: of a batch; None for as many as the arm is told.
        more: arguments that only this trainer has.
    """
    return make(
        output_dir=given.out,
        use_cpu=given.device == "cpu",
        learning_rate=given.more["lr"],
        per_device_train_batch_size=given.more["batch"] if rows is None else rows,
        num_train_epochs=given.epochs,
        seed=given.seed,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **more,
    )


def outputs(
    model: Any, rows: Sequence[Fields], collator: Callable[..., Any]
) -> Iterator[tuple[Any, int]]:
    """What the model says of batches of rows, in order, and how many rows each has."""
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(rows), AT_ONCE):
            some = list(rows[start : start + AT_ONCE])
            yield model(**collator(some).to(model.device)), len(some)


def classify(given: Given) -> Measured:
    """One label for each text or pair of texts."""
    import transformers

    begun = time.perf_counter()
    train = read_rows(given.file("train"))
    labels = sorted({row[-1] for row in train})
    transformers.set_seed(given.seed)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        given.model,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(given.model)
    collator = transformers.DataCollatorWithPadding(tokenizer)
    number = {label: place for place, label in enumerate(labels)}
    rows = [
        {**fields, "labels": number[row[-1]]}
        for fields, row in zip(_tokenised(tokenizer, train), train, strict=True)
    ]
    training = trained(given, model, tokenizer, rows, collator)
    seconds = time.perf_counter() - begun
    asked = _tokenised(tokenizer, read_rows(given.file("test")))
    said = [
        labels[best]
        for found, _ in outputs(model, asked, collator)
        for best in found.logits.argmax(1).tolist()
    ]
    return given.told(seconds, training, said)


def _tokenised(tokenizer: Any, rows: Sequence[Row]) -> list[Fields]:
    texts = [list(column) for column in zip(*(row[:-1] for row in rows), strict=True)]
    found = tokenizer(*texts, truncation=True, max_length=512)
    return [{name: found[name][place] for name in found} for place in range(len(rows))]


def tag(given: Given) -> Measured:
    """A tag for each word: learnt and read at its first token, as run_ner.py does."""
    import transformers

    begun = time.perf_counter()
    train = read_sentences(given.file("train"))
    labels = sorted({tag for one in train for _, tag in one})
    transformers.set_seed(given.seed)
    model = transformers.AutoModelForTokenClassification.from_pretrained(
        given.model,
        num_labels=len(labels),
        id2label=dict(enumerate(labels)),
        label2id={label: number for number, label in enumerate(labels)},
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(given.model)
    collator = transformers.DataCollatorForTokenClassification(tokenizer)
    rows = [
        {**fields, "labels": _targets(sentence, first, len(fields["input_ids"]), labels)}
        for sentence, (fields, first) in zip(train, _words(tokenizer, train), strict=True)
    ]
    training = trained(given, model, tokenizer, rows, collator)
    seconds = time.perf_counter() - begun
    asked = read_sentences(given.file("test"))
    read = _words(tokenizer, asked)
    padding = transformers.DataCollatorWithPadding(tokenizer)
    best = [
        row
        for found, _ in outputs(model, [fields for fields, _ in read], padding)
        for row in found.logits.argmax(2).tolist()
    ]
    said = [
        " ".join(labels[row[first[n]]] if n in first else "O" for n in range(len(sentence)))
        for sentence, (_, first), row in zip(asked, read, best, strict=True)
    ]
    return given.told(seconds, training, said)


def _words(tokenizer: Any, sentences: Sequence[Sentence]) -> list[tuple[Fields, dict[int, int]]]:
    """Each sentence as tokens, and the first token of each word that has one."""
    words = [[word for word, _ in one] for one in sentences]
    found = tokenizer(words, truncation=True, max_length=512, is_split_into_words=True)
    read = []
    for place in range(len(words)):
        first: dict[int, int] = {}
        for token, word in enumerate(found.word_ids(place)):
            if word is not None:
                first.setdefault(word, token)
        read.append(({name: found[name][place] for name in found}, first))
    return read


def _targets(
    sentence: Sentence, first: dict[int, int], tokens: int, labels: Sequence[str]
) -> list[int]:
    targets = [IGNORED] * tokens
    for word, token in first.items():
        targets[token] = labels.index(sentence[word][1])
    return targets
