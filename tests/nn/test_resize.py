"""firth.nn.resize against PyTorch."""

from __future__ import annotations

import pytest

from tests.nn.oracle import LayerCase, case_name, check_layer

CASES: list[LayerCase] = [
    ("PixelShuffle", (2,), {}, (2, 8, 3, 2)),
    ("PixelUnshuffle", (2,), {}, (2, 2, 4, 6)),
    ("ChannelShuffle", (2,), {}, (2, 6, 3, 2)),
    ("Fold", ((4, 5), 2), {"stride": 2, "padding": 1}, (2, 8, 9)),
    ("Unfold", ((2, 3),), {"padding": 1}, (2, 3, 4, 5)),
    ("Upsample", (), {"scale_factor": 2}, (2, 3, 4)),
    ("Upsample", (), {"size": (5, 3), "mode": "bilinear"}, (1, 2, 3, 4)),
    ("UpsamplingNearest2d", (), {"size": (6, 5)}, (1, 2, 3, 4)),
    ("UpsamplingBilinear2d", (), {"scale_factor": 2}, (1, 2, 3, 4)),
]


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_layer(case: LayerCase) -> None:
    check_layer(case, 1.0)
