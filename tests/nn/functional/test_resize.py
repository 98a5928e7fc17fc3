"""Resizing and sampling, against PyTorch."""

import pytest

import firth
from firth.base.errors import ArgumentError
from tests.tensor.parity import check

TEXTS = """
F.interpolate(i[None].float(), (5, 2))
F.interpolate(i[None].float(), scale_factor=1.7, mode="nearest-exact")
F.interpolate(i[None].float(), (5, 3), mode="bilinear")
F.interpolate(i[None].float(), 6, mode="bilinear", align_corners=True)
F.interpolate(i[None].float(), scale_factor=(1.5, 0.7), mode="bicubic")
F.interpolate(i[None].float(), (2, 3), mode="bilinear", antialias=True)
F.interpolate(i[None].float(), (2, 3), mode="bicubic", antialias=True)
F.interpolate(i.float(), 3, mode="linear")
F.interpolate(i[None, None].float(), (1, 5, 2), mode="trilinear")
F.interpolate(i.float(), 3, mode="area")
F.grid_sample(i[None].float(), x.reshape(1, 2, 3, 2), align_corners=True)
F.grid_sample(i[None].float(), x.reshape(1, 2, 3, 2), mode="bicubic", padding_mode="reflection")
F.grid_sample(i[None].float(), x.reshape(1, 2, 3, 2), mode="nearest", padding_mode="border")
F.grid_sample(i[None, None].float(), x.reshape(1, 2, 2, 1, 3), align_corners=False)
F.affine_grid(x[:, :3].reshape(1, 3, 3)[:, :2], (1, 1, 3, 2), align_corners=False)
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text.replace("F.", "m.nn.functional."))


def test_no_such_mode():
    with pytest.raises(ArgumentError, match="interpolate: no such mode for this input"):
        firth.nn.functional.interpolate(firth.ones(1, 2, 3), 5, mode="bicubic")
