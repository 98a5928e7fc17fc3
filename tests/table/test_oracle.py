"""The meanings in the table against PyTorch in float64 and integers, and gradients at kinks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firth import ops
from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.passes.grad import gradient
from tests.table.table_tools import apply, run, samples

torch = pytest.importorskip("torch")
F = torch.nn.functional
torch.set_num_threads(1)

SAME_NAME = (
    "abs neg sqrt exp log expm1 log1p sin cos tan asin acos atan tanh erf floor ceil trunc round "
    "add sub mul div pow remainder maximum minimum bitwise_and bitwise_or bitwise_xor bitwise_not "
    "floor_divide where greater greater_equal logical_and logical_or logical_xor "
    "logical_not isnan isinf isfinite sign square reciprocal rsqrt fmod sinh cosh asinh acosh "
    "atanh exp2 log2 log10 erfc atan2 logaddexp lerp relu sigmoid matmul"
).split()
FUNCTIONAL = (
    "relu6 logsigmoid silu gelu selu hardsigmoid hardswish mish softsign tanhshrink linear"
).split()
RENAMED = {
    "equal": torch.eq, "not_equal": torch.ne, "less": torch.lt, "less_equal": torch.le,
    "power": torch.pow,
    "div_trunc": lambda x, y: torch.div(x, y, rounding_mode="trunc"),
    "div_floor": lambda x, y: torch.div(x, y, rounding_mode="floor"),
    "logsigmoid": F.logsigmoid,
}  # fmt: skip


def axes_of(fn: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axes, keepdims, **o: fn(x, dim=axes, keepdim=keepdims, **o) if axes else x


def pairs(padding: Any) -> list[int]:
    return [v for pair in reversed(padding) for v in pair]


def conv(x: Any, w: Any, *b: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    n = len(stride)
    fn = (F.conv1d, F.conv2d, F.conv3d)[n - 1]
    return fn(F.pad(x, pairs(padding)), w, *b, stride=stride, dilation=dilation, groups=groups)


def conv_transpose(x: Any, w: Any, *b: Any, padding: Any, **o: Any) -> Any:
    fn = (F.conv_transpose1d, F.conv_transpose2d)[x.ndim - 3]
    return fn(x, w, *b, padding=tuple(p[0] for p in padding), **o)


def symmetric(padding: Any) -> bool:
    return all(a == b for a, b in padding)


def pool(kind: str) -> Callable[..., Any]:
    def run_pool(x: Any, sizes: Any, padding: Any, ceil_mode: bool, **o: Any) -> Any:
        if not symmetric(padding) or 0 in x.shape:
            return None
        if "count_padding" in o:
            o["count_include_pad"] = o.pop("count_padding")
        n = len(sizes)
        spare = n + 2 - x.ndim
        for _ in range(spare):
            x = x[None]
        fn = getattr(F, f"{kind}_pool{n}d")
        found = fn(x, sizes, padding=tuple(p[0] for p in padding), ceil_mode=ceil_mode, **o)
        for _ in range(spare):
            found = found[0]
        return found

    return run_pool


def adaptive(x: Any, sizes: Any) -> Any:
    n = len(sizes)
    flat = x.reshape(1, -1, *x.shape[x.ndim - n :])
    found = getattr(F, f"adaptive_avg_pool{n}d")(flat, sizes)
    return found.reshape(*x.shape[: x.ndim - n], *sizes)


def classes(fn: Callable[..., Any]) -> Callable[..., Any]:
    def run_loss(x: Any, t: Any, *weight: Any, ignore_index: Any = None, **o: Any) -> Any:
        ignore = -100 if ignore_index is None else ignore_index
        return fn(x, t, *weight, ignore_index=ignore, **o)

    return run_loss


def norm(x: Any, axes: Any, keepdims: bool, ord: float) -> Any:
    return torch.linalg.vector_norm(x, ord, dim=axes, keepdim=keepdims)


def batch_norm(x: Any, *p: Any, eps: float = 1e-5) -> Any:
    return F.batch_norm(x, None, None, *p, training=True, eps=eps)


def scatter_along(x: Any, u: Any, i: Any, axis: int, mode: str) -> Any:
    return x.scatter(axis, i, u) if mode == "set" else x.scatter_add(axis, i, u)


def put(x: Any, u: Any, *i: Any, axes: Any, mode: str) -> Any:
    if mode not in ("set", "add"):
        return None
    x = x.movedim(axes, tuple(range(len(axes))))
    found = x.clone().index_put(i, u, accumulate=mode == "add")
    return found.movedim(tuple(range(len(axes))), axes)


WRITTEN: dict[str, Callable[..., Any]] = {
    "amax": axes_of(torch.amax), "amin": axes_of(torch.amin), "mean": axes_of(torch.mean),
    "sum": lambda x, axes, keepdims: x.sum(axes, keepdim=keepdims, dtype=x.dtype) if axes else x,
    "prod": lambda x, axes, keepdims: x.prod(axes[0], keepdims, dtype=x.dtype)
    if len(axes) == 1 else None,
    "var": axes_of(torch.var), "std": axes_of(torch.std), "norm": norm,
    "logsumexp": axes_of(torch.logsumexp),
    "softmax": lambda x, axis: torch.softmax(x, axis),
    "log_softmax": lambda x, axis: torch.log_softmax(x, axis),
    "argmax": lambda x, axis, keepdims: torch.argmax(x, axis, keepdims),
    "argmin": lambda x, axis, keepdims: torch.argmin(x, axis, keepdims),
    "cumsum": lambda x, axis: torch.cumsum(x, axis, dtype=x.dtype),
    "cumprod": lambda x, axis: torch.cumprod(x, axis, dtype=x.dtype),
    "cummax": lambda x, axis: torch.cummax(x, axis).values,
    "cummin": lambda x, axis: torch.cummin(x, axis).values,
    "reshape": torch.reshape, "permute": lambda x, axes: x.permute(axes),
    "expand": lambda x, shape: x.expand(shape), "flip": lambda x, axes: x.flip(axes),
    "concatenate": lambda *xs, axis: torch.cat(xs, axis),
    "stack": lambda *xs, axis: torch.stack(xs, axis), "tile": lambda x, counts: x.repeat(counts),
    "repeat_interleave": lambda x, count, axis: x.repeat_interleave(count, axis),
    "roll": lambda x, shifts, axes: x.roll(shifts, axes) if axes else x,
    "tril": torch.tril, "triu": torch.triu,
    "diagonal": lambda x, offset: x.diagonal(offset, -2, -1),
    "clamp": lambda x, **o: torch.clamp(x, **o),
    "leaky_relu": lambda x, slope=0.01: F.leaky_relu(x, slope),
    "elu": lambda x, alpha=1.0: F.elu(x, alpha), "celu": lambda x, alpha=1.0: F.celu(x, alpha),
    "softplus": lambda x, **o: F.softplus(x, **o),
    "hardtanh": lambda x, low=-1.0, high=1.0: F.hardtanh(x, low, high),
    "hardshrink": lambda x, cut=0.5: F.hardshrink(x, cut),
    "softshrink": lambda x, cut=0.5: F.softshrink(x, cut),
    "threshold": lambda x, cut=0.0, value=0.0: F.threshold(x, cut, value),
    "masked_fill": lambda x, m, v: torch.where(m, v, x),
    "conv": conv, "conv_transpose": conv_transpose, "max_pool": pool("max"),
    "avg_pool": pool("avg"), "adaptive_avg_pool": adaptive,
    "layer_norm": lambda x, *p, ndim, eps=1e-5: F.layer_norm(x, x.shape[-ndim:], *p, eps=eps),
    "rms_norm": lambda x, *p, ndim, eps=1e-6: F.rms_norm(x, x.shape[-ndim:], *p[:1], eps=eps)
    if len(p) < 2 else None,
    "group_norm": lambda x, *p, groups, eps=1e-5: F.group_norm(x, groups, *p, eps=eps),
    "batch_norm": batch_norm,
    "batch_norm_inference": lambda x, m, v, *p, eps=1e-5: F.batch_norm(x, m, v, *p, eps=eps),
    "nll_loss": classes(F.nll_loss), "cross_entropy": classes(F.cross_entropy),
    "cross_entropy_soft": lambda x, t, *w, **o: F.cross_entropy(x, t, *w, **o),
    "mse_loss": F.mse_loss, "l1_loss": F.l1_loss, "smooth_l1_loss": F.smooth_l1_loss,
    "huber_loss": F.huber_loss, "binary_cross_entropy": F.binary_cross_entropy,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits, "kl_div": F.kl_div,
    "scaled_dot_product_attention": lambda q, k, v, *m, **o: F.scaled_dot_product_attention(
        q, k, v, *m, **o),
    "one_hot": lambda i, classes, dtype: F.one_hot(i.long(), classes)
    if dtype is dt.int64 else None,
    "embedding": lambda w, i: F.embedding(i, w), "scatter": put,
    "take_along_axis": lambda x, i, axis: x.gather(axis, i), "scatter_along_axis": scatter_along,
    "sort": lambda x, axis, descending: x.sort(axis, descending).values,
    "topk": lambda x, k, axis, largest: x.topk(k, axis, largest).values,
    "argsort": lambda x, axis, descending: torch.argsort(
        x, dim=axis, descending=descending, stable=True),
    "window": lambda x, sizes, strides, dilations: x.unfold(1, sizes[0], strides[0])
    if x.ndim == 2 and sizes and dilations == (1,) and x.shape[1] >= sizes[0] else None,
}  # fmt: skip

ORACLES: dict[str, Callable[..., Any]] = {
    **{name: getattr(torch, name) for name in SAME_NAME},
    **{name: getattr(F, name) for name in FUNCTIONAL if hasattr(F, name)},
    **RENAMED,
    **WRITTEN,
}


@pytest.mark.filterwarnings("ignore:reduction:UserWarning", "ignore:.*degrees:UserWarning")
@pytest.mark.parametrize("name", sorted(ORACLES))
def test_meaning_is_pytorchs(name: str) -> None:
    op = ops.TABLE[name]
    for _, case in samples(op, [dt.float64, dt.int64, dt.int32, dt.uint8, dt.bool_]):
        args = [np.asarray(a) for a in case.args]
        try:
            expected = ORACLES[name](*[torch.from_numpy(a.copy()) for a in args], **case.attrs)
        except (RuntimeError, NotImplementedError):
            assert args[0].dtype != np.float64  # some of PyTorch's dtypes have no kernel
            continue
        if expected is None:
            continue
        graph = apply(op, args, case.attrs)
        found = run(graph, args)[0]
        assert found.shape == tuple(expected.shape)
        wide = found.astype(np.float64) if found.dtype.kind == "f" else found
        tolerance = 1e-6 if expected.dtype == torch.float32 else 1e-11
        np.testing.assert_allclose(wide, expected.numpy(), rtol=tolerance, atol=tolerance)


def torch_gradient(fn: Callable[..., Any], args: list[np.ndarray]) -> list[np.ndarray]:
    leaves = [torch.from_numpy(a.copy()).requires_grad_(a.dtype == np.float64) for a in args]
    out = fn(*leaves)
    (out * torch.arange(1, out.numel() + 1).reshape(out.shape)).sum().backward()
    return [x.grad.numpy() for x in leaves if x.requires_grad]


def firth_gradient(name: str, args: list[np.ndarray], attrs: dict[str, Any]) -> list[np.ndarray]:
    op = ops.TABLE[name]
    graph = apply(op, args, attrs)
    shape = graph.outputs[0].shape
    weight = ops.arange(start=1, step=1, extent=int(np.prod(shape)), dtype=dt.float64)
    cotangent = ops.reshape(weight, shape=shape).node
    wrt = [n for n in graph.inputs if n.dtype is dt.float64]
    found = gradient(graph.outputs, [cotangent], wrt)
    assert all(g is not None for g in found)
    return run(Graph(graph.inputs, tuple(g for g in found if g is not None)), args)


X = np.array([-3.0, -1.0, -0.0, 0.0, 1.0, 1.0, 3.0, 6.0])
TIES = np.array([[1.0, 2.0, 2.0, 0.0], [2.0, 2.0, 1.0, 2.0]])
GRID = np.array(
    [[1.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 5.0], [0.0, 0.0, 2.0, 2.0], [3.0, 0.0, 2.0, 2.0]]
)
KINKS: list[tuple[str, list[np.ndarray], dict[str, Any]]] = [
    *[(name, [X], {}) for name in (
        "abs", "relu", "relu6", "hardtanh", "hardsigmoid", "hardswish", "leaky_relu", "elu",
        "selu", "celu", "softplus", "hardshrink", "softshrink", "sign", "floor", "round")],
    ("maximum", [X, np.ones(8)], {}), ("minimum", [X, np.ones(8)], {}),
    ("clamp", [X], {"min": -1.0, "max": 1.0}),
    ("pow", [np.array([0.0, 2.0]), np.array([0.0, 2.0])], {}),
    ("amax", [TIES], {"axes": (1,), "keepdims": False}),
    ("amin", [TIES], {"axes": (0, 1), "keepdims": False}),
    ("prod", [np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0]])], {"axes": (1,), "keepdims": False}),
    ("cumprod", [np.array([2.0, 0.0, 3.0, 0.0, 4.0])], {"axis": 0}),
    ("cummax", [TIES], {"axis": 1}),
    ("norm", [np.zeros(3)], {"axes": (0,), "keepdims": False, "ord": 2}),
    ("std", [np.ones(3)], {"axes": (0,), "keepdims": False}),
    ("max_pool", [GRID[None, None]], {"sizes": (2, 2), "stride": (2, 2), "padding": ((0, 0),) * 2,
                                      "dilation": (1, 1), "ceil_mode": False}),
    ("max_pool", [GRID[None, None]], {"sizes": (3, 3), "stride": (1, 1), "padding": ((1, 1),) * 2,
                                      "dilation": (1, 1), "ceil_mode": False}),
    ("sort", [TIES], {"axis": 1, "descending": False}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "args", "attrs"), KINKS, ids=lambda v: v if isinstance(v, str) else ""
)
def test_gradients_at_kinks_are_pytorchs(
    name: str, args: list[np.ndarray], attrs: dict[str, Any]
) -> None:
    expected = torch_gradient(lambda *xs: ORACLES[name](*xs, **attrs), args)
    for a, b in zip(firth_gradient(name, args, attrs), expected, strict=True):
        # 1e-7: some of PyTorch's slopes are float32 constants.
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7)


@st.composite
def convolutions(draw: Any) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Random shapes and attributes of a convolution whose kernel fits."""
    n, groups = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    few = st.integers(1, 3)
    kernel, stride, dilation = (tuple(draw(few) for _ in range(n)) for _ in range(3))
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(n))
    extents = [(k - 1) * d + draw(st.integers(1, 5)) for k, d in zip(kernel, dilation)]
    channels, features = groups * draw(few), groups * draw(few)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.standard_normal((draw(few), channels, *extents))
    w = rng.standard_normal((features, channels // groups, *kernel))
    bias = [rng.standard_normal(features)] if draw(st.booleans()) else []
    attrs = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return [x, w, *bias], attrs


@settings(max_examples=60, deadline=None)
@given(convolutions())
def test_convolutions_and_their_gradients(call: tuple[list[np.ndarray], dict[str, Any]]) -> None:
    args, attrs = call
    expected = conv(*[torch.from_numpy(a) for a in args], **attrs).numpy()
    (found,) = run(apply(ops.conv, args, attrs), args)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)
    grads = torch_gradient(lambda *xs: conv(*xs, **attrs), args)
    for a, b in zip(firth_gradient("conv", args, attrs), grads, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["max", "avg"]), st.integers(1, 9), st.integers(1, 4), st.integers(1, 4),
    st.integers(0, 2), st.integers(1, 2), st.booleans(), st.booleans(),
)  # fmt: skip
def test_pools_and_their_gradients(
    kind: str, extent: int, size: int, stride: int, padding: int, dilation: int,
    ceil_mode: bool, count_padding: bool,
) -> None:  # fmt: skip
    padding, dilation = min(padding, size // 2), dilation if kind == "max" else 1
    if extent + 2 * padding < (size - 1) * dilation + 1:
        return
    attrs: dict[str, Any] = {
        "sizes": (size,) * 2, "stride": (stride,) * 2, "padding": ((padding, padding),) * 2,
        "ceil_mode": ceil_mode,
    }  # fmt: skip
    attrs |= {"dilation": (dilation,) * 2} if kind == "max" else {"count_padding": count_padding}
    x = np.random.default_rng(extent).integers(0, 4, (2, 1, extent, extent)).astype(np.float64)
    expected = pool(kind)(torch.from_numpy(x), **attrs).numpy()
    (found,) = run(apply(ops.TABLE[f"{kind}_pool"], [x], attrs), [x])
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    if not np.isfinite(expected).all():
        return  # a window of padding only: PyTorch's backward writes outside its memory there
    (g,) = torch_gradient(lambda t: pool(kind)(t, **attrs), [x])
    (found,) = firth_gradient(f"{kind}_pool", [x], attrs)
    np.testing.assert_allclose(found, g, rtol=1e-9, atol=1e-9)
