"""Which operation made the first NaN or infinity of a program, for `firth.debug(nan=True)`.

Results that overwrite nothing are searched at every run. Those that overwrite an input (parameters,
optimizer state) are searched now and then; until then what they were at the last search is kept,
with the other inputs of each run since. When something is found these runs are repeated to the
first that made it, and its graph is repeated node by node with NumPy, to the first node that made
it. What was overwritten gets the values back that it had before that run.
"""

from __future__ import annotations

import ctypes
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from firth.base import flags
from firth.base.dtype import float32, float64
from firth.base.errors import FirthError, NonFiniteError, message
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.runtime.buffer import Buffer, from_array

_EVERY: Final = 64  # runs from one search of overwritten inputs to the next
_HELD_BYTES: Final = 256 * 1024**2  # of inputs that are held for repetitions
_NUMBERS: Final = {float32: ctypes.c_float, float64: ctypes.c_double}
_writes = itertools.count()  # runs that overwrote an input, of any program


class Searched:
    """An executable that searches its first `count` outputs for what is not finite."""

    def __init__(self, graph: Graph, count: int, compile: Callable[[Graph], Any]) -> None:
        self.graph = graph
        self._program = compile(graph)
        over = {o for o, _ in graph.donated}
        real = [(o, n) for o, n in enumerate(graph.outputs[:count]) if _real(n)]
        self._shown = [(o, n) for o, n in real if o not in over]
        self._over = [(o, n) for o, n in real if o in over]
        self._donated = [i for _, i in graph.donated]
        self._known: set[int] = set()  # outputs with infinities that the user wrote
        self._kept = sorted(set(range(len(graph.inputs))) - set(self._donated))
        self._runs: list[list[Buffer]] = []  # inputs that are kept, of each run
        self._before: list[np.ndarray] = []  # what is overwritten, before the first of these runs
        self._held = 0
        self._latest = -1  # the number of the last write
        self._here: tuple[int, list[int]] = (-1, [])  # the flags' version and what is overwritten

    def run(self, inputs: Sequence[Buffer]) -> list[Buffer]:
        """What the program gives; NonFiniteError where an operation made a NaN or an infinity."""
        inputs = inputs[: len(self.graph.inputs)]
        if self._donated:
            self._note(inputs)
        try:
            results: list[Buffer] = self._program.run(inputs)
        except BaseException:
            self._runs.clear()
            raise
        if self._donated:
            self._latest = next(_writes)
        due = len(self._runs) == _EVERY or self._held > _HELD_BYTES
        bad = self._bad(results, [*self._shown, *self._over] if due else self._shown)
        if bad:
            self._explain(inputs, bad)
        if bad or due:
            self._runs.clear()
        return results

    def memory(self) -> Any:
        """Bytes that one run needs."""
        return self._program.memory()

    def _note(self, inputs: Sequence[Buffer]) -> None:
        """Keeps what it takes to repeat this run, from the last run on or from now on."""
        here = flags.version, [inputs[i].stamp for i in self._donated]
        runs = self._runs
        if next(_writes) != self._latest + 1 or here != self._here:
            runs.clear()  # somebody else wrote
            self._here = here
        kept = [inputs[i] for i in self._kept]
        if not runs:
            self._held = 0
            self._before = self._copies([inputs[i].array for i in self._donated])
        elif runs[-1] != kept:
            self._held += sum(b.nbytes for b, old in zip(kept, runs[-1]) if b is not old)
        runs.append(kept)

    def _copies(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Copies, in the memory of the last ones where it fits: fresh pages cost more."""
        if [a.nbytes for a in arrays] != [b.nbytes for b in self._before]:
            return [a.copy() for a in arrays]
        for old, new in zip(self._before, arrays, strict=True):
            old[...] = new
        return self._before

    def _bad(self, results: Sequence[Buffer], where: Sequence[tuple[int, Node]]) -> list[int]:
        return [o for o, n in where if not _finite(results[o], n) and o not in self._known]

    def _explain(self, inputs: Sequence[Buffer], bad: Sequence[int]) -> None:
        """Raises for the first node of the first run that made it, unless the user wrote it."""
        if not self._donated:
            self._blame(inputs, bad, 0)
            return
        state = [from_array(a) for a in self._before]
        for late, kept in zip(range(len(self._runs) - 1, -1, -1), self._runs, strict=True):
            before = [from_array(b.array) for b in state]
            results = self._program.run(self._inputs(kept, state))
            try:
                if bad := self._bad(results, [*self._shown, *self._over]):
                    self._blame(self._inputs(kept, before), bad, late)
            except NonFiniteError:
                for i, old in zip(self._donated, before, strict=True):
                    inputs[i].array[...] = old.array
                self._runs.clear()
                raise

    def _blame(self, inputs: Sequence[Buffer], bad: Sequence[int], late: int) -> None:
        """The same of one run, of which some outputs are bad. late: how many runs came after it."""
        order = self.graph.nodes()
        findings = _replay(order, inputs)
        ends = [self.graph.outputs[o] for o in bad]
        for node in _guilty(_chain(order, ends, findings), findings):
            raise _error(node, findings[id(node)].words, order, late)
        for node in ends:
            if id(node) not in findings:
                raise _error(node, "NaN or infinities as compiled, none with NumPy", order, late)
        self._known.update(bad)

    def _inputs(self, kept: Sequence[Buffer], state: Sequence[Buffer]) -> list[Buffer]:
        found = dict(zip((*self._kept, *self._donated), (*kept, *state), strict=True))
        return [found[i] for i in range(len(found))]


def _real(node: Node) -> bool:
    return node.dtype.kind in "fc" and node.op.name != "input" and 0 not in node.shape


def _finite(buffer: Buffer, node: Node) -> bool:
    """Whether nothing is NaN or infinite, at the speed of memory where nothing is."""
    number = not node.shape and _NUMBERS.get(node.dtype)
    if number:  # a loss, at every step
        return math.isfinite(number.from_address(buffer.ptr).value)
    values = buffer.view(node.dtype, node.shape)
    with np.errstate(all="ignore"):
        if values.dtype.char in "fd":
            flat = values.reshape(-1)
            if math.isfinite(np.dot(flat, flat)):  # squares may overflow, which tells nothing
                return True
        return bool(np.isfinite(values).all())


class _Finding:
    """What a node's value held that is not finite, and what it was made of."""

    __slots__ = ("nan", "words")

    def __init__(self, value: np.ndarray, sources: Sequence[np.ndarray]) -> None:
        nans = int(np.count_nonzero(np.isnan(value)))
        infinities = int(np.count_nonzero(np.isinf(value)))
        self.nan = nans > 0
        counts = [(nans, "NaN"), (infinities, "infinite")]
        shown = " and ".join(f"{n} {word}" for n, word in counts if n)
        self.words = f"{shown} of {value.size} elements"
        ranges = [_range(s) for s in sources if s.dtype.kind not in "bV" and s.size]
        if ranges:
            self.words += f" from values in {', '.join(ranges)}"


def _range(values: np.ndarray) -> str:
    values = np.abs(values) if values.dtype.kind == "c" else values
    return f"[{values.min():.4g}, {values.max():.4g}]"


def _replay(order: Sequence[Node], inputs: Sequence[Buffer]) -> dict[int, _Finding]:
    """What is not finite, by the id of its node; each value is let go after its last use."""
    last = {id(s): k for k, node in enumerate(order) for s in node.src}
    values: dict[int, np.ndarray] = {}
    findings: dict[int, _Finding] = {}
    with np.errstate(all="ignore"):
        for k, node in enumerate(order):
            sources = [values[id(s)] for s in node.src]
            if node.op.name == "input":
                value = inputs[node.attrs[0]].view(node.dtype, node.shape)
            else:
                try:
                    value = np.asarray(node.op.ref(*sources, **node.kwargs()))
                except FirthError:  # NumPy's values are a little others: a singular matrix
                    break
            values[id(node)] = value
            if node.dtype.kind in "fc" and not np.isfinite(value).all():
                findings[id(node)] = _Finding(value, sources)
            for source in node.src:
                if last[id(source)] == k:
                    values.pop(id(source), None)
    return findings


def _chain(order: Sequence[Node], bad: Sequence[Node], findings: dict[int, _Finding]) -> list[Node]:
    """The nodes through which what is not finite came to the bad ones, in their order."""
    reached = {id(node) for node in bad}
    for node in reversed(order):
        if id(node) in reached:
            reached.update(id(s) for s in node.src if id(s) in findings)
    return [n for n in order if id(n) in reached]


def _guilty(chain: Sequence[Node], findings: dict[int, _Finding]) -> list[Node]:
    """The node to name first: what made it of finite values; then what made NaN of infinities that
    the user wrote, as in masks; then inputs that held NaN."""
    made = [n for n in chain if n.op.family != "source"]
    fresh = [n for n in made if not any(id(s) in findings for s in n.src)]
    nan = [n for n in chain if findings[id(n)].nan and n.op.family != "source"]
    nan = [n for n in nan if not any(id(s) in findings and findings[id(s)].nan for s in n.src)]
    given = [n for n in chain if n.op.name == "input" and findings[id(n)].nan]
    return fresh or nan or given


def _error(node: Node, words: str, order: Sequence[Node], late: int) -> NonFiniteError:
    first = node
    while first.origin is not None:
        first = first.origin
    op, shape = first.op.name, f"{node.dtype.name}{list(node.shape)}"
    if node.op.name == "input":
        op, wrong = "debug", "a tensor held NaN when the program began"
        fix = "look where its values come from, e.g. with firth.isnan(x).any()"
    elif first is not node:
        wrong = "its gradient is the first that is not finite"
        fix = "keep its input away from where the derivative has no value, with clamp or an epsilon"
    else:
        wrong = "its result is the first that is not finite"
        fix = "look at what this line is given, or keep it in range with clamp or an epsilon"
    if late:
        wrong += f", {late} run{'s' * (late > 1)} of the program ago"
    error = NonFiniteError(message(op, f"{wrong}, {shape}", words, "finite numbers", fix))
    error.op = op
    error.node = next(k for k, each in enumerate(order) if each is node)
    return error
