"""Views are lenses: a base, and how to look at it; a write through one makes a new base.

PyTorch's aliasing on a graph whose nodes never change. A view keeps its base and the steps from
base to view. Writing puts the new value through the steps in reverse into a new base; every
other view of that base is marked and looks again when it is next used.
"""

from __future__ import annotations

import weakref
from typing import Any

from firth.base.dtype import bool_ as _BOOL
from firth.base.dtype import int64 as _INT
from firth.base.errors import DTypeError, GradientError, ShapeError, message
from firth.ir.op import TABLE
from firth.tensor.cut import refreshers
from firth.tensor.handle import Tensor, extra
from firth.tensor.record import apply, apply_op, assign, local, user_line
from firth.tensor.strides import strides_of

# A step is (name, attributes for looking, shape before).
Step = tuple[str, tuple[Any, ...], tuple[int, ...]]


def view(source: Tensor, name: str, attrs: tuple[Any, ...]) -> Tensor:
    """A view of `source` through one movement op (or stop_gradient)."""
    out = apply_op(TABLE[name], (source,), attrs)
    link(out, source, (name, attrs, source._kind.shape))
    return out


def link(out: Tensor, source: Tensor, step: Step) -> None:
    """Registers `out` as what `source` looks like through one more step."""
    found = source._extra
    if found is not None and found.base is not None:
        base, steps = found.base, (*found.lens, step)
    else:
        base, steps = source, (step,)
    mine = extra(out)
    mine.base, mine.lens = base, steps
    theirs = extra(base)
    if theirs.views is None:
        theirs.views = []
    elif len(theirs.views) >= 32 and len(theirs.views) & (len(theirs.views) - 1) == 0:
        theirs.views[:] = [r for r in theirs.views if r() is not None]
    theirs.views.append(weakref.ref(out))


def look(base: Tensor, steps: tuple[Step, ...]) -> Tensor:
    """What the base looks like through the steps now."""
    value = base
    for name, attrs, _ in steps:
        value = _look(value, name, attrs)
    return value


def _look(value: Tensor, name: str, attrs: tuple[Any, ...]) -> Tensor:
    if name == "slice_at":
        return slice_at(value, *attrs)
    return apply_op(TABLE[name], (value,), attrs)


def slice_at(source: Tensor, starts: tuple[int, ...], sizes: tuple[int, ...]) -> Tensor:
    """A window at starts that may become run-time inputs: x (D...) -> sizes."""
    return apply("dynamic_slice", source, *starts, sizes=sizes)


def refresh_view(tensor: Tensor) -> None:
    """A view whose base has moved on looks again."""
    found = tensor._extra
    assert found is not None
    fresh = look(found.base, found.lens)
    rec = local.rec
    tensor._kind = fresh._kind
    tensor._rec, tensor._pos, tensor._buf = fresh._rec, fresh._pos, fresh._buf
    if fresh._buf is None:
        rec.moved[id(tensor)] = tensor


refreshers.append(refresh_view)


def update(target: Tensor, value: Tensor, op: str) -> Tensor:
    """Writes a value into a tensor in place: its handle, its base and other views follow.

    Raises GradientError on a leaf that requires grad, ShapeError when the value doesn't fit.
    """
    if not isinstance(target, Tensor):
        raise DTypeError(
            message(f"{op}_", "what is to be changed is no tensor", type(target).__name__,
                    "a tensor", f"use firth.{op}, which makes a new one")
        )  # fmt: skip
    kind = target._kind
    _check_writable(target, op)
    if value._kind.shape != kind.shape:
        value = _broadcast_to(value, kind.shape, op)
    if value._kind.dtype is not kind.dtype:
        value = _cast_back(value, kind.dtype, op)
    found = target._extra
    if found is None:
        assign(target, value)
        return target
    if found.base is not None:
        _check_overlap(target, op)
        base = found.base
        assign_plain(base, put(base, found.lens, value))
        _mark(base, target)
        # the view's own value is known: no need to look again
        assign_plain(target, value)
        return target
    assign_plain(target, value)
    if found.views:
        _mark(target, None)
    return target


def assign_plain(target: Tensor, value: Tensor) -> None:
    """Rebinds without looking at views."""
    assign(target, value)


def _mark(base: Tensor, written: Tensor | None) -> None:
    """Every live view of the base but one has to look again."""
    kept = []
    found = extra(base)
    for reference in found.views or ():
        other = reference()
        if other is None:
            continue
        kept.append(reference)
        if other is not written:
            other._rec, other._pos, other._buf = None, 0, None
            if other._extra is not None:
                other._extra.history = None
    found.views = kept


def mark_views(base: Tensor) -> None:
    """Views of a tensor that took another value look again."""
    if base._extra is not None and base._extra.views:
        _mark(base, None)


def _check_writable(target: Tensor, op: str) -> None:
    if not local.rec.state.grad:
        return
    found = target._extra
    owner = found.base if found is not None and found.base is not None else target
    detached = found is not None and any(step[0] == "stop_gradient" for step in found.lens)
    kind = owner._kind
    if kind.requires_grad and kind.leaf and not detached:
        what = "a leaf that requires grad" if owner is target else "a view of such a leaf"
        raise GradientError(
            message(
                f"{op}_", f"in-place change of {what}", "a tensor with requires_grad=True",
                "a tensor whose gradient is not recorded",
                "wrap it in `with firth.no_grad():`, or write x = x + ... instead of x += ...",
            )
        ).at(user_line())  # fmt: skip


def _check_overlap(target: Tensor, op: str) -> None:
    shape = target._kind.shape
    if any(s == 0 and n > 1 for s, n in zip(strides_of(target), shape, strict=True)):
        raise ShapeError(
            message(
                f"{op}_", "several elements of an expanded view share one place in memory",
                f"a write to an expanded view {tuple(shape)}", "a tensor of its own",
                "call .clone() (or .contiguous()) before writing",
            )
        ).at(user_line())  # fmt: skip


def _broadcast_to(value: Tensor, shape: tuple[int, ...], op: str) -> Tensor:
    have = value._kind.shape
    while len(have) > len(shape) and have[0] == 1:
        have = have[1:]
    if have is not value._kind.shape:
        value = apply("reshape", value, shape=tuple(have))
    fits = len(have) <= len(shape) and all(
        a == b or a == 1 for a, b in zip(reversed(have), reversed(shape), strict=False)
    )
    if not fits:
        raise ShapeError(
            message(
                f"{op}_", "the result does not fit the tensor it is written to",
                f"a value of shape {tuple(have)} for {tuple(shape)}", "a shape that broadcasts",
                "use the operation that makes a new tensor, or reshape the value",
            )
        ).at(user_line())  # fmt: skip
    if len(have) < len(shape):
        value = apply("reshape", value, shape=(1,) * (len(shape) - len(have)) + tuple(have))
    return apply("expand", value, shape=tuple(shape))


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def _cast_back(value: Tensor, dtype: Any, op: str) -> Tensor:
    if op not in _ANY_DTYPE and _RANK[value._kind.dtype.kind] > _RANK[dtype.kind]:
        raise DTypeError(
            message(
                f"{op}_", f"a {value._kind.dtype.name} result cannot be written in place",
                f"a {dtype.name} tensor", "a tensor that can hold the result",
                f"cast first, e.g. x = x.to(firth.{value._kind.dtype.name})",
            )
        ).at(user_line())  # fmt: skip
    return apply("cast", value, dtype=dtype)


_ANY_DTYPE = frozenset(
    ("copy", "setitem", "fill", "equal", "not_equal", "less", "less_equal", "greater",
     "greater_equal", "logical_and", "logical_or", "logical_xor", "logical_not")
)  # fmt: skip


def put(base: Tensor, steps: tuple[Step, ...], value: Tensor) -> Tensor:
    """The base as it is when `value` is written through the steps."""
    seen = [base]
    for name, attrs, _ in steps[:-1]:
        seen.append(_look(seen[-1], name, attrs))
    for before, (name, attrs, shape) in zip(reversed(seen), reversed(steps), strict=True):
        value = _PUT[name](before, value, attrs, shape)
    return value


def _put_reshape(before: Tensor, value: Tensor, attrs: tuple[Any, ...], shape: Any) -> Tensor:
    return apply("reshape", value, shape=tuple(shape))


def _put_permute(before: Tensor, value: Tensor, attrs: tuple[Any, ...], shape: Any) -> Tensor:
    axes = attrs[0]
    back = [0] * len(axes)
    for i, a in enumerate(axes):
        back[a] = i
    return apply("permute", value, axes=tuple(back))


def _put_flip(before: Tensor, value: Tensor, attrs: tuple[Any, ...], shape: Any) -> Tensor:
    return apply_op(TABLE["flip"], (value,), attrs)


def _put_same(before: Tensor, value: Tensor, attrs: tuple[Any, ...], shape: Any) -> Tensor:
    return value


def _put_expand(before: Tensor, value: Tensor, attrs: tuple[Any, ...], shape: Any) -> Tensor:
    """One of the repeated places was written (the view that was written shows each only once)."""
    for axis, (n, wide) in enumerate(zip(shape, attrs[0], strict=True)):
        if n == wide:
            continue
        if wide == 0:
            return before
        changed = apply("not_equal", value, before)
        if value._kind.dtype.kind in "fc":
            both = apply("bitwise_and", apply("isnan", value), apply("isnan", before))
            changed = apply("bitwise_and", changed, apply("logical_not", both))
        place = apply("argmax", apply("cast", changed, dtype=_INT), axis=axis, keepdims=True)
        value = apply("take_along_axis", value, place, axis=axis)
    return value


def _put_slice(before: Tensor, value: Tensor, attrs: tuple[Any, ...], shape: Any) -> Tensor:
    starts, counts, steps = attrs
    if all(s == 0 for s in starts) and tuple(counts) == tuple(shape):
        return value
    inner = tuple(step - 1 for step in steps)
    covered = tuple(
        n + (n - 1) * (step - 1) if n else 0 for n, step in zip(counts, steps, strict=True)
    )
    high = tuple(n - s - c for n, s, c in zip(shape, starts, covered, strict=True))
    if any(n == 0 for n in counts):
        return before
    dtype = value._kind.dtype
    zero: Any = False if dtype.kind == "b" else (0.0 if dtype.kind in "fc" else 0)
    padded = apply("pad", value, low=tuple(starts), high=high, inner=inner, value=zero)
    ones = apply("full", shape=tuple(counts), value=True, dtype=_BOOL)
    mask = apply("pad", ones, low=tuple(starts), high=high, inner=inner, value=False)
    return apply("where", mask, padded, before)


def _put_slice_at(before: Tensor, value: Tensor, attrs: tuple[Any, ...], shape: Any) -> Tensor:
    """A window at run-time starts: compares positions, so that one program serves every start."""
    starts, counts = attrs
    if 0 in counts:
        return before
    mask: Any = None
    for axis, (start, count, extent) in enumerate(zip(starts, counts, shape, strict=True)):
        if count == extent:
            continue
        place = apply("iota", extent=extent, dtype=_INT)
        offset = apply("sub", place, start)
        if count > 1:
            inside = apply(
                "bitwise_and", apply("less_equal", 0, offset), apply("less", offset, count)
            )
            source = apply("minimum", apply("maximum", offset, 0), count - 1)
            value = apply("take", value, source, axis=axis)
        else:
            inside = apply("equal", offset, 0)
        inside = apply(
            "reshape", inside, shape=tuple(extent if i == axis else 1 for i in range(len(shape)))
        )
        mask = inside if mask is None else apply("bitwise_and", mask, inside)
    spread = apply("expand", value, shape=tuple(shape))
    return spread if mask is None else apply("where", mask, spread, before)


def _put_real(before: Tensor, value: Tensor, attrs: tuple[Any, ...], shape: Any) -> Tensor:
    return apply("complex", value, apply("imag", before))


def _put_imag(before: Tensor, value: Tensor, attrs: tuple[Any, ...], shape: Any) -> Tensor:
    return apply("complex", apply("real", before), value)


def _put_parts(before: Tensor, value: Tensor, attrs: tuple[Any, ...], shape: Any) -> Tensor:
    return apply("view_as_complex", value)


def _put_whole(before: Tensor, value: Tensor, attrs: tuple[Any, ...], shape: Any) -> Tensor:
    return apply("view_as_real", value)


_PUT = {
    "real": _put_real,
    "imag": _put_imag,
    "view_as_real": _put_parts,
    "view_as_complex": _put_whole,
    "reshape": _put_reshape,
    "permute": _put_permute,
    "flip": _put_flip,
    "expand": _put_expand,
    "stop_gradient": _put_same,
    "slice": _put_slice,
    "slice_at": _put_slice_at,
}
