"""What an emission keeps about the place it is at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from firth.codegen.builder import Index
from firth.ir.kernel import Axis


class Value(NamedTuple):
    """A register or constant; lanes 1 is uniform, else one element per lane of the vector loop."""

    text: str
    lanes: int


class Lanes(NamedTuple):
    """The vector loop that is being emitted: lane l is `base + l` of the axis.

    active: how many lanes take part (None: all); mask: the same as an i1 vector. aligned: `base` is
    a multiple of the lanes.
    """

    axis: Axis
    base: Index
    lanes: int
    active: Index | None = None
    mask: str | None = None
    aligned: bool = False


@dataclass(frozen=True, slots=True)
class Range:
    """Where an axis runs in this tile: from start to stop, `count` steps, which may be known.

    counts: all that `count` can be; None where that is not known. multiple: start is one of it (0:
    start is 0).
    """

    start: Index
    stop: Index
    count: Index
    nonempty: bool
    counts: tuple[int, ...] | None = None
    multiple: int = 1


class Frame:
    """Values that are computed since an axis was bound; gone when the binding ends."""

    __slots__ = ("depth", "memo")

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.memo: dict[int, Value] = {}
