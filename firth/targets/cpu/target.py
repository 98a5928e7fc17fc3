"""The cpu target: kernels through LLVM, run by the native scheduler."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from firth.base import flags
from firth.base.garbage import Postponed
from firth.ir.graph import Graph
from firth.runtime.buffer import Buffer
from firth.runtime.program import Program
from firth.runtime.report import MemoryReport
from firth.targets.cpu import plans, templates
from firth.targets.lock import imported

_seen: OrderedDict[tuple[object, ...], tuple[Any, ...]] = OrderedDict()
_SEEN_LIMIT = 4096


# A generic program that has run for about as long as compiling takes is specialised after all, but
# not before some runs, unless they take so long that they lose more than any compiling costs.
_SECONDS_TO_COMPILE = 0.01  # for each kernel
_SECONDS_TO_LOSE = 2.0  # for each kernel, by the program's own guess
_FEWEST_RUNS = 8
_YOUNG = 100_000  # objects made by the compiler between two looks for garbage


class Executable:
    """A compiled graph. specialised: makes the program for these extents alone."""

    __slots__ = ("_left", "_specialised", "program")

    def __init__(
        self, program: Program, specialised: Callable[[], Executable] | None = None
    ) -> None:
        self.program = program
        self._specialised = specialised
        self._left = 0
        if specialised is not None:
            runs = len(program.stages) / program.seconds()
            fewest = min(_FEWEST_RUNS, int(_SECONDS_TO_LOSE * runs))
            self._left = max(fewest, int(_SECONDS_TO_COMPILE * runs))

    def run(self, buffers: Sequence[Buffer]) -> list[Buffer]:
        """One contiguous buffer per graph input -> one per output; donated ones are reused."""
        if self._specialised is not None:
            self._left -= 1
            if self._left < 0:
                self.program = self._specialised().program
                self._specialised = None
        return self.program.run(buffers)

    def memory(self) -> MemoryReport:
        """Bytes that one run needs, known before it."""
        return self.program.memory()


def compile(graph: Graph) -> Executable:
    """The graph as native code; the second extents of a known structure make it generic, until
    they have run for about as long as compiling would take.

    Convolutions are always specialised: how windows are summed depends on every extent.
    """
    structure, extents = _signature(graph)
    generic = _known_with_other_extents(structure, extents) and not _sums_windows(graph)
    if not generic or flags.get("FIRTH_STRICT") == "1":  # a sum's order must not change midway
        return _compiled(graph, (structure, extents, generic))
    special = partial(_compiled, graph, (structure, extents, False))
    before, now = _seen.get(structure, extents)[-1], extents[-1]
    changed = (i for i, (a, b) in enumerate(zip(before, now, strict=True)) if a != b)
    program = None if _dumped() else templates.program(graph, structure, changed)
    if program is None:
        program = _compiled(graph, (structure, extents, True)).program
    return Executable(program, special)


def _dumped() -> bool:
    """Whether somebody reads or edits the stages, where plain numbers are to be seen."""
    return bool(flags.get("FIRTH_DUMP") or flags.get("FIRTH_LOAD"))


def _compiled(graph: Graph, signature: tuple[object, object, bool]) -> Executable:
    """The graph as native code, from disk where it is known there."""
    key = plans.key_of(graph, signature)
    program = None if key is None else plans.recall(key)
    return specialise(graph, signature[2], key=key) if program is None else Executable(program)


def specialise(
    graph: Graph, generic: bool = False, fused: bool = True, key: str | None = None
) -> Executable:
    """The graph as native code, its extents constants of the code or (generic) arguments of it.

    fused=False: a kernel for every node. key: where the program is kept on disk.
    """
    compiler = imported("firth.targets.cpu.compiler")  # a warm start has no need of it
    with Postponed(_YOUNG):
        return Executable(compiler.build_program(graph, generic, fused, key))


def _known_with_other_extents(structure: tuple[object, ...], extents: tuple[Any, ...]) -> bool:
    """Whether a graph of this structure was compiled before with other extents.

    Other constants alone are no reason to make them arguments: recording does that.
    """
    first = _seen.get(structure)
    if first is None:
        _seen[structure] = extents
        if len(_seen) > _SEEN_LIMIT:
            _seen.popitem(last=False)
        return False
    return first[:-1] != extents[:-1]


def _sums_windows(graph: Graph) -> bool:
    """Whether a recorded graph holds a convolution or the gradient of one."""
    for node in graph.nodes():
        windows = any(s.op.name == "window" for s in node.src)
        if node.op.name in ("conv", "conv_transpose") or windows and node.op.name == "contract":
            return True
    return False


def _signature(graph: Graph) -> tuple[tuple[object, ...], tuple[Any, ...]]:
    """The structure of a graph, and apart from it every extent in it; the last is a tuple of the
    values of its constants."""
    numbers: dict[int, int] = {}
    constants: list[object] = []
    structure: list[object] = [flags.code_key(), graph.donated, graph.constants]
    extents: list[object] = []
    for k, node in enumerate(graph.nodes()):
        numbers[id(node)] = k
        kept: list[object] = []
        if templates.is_number(node):
            constants.append(node.attrs[0])
        else:
            names = templates.extents_of(node)
            for name, value in zip(node.op.attrs, node.attrs, strict=True):
                (extents if name in names else kept).append(value)
        extents.append(node.shape)
        src = tuple(numbers[id(s)] for s in node.src)
        ones = tuple(n == 1 for n in node.shape)
        structure.append((node.op.name, src, tuple(kept), len(node.shape), ones, node.dtype))
    structure.append(tuple(numbers[id(o)] for o in graph.outputs))
    return tuple(structure), (*extents, tuple(constants))
