"""Embedding models: how tokens become a vector, what stands before a text, and what comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from unmask.pipelines.embed import Embedder
from unmask.pipelines.running import mostly_unknown
from unmask.text.empty import is_empty
from unmask.verbs.doctoring.families import Family, family_of
from unmask.verbs.doctoring.finding import Finding
from unmask.verbs.doctoring.patient import Patient

MOST_TEXTS = 200
ALIKE = 0.95  # mean cosine of different texts
WITH_PROMPT = 0.5  # share of texts that begin with a prompt by themselves
# Of a README's code, what pools in one way; both in one page tell nothing.
_WRITTEN = {
    "mean": r"mean_pooling\(|average_pool\(|pooling_mode_mean_tokens['\"]?: True",
    "cls": r"cls_pooling\(|last_hidden_state\[:, ?0\]|model_output\[0\]\[:, ?0\]"
    r"|pooling_mode_cls_token['\"]?: True",
}
_FOR_VECTORS = re.compile(
    r"^(library_name: *sentence-transformers|pipeline_tag: *(sentence-similarity|feature-extraction"
    r")|- *sentence-transformers)\b",
    re.MULTILINE,
)


def pooling(patient: Patient) -> Iterator[Finding]:
    """Everything that says how the model pools says the same."""
    said = _pooling_of(patient)
    family, written = family_of(patient.names), _written(patient.readme)
    if said is None:
        yield from _unsaid(patient, family, written)
        return
    others = [
        (family.name + " models", family.pooling) if family else None,
        (f"the code in {patient.name}'s README.md", written) if written else None,
        ("your own code (--pooling)", patient.pooling) if patient.pooling else None,
    ]
    wrong = [one for one in others if one is not None and one[1] != said]
    for who, other in wrong:
        own = who.startswith("your")
        yield Finding(
            "pooling",
            "error" if own else "warning",
            f"the folder pools by {said}, and {who} by {other}",
            "The vectors of one pooling are not those that the model was trained to give with "
            "another: similarities get worse, and nothing fails.",
            "Pool as the folder says: unmask.Embedder does."
            if own
            else "Ask who made the folder; if it was made by hand, correct 1_Pooling/config.json.",
        )
    if not wrong:
        more = [one[0] for one in others if one is not None]
        agree = f", as {' and '.join(more)}" if more else ""
        yield Finding("pooling", "ok", f"by {said}, as the folder says{agree}")


def _pooling_of(patient: Patient) -> str | None:
    model = patient.sentence.value
    return None if model is None else "+".join(model.head.config.pool.modes)


def _unsaid(patient: Patient, family: Family | None, written: str | None) -> Iterator[Finding]:
    """A folder without `modules.json`; where its model is for vectors, somebody has to guess."""
    if patient.root is not None:
        return  # `opening` has said why it cannot be read
    meant = family is not None or _FOR_VECTORS.search(patient.readme) or patient.pooling
    if not meant:
        return
    known = written or (family.pooling if family else None)
    told = (
        f"; {'its README.md pools' if written else 'such models pool'} by {known}" if known else ""
    )
    differs = patient.pooling is not None and known not in (None, patient.pooling)
    yield Finding(
        "pooling",
        "error" if differs else "warning",
        f"nothing in the folder says how a text becomes one vector: it has no modules.json{told}"
        + (f", and your own code by {patient.pooling}" if patient.pooling else ""),
        "Libraries take the mean without a word, which is wrong for a model that was trained on "
        "its first token.",
        "Copy modules.json and 1_Pooling from where the model is published, or name the pooling: "
        f"unmask embed --pooling {known or 'mean'}.",
    )


def _written(readme: str) -> str | None:
    """How the code of a README pools; None where it does not say, or shows both ways."""
    found = [how for how, pattern in _WRITTEN.items() if re.search(pattern, readme)]
    return found[0] if len(found) == 1 else None


def prompts(patient: Patient) -> Iterator[Finding]:
    """What the model was trained to see before a text is there, and is put there."""
    model, family = patient.sentence.value, family_of(patient.names)
    declared = {} if model is None else {k: v for k, v in model.prompts.items() if v}
    expected = () if family is None else tuple(filter(None, family.prompts))
    if not declared and not expected:
        if patient.prompt:
            yield Finding(
                "prompts",
                "warning",
                f"your own code puts {patient.prompt!r} before a text, and the folder declares no "
                "prompts, nor is it known to expect any",
                "A model that was not trained with it reads it as a part of each text, and finds "
                "all of them more alike.",
                "Leave it out, or look on the model's page for what it was trained with.",
            )
        elif model is not None:
            yield Finding("prompts", "ok", "none are declared, and none are known to be expected")
        return
    every = tuple(dict.fromkeys((*declared.values(), *expected)))
    named = ", ".join(map(repr, every))
    if patient.prompt is not None:
        yield _of_user(patient.prompt, every, named)
    elif (share := _beginning(patient, every)) > WITH_PROMPT:
        yield Finding("prompts", "ok", f"{share:.0%} of the texts begin with one of {named}")
    elif not declared:
        assert family is not None
        yield Finding(
            "prompts",
            "warning",
            f"{family.name} models were trained with {named} before texts, and the folder declares "
            "no prompts",
            "Without them search finds less, and nothing fails.",
            "Put them before the texts (unmask embed --prompt), or declare them as prompts in "
            "config_sentence_transformers.json.",
        )
    elif model is not None and model.default_prompt_name is None:
        yield Finding(
            "prompts",
            "warning",
            f"the folder declares prompts ({_listed(declared)}) and none of them as default",
            "Plain encoding puts none before a text, though the model was trained with them.",
            _how(declared),
        )
    else:
        yield Finding("prompts", "ok", f"{named}; the default is put before every text")


def _listed(prompts: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {prompt!r}" for name, prompt in prompts.items())


def _of_user(prompt: str, every: tuple[str, ...], named: str) -> Finding:
    if prompt in every:
        return Finding("prompts", "ok", f"your own code puts {prompt!r} before a text")
    near = next((one for one in every if one.strip() == prompt.strip()), None)
    differs = f"; it differs from {near!r} in white space" if near is not None else ""
    return Finding(
        "prompts",
        "error",
        f"your own code puts {prompt!r} before a text, and the model was trained with {named}"
        + differs,
        "Another prompt, or none, moves the vectors away from those of the training.",
        f"Put {(near or every[0])!r} before the text.",
    )


def _how(declared: dict[str, str]) -> str:
    names = [name for name in ("query", "document") if name in declared]
    calls = " and ".join(f"encode_{name}" for name in names)
    other = next(iter(declared))
    by_name = f"unmask embed --prompt-name {names[0] if names else other}"
    return f"Use {calls}, or on the command line {by_name}." if names else f"Use {by_name}."


def _beginning(patient: Patient, prompts: tuple[str, ...]) -> float:
    """The share of the user's texts that begin with a prompt."""
    texts = [] if patient.material is None else patient.material.texts
    return sum(text.startswith(prompts) for text in texts) / max(1, len(texts))


def alike(patient: Patient) -> Iterator[Finding]:
    """Different texts get different vectors."""
    if patient.sentence.value is None:
        return
    some = list(dict.fromkeys(text for text in patient.texts if not is_empty(text)))[:MOST_TEXTS]
    if len(some) < 2:
        return
    embedder = Embedder(patient.sentence.value)
    read = list(embedder.stream(some))
    if strange := sum(mostly_unknown(one.unknown) for one in read):
        yield Finding(
            "unknown tokens",
            "warning",
            f"{strange} of {len(read)} different texts are mostly unknown tokens",
            "The tokenizer does not know their script, and the model can hardly tell them apart.",
            "Use a model whose tokenizer knows it.",
        )
    read = [one for one in read if not mostly_unknown(one.unknown)]
    if len(read) < 2:
        return
    vectors = np.stack([one.vector for one in read]).astype(np.float64)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    count = len(vectors)
    mean = float((np.square(vectors.sum(0)).sum() - count) / (count * (count - 1)))
    told = f"{count} different texts have a mean cosine of {mean:.3f} with each other"
    if mean < ALIKE:
        yield Finding("vectors", "ok", told)
        return
    yield Finding(
        "vectors",
        "warning",
        told,
        "All vectors point the same way, so that similarity tells little: the encoder was not "
        "trained for vectors, its training collapsed, or its pooling is another.",
        "Look at the pooling above; else train it for embeddings, or subtract the mean of your "
        "own texts' vectors.",
    )
