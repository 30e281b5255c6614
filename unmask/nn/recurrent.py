"""A layer of two LSTMs over a flat row of tokens, each sequence read by itself.

Shape suffixes: T tokens, E width of one direction, D = 2 E.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from unmask.nn.config import RecurrentConfig
from unmask.nn.layout import Layout
from unmask.nn.relative import Place


class RecurrentLayer(nn.Module):
    """The first half of the hidden state read forwards, the second backwards (Peters et al. 2018).

    PyTorch's packed sequences have no padding either, but are laid out by time: first tokens of
    all sequences, then second tokens, and so on. The two orders are a permutation apart.
    """

    def __init__(self, width: int, config: RecurrentConfig) -> None:
        super().__init__()
        self.onward = Direction(width // 2, config.cells)
        self.back = Direction(width // 2, config.cells)
        self.drop = nn.Dropout(config.dropout)
        self.residual = config.residual

    def forward(self, x: torch.Tensor, layout: Layout, place: Place) -> torch.Tensor:
        """`(T, D)` to `(T, D)`; an LSTM counts for itself, so `place` is not read."""
        onward_TE, back_TE = self.drop(x).chunk(2, dim=-1)
        order = layout.by_time
        read = torch.cat(
            (
                self.onward(onward_TE, order.onward, order.at_once),
                self.back(back_TE, order.back, order.at_once),
            ),
            dim=-1,
        )
        out = torch.cat((read, x.new_zeros(layout.sizes[-1], x.shape[1])))
        return x + out if self.residual else out


class Direction(nn.Module):
    """One LSTM and, where its cells are not as many as its inputs, a projection behind it.

    ELMo projects inside the recurrence; PyTorch's fast kernels for CPUs do not.
    """

    def __init__(self, width: int, cells: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, cells)
        same = cells == width
        self.project = nn.Identity() if same else nn.Linear(cells, width, bias=False)

    def forward(
        self, x_TE: torch.Tensor, rows: torch.Tensor, at_once: torch.Tensor
    ) -> torch.Tensor:
        """`(T, E)` of the sequences' rows, read in the order of `rows` and put back in theirs."""
        packed, _ = self.lstm(PackedSequence(x_TE.index_select(0, rows), at_once))
        out = self.project(packed.data)
        return torch.empty_like(out).index_copy(0, rows, out)
