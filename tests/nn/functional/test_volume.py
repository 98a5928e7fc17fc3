"""Three spatial dimensions, against PyTorch."""

import pytest

import firth
from firth.base.errors import ShapeError
from tests.tensor.parity import check

TEXTS = """
F.conv3d(i[None, None].float(), m.ones(1, 1, 2, 2, 2), padding=1)
F.conv_transpose3d(i[None, None].float(), m.ones(1, 1, 1, 2, 2), stride=2)
F.max_pool3d(i[None].float(), 2)
F.avg_pool3d(i[None].float(), (1, 2, 2), padding=(0, 1, 0))
F.adaptive_avg_pool3d(i[None].float(), (1, 2, 3))
F.max_pool3d(i[None].float(), 2, return_indices=True)
F.avg_pool3d(i[None].float(), 2, divisor_override=3)
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text.replace("F.", "m.nn.functional."))


def test_too_few_dimensions():
    with pytest.raises(ShapeError, match=r"max_pool3d: this input does not fit.*\(N, C, D, H, W\)"):
        firth.nn.functional.max_pool3d(firth.ones(2, 3, 4), 2)
