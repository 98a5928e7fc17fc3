"""Norms with their statistics, against PyTorch."""

import pytest

from tests.tensor.parity import check

TEXTS = """
m.native_layer_norm(i.float(), [3, 4], m.ones(3, 4) * 2, None, 1e-5)
m.native_group_norm(i.float(), m.tensor([1.0, 2.0, 3.0]), m.ones(3), 2, 3, 4, 1, 1e-5)
m.native_batch_norm(i.float(), m.ones(3), None, None, None, True, 0.1, 1e-5)
m.native_batch_norm(i.float(), None, None, m.ones(3), m.ones(3), False, 0.1, 1e-5)
m.constant_pad_nd(x, [1, 0, 0, 2], 3.0)
m.grid_sampler_2d(i[None].float(), x.reshape(1, 2, 3, 2), 0, 2, True)
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text)
