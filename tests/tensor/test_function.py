"""Functions with derivatives of their own, under every transform."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth.tensor.function import Function


class Cube(Function):
    """A wrong gradient on purpose: 10 times the square."""

    @staticmethod
    def forward(ctx: Any, x: Any, k: float) -> Any:
        ctx.save_for_backward(x)
        ctx.k = k
        return x * x * x * k

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * x * x * 10 * ctx.k, None


@pytest.mark.parametrize("read_first", [False, True])
def test_a_custom_gradient_is_used(read_first: bool) -> None:
    x = firth.tensor([1.0, 2.0], requires_grad=True)
    y = (Cube.apply(x * 2, 1.0) * firth.tensor([1.0, 3.0])).sum()
    if read_first:
        assert y.item() == 8.0 + 3 * 64.0
    y.backward()
    assert x.grad.tolist() == [2 * 40.0, 2 * 3 * 160.0]


class Split(Function):
    """Two results."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        return x * 2, x * 3

    @staticmethod
    def backward(ctx: Any, ga: Any, gb: Any) -> Any:
        return ga * 2 + gb * 3


def test_a_custom_function_with_two_results() -> None:
    x = firth.ones(2, requires_grad=True)
    a, b = Split.apply(x)
    (a + b * 10).sum().backward()
    assert x.grad.tolist() == [32.0, 32.0]


def _functions(m: Any) -> dict[str, Any]:
    """The same in Firth and PyTorch: saved inputs, saved results, all static methods."""
    Base = m.autograd.Function

    class Third(Base):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any, w: Any) -> Any:
            return x**3 * w, x.sum()

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(*inputs)
            ctx.save_for_forward(*inputs)

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            x, w = ctx.saved_tensors
            return 3 * x * x * w * g + h, x**3 * g

        @staticmethod
        def jvp(ctx: Any, tx: Any, tw: Any) -> Any:
            x, w = ctx.saved_tensors
            return 3 * x * x * w * tx + x**3 * tw, tx.sum()

    class Grown(Base):
        generate_vmap_rule = True

        @staticmethod
        def forward(x: Any) -> Any:
            return m.exp(x)

        @staticmethod
        def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
            ctx.save_for_backward(output)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * ctx.saved_tensors[0] * 2

    third = lambda x, w: sum(v.sum() for v in Third.apply(x, w))
    return {"third": third, "grown": lambda x, w: (Grown.apply(x) * w).sum()}


X, W = np.random.default_rng(0).standard_normal((2, 3, 4))
CASES: dict[str, Any] = {
    "grad": lambda F, f, x, w: F.grad(f, (0, 1))(x[0], w[0]),
    "grad of grad": lambda F, f, x, w: F.grad(lambda x: F.grad(f)(x, w[0]).sum())(x[0]),
    "vmap of grad": lambda F, f, x, w: F.vmap(F.grad(f, (0, 1)))(x, w),
    "vmap, shared": lambda F, f, x, w: F.vmap(F.grad(f, (0, 1)), (0, None))(x, w[0]),
    "grad of vmap": lambda F, f, x, w: F.grad(lambda x: F.vmap(f)(x, w).sum())(x),
    "jacrev": lambda F, f, x, w: F.jacrev(f)(x[0], w[0]),
}  # fmt: skip
FORWARD: dict[str, Any] = {
    "jvp": lambda F, f, x, w: F.jvp(f, (x[0], w[0]), (w[1], x[1])),
    "vmap of jvp": lambda F, f, x, w: F.vmap(lambda x, w: F.jvp(f, (x, w), (w, x)))(x, w),
    "jacfwd": lambda F, f, x, w: F.jacfwd(f, (0, 1))(x[0], w[0]),
}


@pytest.mark.parametrize("which", ["third", "grown"])
@pytest.mark.parametrize("name", [*CASES, *FORWARD])
def test_as_torch(which: str, name: str) -> None:
    torch = pytest.importorskip("torch")
    case = CASES.get(name) or FORWARD[name]
    found = case(firth, _functions(firth)[which], *map(firth.from_numpy, (X, W)))
    if which == "grown" and name in FORWARD:  # PyTorch asks for a jvp here, Firth derives it
        expected = case(
            torch.func, lambda x, w: _doubled(torch, x, w), *map(torch.from_numpy, (X, W))
        )
    else:
        expected = case(torch.func, _functions(torch)[which], *map(torch.from_numpy, (X, W)))
    pairs = (
        [(found, expected)] if not isinstance(found, tuple) else zip(found, expected, strict=True)
    )
    for a, b in pairs:
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


def _doubled(torch: Any, x: Any, w: Any) -> Any:
    """exp with twice its derivative, as PyTorch can say it in forward mode."""
    return ((2 * torch.exp(x) - torch.exp(x).detach()) * w).sum()


def test_a_rule_for_batches_is_used() -> None:
    seen = []

    class Twice(Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x * 2

        @staticmethod
        def vmap(info: Any, in_dims: Any, x: Any) -> Any:
            seen.append((info.batch_size, in_dims, tuple(x.shape)))
            return x * 20, 0

    assert firth.vmap(lambda x: Twice.apply(x) + 1)(firth.ones(3, 2)).tolist() == [[21.0] * 2] * 3
    assert seen == [(3, (0,), (3, 2))] and Twice.apply(firth.ones(1)).tolist() == [2.0]


def test_custom_vjp_and_jvp() -> None:
    @firth.custom_vjp
    def clipped(x: Any, by: Any) -> Any:
        return x * by

    def backward(kept: Any, g: Any) -> Any:
        return (g * kept).clamp(-1, 1), None

    clipped.defvjp(lambda x, by: (x * by, by), backward)
    x, by = firth.tensor([0.5, 2.0]), firth.tensor([0.5, 3.0])
    gx, gb = firth.grad(lambda x, b: clipped(x, b).sum(), (0, 1))(x, by)
    assert gx.tolist() == [0.5, 1.0] and gb.tolist() == [0.0, 0.0]
    assert firth.vmap(firth.grad(clipped))(x, by).tolist() == [0.5, 1.0]
    assert firth.jit(firth.grad(lambda x: clipped(x, by).sum()))(x).tolist() == [0.5, 1.0]

    @firth.custom_jvp
    def root(x: Any) -> Any:
        return x**0.5

    @root.defjvp
    def root_jvp(primals: Any, tangents: Any) -> Any:
        y = root(*primals)
        return y, tangents[0] / (2 * y)

    four = firth.tensor(4.0, dtype=firth.float64)
    assert firth.jvp(root, (four,), (four,))[1].item() == 1.0
    assert firth.grad(root)(four).item() == 0.25
    assert firth.grad(firth.grad(root))(four).item() == -1 / 32
    assert firth.vmap(firth.grad(root))(firth.stack([four, four * 4])).tolist() == [0.25, 0.125]


def test_mistakes() -> None:
    x = firth.tensor(1.0, requires_grad=True)
    with pytest.raises(firth.FirthError, match="the rule is not defined"):
        firth.custom_vjp(lambda x: x * 1)(x)
    with pytest.raises(firth.FirthError, match="the rule is not defined"):
        firth.custom_jvp(lambda x: x * 1)(x)
    f = firth.custom_vjp(lambda x: x * 1)
    f.defvjp(lambda x: (x * 1, None), lambda kept, g: (g, g))
    with pytest.raises(firth.FirthError, match="another number of gradients"):
        f(x)
    f.defvjp(lambda x: (x * 1, None), lambda kept, g: (firth.ones(3),))
    with pytest.raises(firth.FirthError, match="does not fit"):
        f(firth.ones(2, requires_grad=True))
    f.defvjp(lambda x: (x * 1, None), lambda kept, g: (g if g > 0 else -g,))
    with pytest.raises(firth.FirthError, match="not known yet"):
        f(x)
