"""Batches of ids that do not fit the model or themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.contract.folders import CONTEXT, ROWS, Folders
from unmask.arch.registry import ARCHS
from unmask.batches.pack import pack
from unmask.errors import TextError, TokenizerError, TooLong
from unmask.pipelines.encode import Encoder

pytestmark = pytest.mark.usefixtures("one_thread")

every = pytest.mark.parametrize("arch", ARCHS)


@pytest.mark.parametrize(
    "row",
    [
        [2.5, 3.0], [True], ["2"], [None, 3], [[2, 3], [4, 5]], [[2], [3, 4]], [2**70], 2, None,
        "23", np.array([2.0]), torch.tensor([2.0]),
    ],
)  # fmt: skip
def test_rows_that_are_no_ids(row: Any) -> None:
    with pytest.raises(TokenizerError, match=r"rows must be .* whole numbers, but number 1 "):
        pack([[2, 3], row])
    with pytest.raises(TokenizerError, match=r"segments must be .* whole numbers, but number 1 "):
        pack([[2, 3], [2, 3]], segments=[[0, 0], row])


def test_rows_of_other_libraries() -> None:
    for kind in (np.int32, np.uint8, np.int64):
        assert pack([np.array([2, 3], kind), torch.tensor([4])]).ids.tolist() == [2, 3, 4]


def test_parts_that_do_not_belong_together() -> None:
    rows = [[2, 3], [4, 5, 6]]
    with pytest.raises(TextError, match="at least one sequence"):
        pack([])
    with pytest.raises(TokenizerError, match=r"lengths \[2, 3\] and the segments \[3, 2\]"):
        pack(rows, segments=[[0, 0, 0], [0, 0]])
    with pytest.raises(TokenizerError, match=r"lengths \[2, 3\] and the segments \[2\]"):
        pack(rows, segments=[[0, 0]])
    with pytest.raises(TokenizerError, match="1 were given for 2 rows"):
        pack(rows, samples=[7])


@every
def test_ids_positions_and_segments_out_of_range(folders: Folders, arch: str) -> None:
    encoder = Encoder.from_pretrained(folders(arch, "encoder"))
    good = pack([[2, 5, 3], [2, 6, 7, 3]], segments=[[0] * 3, [0] * 4])
    assert good.segments is not None
    segments = encoder.opened.model.config.embedding.segments
    wrong = [
        (replace(good, ids=good.ids + ROWS), f"token ids must lie between 0 and {ROWS - 1}"),
        (replace(good, ids=good.ids - 4), "token ids must lie between 0 .* from -2 to"),
        (replace(good, positions=good.positions + CONTEXT), "positions must lie between 0 and 23"),
        (replace(good, positions=good.positions - 1), "positions must lie .* from -1"),
        (replace(good, segments=good.segments - 1), "segments must lie between 0"),
        (
            replace(good, segments=good.segments + (segments or 1)),
            "rows of the model's table" if segments else "does not tell segments apart",
        ),
    ]
    for batch, says in wrong:
        with pytest.raises(TokenizerError, match=says):
            encoder(batch)
    with pytest.raises(TooLong, match=f"at most {CONTEXT} tokens.* one has {CONTEXT + 1}"):
        encoder(pack([[2, 3], [2] * (CONTEXT + 1)]))
    # Segments that are all the first say nothing, and every model may be told it.
    told, untold = encoder(good), encoder(replace(good, segments=None))
    torch.testing.assert_close(told.last_hidden_state, untold.last_hidden_state)


@every
def test_batches_that_contradict_themselves(folders: Folders, arch: str) -> None:
    encoder = Encoder.from_pretrained(folders(arch, "encoder"))
    good = pack([[2, 5, 3], [2, 6, 7, 3]])
    numpy: Any = good.ids.numpy()
    wrong = [
        (replace(good, ids=good.ids.float()), "ids .* int64, not of torch.float32"),
        (replace(good, ids=good.ids.bool()), "ids .* int64, not of torch.bool"),
        (replace(good, ids=numpy), "ids .* int64, not of ndarray"),
        (replace(good, ids=good.ids[None]), r"ids .* 7 tokens, .* the shape \(1, 7\)"),
        (replace(good, ids=good.ids[:-1]), r"ids .* 7 tokens, .* the shape \(6,\)"),
        (replace(good, positions=good.positions[1:]), r"positions .* the shape \(6,\)"),
        (replace(good, positions=good.positions.double()), "positions .* not of torch.float64"),
        (replace(good, segments=good.ids[1:]), r"segments .* the shape \(6,\)"),
        (replace(good, lengths=(3, 3)), r"ids .* 6 tokens, the sum of its lengths"),
        (replace(good, lengths=(4, 3)), r"boundaries .* \[0, 4, 7\], not \[0, 3, 7\]"),
        (replace(good, lengths=(7,)), r"boundaries .* \[0, 7\], not \[0, 3, 7\]"),
        (replace(good, boundaries=good.boundaries[:-1]), r"boundaries .* not \[0, 3\]"),
        (replace(good, boundaries=good.boundaries + 1), r"boundaries .* not \[1, 4, 8\]"),
    ]
    for batch, says in wrong:
        with pytest.raises(TokenizerError, match=says):
            encoder(batch)
    for batch in (replace(good, lengths=()), replace(good, lengths=(7, 0)), pack([[], [2]])):
        with pytest.raises(TextError, match="at least one sequence, and none that is empty"):
            encoder(batch)
    assert encoder(good).lengths == (3, 4)
