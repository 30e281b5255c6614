"""Architectures and sizes by name."""

from __future__ import annotations

import pytest

from unmask.arch.registry import ARCHS, SIZES, TYPES, arch_of, size_of, sized_config
from unmask.errors import UnsupportedModel
from unmask.nn.config import TokenHeadConfig


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("size", [*SIZES, "3x128"])
def test_sizes_build_records(arch: str, size: str) -> None:
    config = sized_config(arch, size, vocab_size=800, context=128, pad_token_id=0)
    layers, width, heads = size_of(arch, size)
    encoder = arch_of(arch).encoder(config)
    assert (len(encoder.layers), encoder.width) == (layers, width)
    assert all(attention.heads == heads for attention in encoder.attentions)
    assert bool(encoder.attentions) == (arch != "elmo")
    assert (encoder.context, encoder.embedding.vocab) == (128, 800)
    assert TYPES[config.model_type].name == arch
    # A new model of any size can be saved in the published format, where there is one.
    assert arch_of(arch).parse(config.published()) == config


def test_the_published_bases() -> None:
    assert size_of("bert", "base") == (12, 768, 12)
    assert size_of("modernbert", "base") == (22, 768, 12)


@pytest.mark.parametrize("size", ["huge", "3x100", "0x64", "3x0", "x64", "3x", "3x64x2", "-1x64"])
def test_other_sizes_are_refused(size: str) -> None:
    with pytest.raises(UnsupportedModel, match="tiny, mini, small, medium, base or LAYERSxWIDTH"):
        size_of("bert", size)


def test_other_architectures_are_refused() -> None:
    with pytest.raises(UnsupportedModel, match=r"one of bert, roberta, .*qwen2, not 'gpt2'"):
        arch_of("gpt2")


def test_a_size_that_cannot_be_is_refused_in_our_words() -> None:
    with pytest.raises(UnsupportedModel, match="max_position_embeddings=0"):
        sized_config("bert", "tiny", vocab_size=800, context=0, pad_token_id=0)


def test_classes_name_their_kind() -> None:
    for arch in ARCHS.values():
        config = sized_config(arch.name, "tiny", vocab_size=9, context=9, pad_token_id=0)
        for kind in arch.stems.keys() - {"qwen2"}:  # which has fields of its own
            named = arch.opened_as(config.check({**config.model_dump(), "model_type": kind}))
            assert {kinds[0] for kinds in named.values()} == {*arch.heads}
            # A class that is opened as two kinds is first of all the one that it is saved as.
            assert all(named[name][1:] == (as_,) for name, as_ in arch.also.items())
    assert arch_of("electra").heads.keys() - arch_of("bert").heads.keys() == {"discriminator"}


def test_a_model_type_names_its_architecture() -> None:
    assert arch_of("xlm-roberta") is arch_of("camembert") is arch_of("roberta")
    assert arch_of("deberta-v2") is arch_of("deberta_v2")
    assert arch_of("qwen2") is arch_of("llama") is arch_of("decoder")


def test_a_head_that_an_architecture_lacks_is_named() -> None:
    config = sized_config("mpnet", "tiny", vocab_size=9, context=9, pad_token_id=0)
    with pytest.raises(UnsupportedModel, match=r"mpnet has, encoder, lm, .*, not 'discriminator'"):
        arch_of("mpnet").head("discriminator", config)


@pytest.mark.parametrize("name", ["bert", "deberta_v2", "modernbert"])
def test_a_head_without_a_published_class_has_none(name: str) -> None:
    config = sized_config(name, "tiny", vocab_size=9, context=9, pad_token_id=0)
    head = arch_of(name).head("discriminator", config)
    assert isinstance(head, TokenHeadConfig)
    assert head.outputs == 1
    with pytest.raises(UnsupportedModel, match="no published format for a discriminator: save it"):
        arch_of(name).class_of(config, "discriminator")
