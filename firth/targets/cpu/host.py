"""Host ops in programs: a stage that hands views of stored values to an op's NumPy meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.errors import FirthError
from firth.ir.graph import Graph
from firth.ir.op import TABLE
from firth.ir.text import attrs_from_text
from firth.ops.flow import FLOWS, Run, driven
from firth.runtime.buffer import Buffer, from_array
from firth.runtime.program import HostStage, View
from firth.targets.lock import imported

_attrs = lru_cache(maxsize=256)(attrs_from_text)


def stage(fields: Mapping[str, Any]) -> HostStage:
    """The stage of these fields, as they come from the compiler or from disk."""
    name = fields["op"]
    meaning = driven(name, _native) if name in FLOWS else TABLE[name].ref
    attrs = _attrs(fields["attrs"])
    origins = tuple(fields["origins"])

    def run(*views: np.ndarray) -> None:
        try:
            views[-1][...] = meaning(*views[:-1], **attrs)
        except FirthError as error:
            error.node = origins[0] if origins else None
            raise

    views = tuple(
        View((place[0], place[1]), dt.BY_NAME[dtype], tuple(shape))
        for place, dtype, shape in fields["views"]
    )
    return HostStage(run, views, fields["op"], fields["bytes"], 0, origins)


def _native(graph: Graph) -> Run:
    """The body of a loop or branch as a program of its own."""
    compiled = imported("firth.targets.cpu.target").compile(graph)

    def run(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        found = compiled.run([_borrowed(a) for a in arrays])
        return [b.view(n.dtype, n.shape) for b, n in zip(found, graph.outputs, strict=True)]

    return run


def _borrowed(array: np.ndarray) -> Buffer:
    """A buffer on the memory of an array, which the program only reads."""
    whole = np.ascontiguousarray(array)
    if not whole.size:
        return from_array(whole)
    return Buffer(whole.reshape(-1).view(np.uint8), owner=whole)
