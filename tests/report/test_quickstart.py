"""The quickstart report: every figure is there, and odd runs have a report too."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from tests.report import sample
from tests.report.markup_check import Page
from unmask.errors import ConfigError
from unmask.report.facts import (
    Baseline,
    Blank,
    ClassificationFacts,
    CorpusFacts,
    EvaluationFacts,
    Group,
    Guess,
    LabelCount,
    MaskFacts,
    MethodScore,
    ModelFacts,
    QuickstartFacts,
    Setting,
    Share,
    TokenizerFacts,
    TrainingFacts,
)
from unmask.report.quickstart import quickstart_report

HOSTILE = "</title></style><script>alert('x')</script>\x1b[31m"


def read(facts: QuickstartFacts) -> Page:
    page = Page(quickstart_report(facts))
    assert page.problems == []
    return page


def bare() -> QuickstartFacts:
    """The least that a run can come to: nothing read, trained, measured or classified."""
    nothing = Share(0.0, 0.0)
    return QuickstartFacts(
        corpus=CorpusFacts(0, 0, 0, 0, 0, 0, (), ""),
        tokenizer=TokenizerFacts("WordPiece", 5, 0.0, 0.0),
        model=ModelFacts("ModernBERT", 0, 0, 0, 0, 0, "float32", "AdamW"),
        training=TrainingFacts((), (), 0, 0.0),
        mask=MaskFacts(0, nothing, nothing, nothing, nothing),
        evaluation=EvaluationFacts(0.0, 0.0, 0.0, (), 0, ""),
        blanks=(),
        classification_skipped="Only one package is installed.",
    )


def test_the_figures_are_on_the_page() -> None:
    text = read(sample.facts()).text
    for figure in (
        "17,954", "41,207", "5,308", "924", "8.25M",  # text
        "WordPiece", "8,000", "1.42", "0.04%", "##param",  # tokenizer
        "ModernBERT", "5.24M", "Muon for the matrices", "drawn anew each time",  # model
        "2,900", "11.9M", "4 min 2 s", "49.1k", "41%", "1.42 GB", "resumed once",  # training
        "15.00%", "80.02%", "9.99%", "11,878,400", "0.02 percentage points",  # masks
        "37.1%", "58.3%", "3.312", "28.3%", "44.1%", "6.287", "20,481", "1.31 times",  # evaluation
        "temperature", "81.2%", "first guess", "guess 4", "not among the guesses",  # blanks
        "89.1%", "0.884", "82.0%", "The bag of words wins", "single telling words",  # labels
        "2.13.0", "AMD EPYC, 2 cores", "412 sentences/s", "unmask fill runs/quickstart",  # machine
    ):  # fmt: skip
        assert figure in text, figure


def test_the_steps_come_in_order() -> None:
    page = quickstart_report(sample.facts())
    headings = re.findall(r'<h2><span class="step">(\d+)</span><span>([^<]+)', page)
    assert headings == [
        ("1", "The text"),
        ("2", "The tokenizer"),
        ("3", "The model"),
        ("4", "Pretraining"),
        ("5", "The masks"),
        ("6", "How good it is"),
        ("7", "Blanks it filled"),
        ("8", "Classification"),
        ("9", "Time and machine"),
        ("10", "What to type next"),
    ]


def test_a_page_depends_on_its_facts_alone_and_is_small() -> None:
    page = quickstart_report(sample.facts())
    assert page == quickstart_report(sample.facts())
    assert len(page) < 200_000


def test_a_run_that_came_to_nothing_has_a_report() -> None:
    text = read(bare()).text
    for words in (
        "No update was logged",
        "No token was counted",
        "Nothing was measured",
        "gave no sentence to blank",
        "Classification was left out. Only one package is installed.",
        "no text was held out",
    ):
        assert words in text, words


def test_no_evaluation_on_the_way() -> None:
    whole = sample.facts()
    short = replace(whole, training=replace(whole.training, evaluations=()))
    text = read(short).text
    assert "too short for an evaluation on the way" in text
    assert "Blanks filled" not in text


def test_a_single_step_and_a_long_run() -> None:
    whole = sample.facts()
    one = replace(whole.training, steps=whole.training.steps[:1], evaluations=())
    read(replace(whole, training=one))


def test_events_of_the_run_are_told() -> None:
    whole = sample.facts()
    training = replace(whole.training, resumed=2, skipped_steps=3, notes=("Threads changed.",))
    corpus = replace(whole.corpus, notes=("12 corrupt lines were skipped.",))
    text = read(replace(whole, training=training, corpus=corpus)).text
    assert "resumed 2 times" in text
    assert "3 updates were skipped because the loss was not finite" in text
    assert "Threads changed." in text
    assert "12 corrupt lines were skipped." in text


def test_a_model_below_a_baseline_is_told_plainly() -> None:
    whole = sample.facts()
    lost = replace(whole.evaluation, top1=0.2)
    assert (
        "The model loses: its first guess is right for 20.0%"
        in read(replace(whole, evaluation=lost)).text
    )
    level = replace(whole.evaluation, top1=0.285)
    assert "A draw: the model's first guess" in read(replace(whole, evaluation=level)).text
    alone = replace(whole.evaluation, baselines=())
    assert "no baseline was measured" in read(replace(whole, evaluation=alone)).text
    zero = replace(whole.evaluation, baselines=(Baseline("none", 0.0),))
    read(replace(whole, evaluation=zero))


def scores(encoder: float, baseline: float, verdict: str = "") -> QuickstartFacts:
    whole = sample.facts()
    assert whole.classification is not None
    methods = (
        MethodScore("words", "baseline", baseline, baseline, 1.0),
        MethodScore("frozen", "encoder", encoder, encoder, 1.0),
    )
    return replace(
        whole, classification=replace(whole.classification, methods=methods, verdict=verdict)
    )


def test_the_verdict_on_classification_follows_the_figures() -> None:
    assert "The encoder wins: the best encoder (frozen) 90.0%" in read(scores(0.9, 0.5)).text
    assert "It is a draw" in read(scores(0.80, 0.81)).text
    lost = read(scores(0.5, 0.9, "Because of the names.")).text
    assert "The bag of words wins: the best baseline (words) 90.0%" in lost
    assert "Because of the names." in lost


def test_one_label_that_was_never_tested() -> None:
    facts = ClassificationFacts(
        "Odd.", (LabelCount("only", 1, 0),), (MethodScore("e", "encoder", 0, 0, 0),), ((0,),), "e"
    )
    assert "e is right for 0.0%." in read(replace(sample.facts(), classification=facts)).text


def test_hostile_words_are_only_words() -> None:
    whole = sample.facts()
    assert whole.classification is not None
    blank = Blank(HOSTILE, HOSTILE, HOSTILE, (Guess(HOSTILE, 0.5),), HOSTILE)
    labels = tuple(LabelCount(HOSTILE, 1, 1) for _ in whole.classification.labels)
    page = read(
        replace(
            whole,
            corpus=replace(whole.corpus, source_note=HOSTILE, groups=(Group(HOSTILE, 3),)),
            model=replace(whole.model, architecture=HOSTILE, optimiser=HOSTILE),
            evaluation=replace(whole.evaluation, baselines=(Baseline(HOSTILE, 0.1, None, 2.0),)),
            blanks=(blank,),
            classification=replace(whole.classification, labels=labels, verdict=HOSTILE),
            versions=(Setting(HOSTILE, HOSTILE),),
            finished=HOSTILE,
        )
    )
    assert "script" not in page.tags
    assert "<script>alert('x')</script>␛[31m" in page.text


def test_facts_survive_json() -> None:
    facts = sample.facts()
    again = QuickstartFacts.from_json(facts.to_json())
    assert again == facts
    assert QuickstartFacts.from_json(bare().to_json()) == bare()
    odd = replace(bare(), finished="\ud800 東京")
    assert QuickstartFacts.from_json(odd.to_json()) == odd
    odd.to_json().encode()


def test_wrong_json_is_refused() -> None:
    raw = json.loads(bare().to_json())
    with pytest.raises(ConfigError, match="this is none"):
        QuickstartFacts.from_json("{")
    with pytest.raises(ConfigError, match="not list"):
        QuickstartFacts.from_json("[]")
    with pytest.raises(ConfigError, match=r"corpus\.word"):
        QuickstartFacts.from_json(json.dumps(raw | {"corpus": raw["corpus"] | {"word": 1}}))
    with pytest.raises(ConfigError, match=r"corpus\.words"):
        QuickstartFacts.from_json(json.dumps(raw | {"corpus": raw["corpus"] | {"words": "many"}}))
    broken = raw["evaluation"] | {"loss": float("nan")}
    with pytest.raises(ConfigError, match=r"evaluation\.loss must be a finite number"):
        QuickstartFacts.from_json(json.dumps(raw | {"evaluation": broken}))


def test_facts_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ConfigError, match="both or neither"):
        replace(bare(), classification_skipped="")
    with pytest.raises(ConfigError, match="both or neither"):
        replace(sample.facts(), classification_skipped="no")
    whole = sample.classification()
    with pytest.raises(ConfigError, match="must be 8 by 8"):
        replace(whole, confusion=whole.confusion[:7])
    with pytest.raises(ConfigError, match="a count is negative"):
        replace(whole, labels=whole.labels[:1], confusion=((-1,),))
    with pytest.raises(ConfigError, match="a label and a method at least"):
        replace(whole, methods=())


def test_the_style_knows_every_class_in_use() -> None:
    rendered = quickstart_report(sample.facts())
    used = {name for found in re.findall(r'class="([^"]*)"', rendered) for name in found.split()}
    used -= {"chart", "cell", "full", "plain", "half", "guesses"}  # plain elements of their kind
    style = Page(rendered).style
    assert {name for name in used if f".{name}" not in style} == set()
