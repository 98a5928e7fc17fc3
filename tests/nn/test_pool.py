"""firth.nn.pool against PyTorch."""

from __future__ import annotations

import pytest

from tests.nn.oracle import LayerCase, case_name, check_layer

CASES: list[LayerCase] = [
    ("MaxPool1d", (2,), {}, (2, 3, 8)),
    ("MaxPool2d", (2,), {}, (2, 3, 6, 6)),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1}, (2, 3, 7, 7)),
    ("MaxPool2d", (2,), {"ceil_mode": True}, (1, 2, 5, 5)),
    ("MaxPool2d", ((2, 3),), {"stride": 1, "dilation": (2, 1)}, (1, 2, 6, 6)),
    ("MaxPool3d", (2,), {"padding": 1}, (1, 2, 4, 5, 3)),
    ("AvgPool3d", (2,), {"divisor_override": 3}, (1, 2, 4, 5, 3)),
    ("AdaptiveAvgPool3d", (2,), {}, (1, 2, 4, 5, 3)),
    ("AvgPool1d", (3,), {"stride": 2}, (2, 3, 9)),
    ("AvgPool2d", (2,), {}, (2, 3, 6, 6)),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1}, (2, 3, 7, 7)),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}, (1, 2, 7, 7)),
    ("AdaptiveAvgPool1d", (3,), {}, (2, 3, 7)),
    ("AdaptiveAvgPool2d", (1,), {}, (2, 3, 6, 5)),
    ("AdaptiveAvgPool2d", ((3, None),), {}, (2, 3, 7, 5)),
]


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_layer(case: LayerCase) -> None:
    check_layer(case, 1.0)
