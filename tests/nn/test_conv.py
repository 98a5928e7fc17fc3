"""firth.nn.conv against PyTorch."""

from __future__ import annotations

import pytest

from firth import nn
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
    ("ConvTranspose3d", (2, 3, 2), {"stride": 2, "output_padding": 1}, (1, 2, 3, 2, 3)),
]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_layer(case: LayerCase, scale: float) -> None:
    check_layer(case, scale)


def test_groups_must_divide_the_channels() -> None:
    with pytest.raises(ValueError, match="groups"):
        nn.Conv2d(3, 4, 3, groups=2)
