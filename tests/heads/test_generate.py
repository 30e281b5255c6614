"""Greedy generation: with its memory as without, and as `transformers` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import unmask
from tests.nn.models import language_model, random_rows, shaken
from tests.parity.compare import Pair
from tests.parity.oracles import ROWS, Row
from unmask.arch.decoder_config import LlamaConfig
from unmask.arch.registry import arch_of
from unmask.batches.pack import pack
from unmask.errors import ConfigError, ModelError, TokenizerError, TooLong
from unmask.heads.generate import generate
from unmask.heads.model import LanguageModel
from unmask.nn.memory import LayerMemory

DECODERS = [row for row in ROWS if row.arch == "decoder"]
LENGTHS = (5, 1, 12, 5, 9)


def slowly(model: LanguageModel, prompt: list[int], most: int, rows: int = 331) -> list[int]:
    """Each token from a forward pass over everything before it; one of the table's first rows."""
    ids = list(prompt)
    with torch.inference_mode():
        for _ in range(most):
            scores = model(pack([ids]), torch.tensor([len(ids) - 1]))
            ids.append(int(scores[:, :rows].argmax()))
    return ids[len(prompt) :]


@pytest.fixture(params=DECODERS, ids=lambda row: row.variant)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Pair:
    row: Row = request.param
    return Pair(row, "lm", tmp_path / "theirs")


def test_writes_what_a_model_without_memory_writes(pair: Pair) -> None:
    model, prompts = pair.opened.model, random_rows(LENGTHS, vocab=331)
    assert generate(model, prompts, 20) == [slowly(model, prompt, 20) for prompt in prompts]


def test_writes_what_transformers_writes(pair: Pair) -> None:
    prompts = [[2 + token % 300 for token in row] for row in random_rows(LENGTHS, vocab=331)]
    ours = generate(pair.opened.model, prompts, 15)
    for prompt, written in zip(prompts, ours, strict=True):
        theirs = pair.theirs.generate(
            torch.tensor([prompt]), max_new_tokens=15, do_sample=False, eos_token_id=None
        )
        assert theirs[0, len(prompt) :].tolist() == written


def test_stops_behind_an_end_and_others_go_on() -> None:
    model, prompts = decoder(), random_rows(LENGTHS)
    free = generate(model, prompts, 12)
    end = free[0][3]
    stopped = generate(model, prompts, 12, stop={end})
    for long, short in zip(free, stopped, strict=True):
        expected = long[: long.index(end) + 1] if end in long else long
        assert short == expected
    assert {len(short) for short in stopped} != {12}


def test_memory_is_of_the_shared_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are kept once for all the queries that share them."""
    row = next(row for row in DECODERS if row.variant == "Llama, tied")
    config = LlamaConfig.parse({"model_type": "llama", **row.settings})
    arch, shapes, read = arch_of("llama"), [], LayerMemory._read_prompts

    def record(self: LayerMemory, *given: Any) -> None:
        read(self, *given)
        assert self.keys is not None
        shapes.append(tuple(self.keys.shape))

    monkeypatch.setattr(LayerMemory, "_read_prompts", record)
    generate(LanguageModel(arch.encoder(config), arch.lm_head(config)), [[5, 6]], 3)
    # Six heads of queries, three of keys; two tokens and room for three more; heads of 10.
    assert shapes == [(1, 3, 5, 10)] * 3


def test_refuses_what_is_not_causal_and_what_does_not_fit() -> None:
    with pytest.raises(ModelError, match=r"continued by a causal language model.*unmask.FillMask"):
        generate(language_model("bert"), [[1, 2]], 3)
    with pytest.raises(TooLong, match=r"at most 64 tokens, but would have 70; .* at most 54 new"):
        generate(decoder(), [[1] * 10, [2]], 60)


def decoder() -> LanguageModel:
    model = shaken(language_model("decoder"))
    assert isinstance(model, LanguageModel)
    return model.eval()


def test_blanks_are_not_for_what_predicts_neighbours(tmp_path: Path) -> None:
    """A decoder and a recurrent model open, and say what they cannot do."""
    text = tmp_path / "text.txt"
    text.write_text("one line of text\n")
    for row in ROWS:
        if row.arch not in ("decoder", "elmo"):
            continue
        folder = tmp_path / row.name
        _ = Pair(row, "lm", folder).opened
        with pytest.raises(ModelError, match="blanks are filled by a masked language model"):
            unmask.FillMask.from_pretrained(folder)
        measured = unmask.evaluate(folder, text=str(text))
        both = row.arch == "elmo"
        assert measured.predicted == ("next and previous tokens" if both else "next tokens")
        assert measured.targets == (measured.tokens - 1) * (2 if both else 1)
        if row.arch == "elmo":
            with pytest.raises(ModelError, match="continued by a causal language model"):
                unmask.Generator.from_pretrained(folder)


def test_the_class_tells_text_tokens_and_end(tmp_path: Path) -> None:
    row = next(row for row in DECODERS if row.variant == "Llama, tied")
    opened = Pair(row, "lm", tmp_path / "theirs").opened
    generator = unmask.Generator(opened)
    assert generator.ends == {3}
    prompts = ["the quick brown fox", "a tiny model", "words"] * 15
    found = generator(prompts, max_new_tokens=6)
    assert [one["text"] for one in found[:3]] == [one["text"] for one in found[3:6]]
    for text, one in zip(prompts, found, strict=True):
        ids = [*opened.tokenizer.layout.prefix, *opened.tokenizer.encode(text).ids]
        written = slowly(opened.model, ids, 6, opened.tokenizer.vocab_size)
        cut = written[: written.index(3) + 1] if 3 in written else written
        assert one["tokens"] == len(cut)
        assert one["ended"] == (3 in written)
        assert one["text"] == opened.tokenizer.decode([token for token in cut if token != 3])
    generator.save_pretrained(tmp_path / "copy")
    assert unmask.Generator.from_pretrained(tmp_path / "copy")(["words"], 6) == [found[2]]
    with pytest.raises(ConfigError, match="max_new_tokens must be at least 1, not 0"):
        generator(["words"], 0)
    with pytest.raises(TokenizerError, match=r"write \[text\]"):
        generator("words")
