"""Graphs as text that a person can read, edit and feed back.

    %0 = input(index=0) float32[2, 3]
    %1 = sum(%0; axes=(1,), keepdims=False) float32[2]
    return %1
    donated 0:0
    constants 0

A dtype attribute is written by its name. Shapes and dtypes behind a node are checked, not believed,
except those of inputs.
"""

from __future__ import annotations

import ast
import re

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, message
from firth.ir.graph import Graph
from firth.ir.node import Attr, Node
from firth.ir.op import CONST, INPUT, TABLE, const_node, input_node, make

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
    for number, line in enumerate(text.splitlines(), 1):
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


def attrs_to_text(node: Node) -> str:
    """The node's attributes, `name=value, ...`."""
    return ", ".join(f"{k}={_value(v)}" for k, v in node.kwargs().items())


def attrs_from_text(text: str) -> dict[str, Attr]:
    """What `attrs_to_text` wrote."""
    if not text:
        return {}
    call = ast.parse(f"f({text})", mode="eval").body
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
    if isinstance(value, tuple):  # a subclass writes itself otherwise
        return repr(tuple(value))
    return repr(value)


def _parse(line: str, known: dict[str, Node]) -> tuple[str, Node]:
    found = _LINE.match(line)
    if found is None:
        raise ValueError("it has another form")
    name, op_name, inside, dtype_name, extents = found.groups()
    sources, _, attr_text = inside.rpartition("; ") if "%" in inside and "=" in inside else (
        (inside, "", "") if "%" in inside else ("", "", inside)
    )  # fmt: skip
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
    value: Attr = ast.literal_eval(node)
    return value
