"""A realistic set of facts for a report: shaped like a four-minute run, made from a fixed seed."""

from __future__ import annotations

import math
import random

from unmask.report.facts import (
    Baseline,
    Blank,
    ClassificationFacts,
    Command,
    CorpusFacts,
    EvaluationFacts,
    Group,
    Guess,
    HeldOutFacts,
    LabelCount,
    MaskFacts,
    MethodScore,
    ModelFacts,
    QuickstartFacts,
    Rate,
    Setting,
    Share,
    SplitWord,
    Stage,
    StepFacts,
    TokenizerFacts,
    TrainingFacts,
    settings,
)

UPDATES, TOKENS = 2900, 4096
PACKAGES = {
    "sympy": 4121,
    "scikit-learn": 2874,
    "torch": 2610,
    "transformers": 2377,
    "numpy": 1466,
    "scipy": 1391,
    "stdlib": 1188,
    "huggingface_hub": 702,
    "networkx": 611,
    "pydantic": 403,
    "rich": 211,
}


def corpus() -> CorpusFacts:
    groups = tuple(Group(name, documents) for name, documents in PACKAGES.items())
    return CorpusFacts(
        documents=17_954,
        paragraphs=41_207,
        words=1_312_886,
        characters=8_254_131,
        duplicates_dropped=5_308,
        held_out_documents=924,
        groups=groups,
        source_note="It is the prose of the docstrings of Python and of the installed packages.",
    )


def training() -> TrainingFacts:
    rng = random.Random(7)
    steps, evaluations = [], []
    for step in range(1, UPDATES + 1):
        plateau = 2.6 * math.exp(-step / 40)
        climb = 3.1 / (1 + math.exp(-(step - 900) / 320))
        loss = 6.35 + plateau - climb + rng.gauss(0, 0.16)
        decay = max(0.0, (step - 0.8 * UPDATES) / (0.2 * UPDATES))
        lr = 3e-3 * min(1.0, step / 120) * (1 - decay)
        speed = 50_500 + rng.gauss(0, 1600) - (14_000 if rng.random() < 0.01 else 0)
        steps.append(StepFacts(step, step * TOKENS, step * 0.0826, loss, lr, speed))
        if step % 290 == 0:
            smooth = 6.35 - climb + 0.11
            top1 = 0.062 + 0.305 * climb / 3.1 + rng.gauss(0, 0.003)
            evaluations.append(HeldOutFacts(step, smooth, top1, min(1.0, top1 * 1.62)))
    return TrainingFacts(
        steps=tuple(steps),
        evaluations=tuple(evaluations),
        total_tokens=UPDATES * TOKENS,
        wall_seconds=241.7,
        share_of_peak=0.41,
        peak_memory_bytes=1_418_000_000,
        resumed=1,
    )


def evaluation() -> EvaluationFacts:
    return EvaluationFacts(
        loss=3.312,
        top1=0.3714,
        top5=0.5832,
        baselines=(
            Baseline("most frequent token", 0.0621, 0.1503, 6.287),
            Baseline("left × right bigram", 0.2834, 0.4410, 4.518),
            Baseline("same neighbours", 0.2017, 0.2633, None),
        ),
        targets=20_481,
        method="Every model below filled the same blanks: 15% of the tokens of held-out documents.",
    )


def _blank(before: str, answer: str, after: str, source: str, *guesses: tuple[str, float]) -> Blank:
    return Blank(before, answer, after, tuple(Guess(*guess) for guess in guesses), source)


def blanks() -> tuple[Blank, ...]:
    return (
        _blank(
            "Return the sum of the array elements over the given ",
            "axis",
            ".",
            "numpy",
            ("axis", 0.8121),
            ("dimension", 0.0712),
            ("dimensions", 0.0204),
            ("axes", 0.0187),
            ("array", 0.0061),
        ),
        _blank(
            "If the file does not ",
            "exist",
            ", it is created with the permissions of the current user.",
            "stdlib",
            ("exist", 0.6633),
            ("contain", 0.0521),
            ("match", 0.0402),
            ("have", 0.0293),
            ("change", 0.011),
        ),
        _blank(
            "The number of ",
            "samples",
            " seen by the estimator for each feature; it is updated at every call.",
            "scikit-learn",
            ("features", 0.2411),
            ("samples", 0.2207),
            ("iterations", 0.0803),
            ("classes", 0.0641),
            ("values", 0.03),
        ),
        _blank(
            "Returns True if the graph is strongly ",
            "connected",
            ", False otherwise.",
            "networkx",
            ("connected", 0.5512),
            ("directed", 0.1187),
            ("empty", 0.0402),
            ("##ly", 0.02),
            ("defined", 0.0113),
        ),
        _blank(
            "The ",
            "temperature",
            " of the distribution from which the next word is drawn.",
            "transformers",
            ("length", 0.0911),
            ("mean", 0.0702),
            ("size", 0.0514),
            ("value", 0.0413),
            ("parameters", 0.03),
        ),
        _blank(
            "Computes the ",
            "gradient",
            " of the current tensor with respect to the leaves of the graph.",
            "torch",
            ("gradient", 0.3021),
            ("sum", 0.1203),
            ("gradients", 0.0811),
            ("derivative", 0.0512),
            ("norm", 0.0433),
        ),
        _blank(
            "Raise an error when the ",
            "token",
            " is invalid or the repository is private.",
            "huggingface_hub",
            ("file", 0.1204),
            ("value", 0.0931),
            ("repository", 0.0834),
            ("token", 0.0711),
            ("url", 0.0414),
        ),
        _blank(
            "An integer is prime if it has no ",
            "divisors",
            " other than one and itself.",
            "sympy",
            ("elements", 0.1003),
            ("roots", 0.0912),
            ("values", 0.0803),
            ("factors", 0.0721),
            ("terms", 0.0322),
        ),
        _blank(
            "Interpolates over a rectangular mesh; the points must be ",
            "strictly",
            " ascending along each axis.",
            "scipy",
            ("in", 0.1802),
            ("strictly", 0.1434),
            ("monotonically", 0.1103),
            ("sorted", 0.0821),
            ("non", 0.0611),
        ),
        _blank(
            "Render the text with ",
            "a",
            " style and return the number of cells that it occupies.",
            "rich",
            ("the", 0.4312),
            ("a", 0.3921),
            ("this", 0.0411),
            ("any", 0.0202),
            ("given", 0.0103),
        ),
    )


def classification() -> ClassificationFacts:
    names = list(PACKAGES)[:8]
    rng = random.Random(3)
    matrix = []
    for row in range(8):
        counts = [rng.choice((0, 0, 1, 2, 3, 5)) for _ in names]
        counts[row] = 100 - rng.randint(8, 34)
        matrix.append(tuple(counts))
    labels = tuple(
        LabelCount(name, 600 - 31 * place, sum(matrix[place])) for place, name in enumerate(names)
    )
    return ClassificationFacts(
        task="It tells which package a docstring is from, with the packages' names blotted out.",
        labels=labels,
        methods=(
            MethodScore("TF-IDF + logistic regression", "baseline", 0.8912, 0.884, 1.9),
            MethodScore("encoder, frozen", "encoder", 0.7423, 0.731, 14.2),
            MethodScore("encoder, trained too", "encoder", 0.8204, 0.815, 41.8),
        ),
        confusion=tuple(matrix),
        confusion_of="encoder, trained too",
    )


def facts() -> QuickstartFacts:
    """A whole run in which all went well, and the bag of words won at classification."""
    return QuickstartFacts(
        corpus=corpus(),
        tokenizer=TokenizerFacts(
            kind="WordPiece",
            vocabulary=8000,
            tokens_per_word=1.42,
            unknown_share=0.0004,
            examples=(
                SplitWord("estimator", ("estimator",)),
                SplitWord("differentiable", ("different", "##iable")),
                SplitWord("hyperparameters", ("hyper", "##param", "##eters")),
                SplitWord("eigenvalue", ("eigen", "##value")),
                SplitWord("unittest", ("unit", "##test")),
            ),
        ),
        model=ModelFacts(
            architecture="ModernBERT",
            layers=4,
            width=256,
            heads=4,
            parameters=5_244_160,
            context=512,
            dtype="float32",
            optimiser="Muon for the matrices, AdamW for the rest",
            recipe=(
                Setting("batch", "4,096 tokens, packed without padding"),
                Setting("schedule", "warm-up 120 updates, stable, decay over the last fifth"),
                Setting("learning rate", "0.003"),
                Setting("masking", "15% of tokens; 80/10/10; drawn anew each time"),
                Setting("dropout", "none"),
                Setting("seed", "0"),
            ),
        ),
        training=training(),
        mask=MaskFacts(
            tokens=11_878_400,
            selected=Share(0.15, 0.15004),
            masked=Share(0.8, 0.80021),
            random=Share(0.1, 0.09987),
            kept=Share(0.1, 0.09992),
        ),
        evaluation=evaluation(),
        blanks=blanks(),
        classification=classification(),
        throughput=(
            Rate("pretraining", 49_145, "tokens"),
            Rate("filling blanks", 412, "sentences"),
            Rate("classifying", 388, "texts"),
        ),
        stages=(
            Stage("reading the text", 21.4),
            Stage("training the tokenizer", 6.8),
            Stage("pretraining", 241.7),
            Stage("evaluation", 12.3),
            Stage("blanks", 0.4),
            Stage("classification", 61.0),
        ),
        versions=settings(
            {"unmask": "0.1.0", "torch": "2.13.0", "tokenizers": "0.22.1", "Python": "3.11.7"}
        ),
        hardware=settings(
            {
                "processor": "AMD EPYC, 2 cores",
                "memory": "8.20 GB",
                "threads": 2,
                "accelerator": "none",
            }
        ),
        commands=(
            Command(
                'unmask fill runs/quickstart "The [MASK] brown fox jumps over the lazy dog."',
                "puts back a word",
            ),
            Command(
                "unmask pretrain --text my-texts/ --minutes 30 --out runs/mine",
                "pretrains on your own text",
            ),
            Command(
                "unmask finetune runs/quickstart --task classify --train train.csv --out "
                "runs/labels",
                "trains a classifier on a table with the columns text and label",
            ),
        ),
        finished="22 November 2025",
    )
