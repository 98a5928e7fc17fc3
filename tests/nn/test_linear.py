"""firth.nn.linear against PyTorch."""

from __future__ import annotations

import pytest

from tests.nn.oracle import SCALES, LayerCase, case_name, check_layer

CASES: list[LayerCase] = [
    ("Linear", (5, 3), {}, (4, 5)),
    ("Linear", (5, 3), {"bias": False}, (2, 4, 5)),
    ("Flatten", (), {}, (2, 3, 4)),
    ("Unflatten", (1, (2, 3)), {}, (2, 6, 4)),
    ("Identity", (), {}, (2, 3)),
]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_layer(case: LayerCase, scale: float) -> None:
    check_layer(case, scale)
