"""Which recorded operation made a program fail: its name and its line.

Compiled code knows what failed only as a base op. The recording knows more, so that after a failure
its operations on integers run once more, with their NumPy meaning, until one fails again. A host op
says itself which node it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from firth.base.errors import DivisionByZero, FirthError, IndexOutOfRange, NonFiniteError
from firth.ir.graph import topological
from firth.ir.node import Node
from firth.ops.flow import is_flow
from firth.runtime.buffer import Buffer
from firth.tensor.handle import Kind
from firth.tensor.layers import Label
from firth.tensor.lines import describe, line_of
from firth.tensor.origins import origins
from firth.tensor.recording import Place


def blame(
    nodes: list[tuple[Node, Kind]],
    places: list[Place],
    labels: Sequence[Label],
    outputs: Sequence[int],
    inputs: Sequence[Buffer],
    error: FirthError,
) -> str | None:
    """The line that recorded what failed, None when unknown; the error then names its op."""
    if error.node is not None:
        origin = origins(nodes, places, labels, outputs)[error.node]
        if isinstance(error, NonFiniteError):
            error.layer, error.line = origin.layer, origin.line
        named = f"{origin.line} in layer {origin.layer}" if origin.layer else origin.line
        return named or None
    if not isinstance(error, (IndexOutOfRange, DivisionByZero)):
        return None
    values: dict[int, np.ndarray] = {}
    for position, (node, _) in enumerate(nodes):
        try:
            for each in topological([node], stop=values):
                values[id(each)] = _value(inputs, each, values)
        except (IndexOutOfRange, DivisionByZero) as found:
            error.rename(node.op.name, found)
            return _line(places, position)
        except Exception:  # the repetition must never hide the error that it explains
            return None
    return None


def _value(inputs: Sequence[Buffer], node: Node, values: dict[int, np.ndarray]) -> np.ndarray:
    """The value of an operation on integers; floats are zeros, which fail at nothing."""
    if node.op.name == "input":
        return inputs[node.attrs[0]].view(node.dtype, node.shape)
    if node.dtype.kind in "fc" and all(s.dtype.kind in "fc" for s in node.src):
        return np.broadcast_to(np.zeros((), node.dtype.np), node.shape)
    if is_flow(node):  # on other values a loop may have no end
        return np.zeros(node.shape, node.dtype.np)
    value: np.ndarray = node.op.ref(*(values[id(s)] for s in node.src), **node.kwargs())
    return value


def _line(places: list[Place], position: int) -> str | None:
    for at, code, instruction in places:
        if at == position:
            return describe(code, line_of(code, instruction))
    return None
