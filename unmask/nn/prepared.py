"""An encoder prepared for inference: its weights in a chosen precision, laid out once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import torch
from torch import nn

from unmask.errors import ConfigError, ModelError
from unmask.nn.config import Activation, RecurrentConfig
from unmask.nn.encoder import Encoder
from unmask.nn.int8 import Int8, Site
from unmask.nn.linear import GatedLinear, Linear
from unmask.nn.norm import LayerNorm
from unmask.nn.processor import fast_bf16, norms_two_types
from unmask.nn.products import OneDnn, Plain, Product, Tiled, has_onednn

Precision = Literal["auto", "fp32", "bf16", "int8"]
"""Of the products: "auto" is bf16 where the processor multiplies it in hardware, else float32."""

MakeProduct = Callable[[str, torch.Tensor, torch.Tensor | None, Activation | None], Product]
"""From the layer's name in the encoder, a weight, a bias and an activation."""


class Made:
    """A weight as it was when a product was made from it.

    Its memory is held on to, so that no other weight can come to lie there.
    """

    __slots__ = ("tensor", "version")

    def __init__(self, weight: torch.Tensor) -> None:
        self.tensor = weight.detach()
        self.version = None if weight.is_inference() else weight._version

    def is_still(self, weight: torch.Tensor) -> bool:
        """Whether a weight lies where it lay, and was not written to."""
        if weight.data_ptr() != self.tensor.data_ptr():
            return False
        return self.version is None or weight._version == self.version


class Prepared(nn.Module):
    """A linear layer by a product that was made from its weight. Not for training.

    The parameters stay as they are and where they are, so that the model is saved as it was opened.
    """

    def __init__(self, linear: nn.Linear | Prepared) -> None:
        super().__init__()
        if isinstance(linear, Linear | GatedLinear) and linear.adapter is not None:
            raise ModelError(
                "an encoder with adapters must take them into its weights before it is prepared "
                "for inference; call unmask.nn.adapting.merge on it"
            )
        self.weight: torch.Tensor = linear.weight
        self.bias: torch.Tensor | None = linear.bias
        self.out_features: int = linear.out_features
        self.in_features: int = linear.in_features
        self.activation: Activation | None = (
            linear.activation if isinstance(linear, Linear | GatedLinear | Prepared) else None
        )
        self._made = Made(linear.weight)
        self._made_bias = None if linear.bias is None else Made(linear.bias)

    def check(self) -> None:
        """Check that the product was made from the weights of today.

        Seen is whatever PyTorch counts, and another tensor in a weight's place. What is written
        through `.data`, which PyTorch does not count, is not seen; nor, of weights that were made
        in inference mode, what is written in place.

        Raises:
            ModelError: they were changed since.
        """
        bias, made = self.bias, self._made_bias
        same = bias is None if made is None else bias is not None and made.is_still(bias)
        if not same or not self._made.is_still(self.weight):
            raise ModelError(
                "weights of a model that is prepared for inference must stay as they are, but they "
                "were changed. Save the changed model and open it again"
            )


class PreparedLinear(Prepared):
    """`Linear` for inference."""

    def __init__(self, name: str, linear: nn.Linear | PreparedLinear, make: MakeProduct) -> None:
        super().__init__(linear)
        self.product = make(name, linear.weight, linear.bias, self.activation)

    def forward(self, x: torch.Tensor, onto: torch.Tensor | None = None) -> torch.Tensor:
        self.check()
        return self.product(x, onto)


class PreparedGated(Prepared):
    """`GatedLinear` for inference: the gate's product is multiplied by the value's as it ends."""

    def __init__(self, name: str, linear: GatedLinear | PreparedGated, make: MakeProduct) -> None:
        super().__init__(linear)
        value, gate = linear.weight.chunk(2)
        biases = (None, None) if linear.bias is None else linear.bias.chunk(2)
        self.value = make(name, value, biases[0], self.activation)
        self.gate = make(name, gate, biases[1], None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.check()
        return self.gate(x, self.value(x), "mul")


def resolve(precision: Precision, device: torch.device) -> Literal["fp32", "bf16", "int8"]:
    """What "auto" means there.

    Raises:
        ConfigError: another word.
    """
    if precision not in get_args(Precision):
        raise ConfigError(
            f"precision must be one of {', '.join(get_args(Precision))}, not {precision!r}"
        )
    if precision == "auto":
        return "bf16" if fast_bf16(device) else "fp32"
    return precision


def prepare(
    encoder: Encoder,
    precision: Literal["fp32", "bf16", "int8"],
    *,
    sites: Mapping[str, Site] | None = None,
    batch_invariant: bool = False,
) -> None:
    """Make an encoder fast, in place, and fit for inference only.

    Args:
        encoder: on its device.
        precision: of the products. In bf16 all between the embedding and the last norm is bf16; in
            int8 the sum that the layers add to is float32, and attention bf16.
        sites: for int8: how the input of each linear layer becomes bytes, by its name.
        batch_invariant: whether a text's hidden states must be the same bits in any company.

    Raises:
        ConfigError: a recurrent encoder in another precision than fp32; int8 without sites, or
            sites without int8.
    """
    if (precision == "int8") != (sites is not None):
        raise ConfigError(
            "sites are what int8 goes by, and nothing else does, but precision is "
            f"{precision!r} and sites are {'not ' if sites is None else ''}given"
        )
    recurrent = any(isinstance(layer, RecurrentConfig) for layer in encoder.config.layers)
    if recurrent and precision != "fp32":
        raise ConfigError(
            f"a recurrent encoder computes in fp32, not {precision}; open it with precision='fp32'"
        )
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    device = encoder.embedding.tokens.weight.device
    kind = OneDnn if has_onednn(device, dtype) else Plain

    def make(
        name: str,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        activation: Activation | None,
    ) -> Product:
        product: Product
        if sites is not None:
            product = Int8(weight, bias, activation, sites[name])
        else:
            product = kind(weight, bias, activation, dtype)
        return Tiled(product) if batch_invariant else product

    widen = encoder.embedding.widen
    if batch_invariant and isinstance(widen, nn.Linear | PreparedLinear):
        encoder.embedding.widen = PreparedLinear("embedding.widen", widen, _exact)
    for name, module in list(encoder.layers.named_modules(prefix="layers")):
        parent, _, own = name.rpartition(".")
        if isinstance(module, Linear | PreparedLinear):
            setattr(encoder.get_submodule(parent), own, PreparedLinear(name, module, make))
        elif isinstance(module, GatedLinear | PreparedGated):
            setattr(encoder.get_submodule(parent), own, PreparedGated(name, module, make))
    for norm in encoder.modules():
        if isinstance(norm, LayerNorm):
            norm.widens = dtype == torch.bfloat16 and not norms_two_types(device)
    encoder.compute = dtype


def _exact(
    name: str, weight: torch.Tensor, bias: torch.Tensor | None, activation: Activation | None
) -> Product:
    """A product in the type of its weight, on tiles."""
    return Tiled(Plain(weight, bias, activation, weight.dtype))
