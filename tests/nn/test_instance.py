"""firth.nn.instance against PyTorch."""

from __future__ import annotations

import pytest

import firth
from firth import nn
from tests.nn.oracle import LayerCase, case_name, check_layer

CASES: list[LayerCase] = [
    ("InstanceNorm1d", (3,), {"affine": True}, (2, 3, 5)),
    ("InstanceNorm1d", (3,), {}, (3, 5)),
    ("InstanceNorm2d", (3,), {"track_running_stats": True}, (2, 3, 4, 2)),
    ("InstanceNorm3d", (3,), {"affine": True}, (2, 3, 2, 3, 2)),
    ("LocalResponseNorm", (3,), {"alpha": 0.1, "k": 2.0}, (2, 5, 4)),
]


@pytest.mark.parametrize("case", CASES, ids=case_name)
def test_layer(case: LayerCase) -> None:
    check_layer(case, 1.0)


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"InstanceNorm2d.*\(2, 4\).*\(N, 3, \.\.\.\)"):
        nn.InstanceNorm2d(3)(firth.zeros(2, 4))
