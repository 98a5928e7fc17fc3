"""What a function under a transform may do: look at values, write, keep, draw."""

from __future__ import annotations

import numpy as np
import pytest

import firth
from firth.tensor.recording import LONG, local


def test_a_value_of_one_example_is_refused_with_the_line() -> None:
    with pytest.raises(
        firth.FirthError, match=r"vmap: a value .*firth\.where.*\n.*test_scope"
    ) as e:
        firth.vmap(lambda x: x if x.sum() > 0 else -x)(firth.ones(2, 3))
    assert "firth.cond" in str(e.value)
    assert (firth.ones(2) + 1).tolist() == [2.0, 2.0]  # the recording goes on


def test_other_values_may_be_looked_at() -> None:
    outside, seen = firth.ones(3) * 2, []

    def f(x: firth.Tensor) -> firth.Tensor:
        seen.append(outside.sum().item())
        return x * outside

    assert firth.vmap(f)(firth.ones(2, 3)).tolist() == [[2.0] * 3] * 2 and seen == [6.0]
    value, moved = firth.jvp(lambda x: x * x if x > 0 else -x, (firth.tensor(3.0),),
                             (firth.tensor(1.0),))  # fmt: skip
    assert (value.item(), moved.item()) == (9.0, 6.0)


def test_what_is_kept_has_an_error_in_place_of_a_value() -> None:
    kept = []
    firth.vmap(lambda x: kept.append(x * 2) or x)(firth.ones(2))
    with pytest.raises(firth.FirthError, match="kept outside"):
        kept[0].item()
    assert firth.ones(2).sum().item() == 2.0


def test_writes() -> None:
    def f(x: firth.Tensor) -> firth.Tensor:
        x.mul_(2)
        row = firth.zeros(3)
        row[1] = x.sum()
        return row

    given = firth.ones(2, 3)
    assert firth.vmap(f)(given).tolist() == [[0.0, 6.0, 0.0]] * 2
    assert given.tolist() == [[2.0] * 3] * 2  # as in PyTorch: the argument was written to
    outside = firth.zeros(3)
    with pytest.raises(firth.FirthError, match="a tensor from outside is changed"):
        firth.vmap(lambda x: outside.add_(x))(given)
    assert outside.tolist() == [0.0] * 3
    calls = firth.zeros(())
    firth.vmap(lambda x: calls.add_(1) + x)(given)
    assert calls.item() == 1.0


@pytest.mark.parametrize("jitted", [False, True])
def test_random_draws(jitted: bool) -> None:
    def noise(x: firth.Tensor) -> firth.Tensor:
        return x + firth.rand(4)

    x = firth.zeros(3, 4)
    with pytest.raises(firth.FirthError, match="randomness='different'"):
        firth.vmap(noise)(x)
    shared, each = firth.vmap(noise, randomness="same"), firth.vmap(noise, randomness="different")
    if jitted:
        shared, each = firth.jit(shared), firth.jit(each)
    a, b = shared(x).numpy(), each(x).numpy()
    assert (a == a[0]).all() and len(np.unique(b)) == 12
    assert (each(x).numpy() != b).all()
    nested = firth.vmap(firth.vmap(lambda x: x + firth.rand(()), randomness="different"),
                        randomness="same")  # fmt: skip
    c = nested(x).numpy()
    assert (c == c[0]).all() and len(np.unique(c)) == 4


def test_borrowed_memory_is_read_before_control_returns() -> None:
    theirs = np.ones((2, 3))
    y = firth.vmap(lambda x: x * 2)(firth.from_dlpack(theirs))
    theirs[:] = 5
    assert y.tolist() == [[2.0] * 3] * 2


def test_a_loop_of_transforms_does_not_grow() -> None:
    def f(x: firth.Tensor) -> firth.Tensor:
        for _ in range(20):
            x = x * 0.5 + 1
        return x

    together, x, longest = firth.vmap(f), firth.zeros(2, 3), 0
    for _ in range(60):
        x = together(x)
        longest = max(longest, len(local.rec.handles))
    assert longest < 3 * LONG
    np.testing.assert_allclose(x.numpy(), 2.0, rtol=1e-6)
