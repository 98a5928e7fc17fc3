"""Complex tensors: made, read, changed through views, differentiated as PyTorch does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import firth
from firth import nn
from firth.base.errors import DTypeError, GradientError

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.standard_normal((3, 4)) + 1j * RNG.standard_normal((3, 4))
W = RNG.standard_normal((4, 2)) + 1j * RNG.standard_normal((4, 2))
R = RNG.standard_normal((3, 4))

UNARY = (
    "neg abs sqrt exp log expm1 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh "
    "log2 log10 exp2 reciprocal rsqrt square sgn angle conj_physical"
).split()
FUNCTIONS: dict[str, Any] = {
    **{n: (lambda n: lambda L, x, w, r: getattr(L, n)(x))(n) for n in UNARY},
    "mul": lambda L, x, w, r: x * (x + 2) * r, "div": lambda L, x, w, r: r / x + x / (x + r),
    "matmul": lambda L, x, w, r: x @ w, "number": lambda L, x, w, r: x * 2j + (1 - 1j),
    "pow": lambda L, x, w, r: x**3 + x**-2 + x**0.5 + 2**x,
    "power": lambda L, x, w, r: x ** (x + r) + r.abs() ** x,
    "prod": lambda L, x, w, r: x.prod(0) + x.prod(),
    "scan": lambda L, x, w, r: x.cumprod(1).cumsum(0),
    "var": lambda L, x, w, r: x.var() + x.std(1) + x.mean(1), "norm": lambda L, x, w, r: x.norm(),
    "parts": lambda L, x, w, r: x.real * x.imag + L.view_as_real(x)[..., 1],
    "made": lambda L, x, w, r: L.complex(r, r * 2) + L.polar(r.abs(), r),
    "moved": lambda L, x, w, r: L.cat([x[[0, 2]], x.mH[1:3, [0, 1, 1, 2]], L.stack([x[0], x[1]])]),
    "softsign": lambda L, x, w, r: L.nn.functional.softsign(x),
    "logaddexp": lambda L, x, w, r: L.logaddexp(x, x * r),
    "solved": lambda L, x, w, r: L.cholesky_solve(w, x.mH @ x + 2 * x[:1].mH @ x[:1]),
    "rms_norm": lambda L, x, w, r: L.nn.functional.rms_norm(x, (4,), x[0]),
    "einsum": lambda L, x, w, r: L.einsum("ij,jk->ik", x, w), "tril": lambda L, x, w, r: x.tril(),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_gradients_of_both_orders_are_torchs(name: str) -> None:
    found: list[list[Any]] = []
    for lib in (torch, firth):
        args = [lib.tensor(v, requires_grad=True) for v in (X, W, R)]
        y = FUNCTIONS[name](lib, *args)
        loss = (y * (0.3 - 0.7j) + y * y * (0.2 + 1j)).real.sum()
        first = lib.autograd.grad(loss, args, create_graph=True, allow_unused=True)
        again = sum((g * g * (0.5 + 0.25j)).real.sum() for g in first if g is not None)
        second = lib.autograd.grad(again, args, allow_unused=True)
        found.append([None if t is None else t.detach().numpy() for t in (y, *first, *second)])
    for a, b in zip(*found, strict=True):
        if a is None or b is None:
            assert not np.any(a if b is None else b)
            continue
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, atol=1e-10 * np.abs(a).max(), rtol=0)


def test_making_and_reading() -> None:
    a = firth.tensor([1 + 2j, 3])
    assert a.dtype is firth.complex64 and a.tolist() == [1 + 2j, 3 + 0j]
    assert a[0].item() == 1 + 2j and complex(a[1]) == 3
    assert firth.full((2,), 1j).dtype is firth.complex64
    assert firth.zeros(2, dtype=firth.complex128).numpy().dtype == np.complex128
    assert repr(a) == "tensor([1.+2.j, 3.+0.j])"
    b = firth.from_numpy(X[::2, ::-1])
    np.testing.assert_array_equal(b.numpy(), X[::2, ::-1])
    np.testing.assert_array_equal(np.from_dlpack(b), X[::2, ::-1])
    with pytest.raises(DTypeError, match="complex number in a real tensor"):
        firth.full((2,), 1j, dtype=firth.float32)


def test_drawn_counted_and_cleaned() -> None:
    z = firth.randn(20_000, dtype=firth.complex128).numpy()
    assert abs(np.mean(np.abs(z) ** 2) - 1) < 0.05 and abs(np.mean(z * z)) < 0.05
    u = firth.rand(100, dtype=firth.complex64).numpy()
    assert u.dtype == np.complex64 and (u.imag >= 0).all() and (u.imag < 1).all() and u.imag.any()
    assert firth.arange(3, dtype=firth.complex64).tolist() == [0, 1, 2]
    assert firth.finfo(firth.complex64).max == firth.finfo(firth.float32).max
    dirty = firth.tensor([complex(np.nan, 1), complex(2, np.inf)], dtype=firth.complex128)
    assert firth.nan_to_num(dirty, posinf=7.0).tolist() == [1j, 2 + 7j]


def test_save_and_load(tmp_path: Any) -> None:
    firth.save({"w": firth.tensor([1j, 2])}, tmp_path / "state.safetensors")
    back = firth.load(tmp_path / "state.safetensors")
    assert back["w"].tolist() == [1j, 2] and back["w"].dtype is firth.complex64
    with pytest.raises(DTypeError, match="complex128"):  # which the format lacks
        firth.save({"v": firth.tensor(X)}, tmp_path / "state.safetensors")


def test_batches_and_tangents() -> None:
    z = firth.tensor(X)
    rows = firth.vmap(lambda a: firth.fft.fft(a * a).abs().sum())(z)
    np.testing.assert_allclose(rows.numpy(), np.abs(np.fft.fft(X * X)).sum(1))
    f = lambda a: (a * a.conj()).real.sum() + a.exp().imag.sum()
    _, t = firth.jvp(f, (z,), (z * 0 + (1 - 2j),))
    step = 1e-6 * (1 - 2j)
    there = [(np.abs(v) ** 2).sum() + np.exp(v).imag.sum() for v in (X + step, X - step)]
    assert t.item() == pytest.approx((there[0] - there[1]) / 2e-6, rel=1e-6)


def test_promotion_with_numbers_and_tensors() -> None:
    x = firth.ones(2, dtype=firth.float64)
    assert (x * 1j).dtype is firth.complex128 and (firth.ones(2) + 1j).dtype is firth.complex64
    assert (firth.tensor([1]) * 1j).dtype is firth.complex64
    assert (firth.tensor([1j]) * x).dtype is firth.complex128
    assert (1j - firth.tensor([1j])).tolist() == [0j]


def test_casts_keep_the_real_part() -> None:
    z = firth.tensor([1.7 + 2j, 2j, 0j])
    assert z.to(firth.int32).tolist() == [1, 0, 0] and z.bool().tolist() == [True, True, False]
    assert z.to(firth.float16).dtype is firth.float16
    assert firth.tensor([True, False]).to(firth.complex64).tolist() == [1, 0]


def test_parts_are_views() -> None:
    z = firth.tensor([[1 + 2j, 3 - 1j]])
    z.real.fill_(5)
    assert z.tolist() == [[5 + 2j, 5 - 1j]]
    z.imag = firth.tensor([[7.0, 8.0]])
    firth.view_as_real(z)[0, 0, 0] = -1
    assert z.tolist() == [[-1 + 7j, 5 + 8j]]
    pairs = firth.zeros(2, 2)
    whole = firth.view_as_complex(pairs)
    whole += 1 + 2j
    assert pairs.tolist() == [[1, 2], [1, 2]]
    z[0] = 1j
    z *= 2
    assert z.tolist() == [[2j, 2j]]


def test_numbers_that_change_become_inputs() -> None:
    x = firth.tensor([1 + 1j])
    assert [(x * c).item() for c in (1j, 2j, complex(0.5, -0.0))] == [-1 + 1j, -2 + 2j, 0.5 + 0.5j]


def test_in_jit() -> None:
    @firth.jit
    def step(z, w):
        loss = ((z @ w).exp().abs() ** 2).sum()
        loss.backward()
        return loss

    w = firth.tensor(W, requires_grad=True)
    for _ in range(3):
        w.grad = None
        step(firth.tensor(X), w)
    t = torch.tensor(W, requires_grad=True)
    ((torch.tensor(X) @ t).exp().abs() ** 2).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), t.grad.numpy(), rtol=1e-9)


def test_a_layer_learns_complex_weights() -> None:
    target = firth.tensor(W.astype(np.complex64))
    weight = nn.Parameter(firth.zeros(4, 2, dtype=firth.complex64))
    x = firth.tensor(X.astype(np.complex64))
    optimizer = firth.optim.SGD([weight], lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss = (x @ weight - x @ target).abs().square().sum()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3


def test_what_is_refused() -> None:
    z = firth.tensor([1j], requires_grad=True)
    with pytest.raises(GradientError, match="a complex number is no loss"):
        (z * z).backward()
    with pytest.raises(DTypeError, match="imag: a real tensor"):
        firth.ones(2).imag  # noqa: B018
    with pytest.raises(DTypeError, match="no meaning for complex"):
        z < z  # noqa: B015
    with pytest.raises(DTypeError, match="no meaning for complex"):
        z.sort()
    assert firth.ones(2).real.tolist() == [1, 1] and firth.conj(firth.ones(1)).item() == 1
    assert firth.isreal(firth.tensor([1j, 1])).tolist() == [False, True]
    assert firth.angle(firth.tensor([-1.0, 2.0])).tolist() == pytest.approx([np.pi, 0])
