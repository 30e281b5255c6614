"""Options of how a model is taught, for `unmask finetune`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option(help="Folder of the run; an unfinished one is resumed.")]
Dev = Annotated[
    Path | None, typer.Option(help="Table to measure with. Default: a tenth is held out.")
]
Freeze = Annotated[
    bool | None, typer.Option("--freeze", help="Train the head, leave the encoder as it is.")
]
Lora = Annotated[
    int | None,
    typer.Option(metavar="RANK", help="Train matrices of this rank beside the encoder's; try 8."),
]
FewShot = Annotated[
    bool | None, typer.Option("--few-shot", help="Learn from 8 to 64 texts of each label.")
]
Unlabelled = Annotated[
    Path | None,
    typer.Option(help="Table or .txt of more texts, which have no label, for --few-shot."),
]
LayerDecay = Annotated[
    float | None,
    typer.Option(help="Learning rate of a layer, of that of the one above. Default: 1."),
]
Epochs = Annotated[int | None, typer.Option(help="Default: by width and rows; shown.")]
Rate = Annotated[float | None, typer.Option(help="Default: by width; shown.")]
Batch = Annotated[int | None, typer.Option(help="Rows of an update. Default: 32.")]
Patience = Annotated[
    int | None,
    typer.Option(help="End after so many evaluations without a better figure. Default: never."),
]
EvalEvery = Annotated[float | None, typer.Option(help="Epochs between evaluations. Default: 1.")]
Metric = Annotated[
    str | None,
    typer.Option(help="Figure on the dev rows by which weights are chosen. Default: by task."),
]
Dropout = Annotated[
    float | None, typer.Option(help="Of hidden units. Default: 0, or 0.1 for tags and few shots.")
]
PretrainedShare = Annotated[
    float | None,
    typer.Option(help="Weights before training keep it. Default: 0, or 0.7 with few shots."),
]
Pooling = Annotated[str | None, typer.Option(help="Of a new head: cls or mean.")]
DevShare = Annotated[float | None, typer.Option(help="Held out without --dev.")]
Seeds = Annotated[
    int | None,
    typer.Option(help="Runs, with this seed and the next ones: mean and interval. Default: 1."),
]
