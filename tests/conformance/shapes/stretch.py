"""Samples of the op table with one extent changed: the same op, dtype and rank on a new shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import firth
from firth.base import dtype as dt
from firth.base.errors import FirthError
from firth.ir.op import Op
from firth.ops.rules import Case
from firth.targets.cpu import build, target, templates
from firth.targets.cpu.templates import split
from firth.tensor.record import apply_op
from firth.tensor.trie import roots
from tests.table.table_tools import apply, samples

Make = Callable[[int], Case]
KNOWN = 3  # shapes after which nothing is compiled
_TRIED = 40  # an extent that a sample accepts instead of its own
SIZES = (20, 33, 47, 26, 61, 100, 128, 17, 90, 75, 110, 57)
# By how many dims of one source have the extent: a row, a matrix, more.
_SIZES = (
    SIZES,
    (20, 33, 47, 26, 61, 40, 64, 17, 35, 50, 41, 57),
    (10, 13, 17, 16, 11, 20, 14, 9, 12, 15, 18, 19),
)


class Stretched(NamedTuple):
    """A sample of an op with another extent, n, in `places` dims: make(n) -> its arguments."""

    op: Op
    sample: int
    make: Make
    places: int

    @property
    def name(self) -> str:
        """The op and the number of its sample."""
        return f"{self.op.name} {self.sample}"

    def sizes(self) -> tuple[int, ...]:
        """A dozen extents, not so large that work hides what a new shape costs."""
        return _SIZES[min(self.places, len(_SIZES)) - 1]

    def ready(self, n: int) -> Callable[[], firth.Tensor]:
        """A call on tensors that are there."""
        case = self.make(n)
        given = [firth.from_numpy(np.asarray(a, order="C")) for a in case.args]
        attrs = self.op.bind(case.attrs)
        return lambda: apply_op(self.op, given, attrs)


# Samples whose values or attributes fix their extents, where shape rules do not say so.
_FIXED = {
    "dynamic_slice": "its starts are numbers",
    "batched": "its rule was written for one extent",
    "on_pairs": "pairs are an innermost extent of 2",
    "pivots_order": "its rows are as many as their numbers say",
    "group_norm": "the groups divide the channels",
}


def stretched(op: Op) -> Iterator[Stretched]:
    """The float32 samples (or those of the first dtype) that go on with other extents."""
    own = op.sample.dtypes
    dtype = dt.float32 if dt.float32 in own else own[0]
    for number, (_, case) in enumerate(samples(op, (dtype,)), 1):
        shapes = [np.shape(a) for a in case.args]
        found = []
        for extent in dict.fromkeys(n for shape in shapes for n in shape if n > 1):
            make = _maker(op, case, extent)
            if _accepted(op, make):
                places = max(shape.count(extent) for shape in shapes)
                found.append(Stretched(op, number, make, places))
        if found and (op.name not in _FIXED or op.name == "group_norm" and number == 1):
            yield min(found, key=lambda s: s.places)


def forget() -> None:
    """What a new process would not know."""
    target._seen.clear()
    templates._known.clear()
    roots.clear()
    build._libraries.clear()


def _accepted(op: Op, make: Make) -> bool:
    try:
        for n in (_TRIED, _TRIED + 1):
            case = make(n)
            apply(op, case.args, case.attrs)
    except (FirthError, ValueError, TypeError):
        return False
    return True


def _maker(op: Op, case: Case, extent: int) -> Make:
    names = {op.attrs[i] for i in split(op)[0]}

    def make(n: int) -> Case:
        def put(value: Any) -> Any:
            if isinstance(value, tuple):
                return tuple(map(put, value))
            return n if type(value) is int and value == extent else value

        attrs = {k: put(v) if k in names else v for k, v in case.attrs.items()}
        return Case(tuple(_grown(np.asarray(a), extent, n) for a in case.args), attrs)

    return make


def _grown(a: np.ndarray, extent: int, n: int) -> np.ndarray:
    """Like `a`, with n wherever it had the extent: its own values again, squares regular."""
    shape = tuple(n if e == extent else e for e in a.shape)
    out = np.resize(a, shape)
    square = len(shape) > 1 and shape[-1] == shape[-2] == n
    if square and a.dtype.kind in "fc":
        out = ((out + out.swapaxes(-1, -2)) / 2 + 4 * n * np.eye(n)).astype(a.dtype)
    return out
