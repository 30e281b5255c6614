"""Model folders: what is opened as what, new heads, both formats, saving."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file

from tests.checkpoint.models import (
    BATCH,
    LABELS,
    Saver,
    classifier,
    config_of,
    language_model,
    reweigh,
    rewrite,
    same,
)
from unmask.arch.registry import arch_of
from unmask.batches.pack import pack
from unmask.checkpoint.files import verify
from unmask.checkpoint.folder import (
    Opened,
    model_folder,
    open_classifier,
    open_encoder,
    open_language_model,
    open_model,
    save_model,
)
from unmask.errors import (
    CheckpointError,
    ConfigError,
    LabelMismatch,
    ModelError,
    UnsupportedModel,
    WeightMapError,
)
from unmask.heads.model import LanguageModel, PretrainingModel, SequenceClassifier
from unmask.nn.encoder import Encoder
from unmask.tokens import Tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")

both = pytest.mark.parametrize("arch", ["bert", "modernbert"])


# Opening and saving


@both
@pytest.mark.parametrize("format", ["hf", "unmask"])
def test_language_model_there_and_back(save: Saver, arch: str, format: str) -> None:
    folder = save(arch, format=format)
    verify(folder)
    opened = open_language_model(str(folder))
    assert same(opened.model, language_model(arch, config_of(arch)))
    assert (opened.arch.name, opened.format, opened.path) == (arch, format, folder)
    assert (opened.labels, opened.aside, opened.new) == ((), (), ())
    assert not opened.model.training
    assert all(p.requires_grad for p in opened.model.parameters())


@both
@pytest.mark.parametrize("format", ["hf", "unmask"])
def test_classifier_there_and_back(save: Saver, arch: str, format: str) -> None:
    opened = open_classifier(save(arch, "sequence", format=format))
    assert same(opened.model, classifier(arch, config_of(arch)))
    assert opened.labels == LABELS == opened.model.head_config.labels


@both
@pytest.mark.parametrize("kind", ["encoder", "lm", "sequence"])
@pytest.mark.parametrize("format", ["hf", "unmask"])
def test_the_encoder_of_any_folder(save: Saver, arch: str, kind: str, format: str) -> None:
    folder = save(arch, kind, format=format)
    opened = open_encoder(folder)
    made = classifier if kind == "sequence" else language_model
    assert isinstance(opened.model, Encoder)
    assert same(opened.model, made(arch, config_of(arch)).encoder)
    assert bool(opened.aside) == (kind != "encoder")
    assert opened.labels == ()


def test_tokenizer_comes_along(save: Saver, tokenizer: Tokenizer) -> None:
    folder = save("bert")
    opened = open_language_model(folder)
    assert opened.tokenizer == tokenizer
    assert opened.tokenizer.settings.model_max_length == 24
    assert opened.tokenizer.settings.segments is True
    assert open_language_model(save("modernbert", name="m")).tokenizer.settings.segments is False


def test_published_ids_are_those_of_the_tokenizer(save: Saver, tokenizer: Tokenizer) -> None:
    written = json.loads((save("modernbert") / "config.json").read_text())
    assert written["cls_token_id"] == written["bos_token_id"] == tokenizer.cls_id
    assert written["sep_token_id"] == written["eos_token_id"] == tokenizer.sep_id
    assert written["pad_token_id"] == tokenizer.pad_id
    assert (written["dtype"], written["architectures"]) == ("float32", ["ModernBertForMaskedLM"])


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dtype_is_what_was_asked_for(
    save: Saver, tmp_path: Path, stored: torch.dtype, dtype: torch.dtype
) -> None:
    opened = open_language_model(save("bert"), dtype=stored)
    again = tmp_path / "again"
    save_model(
        again,
        opened.model,
        arch=opened.arch,
        config=opened.config,
        tokenizer=opened.tokenizer,
    )
    assert json.loads((again / "config.json").read_text())["dtype"] == str(stored)[6:]
    assert load_file(again / "model.safetensors")["cls.predictions.bias"].dtype == stored
    parameters = open_language_model(again, dtype=dtype).model.parameters()
    assert {parameter.dtype for parameter in parameters} == {dtype}


def test_other_dtypes_are_refused(save: Saver) -> None:
    with pytest.raises(ConfigError, match=r"one of PyTorch's float types, .* not torch\.int8"):
        open_language_model(save("bert"), dtype=torch.int8)


def test_opening_draws_no_random_numbers_of_others(save: Saver) -> None:
    folder = save("modernbert")
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    open_classifier(folder, labels=LABELS)
    assert torch.equal(torch.rand(3), expected)


def test_a_change_of_the_model_does_not_reach_the_file(save: Saver) -> None:
    folder = save("bert")
    model = open_language_model(folder).model
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    verify(folder)
    assert not same(open_language_model(folder).model, model)


# New heads


@both
@pytest.mark.parametrize("format", ["hf", "unmask"])
def test_a_new_classifier_on_a_language_model(save: Saver, arch: str, format: str) -> None:
    folder = save(arch, format=format)
    opened = open_classifier(folder, labels=("no", "yes"), seed=3)
    project = ("head.project.weight", "head.project.bias")
    if arch == "bert":
        assert opened.new == ("head.transform.dense.weight", "head.transform.dense.bias", *project)
    else:
        assert opened.new == project
        lm = open_language_model(folder).model.head.transform
        assert same(opened.model.head.transform, lm)
    assert opened.labels == ("no", "yes")
    assert same(opened.model.encoder, language_model(arch, config_of(arch)).encoder)
    again, other = (open_classifier(folder, labels=("no", "yes"), seed=s).model for s in (3, 4))
    assert same(opened.model, again)
    weights = [m.head.project.weight for m in (opened.model, other)]
    assert not torch.equal(*weights)
    assert weights[0].std().item() == pytest.approx(0.02, rel=0.3)
    assert not opened.model.head.project.bias.any()


@both
def test_a_new_classifier_takes_over_what_transformers_takes_over(save: Saver, arch: str) -> None:
    folder = save(arch)
    ours = open_classifier(folder, labels=LABELS)
    theirs, report = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=3, output_loading_info=True
    )
    new = {"pooler.dense" if arch == "bert" else "", "classifier"} - {""}
    assert {name.removeprefix("bert.").rpartition(".")[0] for name in report["missing_keys"]} == new
    assert len(ours.new) == len(report["missing_keys"])
    assert same_hidden(ours, theirs)


@torch.no_grad()
def same_hidden(ours: Opened[SequenceClassifier], theirs: Any) -> bool:
    theirs = theirs.eval().base_model
    hidden = ours.model.encoder(pack(BATCH))
    each = [theirs(torch.tensor([row])).last_hidden_state[0] for row in BATCH]
    return torch.allclose(hidden, torch.cat(each), atol=1e-5)


def test_pooling_of_a_new_head(save: Saver, tmp_path: Path) -> None:
    folder = save("bert")
    opened = open_classifier(folder, labels=LABELS, pooling="mean")
    assert opened.model.head_config.pooling == "mean"
    assert opened.new == ("head.project.weight", "head.project.bias")
    kept: Any = {n: getattr(opened, n) for n in ("arch", "config", "tokenizer", "labels")}
    with pytest.raises(UnsupportedModel, match=r"bert format has no choice of pooling.*'mean'"):
        save_model(tmp_path / "out", opened.model, format="hf", **kept)
    assert not (tmp_path / "out").exists()
    assert save_model(tmp_path / "out", opened.model, **kept) == "unmask"
    again = open_classifier(tmp_path / "out")
    assert same(again.model, opened.model)
    assert (again.labels, again.config) == (LABELS, opened.config)
    with pytest.raises(ModelError, match="pools otherwise than by 'cls'"):
        open_classifier(tmp_path / "out", pooling="cls")
    assert open_classifier(tmp_path / "out", pooling="mean").new == ()


def test_mean_pooling_sets_a_stored_pooler_aside(save: Saver) -> None:
    folder = save("bert", "encoder")
    pooler = {"pooler.dense.weight": torch.zeros(64, 64), "pooler.dense.bias": torch.zeros(64)}
    reweigh(folder, lambda weights: weights.update(pooler))
    opened = open_classifier(folder, labels=LABELS, pooling="mean")
    assert set(opened.aside) == set(pooler)
    taken = open_classifier(folder, labels=LABELS)
    assert taken.new == ("head.project.weight", "head.project.bias")
    assert not taken.model.head.transform.dense.weight.any()


@pytest.mark.parametrize("labels", [(), ("one",), ("a", "a"), ("a", ""), ("a", 3)])
def test_labels_of_a_new_head_are_two_or_more_names(save: Saver, labels: Any) -> None:
    with pytest.raises(ModelError, match="must be two or more different names"):
        open_classifier(save("bert"), labels=labels)


def test_labels_of_a_stored_head_are_its_own(save: Saver) -> None:
    folder = save("bert", "sequence")
    assert open_classifier(folder, labels=("spam", "other", "ham")).labels == LABELS
    with pytest.raises(LabelMismatch) as caught:
        open_classifier(folder, labels=("ham", "Spam"))
    said = str(caught.value)
    assert "Only the model has: ['other', 'spam']; only the data has: ['Spam']" in said
    assert "The model's labels: ['ham', 'other', 'spam']; the data's: ['Spam', 'ham']" in said


def test_no_head_and_no_labels(save: Saver) -> None:
    with pytest.raises(ModelError, match=r"must hold a classifier, but holds a language model\. F"):
        open_classifier(save("bert"))
    with pytest.raises(ModelError, match="must hold a language model, but holds a classifier"):
        open_language_model(save("bert", "sequence", name="c"))
    with pytest.raises(ModelError, match="must hold a language model, but holds an encoder"):
        open_language_model(save("bert", "encoder", name="e"))


# What the published format cannot say


def test_rms_norm_has_no_published_form(save: Saver) -> None:
    with pytest.raises(UnsupportedModel, match=r"modernbert format has no choice of norm.*'rms'"):
        save("modernbert", norm="rms", format="hf")
    folder = save("modernbert", norm="rms")
    opened = open_language_model(folder)
    assert opened.format == "unmask"
    assert same(opened.model, language_model("modernbert", config_of("modernbert", norm="rms")))
    fresh = open_classifier(folder, labels=LABELS)
    assert fresh.new == ("head.project.weight", "head.project.bias")


def test_our_own_format_says_all(save: Saver) -> None:
    folder = save("bert", "sequence", format="unmask")
    written = json.loads((folder / "config.json").read_text())
    assert set(written) == {
        "format", "version", "model_type", "arch", "head", "labels", "config",
    }  # fmt: skip
    assert (written["format"], written["version"], written["arch"]) == ("unmask", 1, "bert")
    assert (written["head"], written["labels"]) == ("sequence", list(LABELS))
    assert "encoder.layers.0.attention.qkv.weight" in load_file(folder / "model.safetensors")
    for auto in (transformers.AutoConfig, transformers.AutoModel):
        with pytest.raises(ValueError, match="model type `unmask`"):
            auto.from_pretrained(folder)
    # The tokenizer is nobody's own.
    assert transformers.AutoTokenizer.from_pretrained(folder).vocab_size


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": 2}, "version 2 of unmask's format, and this version of unmask reads up to 1"),
        ({"version": "1"}, "version '1'"),
        (
            {"head": "tokens"},
            "one of encoder, lm, pretraining, sequence, token, span, discriminator, not 'tokens'",
        ),
        ({"extra": 1}, "differs in: extra"),
        ({"arch": None}, "differs in: arch"),
        ({"arch": "gpt"}, "qwen2, not 'gpt'"),
        ({"arch": ["bert"]}, "must be a name, not"),
        ({"labels": ["a", "b"]}, "has labels, but its head is 'lm', which has none"),
        ({"labels": "ab"}, "a list as labels"),
        ({"config": {"vocab_size": 3}}, "the field 'hidden_size' is missing"),
        ({"config": 3}, "an object as config"),
    ],
)
def test_our_own_config_is_a_closed_schema(save: Saver, changes: Any, says: str) -> None:
    folder = save("bert", format="unmask")
    rewrite(folder, **changes)
    with pytest.raises(ModelError) as caught:
        open_language_model(folder)
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{folder}: ")


def test_our_own_weights_fit_strictly(save: Saver) -> None:
    folder = save("bert", format="unmask")
    reweigh(folder, lambda weights: weights.update({"head.scale": torch.ones(1)}))
    with pytest.raises(WeightMapError, match=r"head\.scale"):
        open_language_model(folder)


# Saving


def test_the_card(save: Saver) -> None:
    assert (save("bert", card="# Mine\n") / "README.md").read_text() == "# Mine\n"
    plain = (save("bert", "sequence", name="plain") / "README.md").read_text()
    assert plain.startswith("# A classifier of the bert architecture\n")
    assert "Labels: ham, spam, other." in plain


def test_a_folder_is_replaced_only_when_asked(save: Saver) -> None:
    folder = save("bert")
    with pytest.raises(CheckpointError, match="exists already"):
        save("bert", "sequence")
    assert open_language_model(folder)
    save("bert", "sequence", replace=True)
    assert open_classifier(folder)


def test_a_model_is_saved_with_its_own_configuration(tokenizer: Tokenizer, tmp_path: Path) -> None:
    model = language_model("bert", config_of("bert"))

    def attempt(model: Any = model, arch: str = "bert", labels: Any = (), **changes: Any) -> None:
        save_model(
            tmp_path / "out",
            model,
            arch=arch_of(arch),
            config=config_of(arch, **changes),
            tokenizer=tokenizer,
            labels=labels,
        )

    with pytest.raises(ModelError, match="the encoder of the model to save is not what its conf"):
        attempt(layer_norm_eps=0.5)
    with pytest.raises(ModelError, match="the encoder of the model to save"):
        attempt(arch="modernbert")
    with pytest.raises(ModelError, match="a language model has no labels"):
        attempt(labels=LABELS)
    with pytest.raises(ModelError, match="the head of the model to save"):
        attempt(classifier("bert", config_of("bert")), labels=("ham", "other", "spam"))
    with pytest.raises(ModelError, match="must be two or more different names"):
        attempt(classifier("bert", config_of("bert")))
    with pytest.raises(ModelError, match=r"one of Encoder, LanguageModel, .*, not a Linear"):
        attempt(torch.nn.Linear(2, 2))
    with pytest.raises(ModelError, match=r"token ids up to .*has 20 rows"):
        attempt(language_model("bert", config_of("bert", vocab_size=20)), vocab_size=20)
    assert not (tmp_path / "out").exists()
    attempt()
    assert (tmp_path / "out" / "manifest.json").is_file()


# Which folder


def test_a_run_holds_its_model_below(save: Saver, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    with pytest.raises(ModelError, match=r"not finished.*Start the same command again to finish"):
        open_language_model(run)
    shutil.move(save("bert"), run / "model")
    assert model_folder(str(run)) == run / "model" == open_language_model(run).path


def test_a_folder_without_a_model_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"neither config\.json nor model/config"):
        model_folder(tmp_path)
    with pytest.raises(ModelError, match=r"missing must be the folder .*, but does not exist"):
        model_folder(tmp_path / "missing")
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"file must be the folder .*, but is a file"):
        model_folder(tmp_path / "file")


def test_a_folder_that_a_killed_save_left_aside_is_found(save: Saver) -> None:
    folder = save("bert")
    folder.rename(folder.with_name(f".{folder.name}.old-1-{'0' * 32}"))
    assert open_language_model(folder).path == folder


# Published folders of other kinds


def published_for_pretraining(folder: Path, tokenizer: Tokenizer) -> tuple[Path, Any]:
    config = transformers.BertConfig(
        vocab_size=90, hidden_size=24, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=20, max_position_embeddings=24,
    )  # fmt: skip
    theirs = transformers.BertForPreTraining(config).eval()
    theirs.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder, theirs


def test_bert_for_pretraining_opens_as_a_language_model(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    _, theirs = published_for_pretraining(tmp_path, tokenizer)
    opened = open_language_model(tmp_path)
    assert set(opened.aside) == {
        "bert.pooler.dense.weight",
        "bert.pooler.dense.bias",
        "cls.seq_relationship.weight",
        "cls.seq_relationship.bias",
    }
    batch = pack(BATCH[:1])
    with torch.no_grad():
        logits = theirs(torch.tensor(BATCH[:1])).prediction_logits[0]
        torch.testing.assert_close(
            opened.model(batch, torch.arange(batch.tokens)), logits, atol=1e-5, rtol=0
        )
    fresh = open_classifier(tmp_path, labels=LABELS)
    assert fresh.new == ("head.project.weight", "head.project.bias")
    assert torch.equal(fresh.model.head.transform.dense.weight, theirs.bert.pooler.dense.weight)


def test_both_heads_of_pretraining_open_where_both_are_there(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    """By the class that is named, or by the weights where none is; and else the language model."""
    folder = published_for_pretraining(tmp_path, tokenizer)[0]
    for change in ({}, {"architectures": None}):
        rewrite(folder, **change)
        opened = open_model(folder)
        assert isinstance(opened.model, PretrainingModel)
        assert opened.aside == ()
    rewrite(folder, architectures=["BertForPreTraining"])

    def without(weights: dict[str, torch.Tensor]) -> None:
        for name in list(weights):
            if name.startswith("cls.seq_relationship"):
                del weights[name]

    reweigh(folder, without)
    opened = open_model(folder)
    assert isinstance(opened.model, LanguageModel)
    assert set(opened.aside) == {"bert.pooler.dense.weight", "bert.pooler.dense.bias"}
    again = open_model(folder, "pretraining", new_head=True)
    assert again.new == ("pairs.project.weight", "pairs.project.bias")


def test_old_names_of_norms(save: Saver) -> None:
    folder = save("bert")

    def older(weights: dict[str, torch.Tensor]) -> None:
        for name in list(weights):
            for new, old in (("LayerNorm.weight", "gamma"), ("LayerNorm.bias", "beta")):
                if name.endswith(new):
                    old_name = f"{name.removesuffix(new)}LayerNorm.{old}"
                    weights[old_name] = weights.pop(name) + 0.5

    reweigh(folder, older)
    opened = open_language_model(folder)
    theirs = transformers.AutoModelForMaskedLM.from_pretrained(folder)
    norm = theirs.bert.embeddings.LayerNorm
    assert torch.equal(opened.model.encoder.embedding.norm.weight, norm.weight)
    assert torch.equal(opened.model.encoder.embedding.norm.bias, norm.bias)
    assert norm.bias.mean() > 0.4


@both
def test_a_folder_that_does_not_say_its_class_is_told_by_its_weights(
    save: Saver, arch: str
) -> None:
    for kind in ("lm", "encoder"):
        folder = save(arch, kind, name=kind)
        rewrite(folder, architectures=None)
        assert open_encoder(folder).aside if kind == "lm" else not open_encoder(folder).aside
        if kind == "lm":
            assert open_language_model(folder)
    folder = save(arch, "sequence", name="sequence")
    rewrite(folder, architectures=None)
    with pytest.raises(
        ModelError, match=r'Add "architectures": .* with one of ".*ForSequenceClass'
    ):
        open_classifier(folder)


def test_classes_that_are_not_served_are_named(save: Saver) -> None:
    folder = save("bert", "sequence")
    for classes in (["BertForMultipleChoice"], "BertLMHeadModel", [3], [["x"]]):
        rewrite(folder, architectures=classes)
        with pytest.raises(UnsupportedModel, match=r"architectures=.*these are served: BertModel"):
            open_classifier(folder)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"problem_type": "regression"}, UnsupportedModel, "the head gives numbers"),
        ({"problem_type": "ordinal"}, UnsupportedModel, "problem_type='ordinal'"),
        (
            {"id2label": {"0": "ham", "2": "spam", "1": 3}},
            ModelError,
            "two or more different names",
        ),
        ({"id2label": {"0": "a", "1": "a", "2": "b"}}, ModelError, "two or more different names"),
        ({"id2label": {"0": "a", "2": "b"}}, ModelError, "number the labels from 0"),
        ({"id2label": ["a", "b"]}, ModelError, "number the labels from 0"),
        (
            {"id2label": {"0": "score"}, "label2id": {"score": 0}},
            UnsupportedModel,
            "numbers: a score or a regression",
        ),
        ({"label2id": {"spam": 0, "ham": 1, "other": 2}}, ModelError, "id2label and label2id in"),
        ({"id2label": None, "num_labels": "3"}, ModelError, "num_labels in config.json must be"),
        ({"id2label": None, "label2id": None}, WeightMapError, "head.project.bias has shape (3,)"),
    ],
)
def test_labels_in_config_json(
    save: Saver, changes: Any, error: type[ModelError], says: str
) -> None:
    folder = save("bert", "sequence")
    rewrite(folder, **changes)
    with pytest.raises(error) as caught:
        open_classifier(folder)
    assert says in str(caught.value)


def test_labels_that_were_never_named(save: Saver) -> None:
    folder = save("bert", "sequence")
    rewrite(folder, id2label=None, label2id=None, num_labels=3)
    assert open_classifier(folder).labels == ("LABEL_0", "LABEL_1", "LABEL_2")
    rewrite(folder, label2id={"LABEL_0": "0", "LABEL_1": "1", "LABEL_2": "2"})
    assert open_classifier(folder).labels == ("LABEL_0", "LABEL_1", "LABEL_2")
