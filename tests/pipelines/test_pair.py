"""Labels for pairs, and labels by their names alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from unmask.checkpoint.folder import Opened, open_classifier
from unmask.errors import ConfigError, LabelMismatch, TokenizerError, TooLong, UnsupportedModel
from unmask.heads.model import SequenceClassifier
from unmask.pipelines.classify import Classifier
from unmask.pipelines.pair import PairClassifier, ZeroShot

NLI = ("neutral", "Entailment", "contradiction")
PAIRS = [("she sees a dog", "a dog"), ("the house is old", "she plays music"), ("a", "b")] * 5


@pytest.fixture(scope="module")
def opened(tiny_model_folder: Path) -> Opened[SequenceClassifier]:
    return open_classifier(tiny_model_folder, labels=NLI, seed=3)


@pytest.fixture(scope="module")
def folder(opened: Opened[SequenceClassifier], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nli") / "model"
    PairClassifier(opened).save_pretrained(path)
    return path


def test_pairs_are_told_in_order_whatever_stands_beside_them(
    opened: Opened[SequenceClassifier],
) -> None:
    model = PairClassifier(opened)
    together = model.predict(PAIRS, scores=True)
    assert [one["label"] in NLI for one in together] == [True] * len(PAIRS)
    for pair, said in zip(PAIRS, together, strict=True):
        (alone,) = model.predict([pair], scores=True)
        assert alone["scores"] == pytest.approx(said["scores"], abs=1e-6)
        assert sum(said["scores"].values()) == pytest.approx(1.0)
        (turned,) = model.predict([(pair[1], pair[0])], scores=True)
        assert turned["scores"] != said["scores"]
    assert list(model.predict(iter(PAIRS))) == model.predict(PAIRS)


def test_what_is_too_long_is_counted_or_refused(opened: Opened[SequenceClassifier]) -> None:
    model, long = PairClassifier(opened), ("the dog " * 60, "she")
    with pytest.warns(UserWarning, match="1 of 2 pairs are longer than 48 tokens"):
        said = model.predict([long, ("a", "b")])
    assert [one["truncated"] for one in said] == [True, False]
    assert said[0]["tokens"] > 100
    with pytest.raises(TooLong):
        model.predict([long], on_long="error")
    with pytest.raises(ConfigError, match="truncate, error here, not 'chunk'"):
        model.predict([long], on_long="chunk")  # type: ignore[arg-type]
    with pytest.raises(TokenizerError, match="takes pairs of two texts, but number 0"):
        model.predict(["a text"])


def test_a_temperature_moves_probabilities_and_no_label(
    opened: Opened[SequenceClassifier],
) -> None:
    sharp = PairClassifier(replace(opened, use=replace(opened.use, temperature=0.5)))
    for one, two in zip(PairClassifier(opened).predict(PAIRS), sharp.predict(PAIRS), strict=True):
        assert one["label"] == two["label"]
        assert one["score"] < two["score"]


def test_zero_shot_finds_entailment_by_its_name(folder: Path) -> None:
    model = ZeroShot.from_pretrained(folder)
    assert (model.entailment, model.contradiction) == ("Entailment", "contradiction")
    labels = ["music", "a dog", "a house"]
    (said,) = model.predict(["she sees a dog"], labels, template="it has {}")
    pairs = [("she sees a dog", f"it has {name}") for name in labels]
    logits = torch.tensor(
        [
            [one["scores"][name] for name in NLI]
            for one in PairClassifier.from_pretrained(folder).predict(pairs, scores=True)
        ]
    ).log()
    # A softmax over the labels' entailments needs the logits; probabilities give them up to a
    # constant of each pair, so the comparison goes through the model itself.
    opened = open_classifier(folder)
    direct = ZeroShot(opened, "Entailment").predict(
        ["she sees a dog"], labels, template="it has {}"
    )
    assert direct == [said]
    assert sum(said["scores"].values()) == pytest.approx(1.0)
    assert list(said["scores"]) == labels
    (each,) = model.predict(["she sees a dog"], labels, template="it has {}", several=True)
    against = logits[:, [2, 1]].softmax(1)[:, 1]
    assert list(each["scores"].values()) == pytest.approx(against.tolist(), abs=1e-5)
    several = model.predict(iter(["she sees a dog", "b"]), labels, template="it has {}")
    assert next(several)["scores"] == pytest.approx(said["scores"], abs=1e-6)


def test_entailment_that_is_not_named_is_asked_for(
    tiny_model_folder: Path, folder: Path, tmp_path: Path
) -> None:
    plain = open_classifier(tiny_model_folder, labels=("LABEL_0", "LABEL_1"))
    PairClassifier(plain).save_pretrained(tmp_path / "plain")
    with pytest.raises(LabelMismatch, match=r"'LABEL_0', 'LABEL_1'.*entailment="):
        ZeroShot.from_pretrained(tmp_path / "plain")
    model = ZeroShot.from_pretrained(tmp_path / "plain", entailment="LABEL_1")
    assert model.predict(["a dog"], ["x", "y"])
    with pytest.raises(LabelMismatch, match="entailment must be one of"):
        ZeroShot.from_pretrained(folder, entailment="yes")
    with pytest.raises(ConfigError, match="compares entailment with contradiction"):
        model.predict(["a dog"], ["x", "y"], several=True)
    with pytest.raises(ConfigError, match="two or more different names"):
        model.predict(["a dog"], ["x"])
    with pytest.raises(ConfigError, match=r"one \{\} for the label"):
        model.predict(["a dog"], ["x", "y"], template="it is")


def test_models_of_pairs_and_of_texts_are_not_taken_for_each_other(
    opened: Opened[SequenceClassifier], folder: Path
) -> None:
    pairs = replace(opened, use=replace(opened.use, texts="pair"))
    with pytest.raises(UnsupportedModel, match=r"pairs of texts.*use unmask\.PairClassifier"):
        Classifier(pairs)
    single = replace(opened, use=replace(opened.use, texts="single"))
    with pytest.raises(UnsupportedModel, match=r"single texts.*use unmask\.Classifier"):
        PairClassifier(single)
    assert ZeroShot.from_pretrained(folder, precision="fp32").predict(["a dog"], ["x", "y"])
