"""Batches of examples: a graph of one example becomes a graph of many, a new dimension in front.

Rules come with the family; an op that needs another one has it in its declaration (`batch`). A rule
takes (op, n, flags, sources, attrs): sources whose flag is set have a leading extent of n, the
others belong to every example. It answers with a leading extent of n, or None where it does not
fit. Without a rule a composed op is batched through its body; where it has a gradient of its own it
stays whole (`batched`), so that this gradient is still the one used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import MissingRule, VerifyError, message
from firth.ir.graph import claim, topological
from firth.ir.node import Node, Shape
from firth.ir.op import HOST, TABLE, Expr, Op, declare, input_node
from firth.ops.flow import RESULT, is_flow
from firth.ops.flow_batching import batch_flow, inlined
from firth.ops.rules import cases, expand_to, iota, reshape

Flags = tuple[bool, ...]
Rule = Callable[[Op, int, Flags, Sequence[Expr], Mapping[str, Any]], Expr | None]


def batch(roots: Sequence[Node], mapped: Mapping[int, Node], n: int) -> list[tuple[Node, bool]]:
    """The roots for n examples at once, and whether each has a leading extent of n.

    mapped: by id, nodes of one example -> nodes with all examples, in front. What depends on none
    of them is left as it is. MissingRule where a base op cannot be batched.
    """
    made = dict(mapped)
    flows: dict[int, list[tuple[Node, bool]]] = {}
    for node in topological(roots, stop=mapped):
        flags = tuple(id(s) in made for s in node.src)
        if node.op is RESULT and id(node.src[0]) in flows:
            found, is_batched = flows[id(node.src[0])][node.attr("index")]
            made[id(node)] = found if is_batched else spread(Expr(found), n).node
        elif any(flags) and is_flow(node):
            given = [made.get(id(s), s) for s in node.src]
            flows[id(node)] = batch_flow(node, flags, given, n, batch)
        elif any(flags):
            src = [Expr(made.get(id(s), s)) for s in node.src]
            made[id(node)] = claim(batch_node(node, flags, src, n), node, (x.node for x in src))
    return [(made.get(id(r), r), id(r) in made) for r in roots]


def batch_node(node: Node, flags: Flags, src: Sequence[Expr], n: int) -> Node:
    """One node on batched sources."""
    op, attrs = node.op, node.kwargs()
    rule = op.batch or RULES.get(op.name) or FAMILIES.get(op.family)
    found = rule(op, n, flags, src, attrs) if rule is not None else _along(op, n, flags, src, attrs)
    if found is None and op.lower is None:
        raise MissingRule(
            message("vmap", f"op {op.name} has no rule for batches", f"a batched {op.name}",
                    "an op with a batch rule or a body", "call it outside of vmap, or in a loop")
        )  # fmt: skip
    if found is None and op.vjp is None:
        found = _through_body(node, flags, src, n)
    if found is None:
        examples = [x.node for x in src]
        attr = (op.name, node.attrs, flags, n)
        found = BATCHED(*examples, **dict(zip(BATCHED.attrs, attr, strict=True)))
    if found.shape != (n, *node.shape) or found.dtype is not node.dtype:
        raise VerifyError(
            f"vmap: the batch rule of {op.name} is wrong; got {found.dtype.name}"
            f"{list(found.shape)}, expected {node.dtype.name}{[n, *node.shape]}; mend the rule"
        )
    return found.node


def _stand_ins(flags: Flags, src: Sequence[Expr]) -> list[Node]:
    """Inputs like one example of each source."""
    rows = enumerate(zip(flags, src, strict=True))
    return [input_node(i, x.shape[1:] if f else x.shape, x.dtype) for i, (f, x) in rows]


def through(
    body: Callable[..., Expr], flags: Flags, src: Sequence[Expr], n: int
) -> tuple[Expr, bool]:
    """What `body` gives of one example, for all of them."""
    inputs = _stand_ins(flags, src)
    root = body(*map(Expr, inputs)).node
    return _batched_body([root], inputs, flags, src, n)[0]


def _batched_body(
    roots: Sequence[Node], inputs: Sequence[Node], flags: Flags, src: Sequence[Expr], n: int
) -> list[tuple[Expr, bool]]:
    mapped = {id(i): x.node for i, x, f in zip(inputs, src, flags, strict=True) if f}
    shared = {id(i): x.node for i, x, f in zip(inputs, src, flags, strict=True) if not f}
    found = batch(roots, mapped, n)
    swapped = inlined([node for node, _ in found], shared)
    return [(Expr(node), flag) for node, (_, flag) in zip(swapped, found, strict=True)]


def _through_body(node: Node, flags: Flags, src: Sequence[Expr], n: int) -> Expr:
    assert node.op.lower is not None
    lower, attrs = node.op.lower, node.kwargs()
    found, flag = through(lambda *xs: lower(*xs, **attrs), flags, src, n)
    return found if flag else spread(found, n)


def spread(x: Expr, n: int) -> Expr:
    """The same for every example: (...) -> (n, ...)."""
    return expand_to(x, (n, *x.shape))


def all_batched(n: int, flags: Flags, src: Sequence[Expr]) -> list[Expr]:
    """Every source with the extent in front."""
    return [x if f else spread(x, n) for f, x in zip(flags, src, strict=True)]


# --- rules ----------------------------------------------------------------------------------------


def aligned(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    """Element by element: dimensions are lined up from the right as before."""
    ndim = max(x.ndim - f for f, x in zip(flags, src, strict=True))
    lined = [
        reshape(x, (n, *(1,) * (ndim + 1 - x.ndim), *x.shape[1:])) if f else x
        for f, x in zip(flags, src, strict=True)
    ]
    return op(*lined, **attrs)


def leading(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    """Dimensions in front are harmless to the op, and equal in all sources."""
    return op(*all_batched(n, flags, src), **attrs)


def shifted(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    """Attributes `axis` and `axes` count one more."""
    moved = {k: _shift(v) if k in ("axis", "axes") else v for k, v in attrs.items()}
    return op(*all_batched(n, flags, src), **moved)


def _shift(value: Any) -> Any:
    return value + 1 if isinstance(value, int) else tuple(a + 1 for a in value)


def _along(
    op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]
) -> Expr | None:
    """One source and attributes that name axes: what such an op means is known."""
    axes = [attrs[k] for k in ("axis", "axes") if k in attrs]
    plain = [a for v in axes for a in (v if isinstance(v, tuple) else (v,))]
    if len(src) != 1 or not axes or any(not isinstance(a, int) or a < 0 for a in plain):
        return None
    return shifted(op, n, flags, src, attrs)


def first_only(inner: Rule) -> Rule:
    """A rule for the case that only the first source is batched."""

    def rule(
        op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]
    ) -> Expr | None:
        return None if any(flags[1:]) else inner(op, n, flags, src, attrs)

    return rule


def _as_is(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    return op(*src, **attrs)


def _merged(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    """Examples become more rows of the op's own batch: x (n, N, ...) as (n * N, ...)."""
    x = src[0]
    y = op(reshape(x, (n * x.shape[1], *x.shape[2:])), *src[1:], **attrs)
    return reshape(y, (n, x.shape[1], *y.shape[1:]))


def filling(**front: Any) -> Rule:
    """Attributes with one value per dimension get another in front; N stands for the extent."""

    def rule(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
        more = {k: (n if front[k] == "n" else front[k], *v) if k in front else v
                for k, v in attrs.items()}  # fmt: skip
        return op(*src, **more)

    return rule


def _permute(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    return op(src[0], axes=(0, *(a + 1 for a in attrs["axes"])))


def _tile(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    x, counts = src[0], attrs["counts"]
    x = reshape(x, (n, *(1,) * (len(counts) + 1 - x.ndim), *x.shape[1:]))
    return op(x, counts=(1, *(1,) * (x.ndim - 1 - len(counts)), *counts))


def _dynamic_slice(
    op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]
) -> Expr:
    """Windows of one start are a window; others are gathered."""
    sizes = attrs["sizes"]
    if not any(flags[1:]):
        zero = reshape(iota((1,), 0), ())
        return op(src[0], zero, *src[1:], sizes=(n, *sizes))

    def body(x: Expr, *starts: Expr) -> Expr:
        grid = [
            expand_to(iota(sizes, i) + reshape(s, (1,) * len(sizes)), sizes)
            for i, s in enumerate(starts)
        ]
        return TABLE["gather"](x, *grid, axes=tuple(range(len(sizes))))

    return through(body, flags, src, n)[0]


def _contract(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    """One more label."""
    labels = [attrs["a_labels"], attrs["b_labels"]]
    new = max((*labels[0], *labels[1]), default=-1) + 1
    a, b = ((new, *row) if f else row for f, row in zip(flags, labels, strict=True))
    return op(*src, a_labels=a, b_labels=b, out_labels=(new, *attrs["out_labels"]))


def _matmul(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    """Vectors become matrices, so that every dimension in front is one of batches."""
    shapes = [x.shape[1:] if f else x.shape for f, x in zip(flags, src, strict=True)]
    out = op.shape(*shapes)
    wide = [(1, *shapes[0]) if len(shapes[0]) == 1 else shapes[0],
            (*shapes[1], 1) if len(shapes[1]) == 1 else shapes[1]]  # fmt: skip
    ndim = max(map(len, wide))
    sides = [
        reshape(x, (n, *(1,) * (ndim - len(s)), *s)) if f else reshape(x, s)
        for f, x, s in zip(flags, src, wide, strict=True)
    ]
    return reshape(op(*sides), (n, *out))


def _gather(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    """A batched source alone keeps its indices; batched indices alone are more of them."""
    x, indices, axes = src[0], src[1:], attrs["axes"]
    if not any(flags[1:]):
        found = op(x, *indices, axes=_shift(axes))
        places = indices[0].ndim
        order = (places, *range(places), *range(places + 1, found.ndim))
        return TABLE["permute"](found, axes=order)
    wide = all_batched(n, flags[1:], indices)
    if not flags[0]:
        return op(x, *wide, axes=axes)
    return op(x, _examples(wide[0].shape), *wide, axes=(0, *_shift(axes)))


def _examples(shape: Shape) -> Expr:
    """The number of the example at each place of batched indices: (n, I) int64."""
    return expand_to(iota(shape, 0), shape)


def _scatter(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    """Places of one example, with the example's number in front."""
    x, updates, *indices = all_batched(n, flags, src)
    axes, mode = (0, *_shift(attrs["axes"])), attrs["mode"]
    return op(x, updates, _examples(indices[0].shape), *indices, axes=axes, mode=mode)


def _embedding(
    op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]
) -> Expr | None:
    return None if flags[0] else op(*src, **attrs)


def _attention(given: int) -> Rule:
    """Dimensions in front are rows of the batch; a mask, which comes after, broadcasts."""

    def rule(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
        wide = all_batched(n, flags[:given], src[:given])
        masks = [
            reshape(m, (n, *(1,) * (wide[0].ndim - m.ndim), *m.shape[1:])) if f else m
            for f, m in zip(flags[given:], src[given:], strict=True)
        ]
        return op(*wide, *masks, **attrs)

    return rule


def _matrices(op: Op, n: int, flags: Flags, src: Sequence[Expr], attrs: Mapping[str, Any]) -> Expr:
    """A host op along axes, or one whose dimensions in front are batches that broadcast."""
    along = _along(op, n, flags, src, attrs)
    return aligned(op, n, flags, src, attrs) if along is None else along


FAMILIES: dict[str, Rule] = {"elementwise": aligned, HOST: _matrices}
RULES: dict[str, Rule] = {
    "reshape": filling(shape="n"), "expand": filling(shape="n"), "permute": _permute,
    "flip": shifted, "slice": filling(starts=0, sizes="n", steps=1),
    "dynamic_slice": _dynamic_slice, "pad": filling(low=0, high=0, inner=0), "window": _as_is,
    "concatenate": shifted, "stack": shifted, "tile": _tile, "roll": shifted, "tril": _as_is,
    "triu": _as_is, "diagonal": _as_is, "repeat_interleave": shifted, "unpack": _as_is,
    "stop_gradient": _as_is,
    "contract": _contract, "matmul": _matmul, "linear": first_only(_as_is),
    "conv": first_only(_merged), "conv_transpose": first_only(_merged),
    "scaled_dot_product_attention": _attention(3), "attention_lse": _attention(2),
    "attention_gradient": _attention(6), "max_pool": _as_is, "avg_pool": _as_is,
    "adaptive_avg_pool": _as_is, "layer_norm": first_only(_as_is), "rms_norm": first_only(_as_is),
    "group_norm": first_only(_merged), "gather": _gather, "scatter": _scatter,
    "wrap_index": _as_is, "checked_index": _as_is, "one_hot": _as_is, "embedding": _embedding,
    "take_along_axis": shifted, "scatter_along_axis": shifted, "recurrence": shifted,
    "searchsorted": leading,
}  # fmt: skip


# --- a whole op on a batch ------------------------------------------------------------------------


def _example_shapes(flags: Flags, shapes: Sequence[Shape]) -> list[Shape]:
    return [s[1:] if f else s for f, s in zip(flags, shapes, strict=True)]


def _whole_shape(*shapes: Shape, of: str, attrs: Any, flags: Flags, n: int) -> Shape:
    op = TABLE[of]
    return (
        n,
        *op.shape(*_example_shapes(flags, shapes), **dict(zip(op.attrs, attrs, strict=True))),
    )


def _whole_dtype(*dtypes: DType, of: str, attrs: Any, flags: Flags, n: int) -> DType:
    op = TABLE[of]
    found: DType = op.dtype(*dtypes, **dict(zip(op.attrs, attrs, strict=True)))
    return found


def _whole_ref(*xs: np.ndarray, of: str, attrs: Any, flags: Flags, n: int) -> np.ndarray:
    op = TABLE[of]
    o = dict(zip(op.attrs, attrs, strict=True))
    rows = [[x[i] if f else x for f, x in zip(flags, xs, strict=True)] for i in range(n)]
    if rows:
        return np.stack([np.asarray(op.ref(*row, **o)) for row in rows])
    dtypes = [dt.from_numpy(np.asarray(x).dtype) for x in xs]
    shape = _whole_shape(*(np.shape(x) for x in xs), of=of, attrs=attrs, flags=flags, n=n)
    return np.zeros(shape, op.dtype(*dtypes, **o).np)


def _whole_lower(*xs: Expr, of: str, attrs: Any, flags: Flags, n: int) -> Expr:
    op = TABLE[of]
    lower, o = op.lower, dict(zip(op.attrs, attrs, strict=True))
    assert lower is not None
    found, flag = through(lambda *each: lower(*each, **o), flags, xs, n)
    return found if flag else spread(found, n)


def _fitted(p: Expr, shape: Shape) -> Expr:
    """A gradient summed down to the shape that its source broadcast from."""
    more = p.ndim - len(shape)
    axes = (*range(more), *(
        i + more for i, k in enumerate(shape) if k == 1 and p.shape[i + more] != 1
    ))  # fmt: skip
    return reshape(TABLE["sum"](p, axes=axes, keepdims=True) if axes else p, shape)


def _whole_vjp(
    g: Expr, y: Expr, *xs: Expr, of: str, attrs: Any, flags: Flags, n: int
) -> tuple[Expr | None, ...]:
    """The op's own gradient of one example, batched; summed for what every example shares."""
    op = TABLE[of]
    vjp, o = op.vjp, dict(zip(op.attrs, attrs, strict=True))
    assert vjp is not None
    given, marks = (g, y, *xs), (True, True, *flags)
    inputs = _stand_ins(marks, given)
    pulled = [
        None if p is None else _fitted(p, i.shape)
        for p, i in zip(vjp(*map(Expr, inputs), **o), inputs[2:], strict=True)
    ]
    present = [p.node for p in pulled if p is not None]
    found = iter(_batched_body(present, inputs, marks, given, n))
    out: list[Expr | None] = []
    for p, flag in zip(pulled, flags, strict=True):
        if p is None:
            out.append(None)
            continue
        grad, is_batched = next(found)
        grad = grad if is_batched else spread(grad, n)
        out.append(grad if flag else TABLE["sum"](grad, axes=(0,), keepdims=False))
    return tuple(out)


BATCHED = declare(
    "batched", arity=None, attrs=("of", "attrs", "flags", "n"),
    doc="Another op on each of n examples; flags say which sources have them in front, the others "
    "belong to every example: what vmap makes of an op with a gradient of its own.",
    shape=_whole_shape, dtype=_whole_dtype, ref=_whole_ref, lower=_whole_lower, vjp=_whole_vjp,
    tolerance={dt.float64: 1e-11, dt.float32: 3e-5, dt.float16: 4e-3, dt.bfloat16: 3e-2},
    sample=cases(lambda make, rng, d: [
        (make(2, 3, 4), {"of": "softmax", "attrs": (1,), "flags": (True,), "n": 2}),
    ]),
)  # fmt: skip
