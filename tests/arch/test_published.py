"""Published configurations: every field is kept, read over knowingly, or refused by name."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import torch
import transformers
from transformers.activations import ACT2FN

from unmask.arch.published import ACTIVATIONS, HARMLESS, NEUTRAL, PublishedConfig
from unmask.arch.registry import TYPES, arch_of, sized_config
from unmask.errors import UnsupportedModel
from unmask.nn.linear import ACTIVATIONS as FUNCTIONS

SIZES: dict[str, Any] = {
    "vocab_size": 101,
    "hidden_size": 24,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 20,
    "max_position_embeddings": 30,
    "pad_token_id": 0,
}

# As the published base of ModernBERT has it: the previous format, and two keys of BERT's.
PREVIOUS: dict[str, Any] = {
    **SIZES,
    "model_type": "modernbert",
    "architectures": ["ModernBertForMaskedLM"],
    "classifier_pooling": "mean",
    "deterministic_flash_attn": False,
    "global_attn_every_n_layers": 3,
    "global_rope_theta": 160000.0,
    "gradient_checkpointing": False,
    "layer_norm_eps": 1e-05,
    "local_attention": 128,
    "local_rope_theta": 10000.0,
    "norm_eps": 1e-05,
    "position_embedding_type": "absolute",
    "reference_compile": None,
    "repad_logits_with_grad": False,
    "sparse_prediction": False,
    "torch_dtype": "float32",
    "transformers_version": "4.47.0.dev0",
}


# What some need or call otherwise; `model_type` by `model_type`.
OTHER_SIZES: dict[str, dict[str, Any]] = {
    "albert": {"embedding_size": 12, "num_hidden_groups": 2},
    "deberta-v2": {
        "relative_attention": True,
        "share_att_key": True,
        "pos_att_type": ["c2p"],
        "position_buckets": 8,
        "norm_rel_ebd": "none",
        "cls_dropout": 0.2,
    },
    "distilbert": {
        "vocab_size": 101,
        "dim": 24,
        "n_layers": 4,
        "n_heads": 2,
        "hidden_dim": 20,
        "max_position_embeddings": 30,
    },
    "electra": {"embedding_size": 12},
    "llama": {"num_key_value_heads": 1, "head_dim": 14},
    "qwen2": {
        "num_key_value_heads": 1,
        "use_sliding_window": True,
        "sliding_window": 6,
        "max_window_layers": 2,
    },
}


def sizes(model_type: str) -> dict[str, Any]:
    own = OTHER_SIZES.get(model_type, {})
    return own if model_type == "distilbert" else SIZES | own


def published(model_type: str, **changes: Any) -> dict[str, Any]:
    """What `transformers` writes into config.json."""
    config = transformers.AutoConfig.for_model(model_type, **sizes(model_type))
    return {**json.loads(config.to_json_string(use_diff=False)), **changes}


def schema(model_type: str) -> type[PublishedConfig]:
    found: type[PublishedConfig] = arch_of(model_type).configs[model_type]
    return found


def parse(model_type: str, **changes: Any) -> PublishedConfig:
    config: PublishedConfig = arch_of(model_type).parse(published(model_type, **changes))
    return config


def other_values(value: object, name: str) -> list[Any]:
    """Values of the same type that mean something else."""
    if name == "pos_att_type":
        return [["p2c"]]
    match value:
        case bool():
            return [not value]
        case int():
            return [value + 2 if name.endswith("_token_id") else value * 2 or 3]
        case float():
            return [value / 2 + 0.001]
        case str():
            words = ("mean", "relu", "gelu_new", "relative_key", "float16", "layer_norm")
            return [word for word in words if word != value]
        case None:
            return [0.25, 3]
        case list():
            return [value[:1] * len(value)]
        case _:
            return []


# Those that `transformers` has too.
PUBLISHED = [kind for kind, arch in TYPES.items() if arch.stems]
FIELDS = [
    (arch, name)
    for arch in PUBLISHED
    for name in sorted(published(arch))
    if name not in {"model_type", "id2label", "label2id"}
]


# Of which one value is served, or other values need a change elsewhere too.
ONE_VALUE = {
    "attention_head_size",
    "hidden_size",  # of DeBERTa, which says the width of its pooler too
    "max_relative_positions",
    "num_hidden_layers",
    "pooler_hidden_size",
    "relative_attention",
    "relative_attention_num_buckets",
    "rope_parameters",
    "share_att_key",
}


@pytest.mark.parametrize(("arch", "name"), FIELDS)
def test_every_current_field_is_kept_or_known_or_refused_by_name(arch: str, name: str) -> None:
    before = published(arch)
    if name in HARMLESS | schema(arch).READ_OVER:
        assert parse(arch, **{name: before[name]}) == parse(arch)
        return
    answers = [answer(arch, name, value) for value in other_values(before[name], name)]
    assert {"kept", "refused"} >= set(answers)
    only = NEUTRAL.keys() | schema(arch).ONLY.keys() | ONE_VALUE
    assert "kept" in answers or name in only


def answer(arch: str, name: str, value: object) -> str:
    """What becomes of a value: kept, refused by name, or something that must not happen."""
    try:
        config = parse(arch, **{name: value})
    except UnsupportedModel as error:
        return "refused" if name in str(error) else f"refused without its name: {error}"
    if config == parse(arch):
        return f"{value!r} was dropped"
    written = json.loads(json.dumps(config.published()))[name]
    return "kept" if written == value else f"{value!r} became {written!r}"


@pytest.mark.parametrize("arch", PUBLISHED)
def test_defaults_are_those_of_transformers(arch: str) -> None:
    theirs = {f.name: f.default for f in dataclasses.fields(transformers.CONFIG_MAPPING[arch])}
    config = schema(arch)
    compared = 0
    for name, field in config.model_fields.items():
        # Positions are said as a whole, and there completed from several fields.
        if name in config.OWN or name == "rope_parameters":
            continue
        if not field.is_required() and name in theirs:
            assert field.default == theirs[name], name
            compared += 1
    assert compared > 8


@pytest.mark.parametrize("arch", PUBLISHED)
def test_what_is_written_is_read_as_the_same(arch: str) -> None:
    config = parse(arch)
    again = json.loads(json.dumps(config.published()))
    assert arch_of(arch).parse(again) == config
    theirs = transformers.AutoConfig.for_model(**again).to_dict()
    assert {name: theirs[name] for name in again} == again


def test_the_previous_format_of_modernbert_is_the_current_one() -> None:
    config = arch_of("modernbert").parse(PREVIOUS)
    theirs = transformers.AutoConfig.for_model(**PREVIOUS).to_dict()
    written = json.loads(json.dumps(config.published()))
    assert {name: theirs[name] for name in written} == written
    assert written["layer_types"] == [
        "full_attention",
        "sliding_attention",
        "sliding_attention",
        "full_attention",
    ]


def test_in_the_previous_format_a_null_local_base_is_the_global_one() -> None:
    config = arch_of("modernbert").parse(
        {**PREVIOUS, "local_rope_theta": None, "global_rope_theta": 500}
    )
    bases = {
        kind: rope["rope_theta"] for kind, rope in config.published()["rope_parameters"].items()
    }
    assert bases == {"full_attention": 500.0, "sliding_attention": 500.0}


def test_rope_parameters_that_are_left_out_are_completed() -> None:
    rope = {"full_attention": {"rope_theta": 77.0}, "sliding_attention": None}
    written = parse("modernbert", rope_parameters=rope).published()["rope_parameters"]
    assert written["full_attention"] == {"rope_theta": 77.0, "rope_type": "default"}
    assert written["sliding_attention"] == {"rope_theta": 10_000.0, "rope_type": "default"}


# What published files say beside the fields that `transformers` writes today.
FOUND: list[tuple[str, dict[str, Any]]] = [
    ("albert", {"gap_size": 0, "layers_to_keep": [], "net_structure_type": 0}),
    ("bert", {"gradient_checkpointing": False, "use_cache": True, "pooler_type": "first_token"}),
    ("camembert", {"output_past": True}),
    ("deberta-v2", {"pos_att_type": "p2c|c2p", "legacy": True}),
    ("distilbert", {"tie_weights_": True, "output_hidden_states": False}),
    ("electra", {"summary_activation": "gelu", "summary_last_dropout": 0.1}),
    ("llama", {"rope_scaling": None, "pretraining_tp": 1, "rope_interleaved": False}),
    ("qwen2", {"use_mrope": False}),
]


@pytest.mark.parametrize(("arch", "more"), FOUND, ids=[arch for arch, _ in FOUND])
def test_what_published_files_say_beside(arch: str, more: dict[str, Any]) -> None:
    config = parse(arch, **more)
    assert arch_of(arch).parse(config.published()) == config


@pytest.mark.parametrize(
    ("arch", "changes", "says"),
    [
        ("bert", {"is_decoder": True}, "is_decoder=True"),
        ("bert", {"add_cross_attention": True}, "add_cross_attention=True"),
        ("bert", {"is_encoder_decoder": True}, "is_encoder_decoder=True"),
        ("bert", {"position_embedding_type": "relative_key"}, "position_embedding_type='relative"),
        ("bert", {"pruned_heads": {"0": [1]}}, "pruned_heads={'0': [1]}"),
        ("bert", {"quantization_config": {"bits": 4}}, "quantization_config="),
        ("bert", {"hidden_act": "gelu_10"}, "hidden_act='gelu_10'"),
        ("bert", {"hidden_dropout_prob": 1.5}, "hidden_dropout_prob=1.5"),
        ("bert", {"hidden_size": "24"}, "hidden_size='24': input should be a valid integer"),
        ("bert", {"hidden_size": 24.5}, "hidden_size=24.5"),
        ("bert", {"hidden_size": True}, "hidden_size=True"),
        ("bert", {"hidden_size": 25}, "num_attention_heads=2 must divide hidden_size=25"),
        ("bert", {"num_hidden_layers": 0}, "num_hidden_layers=0"),
        ("bert", {"num_hidden_layers": 10**9}, "num_hidden_layers=1000000000"),
        ("bert", {"vocab_size": -1}, "vocab_size=-1"),
        ("bert", {"pad_token_id": 101}, "pad_token_id=101 must be below vocab_size=101"),
        ("bert", {"tie_word_embeddings": "no"}, "tie_word_embeddings='no'"),
        ("bert", {"hidden_sise": 3}, "unknown field 'hidden_sise' (nearest known: hidden_size)"),
        ("bert", {"layer_norm_eps": 0}, "layer_norm_eps=0"),
        ("modernbert", {"rope_scaling": {"factor": 2.0}}, "rope_scaling={'factor': 2.0}"),
        (
            "modernbert",
            {"rope_parameters": {"full_attention": {"rope_type": "linear", "rope_theta": 1.0}}},
            "rope_parameters.full_attention.rope_type='linear'",
        ),
        (
            "modernbert",
            {"rope_parameters": {"full_attention": {"factor": 2.0}}},
            "rope_parameters.full_attention.factor",
        ),
        ("modernbert", {"rope_parameters": [1]}, "rope_parameters=[1]"),
        ("modernbert", {"rope_parameters": {"full_attention": 3}}, "full_attention=3"),
        ("modernbert", {"layer_types": ["full_attention"]}, "layer_types must name every layer"),
        ("modernbert", {"layer_types": ["chunked_attention"] * 4}, "'chunked_attention'"),
        ("modernbert", {"layer_types": 5}, "layer_types=5"),
        ("modernbert", {"local_attention": -1}, "local_attention=-1"),
        ("modernbert", {"classifier_pooling": "max"}, "classifier_pooling='max'"),
        ("modernbert", {"num_attention_heads": 8}, "must be even, not 3"),
        ("modernbert", {"global_attn_every_n_layers": 0}, "global_attn_every_n_layers must be 1"),
        ("modernbert", {"global_attn_every_n_layers": "3"}, "must be 1 or more, not '3'"),
        ("modernbert", {"num_hidden_layers": "4"}, "num_hidden_layers='4'"),
        ("modernbert", {"norm": "rmsnorm"}, "norm='rmsnorm'"),
        ("roberta", {"pad_token_id": 29}, "positions start at pad_token_id + 1"),
        ("distilbert", {"tie_weights_": False}, "tie_weights_=False"),
        ("distilbert", {"dim": "24"}, "dim='24'"),
        ("distilbert", {"hidden_size": 24}, "hidden_size is called dim: rename it"),
        ("albert", {"inner_group_num": 2}, "inner_group_num=2"),
        ("albert", {"num_hidden_groups": 5}, "num_hidden_groups=5 must not exceed"),
        ("mpnet", {"relative_attention_num_buckets": 64}, "relative_attention_num_buckets=64"),
        ("deberta-v2", {"conv_kernel_size": 3}, "conv_kernel_size=3"),
        ("deberta-v2", {"share_att_key": False}, "share_att_key=False"),
        ("deberta-v2", {"relative_attention": False}, "relative_attention=False"),
        ("deberta-v2", {"pos_att_type": "p2c|p2p"}, "pos_att_type.1='p2p'"),
        ("deberta-v2", {"pos_att_type": []}, "pos_att_type=[]"),
        ("deberta-v2", {"embedding_size": 12}, "embedding_size=12 is not served, only 24"),
        ("deberta-v2", {"position_buckets": 2}, "position_buckets=2 must be 4 or more"),
        ("deberta-v2", {"norm_rel_ebd": "layer_norm|batch_norm"}, "norm_rel_ebd="),
        ("llama", {"num_key_value_heads": 3}, "num_key_value_heads=3 must divide"),
        ("llama", {"head_dim": 5}, "head_dim must be even, but a head has 5"),
        (
            "llama",
            {"rope_scaling": {"rope_type": "llama3"}},
            "rope_scaling={'rope_type': 'llama3'}",
        ),
        ("llama", {"rope_parameters": {"rope_type": "yarn"}}, "rope_parameters.rope_type='yarn'"),
        ("qwen2", {"layer_types": ["full_attention"]}, "layer_types must name every layer"),
        ("qwen2", {"use_mrope": True}, "use_mrope=True"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_refused_by_name(arch: str, changes: dict[str, Any], says: str) -> None:
    fields = published(arch)
    if "global_attn_every_n_layers" in changes:
        del fields["layer_types"]
    with pytest.raises(UnsupportedModel) as caught:
        arch_of(arch).parse({**fields, **changes})
    assert says in str(caught.value)
    # One sentence for people, none of the checker's own words and links.
    assert "pydantic" not in str(caught.value)


def test_a_theta_of_the_wrong_type_in_the_previous_format_is_named() -> None:
    with pytest.raises(UnsupportedModel, match="rope_theta='far'"):
        arch_of("modernbert").parse({**PREVIOUS, "global_rope_theta": "far"})


def test_every_missing_field_is_listed_at_once() -> None:
    with pytest.raises(UnsupportedModel) as caught:
        arch_of("bert").parse({"model_type": "bert"})
    for name in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"):
        assert f"the field {name!r} is missing" in str(caught.value)


@pytest.mark.parametrize("arch", [kind for kind in PUBLISHED if kind not in ("llama", "qwen2")])
def test_untied_heads_are_refused_for_language_models_alone(arch: str) -> None:
    config = parse(arch, tie_word_embeddings=False)
    with pytest.raises(UnsupportedModel, match="tie_word_embeddings=False: untied heads"):
        arch_of(arch).lm_head(config)
    assert arch_of(arch).sequence_head(config, ("a", "b")).labels == ("a", "b")
    assert config.published()["tie_word_embeddings"] is False


@pytest.mark.parametrize(
    ("arch", "own", "says"),
    [
        ("bert", {"classifier_pooling": "mean"}, "no choice of pooling, and this model has class"),
        ("modernbert", {"norm": "rms"}, "no choice of norm, and this model has norm='rms'"),
    ],
)
def test_what_the_published_format_lacks_is_not_written(
    arch: str, own: dict[str, Any], says: str
) -> None:
    config = parse(arch, **own)
    with pytest.raises(UnsupportedModel, match=f"{says}.*format='unmask'"):
        config.published()
    assert next(iter(own)) not in parse(arch).published()


@pytest.mark.parametrize(
    ("published_name", "same_as"),
    [
        ("gelu_python", "gelu"),
        ("gelu_new", "gelu_pytorch_tanh"),
        ("gelu_fast", "gelu_pytorch_tanh"),
        ("gelu_pytorch_tanh", "gelu_pytorch_tanh"),
        ("gelu", "gelu"),
        ("relu", "relu"),
        ("silu", "silu"),
        ("swish", "silu"),
    ],
)
def test_activations_are_the_published_functions(published_name: Any, same_as: str) -> None:
    x = torch.linspace(-6, 6, 400)
    ours = FUNCTIONS[ACTIVATIONS[published_name]](x)
    torch.testing.assert_close(ours, ACT2FN[published_name](x), atol=1e-6, rtol=0)
    torch.testing.assert_close(ours, ACT2FN[same_as](x), atol=1e-6, rtol=0)


def test_a_new_config_says_nothing_about_tokens_that_it_does_not_know() -> None:
    config = sized_config("modernbert", "tiny", vocab_size=300, context=64, pad_token_id=3)
    assert (config.cls_token_id, config.sep_token_id, config.pad_token_id) == (None, None, 3)
    # Said openly: without the words, the published ids of another tokenizer would be meant.
    assert config.published()["cls_token_id"] is None


def test_configs_are_frozen() -> None:
    with pytest.raises(Exception, match="frozen"):
        parse("bert").hidden_size = 3  # type: ignore[misc]
