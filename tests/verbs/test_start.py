"""`unmask pretrain --from`: the run begins where the other model ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.checkpoint.hubserver import HubServer, files_of
from tests.checkpoint.models import classifier, config_of, language_model, reweigh, same
from tests.conftest import sentences
from tests.verbs.killed import digest, finished, told
from tests.verbs.labelled import Notes
from unmask.arch.registry import arch_of
from unmask.checkpoint.building import named_weights
from unmask.checkpoint.folder import open_language_model, open_model, save_model
from unmask.checkpoint.layers import keep_layers
from unmask.checkpoint.origin import Origin, read_origin
from unmask.checkpoint.surgery import initialise_from
from unmask.errors import ConfigError, ModelError, ResumeMismatch
from unmask.evaluation.masked import MaskedEvaluation
from unmask.tokens.train import train
from unmask.train.log import read_log
from unmask.train.loop import LoopConfig, Run
from unmask.train.optim import Optimizer
from unmask.verbs.assembled import assemble
from unmask.verbs.prepared import prepare_text, text_sources
from unmask.verbs.pretrain import plan, pretrain
from unmask.verbs.pretrain_settings import (
    SHORT,
    ModelSettings,
    PretrainSettings,
    Settled,
    pretrain_settings,
    settle,
)

CPU = torch.device("cpu")
STEPS = {"steps": 4, "threads": 1}


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n\n".join(sentences() * 2))
    return path


def saved(folder: Path, arch: str = "bert", kind: str = "lm", **changes: Any) -> Path:
    """A random model of two layers with a tokenizer of the sentences."""
    tokenizer = train(sentences(), vocab_size=85, min_frequency=1)
    config = config_of(arch, **changes)
    model: Any = language_model(arch, config)
    if kind != "lm":
        model = classifier(arch, config) if kind == "sequence" else model.encoder
    labels = ("ham", "spam", "other") if kind == "sequence" else ()
    save_model(folder, model, arch=arch_of(arch), config=config, tokenizer=tokenizer, labels=labels)
    return folder


def begun(settings: PretrainSettings, folder: Path) -> Any:
    """What a run would begin with, and its text."""
    watch = Notes()
    start = Settled.of(settings).start
    prepared = prepare_text(settings, text_sources(settings), folder, watch, start)
    return assemble(settings, start, prepared, CPU), prepared


@pytest.mark.parametrize("arch", ["bert", "modernbert", "roberta", "albert"])
def test_a_run_begins_with_the_loss_of_its_source(arch: str, text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old", arch, **({"pad_token_id": 1} if arch == "roberta" else {}))
    settings = pretrain_settings(text=str(text), from_=source, **STEPS)
    context = 24 if arch != "roberta" else 23  # its padding is one id higher here
    assert (settings.model.arch, settings.model.size) == (arch, "2x64")
    assert settings.model.context == context
    pieces, prepared = begun(settings, tmp_path / "run")
    opened = open_language_model(source)
    held_out = MaskedEvaluation.over(
        opened.tokenizer,
        (d.text for d in prepared.corpus.documents("held_out")),
        context=opened.model.encoder.config.context,
    )
    assert held_out(pieces.model.eval()) == held_out(opened.model)
    assert same(pieces.model, opened.model)
    assert (pieces.config, prepared.tokenizer) == (opened.config, opened.tokenizer)
    assert pieces.notes == ()


def test_the_saved_model_has_the_config_of_its_source(text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old", hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)
    notes = Notes()
    result = pretrain(
        out=tmp_path / "run", text=str(text), from_=str(source), context=16, watch=notes, **STEPS
    )
    old, new = open_language_model(source), open_language_model(result.model)
    assert new.config == old.config
    assert new.tokenizer == old.tokenizer
    assert new.tokenizer.settings.model_max_length == 24
    assert not same(old.model, new.model)
    assert "opening the tokenizer" in notes.said
    card = (result.model / "README.md").read_text()
    assert f"pretrained on from {source} by masked language modelling" in card
    # And so on from there, from the run's own folder.
    further = pretrain(out=tmp_path / "more", text=str(text), from_=str(result.folder), **STEPS)
    assert further.finished


def test_a_model_of_our_own_format(text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old", "modernbert", norm="rms")
    settings = pretrain_settings(text=str(text), from_=str(source), **STEPS)
    assert settings.model.norm == "rms"
    result = pretrain(out=tmp_path / "run", settings=settings)
    assert open_language_model(result.model).format == "unmask"
    assert "AutoModelForMaskedLM" not in (result.model / "README.md").read_text()


def test_an_encoder_gets_a_new_head_and_it_is_said(text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old", kind="encoder")
    notes = Notes()
    result = pretrain(out=tmp_path / "run", text=str(text), from_=str(source), watch=notes, **STEPS)
    said = (
        f"{source} holds an encoder without a head: of the language-model head that it needs, "
        "head.bias, head.transform.dense.weight, head.transform.dense.bias, "
        "head.transform.norm.weight and 1 more are drawn anew"
    )
    assert said in notes.said
    assert open_model(result.model).model.encoder is not None


def test_a_classifiers_head_is_set_aside_and_it_is_said(text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old", kind="sequence")
    settings = pretrain_settings(text=str(text), from_=str(source), **STEPS)
    pieces, _ = begun(settings, tmp_path / "run")
    assert any("holds a classifier: of the language-model head" in note for note in pieces.notes)
    aside = "set aside, since this run has no use for them: "
    assert any(note.startswith(aside) and "classifier" in note for note in pieces.notes)
    again, _ = begun(settings, tmp_path / "again")
    assert same(pieces.model, again.model)
    other, _ = begun(
        pretrain_settings(text=str(text), from_=str(source), seed=1, **STEPS), tmp_path / "other"
    )
    assert not same(pieces.model, other.model)


def test_chosen_layers(text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old", num_hidden_layers=4)
    settings = pretrain_settings(text=str(text), from_=str(source), layers="0, 3", **STEPS)
    assert (settings.model.layers, settings.model.size) == ((0, 3), "2x64")
    pieces, _ = begun(settings, tmp_path / "begun")
    wanted = keep_layers(open_language_model(source), (0, 3))
    assert same(pieces.model, wanted.model)
    assert pieces.notes == ("layers 0, 3 of 4 are kept",)
    result = pretrain(
        out=tmp_path / "run", text=str(text), from_=str(source), layers=(0, 3), **STEPS
    )
    assert open_language_model(result.model).config == wanted.config


def test_another_tokenizer(text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old", "modernbert")
    bpe = train(sentences(), kind="bpe", vocab_size=300)
    bpe.save_pretrained(tmp_path / "tok")
    settings = pretrain_settings(
        text=str(text), from_=str(source), tokenizer=str(tmp_path / "tok"), **STEPS
    )
    pieces, prepared = begun(settings, tmp_path / "begun")
    start = initialise_from(open_language_model(source), bpe)
    assert same(pieces.model, start.opened.model)
    assert prepared.tokenizer == bpe
    assert pieces.notes[0] == (
        f"rows for 300 tokens: {start.copied:,} copied from the same token, {start.averaged:,} the "
        f"mean of its pieces, {start.drawn:,} drawn"
    )
    result = pretrain(out=tmp_path / "run", settings=settings)
    assert open_language_model(result.model).tokenizer == bpe


def test_the_same_tokenizer_changes_nothing(text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old")
    settings = pretrain_settings(text=str(text), from_=str(source), tokenizer=str(source), **STEPS)
    pieces, _ = begun(settings, tmp_path / "run")
    assert pieces.notes == ()
    assert pieces.config.vocab_size == 90  # the spare rows are still there


def test_a_plan(text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old")
    found = plan(text=str(text), from_=str(source), **STEPS)
    assert found.parameters == sum(
        p.numel() for p in open_language_model(source).model.parameters()
    )


def test_a_changed_source_is_refused_and_a_moved_one_is_not(text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old")
    options = {"out": tmp_path / "run", "text": str(text), **STEPS}
    pretrain(from_=str(source), **options)
    source.rename(tmp_path / "moved")
    assert pretrain(from_=str(tmp_path / "moved"), **options).finished
    reweigh(tmp_path / "moved", lambda w: w["cls.predictions.bias"].add_(1))
    with pytest.raises(ResumeMismatch, match="the data 'model to start from' changed"):
        pretrain(from_=str(tmp_path / "moved"), **options)
    with pytest.raises(ResumeMismatch, match="the data 'model to start from' is gone"):
        pretrain(arch="bert", size="2x64", context=24, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": "mini"}, "model.size is given too; leave it out, or leave --from out"),
        ({"arch": "bert"}, "model.arch is given too"),
        ({"vocab_size": 100}, "tokenizer.vocab_size is given too"),
        ({"context": 25}, "at most that of the model to start from, 24 tokens, not 25"),
        ({"layers": "0,x"}, "layers must be numbers from 0, such as 0,2,4, not '0,x'"),
    ],
)
def test_what_the_model_decides_is_refused(
    options: dict[str, Any], message: str, text: Path, tmp_path: Path
) -> None:
    source = saved(tmp_path / "old")
    with pytest.raises(ConfigError, match=message):
        pretrain(out=tmp_path / "run", text=str(text), from_=str(source), **STEPS, **options)
    assert not (tmp_path / "run").exists()


def test_wrong_layers_and_models_are_refused_before_any_work(text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old", "modernbert")
    options = {"out": tmp_path / "run", "text": str(text), **STEPS}
    with pytest.raises(ModelError, match="Keep layer 0 too"):
        pretrain(from_=str(source), layers=(1,), **options)
    with pytest.raises(ModelError, match="from 0 to 1, ascending"):
        pretrain(from_=str(source), layers=(0, 2), **options)
    with pytest.raises(ModelError, match="does not exist"):
        pretrain(from_=str(tmp_path / "gone"), **options)
    with pytest.raises(ConfigError, match=r"layers=.* none is named: give --from FOLDER"):
        pretrain(layers=(0,), **options)
    decoder = saved(tmp_path / "decoder", "decoder")
    settings = pretrain_settings(
        {"mask": {"rate": 0.3}}, from_=str(decoder), text=str(text), steps=1
    )
    with pytest.raises(
        ConfigError, match=r"^mask\.rate=0\.3 .* clm of decoder predicts the next token"
    ):
        pretrain(out=tmp_path / "run", settings=settings)
    settings = PretrainSettings(model=ModelSettings(start=str(source), arch="bert", context=24))
    with pytest.raises(
        ConfigError, match=r"of the modernbert architecture, but model\.arch is 'bert'"
    ):
        pretrain(out=tmp_path / "run", settings=_with_budget(settings))
    assert not (tmp_path / "run").exists()


def _with_budget(settings: PretrainSettings) -> PretrainSettings:
    from dataclasses import replace

    return replace(settings, budget=replace(settings.budget, steps=1))


def test_a_killed_run_ends_with_the_same_bits(text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old", num_hidden_layers=3, hidden_dropout_prob=0.1)
    command = [
        *(sys.executable, "-m", "unmask", "pretrain", "--text", str(text), "--from", str(source)),
        *("--layers", "0,2", "--steps", "60", "--threads", "1", "--set", "run.save_every=5"),
        *("--set", "budget.tokens_per_step=256", "--eval-every", "50", "--out"),
    ]
    alone, killed = tmp_path / "alone", tmp_path / "killed"
    for kill_at in (12, 33, None):
        child = subprocess.Popen([*command, str(killed)], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while kill_at is not None and child.poll() is None:
            log = killed / "log.jsonl"
            if log.exists() and log.read_bytes().count(b"\n") >= kill_at:
                child.send_signal(signal.SIGKILL)
                break
            assert time.monotonic() < deadline
            time.sleep(0.001)
        child.wait(timeout=120)
        assert (killed / "model").exists() == (kill_at is None)
    subprocess.run([*command, str(alone)], check=True, stderr=subprocess.DEVNULL)
    ends = [open_language_model(run) for run in (alone, killed)]
    assert same(ends[0].model, ends[1].model)
    losses = [
        [(r["step"], r["loss"]) for r in read_log(run / "log.jsonl") if r["kind"] == "train"]
        for run in (alone, killed)
    ]
    assert losses[0] == losses[1]
    assert named_weights(ends[0].model).keys() == named_weights(ends[1].model).keys()


def test_dropout_of_the_source_counts_in_every_step(text: Path, tmp_path: Path) -> None:
    """What is opened is in evaluation mode, which only an evaluation used to end."""
    source = saved(tmp_path / "old", hidden_dropout_prob=0.3)
    given = pretrain_settings(
        {"run": {"eval_every": 3, "save_every": 1}}, text=str(text), from_=str(source),
        steps=8, threads=1,
    )  # fmt: skip
    finished(tmp_path / "alone", given)
    finished(tmp_path / "killed", given, kills=(5,))
    assert told(tmp_path / "alone") == told(tmp_path / "killed")
    assert digest(tmp_path / "alone") == digest(tmp_path / "killed")
    pieces, _ = begun(given, tmp_path / "begun")
    assert not pieces.model.encoder.training
    assert Run(
        pieces.model, pieces.objective, pieces.source, LoopConfig(steps=1),
        Optimizer(pieces.model, given.optim), given.schedule, CPU, torch.float32,
    ).model.encoder.training  # fmt: skip


def test_the_keyword_is_the_option() -> None:
    assert SHORT["from_"] == ("model", "start")
    assert SHORT["revision"] == ("model", "revision")


def test_a_revision_is_that_of_a_name(text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old")
    options = {"out": tmp_path / "run", "text": str(text), **STEPS}
    with pytest.raises(ConfigError, match=r"revision='v1' .* none is named: give --from NAME"):
        pretrain(revision="v1", **options)
    with pytest.raises(ConfigError, match="revision goes with a name on the Hub"):
        pretrain(from_=str(source), revision="v1", **options)
    assert not (tmp_path / "run").exists()


# By name: a server on this machine is taken for the Hub


def test_a_name_to_start_from(hub: HubServer, text: Path, tmp_path: Path) -> None:
    source = saved(tmp_path / "old")
    commit = hub.repositories["org/name"].commit(files_of(source), "v1")
    options = {"from_": "org/name", "revision": "v1", "text": str(text), **STEPS}
    settings = pretrain_settings(**options)
    assert (settings.model.arch, settings.model.size) == ("bert", "2x64")
    pieces, prepared = begun(settings, tmp_path / "begun")
    assert same(pieces.model, open_language_model(source).model)
    assert prepared.tokenizer == open_language_model(source).tokenizer
    result = pretrain(out=tmp_path / "run", **options)
    assert read_origin(result.model) == Origin("org/name", "v1", commit)
    # From the saved folder it is passed on, as fine-tuning does.
    further = pretrain(out=tmp_path / "more", from_=str(result.folder), text=str(text), **STEPS)
    assert read_origin(further.model) == Origin("org/name", "v1", commit)
    # Without a network, and under another name of the same commit.
    hub.down = True
    again = pretrain(out=tmp_path / "run", **{**options, "revision": commit})
    assert again.finished


def test_a_run_reads_one_snapshot_of_a_branch_that_moves(
    hub: HubServer, text: Path, tmp_path: Path
) -> None:
    source = saved(tmp_path / "old")
    commit = hub.repositories["org/name"].commit(files_of(source))
    settled = settle(from_="org/name", text=str(text), **STEPS)
    reweigh(source, lambda w: w["cls.predictions.bias"].add_(1))
    moved = hub.repositories["org/name"].commit(files_of(source))
    result = pretrain(out=tmp_path / "run", settings=settled)
    assert read_origin(result.model) == Origin("org/name", None, commit)
    assert commit != moved
    with pytest.raises(ResumeMismatch, match="the data 'model to start from' changed"):
        pretrain(out=tmp_path / "run", settings=settled.settings)
    # All that a run asks of the server: which commit the branch is.
    hub.requests.clear()
    pretrain(out=tmp_path / "next", from_="org/name", text=str(text), **STEPS)
    asked = "/api/models/org/name/revision/main"
    assert [path for _, path in hub.requests if "revision" in path] == [asked]
    assert hub.fetched == []


def test_a_path_is_never_a_name(hub: HubServer, text: Path, tmp_path: Path) -> None:
    hub.repositories["org/name"].commit(files_of(saved(tmp_path / "old")))
    with pytest.raises(ModelError, match="does not exist"):
        pretrain(out=tmp_path / "run", from_=Path("org/name"), text=str(text), **STEPS)
    assert hub.requests == []
    with pytest.raises(ModelError, match="as a name on the Hub it does not exist"):
        pretrain(out=tmp_path / "run", from_="org/none", text=str(text), **STEPS)
    assert not (tmp_path / "run").exists()
