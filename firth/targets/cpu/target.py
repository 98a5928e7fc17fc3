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

_seen: OrderedDict[object, tuple[Any, ...]] = OrderedDict()
_SEEN_LIMIT = 4096


# A generic program that has run for about as long as compiling takes is specialised after all, but
# not before some runs, unless they take so long that they lose more than any compiling costs.
_SECONDS_TO_COMPILE = 0.01  # for each kernel
_SECONDS_TO_LOSE = 2.0  # for each kernel, by the program's own guess
_FEWEST_RUNS = 8
_YOUNG = 100_000  # objects made by the compiler between two looks for garbage
_SECONDS_TO_SUM_WINDOWS = 0.04  # to compile one convolution; its generic kernel is slower, too
_FEW = 48  # nodes: an eager convolution and its gradients, no network


class Executable:
    """A compiled graph. specialised: makes the program for these extents alone, after so many
    runs."""

    __slots__ = ("_left", "_specialised", "program")

    def __init__(
        self,
        program: Program,
        specialised: Callable[[], Executable] | None = None,
        runs: int = 0,
    ) -> None:
        self.program = program
        self._specialised = specialised
        self._left = runs

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

    Where convolutions are much work, they are specialised at once: how windows are summed best
    depends on every extent.
    """
    structure, extents = _signature(graph)
    before = _known_with_other_extents(structure, extents)
    windows = before is not None and _sums_windows(graph)
    generic = before is not None and not (windows and len(graph.nodes()) > _FEW)
    if not generic or flags.get("FIRTH_STRICT") == "1":  # a sum's order must not change midway
        return _compiled(graph, (structure, extents, generic))
    assert before is not None
    special = partial(_compiled, graph, (structure, extents, False))
    changed = [i for i, (a, b) in enumerate(zip(before[-1], extents[-1], strict=True)) if a != b]
    program = None if _dumped() else templates.program(graph, structure, changed)
    if program is None:
        if windows:
            return special()
        program = _compiled(graph, (structure, extents, True)).program
    if not windows:
        many = len(program.stages) / program.seconds()
        fewest = min(_FEWEST_RUNS, int(_SECONDS_TO_LOSE * many))
        return Executable(program, special, max(fewest, int(_SECONDS_TO_COMPILE * many)))
    runs = int(_SECONDS_TO_SUM_WINDOWS / program.seconds())
    return Executable(program, special, runs) if runs else special()


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


def _known_with_other_extents(
    structure: object, extents: tuple[Any, ...]
) -> tuple[Any, ...] | None:
    """The extents that a graph of this structure was first compiled with, where they are others.

    Other constants alone are no reason to make them arguments: recording does that.
    """
    first = _seen.get(structure)
    if first is None:
        _seen[structure] = extents
        if len(_seen) > _SEEN_LIMIT:
            _seen.popitem(last=False)
        return None
    return first if first[:-1] != extents[:-1] else None


def _sums_windows(graph: Graph) -> bool:
    """Whether a recorded graph holds a convolution or the gradient of one."""
    for node in graph.nodes():
        name = node.op.name
        if name == "contract":
            if any(s.op.name == "window" for s in node.src):
                return True
        elif name in ("conv", "conv_transpose"):
            return True
    return False


class _Structure(tuple[object, ...]):
    """All of a graph but its extents, hashed once: it is the key of several tables."""

    def __hash__(self) -> int:
        found = self.__dict__.get("hash")
        if found is None:
            found = self.__dict__["hash"] = tuple.__hash__(self)
        return found

    def __repr__(self) -> str:
        return tuple.__repr__(self)


def _signature(graph: Graph) -> tuple[_Structure, tuple[Any, ...]]:
    """The structure of a graph, and apart from it every extent in it; the last is a tuple of the
    values of its constants."""
    numbers: dict[int, int] = {}
    constants: list[object] = []
    structure: list[object] = [flags.code_key(), graph.donated, graph.constants]
    extents: list[object] = []
    for k, node in enumerate(graph.nodes()):
        numbers[id(node)] = k
        op, attrs, shape = node.op, node.attrs, node.shape
        kept: tuple[object, ...] = ()
        if attrs:
            if templates.is_number(node):
                constants.append(attrs[0])
            else:
                taken, others = templates.split(op)
                for i in taken:
                    extents.append(attrs[i])
                kept = tuple([attrs[i] for i in others])
        extents.append(shape)
        src = tuple([numbers[id(s)] for s in node.src])
        ones = tuple([n == 1 for n in shape]) if 1 in shape else len(shape)
        structure.append((op.name, src, kept, ones, node.dtype))
    structure.append(tuple([numbers[id(o)] for o in graph.outputs]))
    return _Structure(structure), (*extents, tuple(constants))
