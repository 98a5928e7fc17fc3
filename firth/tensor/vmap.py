"""vmap: a function of one example becomes a function of a batch.

The function runs once, on stand-ins with the shapes of one example; what it recorded is then
batched by a pass (`firth.ops.batching`). No operation is looked at in Python a second time.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from firth.base.errors import ArgumentError, message
from firth.ir.node import Node
from firth.ir.op import TABLE, Expr, make
from firth.ops.batching import batch, spread
from firth.ops.flow import FLOWS
from firth.tensor.arguments import check_callable
from firth.tensor.handle import Kind, Tensor, kind_of
from firth.tensor.lens import update
from firth.tensor.record import apply, user_line
from firth.tensor.replay import position_of
from firth.tensor.scope import Scope, new_position
from firth.tensor.tree import flatten, unflatten

RANDOMNESS = ("error", "different", "same")
Axis = int | None


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
) -> Callable[..., Any]:
    """A function of one example as a function of a batch of them.

    in_dims, out_dims (also in_axes, out_axes): which dimension of each argument and result numbers
    the examples, an int for all or nested as they are; None: every example has the same.
    randomness: 'error' refuses random draws, 'different' draws for each example, 'same' once for
    all. chunk_size: examples at a time. Raises ArgumentError where sizes or nestings do not fit,
    RecordingError where the function looks at a value of one example.

    >>> import firth
    >>> dot = lambda x, y: (x * y).sum()
    >>> firth.vmap(dot)(firth.ones(3, 4), firth.ones(3, 4)).tolist()
    [4.0, 4.0, 4.0]
    """
    check_callable("vmap", func)
    if randomness not in RANDOMNESS:
        raise _refuse(f"there is no randomness {randomness!r}", repr(randomness),
                      "'error', 'different' or 'same'", "pick one")  # fmt: skip
    if chunk_size is not None and chunk_size < 1:
        raise _refuse("a chunk has no examples", f"chunk_size={chunk_size}", "1 or more",
                      "leave it away for all at once")  # fmt: skip
    dims_in = in_axes if in_axes != 0 else in_dims
    dims_out = out_axes if out_axes != 0 else out_dims

    @functools.wraps(func)
    def batched(*args: Any, **kwargs: Any) -> Any:
        given: list[Tensor] = []
        tree = flatten(args, given)
        axes = _input_axes(args, dims_in, given)
        n = _count(given, axes)
        if chunk_size is None or chunk_size >= n:
            return _call(func, tree, given, axes, n, dims_out, randomness, kwargs)
        parts = []
        for start in range(0, n, chunk_size):
            size = min(chunk_size, n - start)
            piece = [
                t if a is None else _piece(t, a, start, size)
                for t, a in zip(given, axes, strict=True)
            ]
            parts.append(_call(func, tree, piece, axes, size, dims_out, randomness, kwargs))
        return _joined(parts, dims_out)

    return batched


def _refuse(wrong: str, got: str, expected: str, fix: str) -> ArgumentError:
    error = ArgumentError(message("vmap", wrong, got, expected, fix))
    error.at(user_line())
    return error


# --- arguments ------------------------------------------------------------------------------------


def _input_axes(args: tuple[Any, ...], dims: Any, given: Sequence[Tensor]) -> list[Axis]:
    """The axis of each tensor of the arguments, in the order of `flatten`."""
    if isinstance(dims, (tuple, list)) and len(dims) != len(args):
        raise _refuse(
            "in_dims does not name every argument", f"{dims!r} for {len(args)} arguments",
            "one entry per argument", "use None for those that are not batched",
        )  # fmt: skip
    axes: list[Axis] = []
    _collect(args, dims, axes, "in_dims")
    out = []
    for axis, t in zip(axes, given, strict=True):
        ndim = len(t._kind.shape)
        if axis is not None and not -ndim <= axis < ndim:
            raise _refuse(f"in_dims {axis} is not a dimension of an argument",
                          f"shape {tuple(t._kind.shape)}", f"{-ndim} to {ndim - 1}",
                          "use None for an argument without examples")  # fmt: skip
        out.append(axis if axis is None else axis % ndim)
    return out


def _collect(value: Any, dims: Any, axes: list[Axis], what: str) -> None:
    """One axis per tensor of a nested value; an int or None holds for all below it."""
    simple = dims is None or (isinstance(dims, int) and not isinstance(dims, bool))
    if isinstance(value, Tensor):
        if not simple:
            raise _refuse(f"{what} is nested otherwise than the value", repr(dims),
                          "an int or None for a tensor", "nest it as the value is")  # fmt: skip
        axes.append(dims)
        return
    if isinstance(value, dict):
        below = dict.fromkeys(value, dims) if simple else dims
        if not isinstance(below, dict) or set(below) != set(value):
            raise _refuse(f"{what} is nested otherwise than the value", repr(dims),
                          f"keys {list(value)}", "nest it as the value is")  # fmt: skip
        for k, v in value.items():
            _collect(v, below[k], axes, what)
    elif isinstance(value, (list, tuple)):
        rows = [dims] * len(value) if simple else dims
        if not isinstance(rows, (list, tuple)) or len(rows) != len(value):
            raise _refuse(f"{what} is nested otherwise than the value", repr(dims),
                          f"{len(value)} entries", "nest it as the value is")  # fmt: skip
        for v, d in zip(value, rows, strict=True):
            _collect(v, d, axes, what)


def _count(given: Sequence[Tensor], axes: Sequence[Axis]) -> int:
    sizes = {t._kind.shape[a] for t, a in zip(given, axes, strict=True) if a is not None}
    if not sizes:
        raise _refuse(
            "no argument has examples", "in_dims without a dimension",
            "at least one batched tensor", "name the dimension of one in in_dims",
        )  # fmt: skip
    if len(sizes) > 1:
        raise _refuse("the arguments have different numbers of examples", str(sorted(sizes)),
                      "one number", "check in_dims")  # fmt: skip
    return sizes.pop()


def _piece(t: Tensor, axis: int, start: int, size: int) -> Tensor:
    shape = t._kind.shape
    starts = tuple(start if i == axis else 0 for i in range(len(shape)))
    sizes = tuple(size if i == axis else k for i, k in enumerate(shape))
    return apply("slice", t, starts=starts, sizes=sizes, steps=(1,) * len(shape))


# --- the call -------------------------------------------------------------------------------------


def _call(
    func: Callable[..., Any], tree: Any, given: Sequence[Tensor], axes: Sequence[Axis], n: int,
    out_dims: Any, randomness: str, kwargs: Any,
) -> Any:  # fmt: skip
    with Scope("vmap", n, randomness) as scope:
        examples = [t if a is None else scope.lift(t, a) for t, a in zip(given, axes, strict=True)]
        places = [
            (e, e._pos, t, a) for e, t, a in zip(examples, given, axes, strict=True)
            if a is not None
        ]  # fmt: skip
        result = func(*unflatten(tree, iter(examples)), **kwargs)
        outputs: list[Tensor] = []
        out_tree = _result_tree(result, outputs)
        dims: list[Axis] = []
        _collect(result, out_dims, dims, "out_dims")
        written = [(e, t, a) for e, at, t, a in places if scope.changed(e, at)]
        wanted = [*outputs, *(e for e, _, _ in written)]
        found = _finish(scope, wanted, [*dims, *(a for _, _, a in written)])
        del result, outputs, examples, places, wanted
        writes = [(t, v) for (_, t, _), v in zip(written, found[len(dims) :], strict=True)]
        del written
    for target, value in writes:
        update(target, value, "vmap")
    return unflatten(out_tree, iter(found[: len(dims)]))


def _result_tree(result: Any, outputs: list[Tensor]) -> Any:
    tree = flatten(result, outputs)
    if not outputs:
        raise _refuse(
            "the function returns no tensor", type(result).__name__,
            "a tensor, or tensors in tuples, lists or dicts", "return tensors",
        )  # fmt: skip
    return tree


def _finish(scope: Scope, wanted: Sequence[Tensor], dims: Sequence[Axis]) -> list[Tensor]:
    """The results of all examples, each with them along its dimension."""
    rec, n = scope.rec, scope.n
    at = tuple(position_of(rec, w) for w in wanted)
    kinds = [w._kind for w in wanted]

    def build() -> Sequence[tuple[Node, Kind]]:
        known = rec.nodes()
        mapped = {id(known[s][0]): _front(known[p][0], a) for s, p, a in scope.lifted}
        found = batch([known[p][0] for p in at], mapped, n)
        out = []
        for (node, is_batched), dim, kind in zip(found, dims, kinds, strict=True):
            placed = _placed(node, is_batched, dim, n)
            out.append((placed, kind_of(placed.shape, placed.dtype, kind.requires_grad,
                                        not kind.requires_grad)))  # fmt: skip
        return out

    return new_position(rec, ("vmap", n, tuple(scope.lifted), at, tuple(dims)), build)


def _front(node: Node, axis: int) -> Node:
    if axis == 0:
        return node
    order = (axis, *(i for i in range(len(node.shape)) if i != axis))
    return make(TABLE["permute"], (node,), (order,))


def _placed(node: Node, is_batched: bool, dim: Axis, n: int) -> Node:
    """A result with its examples along a dimension; None: they have all the same."""
    if dim is None:
        if is_batched:
            raise _refuse("a result with out_dims None differs from example to example",
                          "a batched result", "a result that no batched argument led to",
                          "give its dimension in out_dims")  # fmt: skip
        return node
    if not is_batched:
        node = spread(Expr(node), n).node
    ndim = len(node.shape)
    if not -ndim <= dim < ndim:
        raise _refuse(f"out_dims {dim} is not a dimension of a result", f"{ndim} dimensions",
                      f"{-ndim} to {ndim - 1}", "check out_dims")  # fmt: skip
    dim %= ndim
    if dim == 0:
        return node
    order = (*range(1, dim + 1), 0, *range(dim + 1, ndim))
    return make(TABLE["permute"], (node,), (order,))


def _joined(parts: Sequence[Any], out_dims: Any) -> Any:
    """Results of chunks, one after the other."""
    rows: list[list[Tensor]] = []
    tree: Any = None
    for part in parts:
        row: list[Tensor] = []
        tree = flatten(part, row)
        rows.append(row)
    dims: list[Axis] = []
    _collect(parts[0], out_dims, dims, "out_dims")
    out = []
    for dim, pieces in zip(dims, zip(*rows, strict=True), strict=True):
        if dim is None:
            out.append(pieces[0])
        else:
            out.append(apply("concatenate", *pieces, axis=dim % len(pieces[0]._kind.shape)))
    return unflatten(tree, iter(out))


# --- rules for batches ----------------------------------------------------------------------------


class Info(NamedTuple):
    """What a custom function's `vmap` is told."""

    batch_size: int
    randomness: str


def by_batch(scope: Scope | None, rule: Callable[..., Any], args: Sequence[Any]) -> Any:
    """(result of one example,) by a rule for batches; None where no argument is batched.

    rule(info, in_dims, *args) -> (results, their batch dimensions).
    """
    while scope is not None and not scope.n:
        scope = scope.outer
    if scope is None:
        return None
    given: list[Tensor] = []
    tree = flatten(tuple(args), given)
    differ = [scope.depends(t) for t in given]
    if not any(differ):
        return by_batch(scope.outer, rule, args)
    wide = iter(_finish(scope, [t for t, d in zip(given, differ, strict=True) if d],
                        [0] * sum(differ)))  # fmt: skip
    together = [next(wide) if d else t for t, d in zip(given, differ, strict=True)]
    dims = unflatten(tree, iter([0 if d else None for d in differ]))
    info = Info(scope.n, scope.randomness)
    result, out_dims = rule(info, dims, *unflatten(tree, iter(together)))
    found: list[Tensor] = []
    out_tree = flatten(result, found)
    axes: list[Axis] = []
    _collect(result, out_dims, axes, "out_dims")
    each = [t if a is None else scope.lift(t, a) for t, a in zip(found, axes, strict=True)]
    return (unflatten(out_tree, iter(each)),)


# --- random numbers -------------------------------------------------------------------------------


def draw_in(scope: Scope | None, count: int, draw: Callable[[int], Tensor]) -> Tensor:
    """Random words inside of vmap: `draw` gives as many as all examples need."""
    scopes = []
    loop = None
    while scope is not None:
        if scope.name in FLOWS or scope.name == "cond":
            loop = scope.name
        if loop and scope.randomness == "different":
            raise _refuse(f"a random number is drawn in a {loop}", "randomness='different'",
                          "draws outside of loops and branches",
                          "draw before and pass the numbers in, e.g. as xs")  # fmt: skip
        if scope.randomness == "error":
            raise _refuse("a random number is drawn", "randomness='error'",
                          "a function without random draws",
                          "pass randomness='different' (or 'same') to vmap")  # fmt: skip
        if scope.randomness == "different":
            scopes.append(scope)
        scope = scope.outer
    sizes = tuple(s.n for s in reversed(scopes))
    words = draw(math.prod(sizes) * count)
    if sizes:
        words = apply("reshape", words, shape=(*sizes, count))
    for each in reversed(scopes):
        words = each.lift(words, 0)
    return words
