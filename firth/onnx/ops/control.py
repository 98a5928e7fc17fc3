"""Control flow. Subgraphs are functions here; conditions are read, so loops are Python's."""

from __future__ import annotations

from typing import Any

import numpy as np

import firth
from firth.base.errors import ArgumentError, RecordingError, message
from firth.onnx.registry import op
from firth.onnx.values import as_array, as_tensor, ints
from firth.tensor import Tensor
from firth.tensor.record import local


def _readable() -> bool:
    """Whether values can be looked at: neither jit nor a transform records."""
    return local.rec.jit is None and local.rec.scope is None


def _unknown(value: Any) -> bool:
    return isinstance(value, Tensor) and not _readable()


def _tensors(values: list[Any]) -> list[Any]:
    return [as_tensor(v) for v in values]


@op("If", raw=True)
def if_(condition: Any, *, then_branch: Any, else_branch: Any) -> Any:
    """One of two subgraphs."""
    if _unknown(condition):
        found = firth.cond(
            condition.reshape(()), lambda: _tensors(then_branch()), lambda: _tensors(else_branch())
        )
        return tuple(found)
    return tuple((then_branch if _true(condition) else else_branch)())


def _true(condition: Any) -> bool:
    return bool(as_array(condition).reshape(-1)[0])


def _stacked(values: list[Any], axis: int = 0) -> Any:
    """What each round gave, along a new axis."""
    if all(isinstance(v, Tensor) for v in values):
        return firth.stack(values, axis)
    arrays = [as_array(v) for v in values]
    return np.stack(arrays, axis)


@op("Loop", raw=True)
def loop(trips: Any, condition: Any = None, *initial: Any, body: Any) -> Any:
    """Rounds of a subgraph that carry values, up to a count and while a condition holds.

    The body takes (round, condition, carried...) and gives (condition, carried..., results...),
    the results stacked.
    """
    if _unknown(trips) or _unknown(condition):
        return _compiled_loop(trips, condition, initial, body)
    most = None if trips is None else int(as_array(trips).reshape(-1)[0])
    goes_on = True if condition is None else _true(condition)
    carried = list(initial)
    n = len(carried)
    rounds: list[list[Any]] = []
    count = 0
    while goes_on and (most is None or count < most):
        flag, *values = body(np.array(count, np.int64), np.array(goes_on), *carried)
        if _unknown(flag):
            return _compiled_loop(trips, condition, initial, body)
        carried = values[:n]
        rounds.append(values[n:])
        goes_on = _true(flag)
        count += 1
    if not rounds:
        return (*carried, *(_nothing(body, 1 + n + i) for i in range(body.outputs - 1 - n)))
    return (*carried, *(_stacked(list(column)) for column in zip(*rounds, strict=True)))


def _compiled_loop(trips: Any, condition: Any, initial: tuple[Any, ...], body: Any) -> Any:
    """A loop whose number of rounds depends on values that jit only records."""
    n = len(initial)
    if body.outputs > 1 + n:
        raise RecordingError(
            message("Loop", "how many results there will be depends on values",
                    f"{body.outputs - 1 - n} collected results inside jit",
                    "a number of rounds that is known, or carried values only",
                    "run the model outside of jit")
        )  # fmt: skip
    most = None if trips is None else as_tensor(trips).reshape(()).to(firth.int64)
    first = firth.tensor(True) if condition is None else as_tensor(condition).reshape(())

    def goes_on(state: Any) -> Any:
        count, flag = state[:2]
        return flag if most is None else flag & (count < most)

    def step(state: Any) -> Any:
        flag, *values = _tensors(body(*state))
        return (state[0] + 1, flag.reshape(()), *values)

    start = (firth.tensor(0), first, *_tensors(list(initial)))
    return tuple(firth.while_loop(goes_on, step, start)[2:])


def _nothing(body: Any, output: int) -> Any:
    """The results of no rounds: an extent of 0, and what the subgraph says of the others."""
    kind, shape = body.kind_of(output)
    return as_tensor(np.zeros((0, *shape), kind))


@op("Scan", since=9, raw=True)
def scan(
    *inputs: Any, body: Any, num_scan_inputs: int, scan_input_axes: list[int] | None = None,
    scan_input_directions: list[int] | None = None, scan_output_axes: list[int] | None = None,
    scan_output_directions: list[int] | None = None,
) -> Any:  # fmt: skip
    """A subgraph over slices of its inputs: (carried..., slices...) to (carried..., results...)."""
    k = num_scan_inputs
    carried, sources = list(inputs[: len(inputs) - k]), inputs[len(inputs) - k :]
    axes = scan_input_axes or [0] * k
    turned = scan_input_directions or [0] * k
    n = len(carried)
    length = sources[0].shape[axes[0]] if sources else 0
    if any(s.shape[a] != length for s, a in zip(sources, axes, strict=True)):
        raise ArgumentError(
            message("Scan", "the inputs have different lengths",
                    str([tuple(s.shape) for s in sources]), "one length", "cut or pad them")
        )  # fmt: skip
    if not _readable() and length > 1 and all(firth.is_tensor(as_tensor(v)) for v in inputs):
        rows = [as_tensor(s).movedim(a, 0) for s, a in zip(sources, axes, strict=True)]
        rows = [r.flip(0) if d else r for r, d in zip(rows, turned, strict=True)]
        return _compiled_scan(carried, rows, body, scan_output_axes, scan_output_directions)
    rounds: list[list[Any]] = []
    for t in range(length):
        slices = [_slice(s, a, length - 1 - t if d else t)
                  for s, a, d in zip(sources, axes, turned, strict=True)]  # fmt: skip
        values = body(*carried, *slices)
        carried = values[:n]
        rounds.append(values[n:])
    many = body.outputs - n
    if not rounds:
        return (*carried, *(_nothing(body, n + i) for i in range(many)))
    out_axes = scan_output_axes or [0] * many
    out_turned = scan_output_directions or [0] * many
    results = []
    for i in range(many):
        column = [r[i] for r in rounds]
        results.append(_stacked(column[::-1] if out_turned[i] else column, out_axes[i]))
    return (*carried, *results)


def _compiled_scan(
    carried: list[Any], rows: list[Tensor], body: Any, axes: list[int] | None,
    turned: list[int] | None,
) -> tuple[Any, ...]:  # fmt: skip
    """Scan as one loop of the program."""
    n = len(carried)

    def step(carry: Any, row: Any) -> Any:
        values = _tensors(body(*carry, *row))
        return values[:n], values[n:]

    last, found = firth.scan(step, _tensors(carried), rows)
    many = len(found)
    results = [
        (y.flip(0) if d else y).movedim(0, a)
        for y, a, d in zip(found, axes or [0] * many, turned or [0] * many, strict=True)
    ]
    return (*last, *results)


def _slice(x: Any, axis: int, place: int) -> Any:
    return np.take(x, place, axis) if isinstance(x, np.ndarray) else x.select(axis, place)


@op("Scan", host=(0,), raw=True)
def scan_old(
    lengths: np.ndarray | None, *inputs: Any, body: Any, num_scan_inputs: int,
    directions: list[int] | None = None,
) -> Any:  # fmt: skip
    """Scan as it was in opset 8: each example of a batch by itself."""
    batch = inputs[0].shape[0]
    full = inputs[-1].shape[1]
    counts = [full] * batch if lengths is None else ints(lengths)
    carried = len(inputs) - num_scan_inputs
    rows = []
    for b, count in zip(range(batch), counts, strict=True):
        own = [x.select(0, b) if i < carried else x.select(0, b).narrow(0, 0, count)
               for i, x in enumerate(inputs)]  # fmt: skip
        found = scan(
            *own, body=body, num_scan_inputs=num_scan_inputs, scan_input_directions=directions
        )
        rows.append([
            y if i < carried or count == full
            else firth.cat([y, firth.zeros(full - count, *y.shape[1:], dtype=y.dtype)])
            for i, y in enumerate(found)
        ])  # fmt: skip
    return tuple(_stacked(list(column)) for column in zip(*rows, strict=True))
