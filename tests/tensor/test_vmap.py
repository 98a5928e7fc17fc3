"""vmap against torch.func in float64: nesting, dimensions, every order of transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth

torch = pytest.importorskip("torch")
X = np.random.default_rng(0).standard_normal((4, 3))
W = np.random.default_rng(1).standard_normal((3, 5))
HERE, THERE = (firth, firth.func, firth.from_numpy), (torch, torch.func, torch.from_numpy)


def same(f: Any) -> None:
    """f(library, its func, array -> tensor) gives the same in both."""
    for a, b in zip(_flat(f(*HERE)), _flat(f(*THERE)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def _flat(value: Any) -> list[np.ndarray]:
    if isinstance(value, (tuple, list)):
        return [v for each in value for v in _flat(each)]
    if isinstance(value, dict):
        return [v for k in sorted(value) for v in _flat(value[k])]
    return [value.detach().numpy()]


def net(m: Any) -> Any:
    return lambda x, w: m.tanh(x @ w).sum()


def curve(m: Any) -> Any:
    return lambda x: (m.softmax(x, 0) * x).prod()


CASES: dict[str, Any] = {
    "vmap": lambda m, f, t: f.vmap(net(m), in_dims=(0, None))(t(X), t(W)),
    "vmap of both": lambda m, f, t: f.vmap(net(m), in_dims=(1, 0))(t(X[:3]), t(np.stack([W] * 3))),
    "vmap of grad": lambda m, f, t: f.vmap(f.grad(net(m), argnums=(0, 1)), (0, None))(t(X), t(W)),
    "grad of vmap": lambda m, f, t: f.grad(lambda x: f.vmap(curve(m))(x).sum())(t(X)),
    "jvp of vmap": lambda m, f, t: f.jvp(f.vmap(curve(m)), (t(X),), (t(X * 2),)),
    "vmap of jvp": lambda m, f, t: f.vmap(lambda x: f.jvp(curve(m), (x,), (x * 2,)))(t(X)),
    "vmap of vjp": lambda m, f, t: f.vmap(lambda x: f.vjp(curve(m), x)[1](x[0]))(t(X)),
    "vmap of hessian": lambda m, f, t: f.vmap(f.hessian(curve(m)))(t(X)),
    "hessian of vmap": lambda m, f, t: f.hessian(lambda x: f.vmap(curve(m))(x).sum())(t(X)),
    "grad of jvp": lambda m, f, t: f.grad(lambda x: f.jvp(curve(m), (x,), (x,))[1])(t(X[0])),
    "jvp of grad": lambda m, f, t: f.jvp(f.grad(curve(m)), (t(X[0]),), (t(X[1]),)),
    "nested": lambda m, f, t: f.vmap(f.vmap(lambda a, b: a * b, (None, 0)), (0, None))(t(X), t(X)),
    "nested dims": lambda m, f, t: f.vmap(f.vmap(lambda a: a.cumsum(0), 1, 1), 2, 2)(
        t(np.stack([X, X + 1]))),
    "out_dims": lambda m, f, t: f.vmap(lambda a: (a, a[:2]), 0, (1, -1))(t(X)),
    "trees": lambda m, f, t: f.vmap(lambda d, s: {"p": d["a"] * s, "q": (d["b"],)},
                                    ({"a": 0, "b": 1}, None))({"a": t(X), "b": t(X.T)}, t(X[:1])),
    "chunks": lambda m, f, t: f.vmap(curve(m), chunk_size=3)(t(X)),
    "one for all": lambda m, f, t: f.vmap(lambda x: (x, t(W)))(t(X)),
    "index": lambda m, f, t: f.vmap(lambda x, i: x[i], (0, 0))(t(X), t(np.array([0, 2, 1, 1]))),
    "sort": lambda m, f, t: f.vmap(lambda x: m.sort(x, descending=True)[0][:2])(t(X)),
    "where": lambda m, f, t: f.vmap(lambda x: m.where(x > 0, x, x.sum()))(t(X)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_as_torch(name: str) -> None:
    same(CASES[name])


def test_jit_of_all_of_it() -> None:
    step = firth.jit(firth.vmap(firth.grad(net(firth), argnums=1), in_dims=(0, None)))
    expected = torch.vmap(torch.func.grad(net(torch), argnums=1), in_dims=(0, None))(
        torch.from_numpy(X), torch.from_numpy(W)
    )
    for _ in range(3):
        found = step(firth.from_numpy(X), firth.from_numpy(W))
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-10)
    twice = firth.jit(lambda x: x * 2)
    assert firth.vmap(twice)(firth.ones(2, 3)).tolist() == [[2.0] * 3] * 2


def test_backward_goes_through() -> None:
    x = firth.from_numpy(X).requires_grad_()
    firth.vmap(lambda r: (r * r).sum())(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * X)
    y = firth.vmap(lambda r: r * 3)(x)
    assert y.requires_grad and not firth.vmap(lambda r: r * 3)(x.detach()).requires_grad


def test_no_examples_and_one() -> None:
    f = firth.vmap(lambda x: firth.softmax(x, 0).sum())
    assert f(firth.zeros(0, 3)).shape == (0,) and f(firth.zeros(1, 3)).tolist() == [1.0]


@pytest.mark.parametrize(("call", "words"), [
    (lambda: firth.vmap(lambda x: x, in_dims=3)(firth.ones(2)), "in_dims 3 is not a dimension"),
    (lambda: firth.vmap(lambda x: x, in_dims=None)(firth.ones(2)), "no argument has examples"),
    (lambda: firth.vmap(lambda x, y: x)(firth.ones(2), firth.ones(3)), "different numbers"),
    (lambda: firth.vmap(lambda x: x, in_dims=(0, 0))(firth.ones(2)), "does not name every"),
    (lambda: firth.vmap(lambda x: x, out_dims=4)(firth.ones(2)), "out_dims 4"),
    (lambda: firth.vmap(lambda x: x, out_dims=None)(firth.ones(2)), "differs from example"),
    (lambda: firth.vmap(lambda x: 3)(firth.ones(2)), "returns no tensor"),
    (lambda: firth.vmap(lambda x: x, randomness="no"), "no randomness 'no'"),
    (lambda: firth.vmap(lambda x: x, chunk_size=0), "a chunk has no examples"),
])  # fmt: skip
def test_mistakes(call: Any, words: str) -> None:
    with pytest.raises(firth.FirthError, match=words):
        call()
