"""Products of bytes: how activations and weights become bytes, and how that is found out.

An activation x is rounded to the byte q = x / (smooth scale) + zero, `smooth` by channel, the rest
by layer; a weight, times `smooth`, by a scale of its own for each output. All are found once, from
texts, so that a text's result does not depend on what is beside it.

Source: Xiao et al. 2023 (SmoothQuant), section 4, for `smooth`; its exponent is looked for here,
for each layer, as in Lin et al. 2023 (AWQ), section 3.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from unmask.nn.config import Activation
from unmask.nn.linear import GatedLinear, Linear
from unmask.nn.processor import fast_int8
from unmask.nn.products import COMBINE, POST, ROWS, Combined, onednn_here

# Rows of each layer's input, of each batch, that are kept to choose by.
SAMPLE = 512
EXPONENTS = (0.0, 0.5, 0.7, 0.85, 1.0)
"""Tried for `smooth`: 0 leaves the range to the weights, 1 takes it off the activations."""
RANGES = (1.0, 0.85)
"""Tried shares of the range that was seen; what lies beyond is cut to its end."""


@dataclass(frozen=True, slots=True)
class Site:
    """How the input of one layer becomes bytes.

    Attributes:
        smooth: `(inputs,)`.
        scale: of a step.
        zero: the byte that stands for 0.
    """

    smooth: torch.Tensor
    scale: float
    zero: int


@dataclass(frozen=True, slots=True)
class Quality:
    """How near means of hidden states by way of bytes come to those without them.

    Whatever the model pools by: vectors of its own pooling may come nearer or less near.

    Attributes:
        smallest: least cosine between the two.
        mean: mean cosine.
        texts: how many were compared.
    """

    smallest: float
    mean: float
    texts: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """All that was found for an encoder.

    Attributes:
        sites: of each linear layer, by its name.
        quality: with them, on texts that they were not found from.
        weights: `weights_digest` of the encoder that they were found for.
    """

    sites: Mapping[str, Site]
    quality: Quality
    weights: str


class Int8:
    """A product of bytes (see `unmask.nn.products`), by oneDNN, in one call with what follows."""

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        activation: Activation | None,
        site: Site,
    ) -> None:
        self.scale, self.zero = site.scale, site.zero
        self.inverse = 1.0 / (site.smooth * site.scale)
        # The half makes cutting off the fraction a rounding.
        self.shift = torch.full_like(site.smooth, site.zero + 0.5)
        whole, self.steps = weight_bytes(weight.detach().float() * site.smooth)
        self.weight = torch.ops.onednn.qlinear_prepack(whole, [ROWS, len(site.smooth)])
        self.zeros = torch.zeros(len(whole), dtype=torch.int32)
        self.bias = None if bias is None else bias.detach().float()
        self.post, self.how = POST[activation]

    def __call__(
        self, x: torch.Tensor, other: torch.Tensor | None = None, by: Combined = "add"
    ) -> torch.Tensor:
        run = torch.ops.onednn.qlinear_pointwise
        given = (self._bytes(x), self.scale, self.zero, self.weight, self.steps, self.zeros)
        last: tuple[str, list[float], str] = (self.post, [], self.how)
        out: torch.Tensor
        if other is not None and by == "add" and self.post == "none":
            added = ("add", 1.0, *last)
            out = run.binary(*given, other, self.bias, 1.0, 0, other.dtype, 1.0, 0, *added)
            return out
        # Half the memory of float32, and finer than the bytes that are made of it next.
        out = run(*given, self.bias, 1.0, 0, torch.bfloat16, *last)
        return out if other is None else COMBINE[by](other, out)

    def _bytes(self, x: torch.Tensor) -> torch.Tensor:
        steps = x * self.inverse if x.dtype == torch.float32 else x.float().mul_(self.inverse)
        steps.add_(self.shift).clamp_(0.0, 255.0)
        # By way of int16: PyTorch has fast code for that, and none straight from float to byte.
        return steps.to(torch.int16).to(torch.uint8)


def has_int8(device: torch.device) -> bool:
    """Whether products of bytes can be had there, and are fast."""
    found = hasattr(torch.ops.onednn, "qlinear_pointwise")
    return found and onednn_here() and fast_int8(device)


def weight_bytes(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A weight `(outputs, inputs)` as int8, and the `(outputs,)` steps that it counts in."""
    steps = weight.abs().amax(1).clamp(min=1e-12) / 127
    return (weight / steps[:, None]).round().to(torch.int8), steps


def inputs_of(encoder: nn.Module) -> dict[str, int]:
    """Width of the input of every linear layer of an encoder, by its name."""
    return {
        name: module.in_features
        for name, module in encoder.named_modules()
        if isinstance(module, Linear | GatedLinear)
    }


def weights_digest(encoder: nn.Module) -> str:
    """SHA-256, in hexadecimal, of all parameters of an encoder by their names, rounded to bfloat16.

    Rounded, so that an encoder has the same one opened in float32 and in bfloat16.
    """
    digest = hashlib.sha256()
    for name, parameter in sorted(encoder.named_parameters()):
        digest.update(f"{name} {tuple(parameter.shape)}".encode())
        rounded = parameter.detach().to("cpu", torch.bfloat16).flatten()
        digest.update(rounded.view(torch.uint8).numpy().data)
    return digest.hexdigest()


class Sampler:
    """Keeps a sample of the input of every linear layer of an encoder while it runs."""

    def __init__(self, encoder: nn.Module) -> None:
        self.seen: dict[str, list[torch.Tensor]] = {}
        self.most: dict[str, torch.Tensor] = {}
        self._hooks = []
        for name, width in inputs_of(encoder).items():
            self.seen[name], self.most[name] = [], torch.zeros(width)
            module = encoder.get_submodule(name)
            self._hooks.append(module.register_forward_pre_hook(self._keeping(name)))

    def _keeping(self, name: str) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], None]:
        def keep(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            x = inputs[0].detach().float()
            self.most[name] = torch.maximum(self.most[name], x.abs().amax(0))
            self.seen[name].append(x[:: -(-len(x) // SAMPLE)].clone())

        return keep

    def close(self) -> None:
        """Stop listening."""
        for hook in self._hooks:
            hook.remove()

    def sites(self, encoder: nn.Module) -> dict[str, Site]:
        """For every linear layer, by name, the way to bytes that changes its outputs least."""
        sites = {}
        for name, parts in self.seen.items():
            weight = encoder.get_submodule(name).weight
            assert isinstance(weight, torch.Tensor)
            sites[name] = _best(weight.detach().float(), torch.cat(parts), self.most[name])
        return sites


def _best(weight: torch.Tensor, rows: torch.Tensor, most: torch.Tensor) -> Site:
    """Of all ways that are tried, the one with the least squared error of the outputs."""
    exact = rows @ weight.T
    tried = [
        _site(rows, most, weight, exponent, share) for exponent in EXPONENTS for share in RANGES
    ]
    return min(tried, key=lambda site: float((_as_bytes(rows, weight, site) - exact).norm()))


def _site(
    rows: torch.Tensor, most: torch.Tensor, weight: torch.Tensor, exponent: float, share: float
) -> Site:
    """The way to bytes for one exponent and one share of the range."""
    large = most.clamp(min=1e-5)
    heavy = weight.abs().amax(0).clamp(min=1e-5)
    smooth = large**exponent / heavy ** (1.0 - exponent)
    smooth = smooth if exponent else torch.ones_like(smooth)
    smoothed = rows / smooth
    low, high = share * min(0.0, float(smoothed.min())), share * max(0.0, float(smoothed.max()))
    scale = max(high - low, 1e-12) / 255
    return Site(smooth, scale, round(-low / scale))


def _as_bytes(rows: torch.Tensor, weight: torch.Tensor, site: Site) -> torch.Tensor:
    """What the product of bytes gives, computed in float32."""
    whole, steps = weight_bytes(weight * site.smooth)
    q = (rows / (site.smooth * site.scale) + site.zero).round().clamp(0, 255)
    return (q - site.zero) * site.scale @ (whole * steps[:, None]).T
