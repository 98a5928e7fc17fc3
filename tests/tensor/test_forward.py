"""jvp, linearize and matrices of derivatives, against torch.func in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from tests.tensor.test_vmap import X, curve, same

torch = pytest.importorskip("torch")


def wave(m: Any) -> Any:
    return lambda x: (m.softmax(x, 0) * x).cumsum(0)


CASES: dict[str, Any] = {
    "jvp of two": lambda m, f, t: f.jvp(lambda a, b: (a * b, a.sum()), (t(X), t(X + 1)),
                                        (t(X * 2), t(X))),
    "jvp of a tree": lambda m, f, t: f.jvp(lambda d: {"s": d["a"] * d["b"][0]},
                                           ({"a": t(X), "b": [t(X)]},),
                                           ({"a": t(X), "b": [t(X)]},)),
    "jacfwd": lambda m, f, t: f.jacfwd(wave(m))(t(X[0])),
    "jacrev": lambda m, f, t: f.jacrev(wave(m))(t(X[0])),
    "jacfwd of several": lambda m, f, t: f.jacfwd(lambda a, b: (a * b, a.sum(0)), (0, 1))(
        t(X), t(X)),
    "jacrev of several": lambda m, f, t: f.jacrev(lambda a, b: {"p": a * b}, (0, 1))(t(X), t(X)),
    "jacrev in chunks": lambda m, f, t: f.jacrev(wave(m), chunk_size=2)(t(X[0])),
    "hessian": lambda m, f, t: f.hessian(curve(m))(t(X[0])),
    "jacrev of jacfwd": lambda m, f, t: f.jacrev(f.jacfwd(wave(m)))(t(X[0])),
    "third": lambda m, f, t: f.jacfwd(f.hessian(curve(m)))(t(X[0])),
    "linearize": lambda m, f, t: f.linearize(curve(m), t(X[0]))[1](t(X[1])),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_as_torch(name: str) -> None:
    same(CASES[name])


def test_only_arguments_move() -> None:
    x = firth.tensor(3.0)
    assert firth.jvp(lambda y: x * y, (x,), (firth.tensor(1.0),))[1].item() == 3.0
    assert firth.grad(lambda a: firth.grad(lambda b: a * b)(a))(x).item() == 1.0


def test_linearize_does_not_compute_again() -> None:
    calls = []
    value, push = firth.linearize(lambda x: calls.append(0) or firth.exp(x), firth.tensor(1.0))
    rates = [push(firth.tensor(t)).item() for t in (1.0, 2.0)]
    np.testing.assert_allclose(rates, [np.e, 2 * np.e], rtol=1e-6)
    assert len(calls) == 1 and abs(value.item() - np.e) < 1e-6
    with pytest.raises(firth.FirthError, match="do not fit"):
        push(firth.ones(2))


def test_under_no_grad_and_through_backward() -> None:
    with firth.no_grad():
        assert firth.jvp(lambda x: x * x, (firth.tensor(3.0),), (firth.tensor(1.0),))[1].item() == 6
        assert firth.jacrev(lambda x: x * x)(firth.tensor(3.0)).item() == 6.0
    x = firth.tensor(2.0, requires_grad=True)
    (moved,) = firth.jvp(lambda y: y**3, (x,), (firth.tensor(1.0),))[1:]
    assert moved.requires_grad
    moved.backward()
    assert x.grad.item() == 12.0
    plain = firth.jvp(lambda y: y**3, (x.detach(),), (firth.tensor(1.0),))
    assert not plain[0].requires_grad and not plain[1].requires_grad


def test_more_results_and_strict() -> None:
    x, t = firth.tensor(2.0), firth.tensor(1.0)
    assert firth.jvp(lambda x: (x * x, "more"), (x,), (t,), has_aux=True)[2] == "more"
    assert firth.jacfwd(lambda x: (x * x, 1), has_aux=True)(x)[1] == 1
    assert firth.jvp(lambda x: firth.ones(2), (x,), (t,))[1].tolist() == [0.0, 0.0]
    with pytest.raises(firth.FirthError, match="does not depend"):
        firth.jvp(lambda x: firth.ones(2), (x,), (t,), strict=True)


@pytest.mark.parametrize(("call", "words"), [
    (lambda x: firth.jvp(lambda y: y, x, x), "primals and tangents are tuples"),
    (lambda x: firth.jvp(lambda y: y, (x,), (firth.ones(2),)), "a tangent does not fit"),
    (lambda x: firth.jvp(lambda y: y, (x,), ()), "nested otherwise"),
    (lambda x: firth.jacfwd(lambda y: y)(x.long()), "float tensors"),
    (lambda x: firth.jacrev(lambda y: y, 1)(x), "there is no argument 1"),
])  # fmt: skip
def test_mistakes(call: Any, words: str) -> None:
    with pytest.raises(firth.FirthError, match=words):
        call(firth.ones(3))
