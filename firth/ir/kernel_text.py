"""Kernels as text for people: loops indented, expressions named where they are shared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Apply,
    Checked,
    Const,
    Contract,
    Coordinate,
    Expression,
    Guard,
    Host,
    Kernel,
    Load,
    Loop,
    Prefetch,
    Sort,
    Statement,
    Store,
    Within,
)


def kernel_text(kernel: Kernel) -> str:
    """The kernel, readable.

    A value used more than once stands on a line of its own, before the first statement that
    needs it in its loop.
    """
    grid = ", ".join(f"{a.name}:{a.extent}/{block}" for a, block in kernel.grid)
    head = [f"kernel {kernel.name} grid({grid}) {kernel.tiles()} tiles"]
    for number, b in enumerate(kernel.buffers):
        kind = f"scratch {b.scratch}" if b.scratch else "out" if b.written else "in"
        head.append(f"  b{number}: {b.dtype.name} {kind}")
    return "\n".join(head + _Printer().block(kernel.body, "  ")) + "\n"


class _Printer:
    def __init__(self) -> None:
        self.names: dict[int, str] = {}

    def block(self, body: Iterable[Statement], indent: str) -> list[str]:
        """Lines of some statements."""
        lines: list[str] = []
        for s in body:
            lines += self.statement(s, indent)
        return lines

    def statement(self, s: Statement, indent: str) -> list[str]:
        """Lines of one statement, the shared values it needs first."""
        if isinstance(s, Loop):
            kind = f" vector {s.vector}" if s.vector > 1 else ""
            carries = "".join(f" {a.name}={a.init}" for a in s.carries)
            head = f"{indent}for {s.axis.name} in {s.axis.extent}{kind}{carries}:"
            return [head, *self.block(s.body, indent + "  ")]
        if isinstance(s, Within):
            name = s.axis.name
            parts = [f"{name} >= {self.affine(x)}" for x in s.starts]
            parts += [f"{name} < {self.affine(x)}" for x in s.stops]
            head = f"{indent}within {' and '.join(parts)}:"
            return [head, *self.block(s.body, indent + "  ")]
        if isinstance(s, Store):
            lines = self.shared([s.value, *(v for v, _ in s.dynamic)], indent)
            target = f"b{s.buffer}[{self.place(s.index, s.dynamic)}]{self.guards(s.guards)}"
            return [*lines, f"{indent}{target} = {self.value(s.value)}"]
        if isinstance(s, Accumulate):
            lines = self.shared([s.value], indent)
            acc = s.accumulator
            return [*lines, f"{indent}{acc.name} = {acc.op}({acc.name}, {self.value(s.value)})"]
        if isinstance(s, Contract):
            axes = [",".join(f"{a.name}:{a.extent}" for a in g) for g in (s.rows, s.cols, s.reduce)]
            head = f"{indent}contract rows({axes[0]}) cols({axes[1]}) sum({axes[2]}):"
            product = f"{indent}  {s.result.name} += {self.value(s.a)} * {self.value(s.b)}"
            return [head, product, *self.block(s.body, indent + "  ")]
        if isinstance(s, Prefetch):
            kind = " to write" if s.write else ""
            return [f"{indent}prefetch b{s.buffer}[{self.affine(s.index)}]{kind}"]
        if isinstance(s, Host):
            sources = ", ".join(f"b{b}{list(shape)}" for b, shape in s.sources)
            inside = "; ".join(filter(None, (sources, s.attrs)))
            return [f"{indent}out{list(s.shape)} = {s.op}({inside}) by the host"]
        assert isinstance(s, Sort)
        order = "descending" if s.descending else "ascending"
        place = self.place(s.index, ())
        return [f"{indent}b{s.buffer}[{place}] = argsort {s.axis.name} {order} {self.value(s.key)}"]

    def shared(self, roots: list[Expression], indent: str) -> list[str]:
        """Names for values that the roots use more than once."""
        count: Counter[int] = Counter()
        order: list[Expression] = []
        stack: list[tuple[Expression, bool]] = [(r, False) for r in roots]
        while stack:
            e, done = stack.pop()
            if done:
                order.append(e)
                continue
            count[id(e)] += 1
            if count[id(e)] == 1 and id(e) not in self.names:
                stack.append((e, True))
                stack.extend((a, False) for a in _parts(e))
        lines = []
        for e in order:
            if count[id(e)] > 1 and isinstance(e, (Apply, Checked)):
                text = self.value(e)
                self.names[id(e)] = f"v{len(self.names)}"
                lines.append(f"{indent}{self.names[id(e)]} = {text}")
        return lines

    def value(self, e: Expression) -> str:
        """An expression on one line."""
        if id(e) in self.names:
            return self.names[id(e)]
        if isinstance(e, Const):
            return f"{e.value}"
        if isinstance(e, Accumulator):
            return e.name
        if isinstance(e, Coordinate):
            return f"{e.dtype.name}({self.affine(e.index)})"
        if isinstance(e, Load):
            fill = f" else {e.fill}" if e.guards else ""
            return f"b{e.buffer}[{self.place(e.index, e.dynamic)}]{self.guards(e.guards)}{fill}"
        if isinstance(e, Checked):
            return f"check({self.value(e.index)} < {e.extent})"
        name = f"{e.op}.{e.dtype.name}" if e.op in ("cast", "bitcast") else e.op
        terms = f"; {len(e.coefficients)} terms" if e.coefficients else ""
        return f"{name}({', '.join(map(self.value, e.args))}{terms})"

    def place(self, index: Affine, dynamic: tuple[tuple[Expression, int], ...]) -> str:
        """An address."""
        parts = [f"{c}*{self.value(v)}" for v, c in dynamic]
        return " + ".join([self.affine(index), *parts])

    def affine(self, a: Affine) -> str:
        """An affine index."""
        parts = [x.name if c == 1 else f"{c}*{x.name}" for x, c in a.terms]
        if a.const or not parts:
            parts.append(str(a.const))
        return " + ".join(parts)

    def guards(self, guards: tuple[Guard, ...]) -> str:
        """Conditions of a load or store."""
        parts = [f"0<={self.affine(g.index)}<{g.extent}" for g in guards]
        return f" if {' and '.join(parts)}" if parts else ""


def _parts(e: Expression) -> tuple[Expression, ...]:
    if isinstance(e, Apply):
        return e.args
    if isinstance(e, Load):
        return tuple(v for v, _ in e.dynamic)
    return (e.index,) if isinstance(e, Checked) else ()
