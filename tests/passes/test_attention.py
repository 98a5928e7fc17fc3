"""Attention whole: results and gradients against PyTorch in float64, kernels, memory."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest

from firth import targets
from firth.base import dtype as dt
from firth.codegen.emit import emit
from firth.ir.graph import Graph
from firth.ir.kernel import Buffer
from firth.ir.kernel_text import kernel_text
from firth.ir.node import Node
from firth.ir.op import TABLE as T
from firth.ir.op import Expr, input_node
from firth.passes.grad import gradient
from firth.passes.loops import Call
from firth.passes.pipeline import to_kernels
from tests.passes.facts import FACTS
from tests.passes.graphs import run

torch = pytest.importorskip("torch")
attention = T["scaled_dot_product_attention"]
CPU = targets.get("cpu")
RNG = np.random.default_rng(0)
MASKS = ("none", "causal", "bool", "float", "both")
SIZES = (  # batch, T, S, D, E
    ((1,), 1, 1, 1, 1), ((2,), 7, 127, 9, 5), ((3, 2), 129, 65, 16, 33), ((8,), 64, 64, 32, 32),
    ((2,), 127, 129, 32, 16), ((9,), 70, 200, 8, 8), ((1,), 1, 700, 16, 16), ((), 530, 1100, 4, 4),
)  # fmt: skip


def draw(*shape: int, dtype: dt.DType = dt.float32) -> np.ndarray:
    return RNG.standard_normal(shape).astype(dtype.np)


def with_gradients(
    arrays: Sequence[np.ndarray], wrt: Sequence[int] = (0, 1, 2), **attrs: object
) -> Graph:
    """q, k, v, mask if any, g -> the result and the gradients of sum(result * g)."""
    made = [input_node(i, x.shape, dt.from_numpy(x.dtype)) for i, x in enumerate(arrays)]
    *sources, g = made
    y = attention(*map(Expr, sources), **attrs).node
    pulled = gradient([y], [g], [made[i] for i in wrt])
    return Graph(tuple(made), (y, *(p for p in pulled if p is not None)))


def expected(arrays: Sequence[np.ndarray], causal: bool, scale: float | None) -> list[np.ndarray]:
    """The same from PyTorch in float64."""
    q, k, v, *mask, g = (
        torch.tensor(x) if x.dtype == bool else torch.tensor(x, dtype=torch.float64) for x in arrays
    )
    for x in (q, k, v):
        x.requires_grad_()
    scores = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        scores = scores.masked_fill(~seen, -torch.inf)
    for m in mask:
        scores = scores.masked_fill(~m, -torch.inf) if m.dtype is torch.bool else scores + m
    y = torch.softmax(scores, -1) @ v
    return [x.detach().numpy() for x in (y, *torch.autograd.grad(y, (q, k, v), g))]


def sources(
    batch: tuple[int, ...], t: int, s: int, d: int, e: int, mask: str = "none",
    dtype: dt.DType = dt.float32,
) -> list[np.ndarray]:  # fmt: skip
    shapes = ((*batch, t, d), (*batch, s, d), (*batch, s, e))
    out = [draw(*x, dtype=dtype) for x in shapes]
    if mask == "bool":
        allowed = RNG.random((t, s)) < 0.6
        allowed[:, 0] = True
        out.append(allowed)
    if mask in ("float", "both"):
        out.append(draw(*batch[:1], *(1,) * len(batch[1:]), t, s, dtype=dtype))
    return [*out, draw(*batch, t, e, dtype=dtype)]


def compare(got: Sequence[np.ndarray], want: Sequence[np.ndarray], relative: float = 3e-6) -> None:
    for a, b in zip(got, want, strict=True):
        high = max(np.abs(b).max(), 1e-3)
        np.testing.assert_allclose(a, b, rtol=0, atol=relative * high)


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_results_and_gradients(size: tuple, mask: str) -> None:
    causal = mask in ("causal", "both")
    arrays = sources(*size, mask)
    got = run(CPU, with_gradients(arrays, is_causal=causal), arrays)
    compare(got, expected(arrays, causal, None))


def test_float64_scale_and_broadcast_heads() -> None:
    arrays = sources((4, 3), 33, 20, 8, 8, dtype=dt.float64)
    arrays[1] = arrays[1][:, :1]  # one key for three heads
    got = run(CPU, with_gradients(arrays, scale=-0.3), arrays)
    compare(got, expected(arrays, False, -0.3), 1e-14)


def test_rows_that_see_nothing_are_nan_as_in_softmax() -> None:
    arrays = sources((2,), 9, 12, 4, 4, "bool")
    arrays[3][4] = False
    y = run(CPU, with_gradients(arrays, ()), arrays)[0]
    assert np.isnan(y[:, 4]).all() and not np.isnan(y[:, :4]).any()
    hidden = arrays[:3] + [np.where(arrays[3], 0, -np.inf).astype(np.float32), arrays[4]]
    np.testing.assert_array_equal(run(CPU, with_gradients(hidden, ()), hidden)[0], y)


def test_scores_are_not_stored() -> None:
    def arena(t: int) -> int:
        arrays = sources((2,), t, t, 16, 16)
        return to_kernels(with_gradients(arrays, is_causal=True), FACTS)[1].arena_bytes

    assert arena(4096) <= 2 * arena(2048) + 4096
    assert arena(4096) < 4 * 4096 * 16 * 4 * 2  # a few values of the size of q


def calls_of(graph: Graph) -> list[Call]:
    return to_kernels(graph, FACTS)[0].calls


def written(call: Call) -> list[Node]:
    buffers: list[Buffer] = [b for b in call.kernel.buffers if not b.scratch]
    return [n for n, b in zip(call.arguments, buffers, strict=True) if b.written]


def test_results_share_a_kernel_with_their_logarithms_and_gradients_with_each_other() -> None:
    calls = calls_of(with_gradients(sources((8,), 40, 40, 8, 8)))
    names = [c.kernel.name for c in calls]
    assert [n for n in names if n.startswith("attention")] == ["attention", "attention_gradient"]
    assert sorted(len(written(c)) for c in calls if "attention" in c.kernel.name) == [2, 3]


def test_one_block_of_keys_needs_no_running_maximum() -> None:
    def running(keys: int) -> bool:
        calls = calls_of(with_gradients(sources((8,), 64, keys, 8, 8)))
        kernels = [kernel_text(c.kernel) for c in calls if c.kernel.name == "attention"]
        assert kernels
        return any(re.search(r"maximum\(b\d+\[", text) for text in kernels)

    assert not running(512)
    assert running(513)


def test_few_heads_are_shared_out_by_blocks() -> None:
    calls = [c for c in calls_of(with_gradients(sources((2,), 640, 640, 8, 8)))
             if c.kernel.name == "attention_gradient"]  # fmt: skip
    assert [len(written(c)) for c in calls] == [1, 2]
    assert all(c.kernel.tiles() == 20 for c in calls)


def test_parts_of_one_projection_are_read_where_they_lie() -> None:
    b, t, h, d = 2, 20, 3, 8
    x = input_node(0, (b, t, 3 * h * d), dt.float32)

    def part(place: int) -> Expr:
        starts, sizes = (0, 0, place * h * d), (b, t, h * d)
        cut = T["slice"](Expr(x), starts=starts, sizes=sizes, steps=(1, 1, 1))
        return T["permute"](T["reshape"](cut, shape=(b, t, h, d)), axes=(0, 2, 1, 3))

    graph = Graph((x,), (attention(part(0), part(1), part(2), is_causal=True).node,))
    assert len(calls_of(graph)) == 1
    array = draw(b, t, 3 * h * d)
    q, k, v = array.reshape(b, t, 3, h, d).transpose(2, 0, 3, 1, 4)
    want = attention.ref(*(z.astype(np.float64) for z in (q, k, v)), is_causal=True, scale=None)
    compare(run(CPU, graph, [array]), [want])


def test_the_result_has_the_same_bits_with_and_without_its_gradient() -> None:
    arrays = sources((8,), 70, 70, 16, 16)
    both = run(CPU, with_gradients(arrays, is_causal=True), arrays)[0]
    alone = run(CPU, with_gradients(arrays, (), is_causal=True), arrays)[0]
    np.testing.assert_array_equal(both, alone)


@pytest.mark.parametrize("sizes", [(70, 130), (1000, 1300)], ids=["one block", "blocks"])
def test_one_text_serves_all_shapes_of_a_structure(sizes: tuple[int, int]) -> None:
    texts = []
    for t in sizes:
        graph = with_gradients(sources((8,), t, t, 16, 16), is_causal=True)
        calls = to_kernels(graph, FACTS, generic=True)[0].calls
        texts.append([emit(c.kernel, FACTS, True).name for c in calls if "att" in c.kernel.name])
    assert texts[0] == texts[1] and len(texts[0]) == 2


def test_second_derivatives() -> None:
    arrays = sources((2,), 5, 6, 3, 4, dtype=dt.float64)
    made = [input_node(i, x.shape, dt.float64) for i, x in enumerate(arrays)]
    y = attention(*map(Expr, made[:3]), is_causal=True).node
    first = gradient([y], [made[3]], made[:3])
    squares = [T["sum"](Expr(p) * Expr(p), axes=(0, 1, 2), keepdims=False) for p in first if p]
    total = (squares[0] + squares[1] + squares[2]).node
    second = gradient([total], [None], made[:3])
    got = run(CPU, Graph(tuple(made), tuple(p for p in second if p)), arrays)
    q, k, v, g = (torch.tensor(x) for x in arrays)
    for x in (q, k, v):
        x.requires_grad_()
    scores = (q @ k.transpose(-1, -2) * 3**-0.5).masked_fill(
        ~torch.ones(5, 6, dtype=torch.bool).tril(), -torch.inf
    )
    pulled = torch.autograd.grad(torch.softmax(scores, -1) @ v, (q, k, v), g, create_graph=True)
    want = torch.autograd.grad(sum((p * p).sum() for p in pulled), (q, k, v))
    compare(got, [w.numpy() for w in want], 1e-12)


def test_a_float_mask_has_a_gradient() -> None:
    arrays = sources((2,), 6, 7, 3, 4, "float", dtype=dt.float64)
    got = run(CPU, with_gradients(arrays, (3,)), arrays)[1]
    q, k, v, m, g = (torch.tensor(x) for x in arrays)
    m.requires_grad_()
    y = torch.softmax(q @ k.transpose(-1, -2) * 3**-0.5 + m, -1) @ v
    compare([got], [torch.autograd.grad(y, m, g)[0].numpy()], 1e-12)
