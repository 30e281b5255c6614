"""`--objective span` from text to a folder that others open; and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import unmask
from tests.verbs.killed import finished, settings, text_file
from tests.verbs.labelled import Notes
from unmask.batches.pack import pack
from unmask.checkpoint.folder import open_model
from unmask.checkpoint.state import latest_state, load_state
from unmask.errors import ConfigError
from unmask.evaluation.masked import MaskedEvaluation
from unmask.text.corpus import Corpus
from unmask.train.log import read_log
from unmask.verbs.pretrain import PretrainResult, pretrain


def of_span(text: str, **rooms: dict[str, Any]) -> Any:
    budget = {"steps": 6, "accumulate": 2}
    return settings(text, objective={"name": "span"}, budget=budget, **rooms)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    return text_file(tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module", params=[1.0, 0.0])
def made(
    request: pytest.FixtureRequest, text: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[PretrainResult, float]:
    """A finished run with the boundary's loss, and one without."""
    given = of_span(text, span={"boundary": request.param, "most": 4}, run={"eval_every": 3})
    return finished(tmp_path_factory.mktemp("span") / "run", given), request.param


def test_transformers_opens_the_language_model(made: tuple[PretrainResult, float]) -> None:
    result, _ = made
    opened = open_model(result.model)
    assert (opened.arch.name, opened.format, opened.aside, opened.new) == (
        "modernbert", "hf", (), (),
    )  # fmt: skip
    theirs, report = transformers.AutoModelForMaskedLM.from_pretrained(
        result.model, output_loading_info=True
    )
    assert {name for name, faults in report.items() if faults} == set()
    ids = torch.tensor([opened.tokenizer.encode("kan lota [MASK] ruve", specials=True).ids])
    with torch.inference_mode():
        ours = opened.model(pack(ids.tolist()), torch.arange(ids.shape[1]))
        torch.testing.assert_close(ours, theirs.eval()(ids).logits[0], rtol=1e-4, atol=1e-4)
    assert len(unmask.FillMask.from_pretrained(result.model)("kan [MASK] rus", top_k=3)) == 3
    assert result.fills


def test_terms_and_counts_in_the_log(made: tuple[PretrainResult, float]) -> None:
    result, weight = made
    steps = [r for r in read_log(result.folder / "log.jsonl") if r["kind"] == "train"]
    assert len(steps) == 6
    for record in steps:
        assert ("terms" in record) == (weight > 0)
        counts = record["counts"]
        assert 0 < counts["spans"] <= counts["words"] <= 4 * counts["spans"]
        assert counts["masked"] + counts["random"] + counts["kept"] == counts["selected"]
        if weight:
            terms = record["terms"]
            assert [*terms] == ["tokens", "boundary"]
            assert terms["tokens"]["targets"] == terms["boundary"]["targets"] == counts["selected"]
            both = terms["tokens"]["loss"] + weight * terms["boundary"]["loss"]
            assert record["loss"] == pytest.approx(both)
    assert result.counts["selected"] / result.counts["ordinary"] == pytest.approx(0.15, abs=0.03)


def test_the_figures_are_those_of_single_masked_tokens(made: tuple[PretrainResult, float]) -> None:
    result, _ = made
    opened = open_model(result.model)
    texts = [d.text for d in Corpus.open(result.folder / "corpus").documents("held_out")]
    measured = MaskedEvaluation.over(opened.tokenizer, texts, context=32)(opened.model)
    assert result.held_out == pytest.approx(measured, rel=1e-5)
    logged = [r for r in read_log(result.folder / "log.jsonl") if r["kind"] == "held_out"]
    assert [r["step"] for r in logged] == [3, 6]


def test_the_card_and_the_state_know_of_the_head(made: tuple[PretrainResult, float]) -> None:
    result, weight = made
    card = (result.model / "README.md").read_text()
    count = sum(p.numel() for p in open_model(result.model).model.parameters())
    assert f"{count:,} parameters" in card
    assert "masked language modelling over spans of words" in card
    assert ("from their boundaries" in card) == (weight > 0)
    assert "span.most" in card
    assert "mask.predict" not in card
    found = latest_state(result.folder)
    assert found is not None
    names = load_state(found.path)["model"].keys()
    assert ("boundary.first.dense.weight" in names) == (weight > 0)
    assert not any("boundary" in name for name in open_model(result.model).model.state_dict())


def test_a_run_goes_on_from_it(
    made: tuple[PretrainResult, float], text: str, tmp_path: Path
) -> None:
    notes = Notes()
    more = pretrain(
        out=tmp_path / "more", watch=notes, text=text, objective="span", steps=2, threads=1,
        from_=str(made[0].model),
    )  # fmt: skip
    assert more.finished
    assert any("a head for the boundaries of spans" in note for note in notes.said)


@pytest.mark.parametrize(
    ("rooms", "said"),
    [
        ({"span": {"length_p": 1.0}}, r"span\.length_p, must lie between 0 and 1, not be 1\.0; "),
        ({"span": {"most": 0}}, r"at least one word, but span\.most is 0; the paper's is 10"),
        ({"span": {"most": 33}}, r"span\.most=33 .* 32 tokens; give fewer words"),
        ({"span": {"boundary": -1.0}}, r"span\.boundary, .* not -1\.0; the paper's is 1, and 0"),
        ({"span": {"boundary": float("inf")}}, r"boundary must be a finite number, not inf"),
        ({"mask": {"predict": 0.1}}, r"mask\.predict=0\.1 .*leave it out, or .*whole_word"),
        ({"mask": {"rate": 1.5}}, r"mask.rate, .*not be 1.5"),
        ({"mask": {"masked": 0.9, "random": 0.2}}, r"at most 1 together"),
        ({"model": {"arch": "elmo"}}, r"span predicts hidden spans of words, but elmo is for"),
        ({"pairs": {"weight": 2.0}}, r"pairs\.weight=2\.0 would do nothing"),
    ],
)
def test_settings_that_cannot_be_served(
    rooms: dict[str, Any], said: str, text: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        pretrain(out=tmp_path / "run", settings=of_span(text, **rooms))
    assert not (tmp_path / "run").exists()


def test_settings_of_spans_are_refused_elsewhere(text: str, tmp_path: Path) -> None:
    given = settings(text, objective={"name": "whole_word"}, budget={"steps": 1}, span={"most": 3})
    with pytest.raises(ConfigError, match=r"span\.most=3 would do nothing.*--objective span"):
        pretrain(out=tmp_path / "run", settings=given)
