"""Model cards: the README.md of a saved model, in Markdown with a small head in YAML.

The head holds only what is known, under the keys that the Hugging Face Hub documents for model
cards.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from unmask.errors import ConfigError
from unmask.report.facts import Setting
from unmask.report.markup import visible

Task = Literal[
    "fill-mask",
    "text-generation",
    "text-classification",
    "token-classification",
    "feature-extraction",
    "sentence-similarity",
    "question-answering",
    "text-ranking",
]

_USES = {
    "fill-mask": "puts back masked words, and is a starting point for fine-tuning",
    "text-generation": "goes on with a text, and is a baseline beside encoders",
    "text-classification": "gives a text one of the labels it was trained on",
    "token-classification": "finds spans of a text and gives each a label",
    "feature-extraction": "turns text into vectors, one a token",
    "sentence-similarity": "turns each text into one vector, to be compared by cosine",
    "question-answering": "finds the words of a text that answer a question about it",
    "text-ranking": "says how well a document goes with a query",
}
_UNMASK = {
    "fill-mask": ("FillMask", "model({example}, top_k=5)"),
    "text-generation": ("Generator", 'model(["a text to go on with"], max_new_tokens=20)'),
    "text-classification": ("Classifier", 'model.predict(["a text to label"])'),
    "token-classification": ("Tagger", 'model.predict(["a text to tag"])'),
    "feature-extraction": ("Encoder", 'model(["a text"]).last_hidden_state'),
    "sentence-similarity": ("Embedder", 'model.encode(["a text", "another"])'),
    "question-answering": ("Answerer", 'model.answer("a question?", "a text that answers it")'),
    "text-ranking": ("Reranker", 'model.rank("a query", ["a document", "another"])'),
}
_TRANSFORMERS = {
    "fill-mask": "AutoModelForMaskedLM",
    "text-generation": "AutoModelForCausalLM",
    "text-classification": "AutoModelForSequenceClassification",
    "token-classification": "AutoModelForTokenClassification",
    "feature-extraction": "AutoModel",
    "question-answering": "AutoModelForQuestionAnswering",
    "text-ranking": "AutoModelForSequenceClassification",
}
LIMITS = (
    "The model knows only what its training text says, and repeats the slant of that text.",
    "A probable word is not a true statement: do not take a filled blank for a fact.",
    "It reads and labels text; it does not write any.",
)
"""Limits that hold for every model made here, unless it writes text."""
_WRITING_LIMITS = (
    LIMITS[0],
    "A probable text is not a true statement: do not take what it writes for a fact.",
)


@dataclass(frozen=True, slots=True)
class Card:
    """What a model card says.

    Attributes:
        name: of the model, the heading.
        folder: the path under which the examples open it.
        task: what the saved head is for.
        summary: one or two sentences on what the model is.
        data: a paragraph on the text it was trained on, and where from.
        recipe: settings of the training.
        figures: measured results; every value says on what, if the name does not.
        versions: of the software.
        intended: what it is meant for, in addition to what the task says.
        limits: those of this model, in addition to `LIMITS`.
        mask_token: how the mask is written in text.
        opens_in_transformers: False for a folder in `unmask`'s own format.
        license, language: for the head, where they are known: an identifier such as `apache-2.0`,
            and a language code such as `en`.
    """

    name: str
    folder: str
    task: Task
    summary: str
    data: str
    recipe: Sequence[Setting] = ()
    figures: Sequence[Setting] = ()
    versions: Sequence[Setting] = ()
    intended: str = ""
    limits: Sequence[str] = ()
    mask_token: str = "[MASK]"
    opens_in_transformers: bool = True
    license: str = ""
    language: str = ""

    def __post_init__(self) -> None:
        if self.task not in _USES:
            raise ConfigError(
                f"a model card's task is one of {', '.join(_USES)}, not {self.task!r}."
            )
        if not self.name.strip():
            raise ConfigError("A model card needs the model's name, and it is empty. Give one.")


def model_card(card: Card) -> str:
    """Return the card as Markdown with YAML front matter."""
    general = _WRITING_LIMITS if card.task == "text-generation" else LIMITS
    limits = "\n".join(f"- {_line(limit)}" for limit in (*card.limits, *general))
    intended = f"This model {_USES[card.task]}. {card.intended}".strip()
    parts = [
        _front_matter(card),
        f"# {_line(card.name)}",
        _paragraphs(card.summary),
        "## Use",
        _use(card),
        "## Data",
        _paragraphs(card.data),
        _section("Recipe", "setting", card.recipe),
        _section("Figures", "measured", card.figures),
        "## Intended use and limits",
        f"{_paragraphs(intended)}\n\n{limits}",
        _section("Versions", "package", card.versions),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def with_section(card: str, heading: str, first: str, rows: Sequence[Setting]) -> str:
    """A card with a table of settings at its end, `first` the title of the names' column."""
    return f"{card.rstrip()}\n\n{_section(heading, first, rows)}\n"


def _front_matter(card: Card) -> str:
    embeds = card.task == "sentence-similarity"
    published = "sentence-transformers" if embeds else "transformers"
    library = published if card.opens_in_transformers else "unmask"
    rows = [f"library_name: {library}", f"pipeline_tag: {card.task}"]
    if card.license:
        rows.append(f"license: {_yaml(card.license)}")
    if card.language:
        rows.append(f"language: {_yaml(card.language)}")
    if card.task == "fill-mask":
        rows.append(f"mask_token: {_yaml(card.mask_token)}")
    return "\n".join(["---", *rows, "tags:", "  - unmask", "---"])


def _yaml(value: str) -> str:
    """A double-quoted YAML scalar; JSON's escapes are a part of YAML's."""
    return json.dumps(visible(value), ensure_ascii=False)


def _use(card: Card) -> str:
    kind, call = _UNMASK[card.task]
    # repr writes any path as a Python literal, quotes and backslashes included.
    folder = repr(visible(card.folder))
    call = call.replace("{example}", repr(f"Say {visible(card.mask_token)} to the world."))
    here = f"import unmask\n\nmodel = unmask.{kind}.from_pretrained({folder})\nprint({call})"
    parts = [f"With `unmask`:\n\n{_fence(here)}"]
    if not card.opens_in_transformers:
        parts.append("The folder is in `unmask`'s own format; `transformers` does not open it.")
        return "\n\n".join(parts)
    if card.task == "sentence-similarity":
        there = (
            "from sentence_transformers import SentenceTransformer\n\n"
            f"model = SentenceTransformer({folder})\nprint({call})"
        )
        parts.append(f"With `sentence-transformers`:\n\n{_fence(there)}")
        return "\n\n".join(parts)
    auto = _TRANSFORMERS[card.task]
    there = (
        f"from transformers import {auto}, AutoTokenizer\n\n"
        f"tokenizer = AutoTokenizer.from_pretrained({folder})\n"
        f"model = {auto}.from_pretrained({folder})"
    )
    parts.append(f"With `transformers`:\n\n{_fence(there)}")
    return "\n\n".join(parts)


def _fence(code: str) -> str:
    # Longer than any run of backticks inside, so that no path can close it early.
    longest = max((len(run) for run in re.findall(r"`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}python\n{code}\n{fence}"


def _section(heading: str, first: str, rows: Sequence[Setting]) -> str:
    if not rows:
        return ""
    table = [f"| {first} | value |", "| --- | --- |"]
    table += [f"| {_cell(row.name)} | {_cell(row.value)} |" for row in rows]
    return f"## {heading}\n\n" + "\n".join(table)


def _line(words: str) -> str:
    """Text on one line, in which nothing is taken for HTML or for a heading."""
    return _escape(" ".join(words.split()))


def _cell(words: str) -> str:
    return _line(words).replace("|", "\\|")


def _paragraphs(words: str) -> str:
    return "\n\n".join(_line(part) for part in re.split(r"\n\s*\n", words.strip()))


def _escape(words: str) -> str:
    safe = visible(words).replace("&", "&amp;").replace("<", "&lt;")
    # A link or a picture could come along with a name; as text it is plain to see.
    safe = safe.replace("](", "]\\(")
    # At the start of a line these would begin a heading, a quote, a list or a definition.
    return re.sub(r"^([#>*+=~\[-])", r"\\\1", safe)
