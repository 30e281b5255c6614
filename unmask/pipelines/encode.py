"""`Encoder`: the hidden states of texts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from unmask.batches.batch import Batch
from unmask.checkpoint.folder import open_encoder
from unmask.nn.encoder import Encoder as EncoderModule
from unmask.nn.reference import Recorder
from unmask.pipelines.checks import check_batch, check_filled, check_several
from unmask.pipelines.folders import Pipeline
from unmask.pipelines.layers import Look
from unmask.pipelines.packed import Packed
from unmask.pipelines.running import Fit, run


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was read of one text: its last states, and layers that were asked for."""

    last: torch.Tensor
    states: Mapping[int, torch.Tensor]
    attentions: Mapping[int, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Encoder(Pipeline[EncoderModule]):
    """Hidden states of texts, by the encoder of any model folder."""

    opener = staticmethod(open_encoder)

    def __call__(
        self,
        texts: Sequence[str] | Batch,
        *,
        on_long: Literal["truncate", "error"] = "truncate",
        hidden_states: Sequence[int] = (),
        attentions: Sequence[int] = (),
    ) -> Packed:
        """The last layer's hidden states, texts in their order, on the model's device.

        Args:
            texts: the texts; or token ids as a batch, with their special tokens and segments, as
                `unmask.pack` makes it. All their states are held in memory.
            on_long: "truncate" reads the beginning of a text longer than the context, and warns
                once with the count; "error" raises. A batch is never cut.
            hidden_states: further layers whose states are wanted, 0 being the embedding; negative
                numbers count from the last.
            attentions: layers whose attention probabilities are wanted, 0 being the first. They are
                computed by the slow reference kernel, and take the square of a text's length.

        Raises:
            TooLong: a text is longer than the context, under "error", or a sequence of a batch is.
            TokenizerError: a text is no str, or an id of a batch has no row in the token table.
            ConfigError: what is given is no layer number, there is no such layer, or it has no
                attention.
        """
        config = self.opened.model.config
        look = Look.at(config, hidden_states, attentions)
        if isinstance(texts, Batch):
            check_batch(texts, config)
            device = self.opened.model.embedding.tokens.weight.device
            with torch.inference_mode():
                looked = self._read(texts.to(device), look)
            return self._packed(looked, texts.lengths, look)
        check_several("Encoder", texts)
        fit = Fit(
            self.tokenizer.layout,
            config.context,
            on_long,
            self.tokenizer.unk_id,
            ("truncate", "error"),
        )
        fitted = [fit(ids, number) for number, ids in enumerate(self.tokenizer.ids_stream(texts))]
        check_filled(fitted, 0)
        weight = self.opened.model.embedding.tokens.weight
        rows = [one.rows[0] for one in fitted]
        looked = run(rows, lambda batch: self._read(batch, look), weight.device)
        if cut := sum(one.truncated for one in fitted):
            warnings.warn(
                f"{cut} of {len(fitted)} texts are longer than the context of "
                f"{config.context} tokens, and only their beginnings were read; "
                "on_long='error' refuses them",
                stacklevel=2,
            )
        return self._packed(looked, tuple(one.tokens for one in fitted), look)

    def _read(self, batch: Batch, look: Look) -> list[_Looked]:
        """What is asked for of each text of a batch."""
        recorders = {number: Recorder() for number in look.attentions}
        kept: dict[int, tuple[torch.Tensor, ...]] = {}
        for number, state in enumerate(self.opened.model.states(batch, recorders)):
            if number in look.states or number == look.last:
                kept[number] = torch.split(state, [*batch.lengths])
        return [
            _Looked(
                kept[look.last][text],
                {number: kept[number][text] for number in look.states},
                {number: recorder.seen[text] for number, recorder in recorders.items()},
            )
            for text in range(len(batch))
        ]

    def _packed(self, looked: list[_Looked], tokens: tuple[int, ...], look: Look) -> Packed:
        """The texts one after the other."""
        weight, width = self.opened.model.embedding.tokens.weight, self.opened.model.config.width
        lengths = tuple(len(one.last) for one in looked)
        ends = torch.tensor([0, *lengths], dtype=torch.int64, device=weight.device).cumsum(0)
        nothing = weight.new_zeros(0, width)
        return Packed(
            torch.cat([one.last for one in looked] or [nothing]),
            ends,
            lengths,
            tokens,
            {n: torch.cat([one.states[n] for one in looked] or [nothing]) for n in look.states},
            {n: tuple(one.attentions[n] for one in looked) for n in look.attentions},
        )
