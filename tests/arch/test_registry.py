"""Architectures and sizes by name."""

from __future__ import annotations

import pytest

from unmask.arch.registry import ARCHS, SIZES, arch_of, size_of, sized_config
from unmask.errors import UnsupportedModel


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("size", [*SIZES, "3x128"])
def test_sizes_build_records(arch: str, size: str) -> None:
    config = sized_config(arch, size, vocab_size=800, context=128, pad_token_id=0)
    layers, width, heads = size_of(arch, size)
    encoder = arch_of(arch).encoder(config)
    assert (len(encoder.layers), encoder.width) == (layers, width)
    assert {layer.attention.heads for layer in encoder.layers} == {heads}
    assert (encoder.context, encoder.embedding.vocab) == (128, 800)
    assert config.model_type == arch
    # A new model of any size can be saved in the published format.
    assert arch_of(arch).config.parse(config.published()) == config


def test_the_published_bases() -> None:
    assert size_of("bert", "base") == (12, 768, 12)
    assert size_of("modernbert", "base") == (22, 768, 12)


@pytest.mark.parametrize("size", ["huge", "3x100", "0x64", "3x0", "x64", "3x", "3x64x2", "-1x64"])
def test_other_sizes_are_refused(size: str) -> None:
    with pytest.raises(UnsupportedModel, match="tiny, mini, small, medium, base or LAYERSxWIDTH"):
        size_of("bert", size)


def test_other_architectures_are_refused() -> None:
    with pytest.raises(UnsupportedModel, match="must be one of bert, modernbert, not 'gpt2'"):
        arch_of("gpt2")


def test_a_size_that_cannot_be_is_refused_in_our_words() -> None:
    with pytest.raises(UnsupportedModel, match="max_position_embeddings=0"):
        sized_config("bert", "tiny", vocab_size=800, context=0, pad_token_id=0)


def test_classes_name_their_kind() -> None:
    for arch in ARCHS.values():
        assert set(arch.classes) == {"encoder", "lm", "sequence"}
        assert len(arch.opened_as()) == len(arch.classes) + len(arch.also)
    assert arch_of("bert").opened_as()["BertForPreTraining"] == "lm"
