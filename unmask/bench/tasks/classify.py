"""The tasks that give a text, or a pair, one label."""

from __future__ import annotations

from dataclasses import replace

from unmask.bench.tasks.rows import Row, drawn, fewer, parted, read_rows, right, write_rows
from unmask.bench.tasks.task import Asked, Contestant, Files, TaskRow

EPOCHS = 3
EACH, MORE = 10, 2  # rows of a label to learn from, and others that only calibrate

OURS = Contestant("unmask finetune", "unmask.bench.tasks.ours:classify", EPOCHS)
TRAINER = Contestant(
    "transformers Trainer",
    "unmask.bench.tasks.peers:classify",
    EPOCHS,
    {"lr": 5e-5, "batch": 32},
)


def polarity(files: Files) -> None:
    """Snippets of film reviews (Pang and Lee 2005), split 80/10/10 by seed 0."""
    rows: list[Row] = []
    for label, ending in (("negative", "neg"), ("positive", "pos")):
        path = files.data / "sentence_polarity" / f"rt-polarity.{ending}"
        rows += [(line.strip(), label) for line in path.read_text("utf-8").splitlines()]
    parts = parted([row for row in rows if row[0]], (0.8, 0.1))
    for kind, part in zip(("train", "dev", "test"), parts, strict=True):
        write_rows(files.folder / f"{kind}.csv", fewer(part, files.quick, 2))


def banking(files: Files) -> None:
    """Customers' questions (Casanueva et al. 2020); a tenth of the training rows is for dev."""
    train, test = _banking(files)
    rest, dev = parted(train, (0.9,))
    for kind, part in (("train", rest), ("dev", dev), ("test", test)):
        write_rows(files.folder / f"{kind}.csv", part)


def banking_few(files: Files) -> None:
    """Ten of each label to learn from, others for each seed."""
    train, test = _banking(files)
    for seed in files.seeds:
        some, more = drawn(train, EACH, MORE, seed)
        write_rows(files.folder / f"train-{seed}.csv", some)
        write_rows(files.folder / f"dev-{seed}.csv", more)
    write_rows(files.folder / "test.csv", test)


def banking_more(files: Files) -> None:
    """The same, with the texts of all other training rows, whose labels are left out."""
    banking_few(files)
    train, _ = _banking(files)
    for seed in files.seeds:
        some, more = drawn(train, EACH, MORE, seed)
        taken = {text for text, _ in (*some, *more)}
        rest = [(text,) for text, _ in train if text not in taken]
        write_rows(files.folder / f"unlabelled-{seed}.csv", rest, ("text",))


def _banking(files: Files) -> tuple[list[Row], list[Row]]:
    folder = files.data / "banking77"
    train, test = (read_rows(folder / f"{kind}.csv") for kind in ("train", "test"))
    return fewer(train, files.quick), fewer(test, files.quick)


def entailment(files: Files) -> None:
    """Pairs with their counterfactual revisions (Kaushik et al. 2020), as they are split."""
    for kind in ("train", "dev", "test"):
        rows = read_rows(files.data / "cad_nli" / f"combined_{kind}.tsv", "\t")
        write_rows(files.folder / f"{kind}.csv", fewer(rows, files.quick, 3))


CLASSIFY = (
    TaskRow(
        "sentence-polarity",
        "sentence_polarity, 8,530 to learn from and 1,066 to test, two labels",
        "accuracy",
        polarity,
        right,
        (
            replace(OURS, more={"lr": 1e-4, "dropout": 0.1, "pretrained_share": 0.2}),
            TRAINER,
        ),
        Asked(0.01, by="interval", faster=3.0),
    ),
    TaskRow(
        "banking77",
        "banking77, nine tenths of the training rows and 3,080 to test, 77 labels",
        "accuracy",
        banking,
        right,
        (OURS, TRAINER),
        Asked(0.01, by="interval", faster=3.0),
    ),
    TaskRow(
        "banking77-10",
        "banking77, 10 of each label and 3,080 to test, other ones for each seed",
        "accuracy",
        banking_few,
        right,
        (
            Contestant("unmask finetune --few-shot", "unmask.bench.tasks.ours:few_shot", 0),
            Contestant("SetFit", "unmask.bench.tasks.peers_few:setfit", 1, {"pairs": 20}),
            Contestant("frozen probe", "unmask.bench.tasks.ours:probe", 0),
        ),
        Asked(0.01, by="interval", faster=3.0, least=0.87, above="frozen probe"),
    ),
    TaskRow(
        "banking77-10-more",
        "banking77, the same 10 of each label and, without their labels, the texts of all other "
        "training rows",
        "accuracy",
        banking_more,
        right,
        (
            Contestant(
                "unmask finetune --few-shot --unlabelled",
                "unmask.bench.tasks.ours:few_shot_more",
                0,
            ),
            Contestant("unmask finetune --few-shot", "unmask.bench.tasks.ours:few_shot", 0),
            Contestant("frozen probe", "unmask.bench.tasks.ours:probe", 0),
        ),
        Asked(0.01, by="interval", least=0.87, above="frozen probe"),
    ),
    TaskRow(
        "cad-nli",
        "cad_nli, 8,330 pairs to learn from and 2,000 to test, three labels",
        "accuracy",
        entailment,
        right,
        (
            Contestant(
                "unmask finetune", "unmask.bench.tasks.ours:pair", EPOCHS, {"pooling": "mean"}
            ),
            TRAINER,
        ),
        Asked(0.01),
    ),
)
