"""Graphs as text that a person can read, edit and feed back.

    %0 = input(index=0) float32[2, 3]
    %1 = sum(%0; axes=(1,), keepdims=False) float32[2]
    return %1
    donated 0:0
    constants 0

A dtype attribute is written by its name, a graph inside an attribute (the body of a loop) as such
text between braces. Shapes and dtypes behind a node are checked, not believed,
except those of inputs.
"""

from __future__ import annotations

import ast
import re
from textwrap import dedent, indent

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, message
from firth.ir.graph import Graph
from firth.ir.node import Attr, Node
from firth.ir.op import CONST, INPUT, TABLE, const_node, input_node, make

_BRACES = re.compile(r"\{\n([^{}]*)\}")
_LINE = re.compile(r"(%\d+) = (\w+)\((.*)\) (\w+)\[([\d, ]*)\]$")


def to_text(graph: Graph) -> str:
    """The graph, one line a node, sources first."""
    names = {id(n): f"%{k}" for k, n in enumerate(graph.inputs)}
    lines = [_line(n, names) for n in graph.inputs]
    for node in graph.nodes():
        if id(node) not in names:
            names[id(node)] = f"%{len(names)}"
            lines.append(_line(node, names))
    lines.append("return " + ", ".join(names[id(o)] for o in graph.outputs))
    if graph.donated:
        lines.append("donated " + ", ".join(f"{o}:{i}" for o, i in graph.donated))
    if graph.constants:
        lines.append("constants " + ", ".join(map(str, graph.constants)))
    return "\n".join(lines) + "\n"


def from_text(text: str) -> Graph:
    """The graph that `to_text` wrote; ArgumentError naming the line that is wrong."""
    known: dict[str, Node] = {}
    inputs: list[Node] = []
    outputs: tuple[Node, ...] = ()
    donated: tuple[tuple[int, int], ...] = ()
    constants: tuple[int, ...] = ()
    for number, line in enumerate(_without_braces(text).splitlines(), 1):
        line = line.split("#")[0].strip()
        try:
            if line.startswith("return"):
                outputs = tuple(known[n.strip()] for n in line[6:].split(",") if n.strip())
            elif line.startswith("donated"):
                pairs = (p.split(":") for p in line[7:].split(","))
                donated = tuple((int(o), int(i)) for o, i in pairs)
            elif line.startswith("constants"):
                constants = tuple(int(i) for i in line[9:].split(","))
            elif line:
                name, node = _parse(line, known)
                known[name] = node
                if node.op is INPUT:
                    inputs.append(node)
        except (KeyError, ValueError, SyntaxError, AttributeError) as error:
            raise ArgumentError(
                message("from_text", f"line {number} is not a node of a graph", repr(line),
                        "%n = op(%a, %b; name=value) dtype[extents]", f"mend it: {error}")
            ) from error  # fmt: skip
    return Graph(tuple(inputs), outputs, donated, constants)


class Body:
    """A graph as the attribute of a node: equal to another one where their texts are."""

    __slots__ = ("_text", "graph")

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._text: str | None = None

    @property
    def text(self) -> str:
        """What `to_text` writes of it."""
        if self._text is None:
            self._text = to_text(self.graph)
        return self._text

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Body) and self.text == other.text)

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"{{\n{indent(self.text, '  ')}}}"


def _without_braces(text: str) -> str:
    """Graphs between braces as string literals behind the name Body."""
    while found := _BRACES.search(text):
        inner = f"Body({dedent(found.group(1))!r})"
        text = text[: found.start()] + inner + text[found.end() :]
    return text


def attrs_to_text(node: Node) -> str:
    """The node's attributes, `name=value, ...`."""
    return ", ".join(f"{k}={_value(v)}" for k, v in node.kwargs().items())


def attrs_from_text(text: str) -> dict[str, Attr]:
    """What `attrs_to_text` wrote."""
    if not text:
        return {}
    call = ast.parse(f"f({_without_braces(text)})", mode="eval").body
    assert isinstance(call, ast.Call)
    return {k.arg or "": _literal(k.value) for k in call.keywords}


def _line(node: Node, names: dict[int, str]) -> str:
    sources = ", ".join(names[id(s)] for s in node.src)
    inside = "; ".join(part for part in (sources, attrs_to_text(node)) if part)
    extents = ", ".join(map(str, node.shape))
    return f"{names[id(node)]} = {node.op.name}({inside}) {node.dtype.name}[{extents}]"


def _value(value: Attr) -> str:
    if isinstance(value, dt.DType):
        return value.name
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"'{value}'"
    if isinstance(value, tuple):
        parts = ", ".join(map(_within, value))
        return f"({parts},)" if len(value) == 1 else f"({parts})"
    return repr(value)


def _within(value: Attr) -> str:
    """An element of a tuple: a float that has no literal is written as a call."""
    text = _value(value)
    return f"float({text})" if isinstance(value, float) and text.startswith("'") else text


def _parse(line: str, known: dict[str, Node]) -> tuple[str, Node]:
    found = _LINE.match(line)
    if found is None:
        raise ValueError("it has another form")
    name, op_name, inside, dtype_name, extents = found.groups()
    sources, _, attr_text = inside.partition("; ")  # the first one: bodies have more
    if not inside.startswith("%"):
        sources, attr_text = "", inside
    src = tuple(known[s.strip()] for s in sources.split(",") if s.strip())
    attrs = attrs_from_text(attr_text)
    dtype = dt.BY_NAME[dtype_name]
    if op_name == INPUT.name:
        shape = tuple(int(n) for n in extents.split(",") if n.strip())
        return name, input_node(int(attrs["index"]), shape, dtype)
    if op_name == CONST.name:
        value = attrs["value"]
        return name, const_node(float(value) if isinstance(value, str) else value, dtype)
    op = TABLE[op_name]
    return name, make(op, src, op.bind(attrs))


def _literal(node: ast.expr) -> Attr:
    if isinstance(node, ast.Name):
        return dt.BY_NAME[node.id]
    if isinstance(node, ast.Tuple):
        return tuple(_literal(e) for e in node.elts)
    if isinstance(node, ast.Call):
        value = ast.literal_eval(node.args[0])
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in ("Body", "float"):
            raise ValueError(f"there is no {name}")
        return Body(from_text(value)) if name == "Body" else float(value)
    plain: Attr = ast.literal_eval(node)
    return plain
