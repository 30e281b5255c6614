"""Every architecture can be pretrained, and others open the result."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
import transformers

import unmask
from tests.conftest import sentences
from unmask.arch.registry import ARCHS, sized_config
from unmask.batches.pack import pack
from unmask.checkpoint.folder import open_language_model
from unmask.errors import ConfigError
from unmask.train.log import read_log
from unmask.verbs.pretrain import plan, pretrain
from unmask.verbs.pretrain_settings import pretrain_settings

SETTINGS = {"size": "1x64", "steps": 4, "vocab_size": 150, "context": 32, "threads": 1}
MASKED = [name for name in ARCHS if name not in ("decoder", "elmo")]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(sentences()))
    return path


@pytest.mark.parametrize("arch", MASKED)
def test_pretrains_and_saves(arch: str, text: Path, tmp_path: Path) -> None:
    result = pretrain(out=tmp_path / "run", text=[str(text)], arch=arch, **SETTINGS)
    assert result.finished
    opened = open_language_model(result.model)
    assert (opened.arch.name, opened.format, opened.aside) == (arch, "hf", ())
    # The context asked for is there, whatever rows a position table has besides.
    assert opened.model.encoder.config.context == 32
    theirs, report = transformers.AutoModelForMaskedLM.from_pretrained(
        result.model, output_loading_info=True
    )
    assert {name for name, faults in report.items() if faults} == set()
    assert (
        theirs.config.model_type
        == sized_config(arch, "1x64", vocab_size=9, context=9, pad_token_id=0).model_type
    )


@pytest.mark.parametrize("start", ["new", "from"])
def test_a_decoder_learns_the_next_token(start: str, text: Path, tmp_path: Path) -> None:
    result = pretrain(out=tmp_path / "run", text=[str(text)], arch="decoder", **SETTINGS)
    if start == "from":
        given = {"from_": str(result.folder), "steps": 4, "threads": 1}
        result = pretrain(out=tmp_path / "more", text=[str(text)], **given)
    assert result.finished
    assert not result.fills
    assert set(result.held_out) == {"loss", "top1", "top5"}
    opened = open_language_model(result.model)
    assert (opened.arch.name, opened.format, opened.aside) == ("decoder", "hf", ())
    theirs, report = transformers.AutoModelForCausalLM.from_pretrained(
        result.model, output_loading_info=True
    )
    assert {name for name, faults in report.items() if faults} == set()
    ids = torch.tensor([opened.tokenizer.encode("the cat sees an apple.", specials=True).ids])
    with torch.inference_mode():
        ours = opened.model.eval()(pack(ids.tolist()), torch.arange(ids.shape[1]))
        torch.testing.assert_close(ours, theirs.eval()(ids).logits[0], rtol=1e-4, atol=1e-4)
    # What ends a text was learnt, and is what generation stops at.
    assert unmask.Generator.from_pretrained(result.model).ends == {opened.tokenizer.roles.sep}
    card = (result.model / "README.md").read_text()
    assert "pretrained on from" in card if start == "from" else "from scratch" in card
    for words in (
        "by predicting the next token",
        "next-token loss on held-out",
        "unmask.Generator",
    ):
        assert words in card
    for words in ("mask.rate", "masked", "FillMask"):
        assert words not in card


def test_a_recurrent_model_learns_both_neighbours(text: Path, tmp_path: Path) -> None:
    result = pretrain(out=tmp_path / "run", text=[str(text)], arch="elmo", **SETTINGS)
    more = pretrain(
        out=tmp_path / "more", text=[str(text)], from_=str(result.model), steps=60, threads=1
    )
    assert more.held_out["loss"] < result.held_out["loss"] - 0.5
    opened = open_language_model(more.model)
    assert (opened.arch.name, opened.format, opened.aside) == ("elmo", "unmask", ())
    assert "by predicting the next and the previous token" in (more.model / "README.md").read_text()
    # What the card tells people to type.
    states = unmask.Encoder.from_pretrained(more.model)(["a text"]).last_hidden_state
    assert states.shape[-1] == 64


@pytest.mark.parametrize("arch", ["decoder", "elmo"])
def test_the_same_figures_afterwards(arch: str, text: Path, tmp_path: Path) -> None:
    """What the run says of its held-out text, `unmask evaluate` says of it too."""
    result = pretrain(out=tmp_path / "run", text=[str(text)], arch=arch, **SETTINGS)
    held_out = tmp_path / "run" / "corpus" / "held_out.jsonl"
    measured = unmask.evaluate(result.folder, text=str(held_out), threads=1)
    assert {name: getattr(measured, name) for name in result.held_out} == result.held_out
    logged = [r for r in read_log(tmp_path / "run" / "log.jsonl") if r["kind"] == "held_out"]
    assert logged[-1]["loss"] == result.held_out["loss"]


@pytest.mark.parametrize("arch", ["decoder", "elmo"])
def test_masks_are_not_for_what_predicts_neighbours(arch: str, text: Path, tmp_path: Path) -> None:
    for mask, named in (
        ({"rate": 0.3}, r"mask\.rate=0\.3 would"),
        ({"final_rate": 0.1, "random": 0.2}, r"mask\.final_rate=0\.1, mask\.random=0\.2 would"),
    ):
        settings = pretrain_settings({"mask": mask}, text=str(text), arch=arch, **SETTINGS)
        with pytest.raises(
            ConfigError, match=f"^{named} do nothing: .* of {arch} predicts the next"
        ):
            pretrain(out=tmp_path / "run", settings=settings)
        with pytest.raises(ConfigError, match=named):
            plan(settings=settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("by", ["from_", "tokenizer"])
def test_a_decoder_goes_on_without_a_mask_token(by: str, text: Path, tmp_path: Path) -> None:
    """Published decoders have none."""
    first = pretrain(out=tmp_path / "run", text=[str(text)], arch="decoder", **SETTINGS)
    folder = tmp_path / "published"
    shutil.copytree(first.model, folder)
    (folder / "manifest.json").unlink()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        written = (folder / name).read_text().replace('"mask_token": "[MASK]",', "")
        (folder / name).write_text(written.replace("[MASK]", "blank"))
    start = str(folder if by == "from_" else first.model)
    given = {"from_": start, "steps": 4, "threads": 1} | (
        {} if by == "from_" else {by: str(folder)}
    )
    more = pretrain(out=tmp_path / "more", text=[str(text)], **given)
    assert open_language_model(more.model).tokenizer.roles.mask is None
    measured = unmask.evaluate(more.folder, text=str(text), threads=1)
    assert measured.loss > 0


@pytest.mark.parametrize("arch", ["albert", "distilbert", "electra", "modernbert"])
def test_the_tokenizer_of_the_run_says_whether_there_are_segments(
    arch: str, text: Path, tmp_path: Path
) -> None:
    result = pretrain(out=tmp_path / "run", text=[str(text)], arch=arch, **SETTINGS)
    for folder in (result.folder / "tokenizer", result.model):
        names = transformers.AutoTokenizer.from_pretrained(folder).model_input_names
        assert ("token_type_ids" in names) == (arch in ("albert", "electra"))
