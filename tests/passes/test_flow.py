"""Derivatives of control flow in float64 against JAX, in every order of transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth.ir.graph import topological
from firth.ops.flow import SCAN

jax = pytest.importorskip("jax")
jnp = jax.numpy
RNG = np.random.default_rng(0)
W, X, H = RNG.standard_normal((4, 4)) / 2, RNG.standard_normal((5, 4)), RNG.standard_normal(4)
MANY = RNG.standard_normal((3, 4))


@pytest.fixture(autouse=True)
def _float64() -> Any:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


class Here:
    m, f, scan, cond, while_loop = firth, firth, firth.scan, firth.cond, firth.while_loop
    array = staticmethod(firth.from_numpy)


class There:
    m, f, scan, cond, while_loop = jnp, jax, jax.lax.scan, jax.lax.cond, jax.lax.while_loop
    array = staticmethod(jnp.asarray)


def rnn(L: Any) -> Any:
    def loss(w: Any, h: Any, xs: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            c = L.m.tanh(w @ c + x)
            return c, (c * 2).sum()

        last, ys = L.scan(step, h, xs)
        return (last * last).sum() + (ys * ys).sum()

    return loss


def start(L: Any) -> Any:
    return lambda h: rnn(L)(L.array(W), h, L.array(X))


def bent(L: Any) -> Any:
    return lambda x: L.cond(
        x.sum() > 0, lambda x: (L.m.sin(x) * x).sum(), lambda x: (x * x * x).sum(), x
    )


def grown(L: Any) -> Any:
    return lambda x: L.while_loop(
        lambda c: c[0].sum() < 10, lambda c: (c[0] * 1.5 + L.m.abs(x), c[1] + 1), (L.m.abs(x), 0)
    )[0]


CASES: dict[str, Any] = {
    "grad of scan": lambda L: L.f.grad(rnn(L), (0, 1, 2))(*map(L.array, (W, H, X))),
    "jvp of scan": lambda L: L.f.jvp(start(L), (L.array(H),), (L.array(X[0]),)),
    "jvp of grad of scan": lambda L: L.f.jvp(L.f.grad(start(L)), (L.array(H),), (L.array(X[0]),)),
    "grad of grad": lambda L: L.f.grad(lambda h: L.f.grad(start(L))(h).sum())(L.array(H)),
    "vmap of grad of scan": lambda L: L.f.vmap(L.f.grad(start(L)))(L.array(MANY)),
    "grad of vmap of scan": lambda L: L.f.grad(lambda h: L.f.vmap(start(L))(h).sum())(
        L.array(MANY)),
    "vmap of grad of cond": lambda L: L.f.vmap(L.f.grad(bent(L)))(L.array(MANY)),
    "grad of cond": lambda L: [L.f.grad(bent(L))(L.array(x)) for x in MANY],
    "jvp of while": lambda L: L.f.jvp(grown(L), (L.array(H),), (L.array(X[0]),)),
    "vmap of jvp of while": lambda L: L.f.vmap(
        lambda x: L.f.jvp(grown(L), (x,), (x * 2,)))(L.array(MANY)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_as_jax(name: str) -> None:
    found, expected = CASES[name](Here), CASES[name](There)
    many = isinstance(found, (tuple, list))
    for a, b in zip(found, expected, strict=True) if many else [(found, expected)]:
        np.testing.assert_allclose(a.numpy(), np.asarray(b), rtol=1e-9, atol=1e-9)


def test_a_while_loop_has_no_gradient() -> None:
    with pytest.raises(firth.FirthError, match="no gradient in reverse mode"):
        firth.grad(lambda x: grown(Here)(x).sum())(firth.from_numpy(H))


def test_forward_mode_computes_a_loop_once() -> None:
    def twice(h: Any) -> Any:
        once, _ = firth.scan(lambda c, x: (c * x, c), h, firth.from_numpy(X))
        return firth.scan(lambda c, x: (c * x, c), once, firth.from_numpy(X))

    (value, _), (moved, _) = firth.jvp(twice, (firth.from_numpy(H),), (firth.from_numpy(X[0]),))
    nodes = [t._rec.nodes()[t._pos][0] for t in (value, moved)]
    assert sum(n.op is SCAN for n in topological(nodes)) == 2
