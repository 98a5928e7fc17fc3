"""Norms, bags and bilinear forms, against PyTorch."""

import pytest

import firth
from firth.base.errors import ShapeError
from tests.tensor.parity import check

TEXTS = """
F.instance_norm(i.float())
F.instance_norm(i[None].float(), weight=m.tensor([1.0, 2.0]), bias=m.ones(2))
F.instance_norm(i[None].float(), m.ones(2), m.ones(2), use_input_stats=False)
F.local_response_norm(i[None].float(), 2, alpha=0.1)
F.bilinear(x, x, m.arange(32.0).reshape(2, 4, 4), m.ones(2))
F.embedding_bag(m.tensor([[0, 2], [1, 1]]), x)
F.embedding_bag(m.tensor([0, 2, 1, 1]), x, m.tensor([0, 3, 3]), mode="max")
F.embedding_bag(m.tensor([0, 2, 1]), x, m.tensor([0, 1, 3]), mode="sum", include_last_offset=True)
F.embedding_bag(m.tensor([[0, 2]]), x, mode="sum", per_sample_weights=m.tensor([[0.5, 2.0]]))
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text.replace("F.", "m.nn.functional."))


def test_rows_are_held_to_a_norm():
    weight = firth.full((3, 4), 2.0)
    firth.nn.functional.embedding_bag(firth.tensor([[0]]), weight, max_norm=1.0)
    assert weight.norm(dim=1).tolist() == pytest.approx([1.0, 4.0, 4.0], rel=1e-5)


def test_one_value_has_no_variance():
    with pytest.raises(ShapeError, match="instance_norm: one value per channel"):
        firth.nn.functional.instance_norm(firth.ones(2, 3, 1))
