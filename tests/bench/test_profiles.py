"""Where the time goes: operators are told apart, and the table adds up."""

from __future__ import annotations

import pytest

from unmask.bench.profiles import KINDS, OUTSIDE, REST, kind_of, table


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        ("mkldnn::_linear_pointwise", "products"),
        ("onednn::qlinear_pointwise", "products"),
        ("FullyConnected", "products"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention"),
        ("Subgraph", "attention"),
        ("aten::native_layer_norm", "norms"),
        ("MVN", "norms"),
        ("aten::copy_", "copies"),
        ("Reorder", "copies"),
        ("aten::add_", "sums"),
        ("aten::embedding", "looking up"),
        ("Gather", "looking up"),
        ("Parameter", REST),
        (OUTSIDE, OUTSIDE),
    ],
)
def test_what_an_operator_does(operator: str, kind: str) -> None:
    assert kind_of(operator) == kind


def test_the_table_adds_up() -> None:
    found = {
        "one": (9e-6, {"aten::mm": 4e-6, "aten::addmm": 2e-6, OUTSIDE: 4e-6}),
        "two": (3e-6, {"Gather": 2e-6}),
    }
    lines = table(found, tokens=2).splitlines()
    cells = {line.split(" | ")[0].strip("| "): line.strip("|").split("|")[1:] for line in lines[2:]}
    numbers = {name: [float(cell) for cell in row] for name, row in cells.items()}
    assert [*numbers] == [*KINDS, REST, OUTSIDE, "all, while counted", "all, not counted"]
    assert numbers["products"] == [3.0, 0.0]
    assert numbers["looking up"] == [0.0, 1.0]
    assert numbers[OUTSIDE] == [2.0, 0.0]
    assert numbers["all, while counted"] == [5.0, 1.0]
    assert numbers["all, not counted"] == [4.5, 1.5]
