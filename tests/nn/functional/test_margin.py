"""Losses of distances and margins, against PyTorch."""

import pytest

import firth
from firth.base.errors import ShapeError
from tests.tensor.parity import check

TEXTS = """
F.pairwise_distance(x, x.flip(0), p=1)
F.pdist(x)
F.pdist(x, p=3.0)
F.cosine_similarity(x, x[0], dim=1)
F.soft_margin_loss(x, x.sign()), F.hinge_embedding_loss(x, x.sign(), margin=2.0)
F.margin_ranking_loss(x[0], x[1], m.tensor([1, -1, 1, -1]), margin=0.1)
F.cosine_embedding_loss(x, x.flip(0), m.tensor([1, -1, 1]), margin=0.1, reduction="none")
F.triplet_margin_loss(x, x.flip(0), x.flip(1), swap=True)
F.triplet_margin_with_distance_loss(x, x.flip(0), x.flip(1), margin=2.0)
F.multi_margin_loss(x, m.tensor([0, 3, 1]), p=2), F.multi_margin_loss(x[0], m.tensor(2))
F.multilabel_margin_loss(x, m.tensor([[3, 0, -1, 1], [0, -1, 0, 0], [1, 2, 3, 0]]))
F.multilabel_soft_margin_loss(x, (x > 0).float(), reduction="none")
F.poisson_nll_loss(x, x.abs() * 3, full=True), F.poisson_nll_loss(x.abs(), x.abs(), log_input=False)
F.gaussian_nll_loss(x, x.flip(0), x.abs(), full=True)
F.linear_cross_entropy(x, x.flip(1), m.tensor([0, 2, 1]))
"""


@pytest.mark.parametrize("text", TEXTS.strip().splitlines())
def test_as_in_pytorch(text):
    check(text.replace("F.", "m.nn.functional."))


def test_no_such_pairs():
    with pytest.raises(ShapeError, match="pdist: not a matrix"):
        firth.nn.functional.pdist(firth.ones(3))
