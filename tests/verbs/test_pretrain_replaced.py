"""`unmask pretrain --objective rtd`: what is saved, what opens it, what is refused."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
import transformers

import unmask
from tests.conftest import sentences
from tests.verbs.labelled import Notes, write_table
from unmask.arch.registry import arch_of, sized_config
from unmask.batches.pack import pack
from unmask.checkpoint.folder import open_encoder, open_model
from unmask.errors import ConfigError, ModelError
from unmask.evaluation.masked import MaskedEvaluation
from unmask.heads.replaced import Share
from unmask.train.log import read_log
from unmask.verbs.finetune import finetune
from unmask.verbs.learning.replaced import generator_config
from unmask.verbs.learning.settings import RtdSettings
from unmask.verbs.pretrain import PretrainResult, plan, pretrain
from unmask.verbs.pretrain_settings import settle

SHORT: dict[str, Any] = {
    "objective": "rtd", "arch": "electra", "size": "1x64", "steps": 6, "vocab_size": 150,
    "context": 32, "threads": 1, "dtype": "fp32",
}  # fmt: skip
SHARES: tuple[Share, ...] = get_args(Share)
EXAMPLE = "the cat sees an apple."


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(sentences()))
    return path


def trained(text: Path, out: Path, nested: Any = None, **short: Any) -> PretrainResult:
    return pretrain(out=out, settings=settle(nested, text=[str(text)], **SHORT | short))


@pytest.fixture(scope="module")
def runs(text: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Share, PretrainResult]:
    """A finished run for each way of sharing."""
    folder = tmp_path_factory.mktemp("runs")
    return {
        share: trained(text, folder / share, {"rtd": {"share": share}, "optim": {"lr": 0.02}})
        for share in SHARES
    }


@pytest.mark.parametrize("share", SHARES)
def test_transformers_opens_both(runs: dict[Share, PretrainResult], share: Share) -> None:
    result = runs[share]
    assert (result.finished, result.fills, result.head) == (True, False, "discriminator")
    folders: dict[str, tuple[Path, Any]] = {
        "discriminator": (result.model, transformers.ElectraForPreTraining),
        "lm": (result.folder / "generator", transformers.ElectraForMaskedLM),
    }
    for kind, (folder, theirs_of) in folders.items():
        ours = open_model(folder)
        assert (ours.arch.name, ours.format, ours.aside, ours.new) == ("electra", "hf", (), ())
        theirs, report = theirs_of.from_pretrained(folder, output_loading_info=True)
        assert {name for name, faults in report.items() if faults} == set()
        assert theirs.config.architectures == [theirs_of.__name__]
        ids = torch.tensor([ours.tokenizer.encode(EXAMPLE, specials=True).ids])
        batch = pack(ids.tolist())
        with torch.inference_mode():
            got = (
                ours.model(batch, torch.arange(batch.tokens))
                if kind == "lm"
                else ours.model(batch).squeeze(1)
            )
            want = theirs.eval()(ids).logits[0]
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
        assert float(want.std()) > 1e-3


def test_what_was_shared_is_in_both_folders(runs: dict[Share, PretrainResult]) -> None:
    same, near = {}, {}
    for share, result in runs.items():
        parts = [
            open_encoder(folder).model.embedding
            for folder in (result.folder / "generator", result.model)
        ]
        tables = [part.tokens.weight for part in parts]
        same[share] = tables[0].shape == tables[1].shape and torch.equal(*tables)
        positions = [part.positions for part in parts]
        assert positions[0] is not None
        assert positions[1] is not None
        near[share] = positions[0].weight.shape == positions[1].weight.shape and torch.equal(
            positions[0].weight, positions[1].weight
        )
    assert same == {"none": False, "tokens": True, "all": True, "gdes": False}
    assert near == {"none": False, "tokens": False, "all": True, "gdes": False}


def test_the_figures_of_held_out_text(runs: dict[Share, PretrainResult]) -> None:
    result = runs["tokens"]
    figures = result.held_out
    assert 0.0 <= figures["recall"] <= 1.0
    assert 0.8 < figures["base"] < 1.0
    # The generator's loss is that of the fixed protocol of masks.
    opened = open_model(result.folder / "generator")
    texts = [json.loads(line)["text"] for line in
             (result.folder / "corpus" / "held_out.jsonl").read_text().splitlines()]  # fmt: skip
    masked = MaskedEvaluation.over(opened.tokenizer, texts, context=32)(opened.model)
    assert figures["generator_loss"] == pytest.approx(masked["loss"], rel=1e-5)
    assert figures["generator_top1"] == pytest.approx(masked["top1"])
    logged = [r for r in read_log(result.folder / "log.jsonl") if r["kind"] == "held_out"]
    assert {name: logged[-1][name] for name in figures} == pytest.approx(figures)
    card = (result.model / "README.md").read_text()
    for words in (
        "by replaced-token detection", "discriminator right, held-out", "rtd.share", "mask.rate",
        "right by always giving the commoner answer", "generator's masked loss", "AutoModel",
        "tokens that are replaced, held-out", "generator put back as they were",
    ):  # fmt: skip
        assert words in card
    assert "mask.random" not in card
    parameters = sum(p.numel() for p in open_model(result.model).model.parameters())
    assert f"{parameters:,} parameters" in card
    beside = (result.folder / "generator" / "README.md").read_text()
    assert "unmask.FillMask" in beside
    assert "generator of a run of replaced-token detection" in beside


def test_counts_and_terms_in_the_log(runs: dict[Share, PretrainResult]) -> None:
    steps = [r for r in read_log(runs["gdes"].folder / "log.jsonl") if r["kind"] == "train"]
    assert len(steps) == 6
    for record in steps:
        assert [*record["terms"]] == ["discriminator", "generator"]
        terms, counts = record["terms"], record["counts"]
        both = 50.0 * terms["discriminator"]["loss"] + terms["generator"]["loss"]
        assert record["loss"] == pytest.approx(both)
        assert record["accuracy"] == terms["discriminator"]["accuracy"]
        assert counts["replaced"] + counts["sampled_original"] == counts["masked"]
        assert counts["masked"] == terms["generator"]["targets"]
        assert counts["ordinary"] == terms["discriminator"]["targets"]
    assert runs["gdes"].counts["replaced"] == sum(r["counts"]["replaced"] for r in steps)


def test_what_the_folders_are_good_for(
    runs: dict[Share, PretrainResult], text: Path, tmp_path: Path
) -> None:
    result = runs["gdes"]
    beside = result.folder / "generator"
    for folder in (result.folder, result.model):
        with pytest.raises(ModelError, match=f"discriminator of replaced tokens.*use {beside}$"):
            unmask.FillMask.from_pretrained(folder)
    assert len(unmask.FillMask.from_pretrained(beside)("the [MASK] sees", top_k=3)) == 3
    with pytest.raises(ModelError, match=r"discriminator of replaced tokens.*fine-tune it first"):
        unmask.evaluate(result.folder, text=str(text), threads=1)
    assert unmask.evaluate(beside, text=str(text), threads=1).loss > 0  # type: ignore[union-attr]
    assert unmask.Encoder.from_pretrained(result.folder)([EXAMPLE]).last_hidden_state.shape[1] == 64
    assert unmask.Embedder.from_pretrained(result.folder, pooling="mean").encode(["a"]).shape == (
        1,
        64,
    )
    table = write_table(tmp_path / "train.csv")
    tuned = finetune(result.folder, train=table, out=tmp_path / "tuned", epochs=1, lr=1e-3)
    assert tuned.finished


def test_a_finished_run_is_left_as_it_is(runs: dict[Share, PretrainResult], text: Path) -> None:
    result = runs["tokens"]
    nested = {"rtd": {"share": "tokens"}, "optim": {"lr": 0.02}}
    assert trained(text, result.folder, nested) == result


def test_a_plan_counts_what_is_shared_once(text: Path) -> None:
    found = {
        share: plan(
            settings=settle({"rtd": {"share": share}}, text=[str(text)], **SHORT)
        ).parameters
        for share in ("tokens", "gdes")
    }
    config = sized_config("electra", "1x64", vocab_size=150, context=32, pad_token_id=0)
    assert found["gdes"] - found["tokens"] == config.vocab_size * 64


@pytest.mark.parametrize(
    ("nested", "short", "said"),
    [
        (
            {},
            {"arch": "roberta"},
            r"rtd .* roberta .*; give --objective mlm or .*, or --arch electra",
        ),
        ({}, {"arch": "decoder"}, r"decoder is for the next token; give --objective clm"),
        ({"mask": {"random": 0.2}}, {}, r"^mask.random=0.2 would do nothing.*leave it out"),
        ({"rtd": {"weight": 0.0}}, {}, r"rtd.weight, must be above 0 and finite, not 0.0"),
        ({"mask": {"rate": 1.5}}, {}, r"masking rate"),
        ({"rtd": {"weight": 10.0}}, {"objective": "mlm"}, r"rtd.weight=10.0 would do nothing.*rtd"),
    ],
)
def test_what_cannot_be_served_is_refused(
    nested: Any, short: Any, said: str, text: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        trained(text, tmp_path / "run", nested, **short)
    assert not (tmp_path / "run").exists()


def test_a_model_to_go_on_from_is_refused(
    runs: dict[Share, PretrainResult], text: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"drawn weights.*leave --from out, or .*mlm"):
        pretrain(
            out=tmp_path / "run", text=[str(text)], objective="rtd", steps=2,
            from_=str(runs["tokens"].folder / "generator"),
        )  # fmt: skip
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("share", [0.0, -0.5, 1.01, 4.0, float("nan")])
@pytest.mark.parametrize("name", ["generator", "depth"])
def test_a_generator_larger_than_its_discriminator_is_refused(name: str, share: float) -> None:
    said = rf"rtd.{name}, must be above 0 and at most 1 .*Give rtd.generator=0.25"
    with pytest.raises(ConfigError, match=said):
        RtdSettings(**{name: share})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "asked", "heads", "width"),
    [
        ("1x64", 0.25, 1, 16),
        ("tiny", 0.25, 1, 32),
        ("tiny", 0.5, 1, 64),
        ("mini", 0.25, 1, 64),
        ("base", 0.25, 3, 192),
        ("base", 1 / 3, 4, 256),
        ("base", 0.3, 4, 224),
        ("base", 0.01, 1, 8),
        ("base", 1.0, 12, 768),
    ],
)
def test_whole_heads(size: str, asked: float, heads: int, width: int) -> None:
    arch = arch_of("electra")
    config = sized_config("electra", size, vocab_size=99, context=32, pad_token_id=0)
    for share in SHARES:
        made = generator_config(arch, config, RtdSettings(generator=asked, share=share))
        fields = made.model_dump()
        assert (fields["num_attention_heads"], made.hidden_size) == (heads, width)
        assert width % heads == 0
        assert made.num_hidden_layers == config.num_hidden_layers
        assert fields["embedding_size"] == (width if share == "none" else config.hidden_size)
        arch.encoder(made)


def test_a_generator_of_half_the_depth() -> None:
    arch = arch_of("modernbert")
    config = sized_config("modernbert", "base", vocab_size=99, context=32, pad_token_id=0)
    made = generator_config(arch, config, RtdSettings(generator=1.0, depth=0.5))
    assert (made.num_hidden_layers, made.hidden_size) == (11, 768)
    assert arch.encoder(made).layers == arch.encoder(config).layers[:11]


@pytest.mark.parametrize("arch", ["bert", "deberta_v2", "modernbert"])
def test_architectures_without_a_published_discriminator(
    arch: str, text: Path, tmp_path: Path
) -> None:
    """Theirs is in our own format; their embedding is as wide as the encoder, in both models."""
    with pytest.raises(ConfigError, match=r"64, .*rtd.generator=1 .*--arch electra"):
        trained(text, tmp_path / "narrow", arch=arch)
    nested = {"rtd": {"generator": 1.0, "depth": 0.5, "share": "gdes"}}
    result = trained(text, tmp_path / "run", nested, arch=arch, size="2x64")
    opened = open_model(result.model)
    assert (opened.arch.name, opened.format, opened.aside, opened.new) == (arch, "unmask", (), ())
    scores = opened.model(pack([opened.tokenizer.encode(EXAMPLE, specials=True).ids]))
    assert scores.shape[1] == 1
    assert "does not open it" in (result.model / "README.md").read_text()
    generator = open_model(result.folder / "generator")
    assert (generator.format, len(generator.model.encoder.layers)) == ("hf", 1)
    # What follows is in the published format again.
    table = write_table(tmp_path / "train.csv")
    tuned = finetune(result.folder, train=table, out=tmp_path / "tuned", epochs=1, lr=1e-3)
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tuned.model)
    assert theirs.config.num_labels == 4


def noise(path: Path) -> Path:
    """Letters that nothing can be known of, each by itself."""
    dice = random.Random(2)
    lines = (" ".join(dice.choices("abcdefghijklmnop", k=12)) for _ in range(300))
    path.write_text("\n".join(lines))
    return path


def constant(path: Path) -> Path:
    """Of which everything is known."""
    path.write_text("\n".join(f"{'a ' * (5 + number % 20)}" for number in range(300)))
    return path


@pytest.mark.parametrize(
    ("make", "said"), [(noise, "tells nothing apart"), (constant, "nearly nothing is replaced")]
)
def test_a_collapsed_run_is_warned_of(make: Any, said: str, tmp_path: Path) -> None:
    notes = Notes()
    nested = {"budget": {"tokens_per_step": 512}, "text": {"document": "line"}}
    settings = settle(
        nested, text=[str(make(tmp_path / "text.txt"))], **SHORT | {"steps": 70, "vocab_size": 40}
    )
    result = pretrain(out=tmp_path / "run", settings=settings, watch=notes)
    assert [said in words for words in result.warnings] == [True]
    assert result.warnings[0] in notes.said
    stored = json.loads((tmp_path / "run" / "result.json").read_text())
    assert tuple(stored["warnings"]) == result.warnings
    assert said in (result.model / "README.md").read_text()
    again = pretrain(out=tmp_path / "run", settings=settings)
    assert again == result


def test_a_sane_run_is_not(text: Path, tmp_path: Path) -> None:
    nested = {"budget": {"tokens_per_step": 1024}, "optim": {"lr": 2e-3, "muon_lr": 0.01}}
    result = trained(text, tmp_path / "run", nested, steps=150)
    assert result.warnings == ()
    assert result.held_out["accuracy"] > result.held_out["base"]
    assert "In its training" not in (result.model / "README.md").read_text()
