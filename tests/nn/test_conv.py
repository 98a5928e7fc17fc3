"""firth.nn.conv against PyTorch."""

from __future__ import annotations

import pytest

import firth
from firth import nn
from firth.base.errors import ArgumentError
from tests.nn.oracle import SCALES, LayerCase, case_name, check_layer

CASES: list[LayerCase] = [
    ("Conv1d", (3, 4, 3), {"stride": 2, "padding": 1}, (2, 3, 9)),
    ("Conv1d", (4, 4, 3), {"dilation": 2, "groups": 2, "bias": False}, (2, 4, 9)),
    ("Conv2d", (3, 4, 3), {}, (2, 3, 6, 7)),
    ("Conv2d", (3, 4, 3), {"padding": "same"}, (2, 3, 6, 7)),
    ("Conv2d", (4, 6, (3, 2)), {"stride": (2, 1), "padding": (1, 0), "groups": 2}, (2, 4, 7, 6)),
    ("Conv2d", (2, 3, 3), {"dilation": 2, "padding": 2}, (1, 2, 6, 6)),
    ("Conv2d", (3, 4, 3), {}, (3, 6, 7)),
    ("Conv3d", (2, 3, 2), {"stride": 2, "padding": 1}, (2, 2, 4, 3, 5)),
    ("Conv1d", (3, 4, 4), {"padding": "same", "padding_mode": "circular"}, (3, 9)),
    ("Conv1d", (3, 4, 3), {"padding": 2, "padding_mode": "reflect", "dilation": 2}, (2, 3, 9)),
    ("Conv2d", (4, 4, (3, 5), 2, (1, 2), 1, 2, False, "replicate"), {}, (2, 4, 6, 7)),
    ("Conv2d", (3, 4, 3), {"padding": (2, 1), "padding_mode": "reflect"}, (3, 6, 7)),
    ("Conv2d", (3, 4, 3), {"padding": "valid", "padding_mode": "reflect"}, (1, 3, 6, 7)),
    ("Conv3d", (2, 3, 3), {"padding": (1, 2, 0), "padding_mode": "circular"}, (1, 2, 3, 3, 4)),
    ("Conv3d", (2, 3, 3, 1, 1), {"padding_mode": "reflect"}, (2, 2, 3, 3, 4)),
    ("ConvTranspose3d", (2, 3, 2), {"stride": 2, "output_padding": 1}, (1, 2, 3, 2, 3)),
]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_layer(case: LayerCase, scale: float) -> None:
    check_layer(case, scale)


def test_groups_must_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="groups"):
        nn.Conv2d(3, 4, 3, groups=2)


def test_unknown_padding_modes_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"Conv1d: unknown padding_mode; got 'mirror', .*flec"):
        nn.Conv1d(3, 4, 3, padding_mode="mirror")
    with pytest.raises(ArgumentError, match=r"ConvTranspose2d: .* got 'reflect', expected zeros; "):
        nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect")
    with pytest.raises(ArgumentError, match="no meaning with strides; got 2"):
        nn.Conv1d(3, 4, 3, 2, "same", padding_mode="circular")
    with pytest.raises(ArgumentError, match="reflect by less than the size"):
        nn.Conv1d(3, 4, 3, padding=9, padding_mode="reflect")(firth.ones(1, 3, 9))


def test_a_jitted_step_pads_as_an_eager_one() -> None:
    layer = nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular")
    x = firth.randn(1, 2, 4, 5)
    assert firth.allclose(firth.jit(layer)(x), layer(x))
