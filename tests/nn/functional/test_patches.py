"""Patches and pixels, against PyTorch."""

import pytest

import firth
from firth.base.errors import ShapeError
from tests.tensor.parity import check

TEXTS = """
F.unfold(i[None].float(), (2, 3), padding=1, stride=(2, 1)), F.unfold(i.float(), 2, dilation=2)
F.fold(F.unfold(i[None].float(), 2), (3, 4), 2)
F.fold(m.arange(16.0).reshape(4, 4), (3, 2), 2, padding=(0, 1), stride=(1, 2))
F.pixel_shuffle(m.arange(24).reshape(1, 8, 1, 3), 2)
F.pixel_unshuffle(m.arange(24).reshape(1, 2, 2, 6), 2)
F.channel_shuffle(m.arange(24).reshape(1, 6, 2, 2), 3)
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text.replace("F.", "m.nn.functional."))


def test_channels_that_do_not_fit():
    with pytest.raises(ShapeError, match="pixel_shuffle: the channels do not fit"):
        firth.nn.functional.pixel_shuffle(firth.ones(1, 3, 2, 2), 2)
