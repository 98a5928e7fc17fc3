"""Storage orders: channels last around windows, rims of zeros, row-major at the edges."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import TABLE as T
from firth.ir.op import Expr
from firth.passes.affine import Layout
from firth.passes.layout import copied, windowed
from firth.passes.pipeline import to_base, to_kernels
from firth.passes.schedule import Schedule
from firth.targets.cpu import target as cpu
from firth.targets.ref import target as ref
from tests.passes.facts import FACTS
from tests.passes.graphs import Build, graph_of, run

EDGES = ((0, 0), (0, 0), (1, 1), (1, 1))


def conv(x: Expr, w: Expr, padding: int = 1, stride: int = 1, groups: int = 1) -> Expr:
    n = w.ndim - 2
    return T["conv"](
        x, w, stride=(stride,) * n, padding=((padding, padding),) * n, dilation=(1,) * n,
        groups=groups,
    )  # fmt: skip


def relu(x: Expr) -> Expr:
    return T["maximum"](x, 0.0)


def scheduled(build: Build, *shapes: tuple[int, ...], generic: bool = False) -> Schedule:
    return to_kernels(graph_of(build, *shapes), FACTS, generic)[0]


def by_op(found: Schedule) -> list[tuple[str, Layout]]:
    named = {key: node.op.name for key, node in found.stored.items()}
    return [(named[key], layout) for key, layout in found.layouts.items()]


def two(x: Expr, v: Expr, w: Expr) -> Expr:
    return conv(relu(conv(x, v)), w)


SHAPES = ((2, 8, 6, 6), (8, 8, 3, 3), (8, 8, 3, 3))


def test_values_between_convolutions_lie_channels_last_with_rims() -> None:
    (found,) = [layout for op, layout in by_op(scheduled(two, *SHAPES)) if op == "maximum"]
    assert found == Layout((0, 2, 3, 1), EDGES)


def test_padded_inputs_and_weights_are_copied() -> None:
    found = by_op(scheduled(two, *SHAPES))
    none = ((0, 0),) * 5
    assert [layout for op, layout in found if op == "pad"] == [Layout((0, 2, 3, 1), none[:4])]
    kernel_first = Layout((3, 4, 0, 2, 1), none)  # (group, F, C, kh, kw): places, C, then F
    assert [layout for op, layout in found if op == "reshape"] == [kernel_first] * 2


def test_inputs_and_outputs_stay_row_major() -> None:
    graph = graph_of(two, *SHAPES)
    found = to_kernels(graph, FACTS)[0]
    assert not found.layouts.keys() & {id(n) for n in graph.inputs}
    (last,) = [c for c in found.calls if c.kernel.name == "contract"][1:]
    assert last.arguments[-1].op.name == "contract"
    assert id(last.arguments[-1]) not in found.layouts


def test_generic_kernels_have_one_order_for_all_extents() -> None:
    assert not scheduled(two, *SHAPES, generic=True).layouts


def test_flattened_values_stay_row_major() -> None:
    def build(x: Expr, w: Expr, m: Expr) -> Expr:
        y = relu(conv(relu(conv(x, w)), w))
        return T["matmul"](T["reshape"](y, shape=(2, 8 * 36)), m)

    names = [op for op, _ in by_op(scheduled(build, *SHAPES[:2], (8 * 36, 4)))]
    assert names.count("maximum") == 1  # the first only


def test_what_shares_a_kernel_shares_an_order() -> None:
    def build(x: Expr, w: Expr) -> Sequence[Expr]:
        y = conv(x, w)
        z = T["exp"](y)
        return conv(T["tanh"](z + 1.0), w), T["sum"](z * y, axes=(0, 2), keepdims=False)

    found = [layout.order for op, layout in by_op(scheduled(build, *SHAPES[:2])) if op != "reshape"]
    assert set(found) <= {(0, 2, 3, 1), (0, 3, 4, 1, 2)}


def test_rims_are_the_most_that_any_reader_asks_for() -> None:
    def build(x: Expr, w: Expr) -> Sequence[Expr]:
        y = relu(conv(x, w))
        return conv(y, w), conv(y, w, padding=2)

    (found,) = [layout for op, layout in by_op(scheduled(build, *SHAPES[:2])) if op == "maximum"]
    assert found.rims == ((0, 0), (0, 0), (2, 2), (2, 2))


def test_a_layout_knows_its_room() -> None:
    layout = Layout((0, 2, 3, 1), EDGES)
    assert layout.room((2, 8, 6, 6)) == (2, 8, 8, 8)
    found = scheduled(two, *SHAPES)
    (node,) = [n for k, n in found.stored.items() if n.op.name == "maximum" and k in found.layouts]
    assert found.size_bytes(node) == 4 * math.prod((2, 8, 8, 8))


def test_windows_of_few_channels_are_pooled_as_they_lie() -> None:
    def pool(x: Expr) -> Expr:
        y = T["exp"](x) + T["sum"](x, axes=(3,), keepdims=True)
        return T["amax"](T["window"](y, sizes=(2, 2), strides=(2, 2), dilations=(1, 1)),
                         axes=(4, 5), keepdims=False)  # fmt: skip

    assert not scheduled(pool, (2, 3, 8, 8)).layouts
    assert scheduled(pool, (2, 16, 8, 8)).layouts


def contracts(graph: Graph) -> list[Node]:
    return [n for n in to_base(graph).nodes() if n.op.name == "contract"]


def test_which_contractions_read_windows() -> None:
    (node,) = contracts(graph_of(lambda x, w: conv(x, w), *SHAPES[:2]))
    found = windowed(node)
    assert found is not None and found.place == 0 and found.forward()
    (plain,) = contracts(graph_of(lambda x, w: T["matmul"](x, w), (3, 4), (4, 5)))
    assert windowed(plain) is None


def test_only_movement_of_inputs_is_copied() -> None:
    graph = to_base(graph_of(two, *SHAPES))
    names = sorted(n.op.name for n in copied(graph, FACTS).values())
    assert names == ["pad", "reshape", "reshape"]


NETWORKS: dict[str, tuple[Build, tuple[tuple[int, ...], ...]]] = {
    "two convolutions": (two, SHAPES),
    "a stride": (lambda x, v, w: conv(relu(conv(x, v, stride=2)), w), SHAPES),
    "groups": (
        lambda x, v, w: conv(relu(conv(x, v, groups=2)), w, groups=8),
        ((2, 8, 5, 7), (8, 4, 3, 3), (8, 1, 3, 3)),
    ),
    "along one dimension": (two, ((2, 8, 9), (8, 8, 3), (8, 8, 3))),
    "in three dimensions": (two, ((2, 4, 3, 4, 5), (4, 4, 3, 3, 3), (4, 4, 3, 3, 3))),
    "flattened and read by a convolution": (
        lambda x, v, w: T["sum"](
            T["reshape"](relu(conv(x, v)), shape=(2, 288)), axes=(1,), keepdims=False
        )
        + T["sum"](conv(relu(conv(x, v)), w), axes=(1, 2, 3), keepdims=False),
        SHAPES,
    ),
    "an output that is read on": (lambda x, v, w: [y := relu(conv(x, v)), conv(y, w)], SHAPES),
    "a single pixel": (two, ((1, 8, 1, 1), (8, 8, 3, 3), (8, 8, 3, 3))),
    "another padding than zero": (
        lambda x, w: T["amax"](
            T["window"](
                T["pad"](
                    relu(conv(x, w)), low=(0, 0, 1, 1), high=(0, 0, 1, 1), inner=(0,) * 4, value=7.0
                ),
                sizes=(3, 3), strides=(2, 2), dilations=(1, 1),
            ),
            axes=(4, 5), keepdims=False,
        ),
        SHAPES[:2],
    ),
    "concatenated channels": (
        lambda x, v, w: conv(
            T["slice"](
                T["concatenate"](relu(conv(x, v)), conv(x, w), axis=1),
                starts=(0, 3, 0, 0), sizes=(2, 8, 6, 6), steps=(1, 1, 1, 1),
            ),
            w,
        ),
        SHAPES,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_values_do_not_depend_on_where_they_lie(name: str) -> None:
    build, shapes = NETWORKS[name]
    graph = graph_of(build, *shapes)
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(s).astype(np.float32) for s in shapes]
    for got, expected in zip(run(cpu, graph, arrays), run(ref, graph, arrays), strict=True):
        np.testing.assert_allclose(got, expected, rtol=2e-5, atol=2e-4)


def test_what_shares_a_kernel_with_a_convolution_follows_it() -> None:
    def build(x: Expr, w: Expr) -> Expr:
        y = T["exp"](conv(x, w))  # the only one of its kernel that is stored
        return T["sum"](y * y, axes=(1,), keepdims=False) + T["amax"](y, axes=(1,), keepdims=False)

    found = [layout.order for op, layout in by_op(scheduled(build, *SHAPES[:2])) if op == "exp"]
    assert found == [(0, 2, 3, 1)]


def _doubled(g: Expr, w: Expr) -> Expr:
    """A transposed convolution to twice the places, and something behind it."""
    wide = w.shape[2] % 2
    attrs = {"stride": (2, 2), "padding": ((1, 1),) * 2, "dilation": (1, 1)}
    return T["exp"](T["conv_transpose"](g, w, output_padding=(wide, wide), **attrs)) * 2.0


def test_remainders_of_a_stride_lie_along_their_place() -> None:
    found = scheduled(
        lambda g, w, v: conv(_doubled(g, w), v), (32, 8, 5, 5), (8, 8, 4, 4), SHAPES[1]
    )
    (layout,) = [x for op, x in by_op(found) if op == "contract"]
    assert layout.order == (0, 3, 4, 5, 6, 1, 2)  # (N, g, C, O1, r1, O2, r2)


def test_remainders_with_different_numbers_of_elements_are_products_of_their_own() -> None:
    found = scheduled(lambda g, w: conv(_doubled(g, w), w), (32, 8, 5, 5), (8, 8, 3, 3))
    layouts = [layout for op, layout in by_op(found) if op == "contract"]
    assert len(layouts) == 4
    # channels last, and what lies between one another is one value: (N, g, C, O1, r1, O2, r2)
    assert {layout.order for layout in layouts} == {(0, 3, 4, 5, 6, 1, 2)}
    (joined,) = [layout for op, layout in by_op(found) if op == "add"]
    assert joined.order[-5:] == (3, 4, 5, 6, 2)  # group: one
    products = [c for c in found.calls if c.kernel.name == "contract"]
    extents = [math.prod(a.extent for a in c.kernel.body[0].reduce) for c in products]
    assert sorted(extents) == [8, 16, 16, 32, 72]


def test_channels_alone_are_no_product_of_matrices() -> None:
    def build(x: Expr, v: Expr, w: Expr) -> Expr:
        return conv(relu(conv(x, v)), w, groups=8)

    found = scheduled(build, (2, 8, 6, 6), (8, 8, 3, 3), (8, 1, 3, 3))
    assert [c.kernel.name for c in found.calls].count("contract") == 1
    orders = [layout.order for op, layout in by_op(found) if op == "reshape"]
    assert (5, 6, 0, 1, 2, 3, 4) in orders  # its weight: elements of the kernel, then channels


def test_what_attention_makes_is_read_with_heads_side_by_side() -> None:
    """The permute and the reshape after it are addresses, not a kernel."""

    def build(q: Expr, w: Expr) -> Expr:
        y = T["scaled_dot_product_attention"](q, q, q, is_causal=True, scale=None)
        rows = T["reshape"](T["permute"](y, axes=(0, 2, 1, 3)), shape=(2 * 24, 3 * 16))
        return T["matmul"](rows, w)

    shapes = (2, 3, 24, 16), (48, 20)
    graph = graph_of(build, *shapes)
    calls = to_kernels(graph, FACTS)[0].calls
    assert [c.kernel.name for c in calls] == ["attention", "contract"]
    arrays = [np.random.default_rng(0).standard_normal(s).astype(np.float32) for s in shapes]
    got, want = run(cpu, graph, arrays)[0], run(ref, graph, arrays)[0]
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
