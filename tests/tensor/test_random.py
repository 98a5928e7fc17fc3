"""Random numbers: the same from the same seed, right distributions, states that go on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth

DRAWS: list[Any] = [
    lambda: firth.rand(5), lambda: firth.randn(5), lambda: firth.randint(0, 9, (5,)),
    lambda: firth.randperm(9), lambda: firth.bernoulli(firth.full((9,), 0.5)),
    lambda: firth.multinomial(firth.ones(9), 4), lambda: firth.zeros(5).uniform_(-1, 1),
    lambda: firth.zeros(5).normal_(2, 3), lambda: firth.multinomial(firth.ones(3), 9, True),
    lambda: firth.rand_like(firth.zeros(3)), lambda: firth.zeros(4).exponential_(),
]  # fmt: skip


@pytest.mark.parametrize("draw", DRAWS)
def test_the_same_seed_gives_the_same(draw: Any) -> None:
    firth.manual_seed(5)
    first, second = draw().tolist(), draw().tolist()
    firth.manual_seed(5)
    assert draw().tolist() == first
    state = firth.get_rng_state()
    assert draw().tolist() == second
    firth.set_rng_state(state)
    assert draw().tolist() == second


def test_distributions() -> None:
    firth.manual_seed(0)
    u, n = firth.rand(20_000).numpy(), firth.randn(20_000).numpy()
    assert u.min() >= 0 and u.max() < 1 and abs(u.mean() - 0.5) < 0.01
    assert abs(u.std() - 12**-0.5) < 0.01
    assert abs(n.mean()) < 0.03 and abs(n.std() - 1) < 0.02 and np.isfinite(n).all()
    assert sorted(firth.randperm(50).tolist()) == list(range(50))
    i = firth.randint(-2, 3, (1000,)).numpy()
    assert set(i) == {-2, -1, 0, 1, 2}
    d = firth.randn(1000, dtype=firth.float64).numpy()
    assert d.dtype == np.float64 and abs(d.std() - 1) < 0.1
    h = firth.rand(100, dtype=firth.float16)
    assert h.dtype is firth.float16 and h.float().max().item() < 1


def test_multinomial_follows_the_weights() -> None:
    firth.manual_seed(0)
    w = firth.tensor([[0.0, 1.0, 3.0], [1.0, 0.0, 0.0]])
    many = firth.multinomial(w, 4000, replacement=True).numpy()
    assert set(many[0]) == {1, 2} and set(many[1]) == {0}
    assert abs((many[0] == 2).mean() - 0.75) < 0.03
    one = np.array([firth.multinomial(w[0], 1).item() for _ in range(300)])
    assert abs((one == 2).mean() - 0.75) < 0.1
    both = firth.multinomial(w[0], 2).tolist()
    assert sorted(both) == [1, 2]


def test_generators_are_streams_of_their_own() -> None:
    a, b = (firth.Generator().manual_seed(3) for _ in range(2))
    x = firth.rand(4, generator=a).tolist()
    firth.rand(4)
    assert firth.rand(4, generator=b).tolist() == x
    assert a.initial_seed() == 3


def test_mistakes() -> None:
    with pytest.raises(firth.FirthError, match="range is empty"):
        firth.randint(3, 3, (2,))
    with pytest.raises(firth.FirthError, match="draws floats"):
        firth.rand(2, dtype=firth.int64)
    with pytest.raises(firth.FirthError, match="more samples"):
        firth.multinomial(firth.ones(2), 3)
