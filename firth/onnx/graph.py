"""From protobuf to steps: names resolved, operators found, functions and subgraphs built.

Nothing runs here. What the table lacks is gathered and reported at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from firth.base.errors import MissingRule
from firth.onnx import registry
from firth.onnx.reader import Tensors, onnx_package, wrong
from firth.onnx.registry import OnnxOp
from firth.onnx.weights import Constant, Use

MAX_STEPS = 1_000_000  # of a model with its functions written out
MAX_DEPTH = 64  # of subgraphs and functions in one another


@dataclass(slots=True)
class Step:
    """One node: `op`, or the graph of a function, or a function of the standard (`late`).

    graphs: its attributes that are subgraphs. drops: values that nothing after it reads.
    """

    label: str
    op: OnnxOp | None
    host: OnnxOp | None
    function: Graph | None
    late: Late | None
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    graphs: dict[str, Graph]
    options: dict[str, Any]
    drops: tuple[str, ...] = ()

    def reads(self) -> set[str]:
        """The names that it needs, those of its subgraphs included."""
        return {*self.inputs, *(n for graph in self.graphs.values() for n in graph.captures)}


@dataclass(slots=True)
class Late:
    """An operator whose body the standard gives, for dtypes that are known when it runs."""

    node: Any
    schema: Any
    version: int
    opsets: dict[str, int]
    builder: Builder
    built: dict[Any, Graph] = field(default_factory=dict)


@dataclass(slots=True)
class Graph:
    """Steps in order. constants: local name -> key in the model's store.

    partial: outputs that a call does not use may be missing.

    captures: names that it reads from the graphs around it.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    steps: list[Step] = field(default_factory=list)
    constants: dict[str, str] = field(default_factory=dict)
    captures: frozenset[str] = frozenset()
    partial: bool = False
    results: tuple[Any, ...] = ()  # TypeProto of each output, where the file has it

    def leading_to(self, name: str, given: Iterable[str]) -> list[Step]:
        """The steps that make a value from others."""
        wanted, found = {name}, []
        for step in reversed(self.steps):
            if wanted & set(step.outputs) - set(given):
                found.append(step)
                wanted |= set(step.inputs)
        return found[::-1]


@dataclass(frozen=True, slots=True)
class Made:
    """Where a name comes from: the key of a stored value, or the operator that makes it."""

    key: str | None = None
    operator: str = ""


Scope = dict[str, Made]


class Builder:
    """Builds the graphs of one model."""

    def __init__(self, model: Any, tensors: Tensors) -> None:
        self.tensors = tensors
        self.store: dict[str, Constant] = {}
        self.missing: dict[str, set[str]] = {}
        self.functions = {(f.domain, f.name, f.overload): f for f in model.functions}
        self.steps = 0
        self.depth = 0
        self.copies = 0

    def model(self, model: Any) -> Graph:
        """The main graph. MissingRule names every operator that there is no rule for."""
        opsets = self.opsets(model.opset_import)
        graph = self.graph(model.graph, opsets, {}, {})
        self.check()
        return graph

    def check(self) -> None:
        """Raises MissingRule where something has no rule."""
        if self.missing:
            missing, self.missing = self.missing, {}
            raise MissingRule(_missing_text(missing))

    def opsets(self, imports: Iterable[Any]) -> dict[str, int]:
        """Version by domain; FormatError for a standard newer than the one that is known."""
        found = {_domain(entry.domain): int(entry.version) for entry in imports}
        newest = onnx_package().defs.onnx_opset_version()
        if found.get("", 1) > newest:
            raise wrong(
                "the model needs a newer standard", f"opset {found['']}",
                f"opset {newest} or older",
                "install a newer onnx package, or export with an older opset_version",
            )  # fmt: skip
        return found

    def graph(
        self, proto: Any, opsets: dict[str, int], bound: dict[str, Any], outer: Scope
    ) -> Graph:
        """The graph of a GraphProto inside graphs that know the names `outer`."""
        graph = Graph(proto.name, (), tuple(o.name for o in proto.output))
        for tensor in proto.initializer:
            self._constant(graph, tensor.name, self.tensors.array(tensor), weight=True)
        for sparse in proto.sparse_initializer:
            self._constant(graph, sparse.values.name, self.tensors.sparse(sparse), weight=True)
        graph.inputs = tuple(i.name for i in proto.input)
        graph.results = tuple(o.type for o in proto.output)
        self._fill(graph, proto.node, opsets, bound, outer)
        return graph

    def function(
        self, proto: Any, opsets: dict[str, int], bound: dict[str, Any], *, partial: bool = False
    ) -> Graph:
        """The graph of a FunctionProto with the attributes of one call."""
        graph = Graph(proto.name, tuple(proto.input), tuple(proto.output), partial=partial)
        self._fill(graph, proto.node, opsets, bound, {})
        return graph

    def _constant(self, graph: Graph, name: str, array: np.ndarray, weight: bool) -> None:
        key = name
        while key in self.store:  # the same name in another graph
            self.copies += 1
            key = f"{name}_{self.copies}"
        self.store[key] = Constant(array, weight)
        graph.constants[name] = key

    def _fill(
        self, graph: Graph, nodes: Any, opsets: dict[str, int], bound: dict[str, Any], outer: Scope
    ) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise wrong("graphs or functions are nested too deeply", self.depth, f"{MAX_DEPTH}")
        known = {**outer, **dict.fromkeys(graph.inputs, Made())}
        known |= {name: Made(key) for name, key in graph.constants.items()}
        own = set(graph.inputs) | graph.constants.keys()
        for number, node in enumerate(nodes):
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise wrong("too many nodes", f"more than {MAX_STEPS}", "fewer nodes")
            label = f"{node.name or number} ({node.op_type})"
            _check_names(node, label, known, own)
            if node.op_type == "Constant" and _domain(node.domain) == "":
                name = node.output[0]
                self._constant(graph, name, self._constant_value(node, bound, label), weight=False)
                known[name] = Made(graph.constants[name])
            else:
                step = self._step(node, label, opsets, bound, known)
                graph.steps.append(step)
                self._note_uses(step, known)
                known |= dict.fromkeys(node.output, Made(operator=node.op_type))
            own |= set(node.output)
        absent = [n for n in graph.outputs if not n or n not in known]
        if absent and not graph.partial:
            raise wrong(
                "outputs that nothing makes", ", ".join(map(repr, absent)), "names of values"
            )
        read = {n for s in graph.steps for n in s.reads()}
        graph.captures = frozenset((read | set(graph.outputs)) - own - {""})
        if not any(s.op is not None and "around" in s.op.wants for s in graph.steps):
            _note_drops(graph, own)
        self.depth -= 1

    def _note_uses(self, step: Step, known: Scope) -> None:
        for position, name in enumerate(step.inputs):
            key = known[name].key if name else None
            if key is not None:
                others = (known[n].operator for n in step.inputs if n and n != name)
                self.store[key].uses.append(Use(step.op, position, frozenset(others)))

    def _step(
        self, node: Any, label: str, opsets: dict[str, int], bound: dict[str, Any], known: Scope
    ) -> Step:
        domain, name = _domain(node.domain), node.op_type
        attributes, graphs = self._attributes(node, opsets, bound, known, label)
        step = Step(
            label, None, None, None, None, tuple(node.input), tuple(node.output), attributes,
            graphs, {},
        )  # fmt: skip
        own = self.functions.get((node.domain, name, node.overload))
        if own is not None:
            step.function = self._call(own, node, opsets, bound)
            return step
        version = opsets.get(domain)
        if version is None:
            self._lacks(f"{domain or 'ai.onnx'}::{name}", label, "its opset is not imported")
            return step
        step.op = registry.find(domain, name, version)
        step.host = registry.find_host(domain, name, version)
        if step.op is None:
            if not self._standard_body(step, node, domain, version, opsets, bound):
                self._lacks(f"{domain or 'ai.onnx'}::{name} (opset {version})", label, "")
            return step
        if step.op.bodied:
            self._standard_body(step, node, domain, version, opsets, bound)
        unknown = (
            {*attributes, *graphs} - step.op.attributes if step.op.attributes is not None else set()
        )
        for attribute in sorted(unknown):
            self._lacks(f"{name}: attribute {attribute}", label, "")
        if "outputs" in step.op.wants:
            step.options["outputs"] = len(node.output)
        if "opset" in step.op.wants:
            step.options["opset"] = version
        return step

    def _lacks(self, what: str, label: str, why: str) -> None:
        self.missing.setdefault(what + (f" ({why})" if why else ""), set()).add(label)

    def _call(
        self, function: Any, node: Any, opsets: dict[str, int], bound: dict[str, Any]
    ) -> Graph:
        """A function of the model with the attributes of a call; its defaults where one lacks."""
        given = {a.name: bound.get(a.ref_attr_name) if a.ref_attr_name else a
                 for a in node.attribute}  # fmt: skip
        values = {a.name: a for a in function.attribute_proto}
        values |= {name: a for name, a in given.items() if a is not None}
        return self.function(function, self.opsets(function.opset_import) or opsets, values)

    def _standard_body(
        self, step: Step, node: Any, domain: str, version: int, opsets: dict[str, int],
        bound: dict[str, Any],
    ) -> bool:  # fmt: skip
        """Gives a step the body that the standard has for it, if any."""
        onnx = onnx_package()
        try:
            schema = onnx.defs.get_schema(node.op_type, version, domain)
        except onnx.defs.SchemaError:
            return False
        if schema.has_function:
            body = schema.function_body
            defaults = {n: a.default_value for n, a in schema.attributes.items()
                        if a.default_value.name}  # fmt: skip
            given = {a.name: a for a in node.attribute}
            step.function = self.function(body, self.opsets(body.opset_import), defaults | given)
            return True
        if schema.has_context_dependent_function:
            step.late = Late(node, schema, version, opsets, self)
            return True
        return False

    def _attributes(
        self, node: Any, opsets: dict[str, int], bound: dict[str, Any], known: Scope, label: str
    ) -> tuple[dict[str, Any], dict[str, Graph]]:  # fmt: skip
        values: dict[str, Any] = {}
        graphs: dict[str, Graph] = {}
        for attribute in node.attribute:
            name = attribute.name
            if attribute.ref_attr_name:
                attribute = bound.get(attribute.ref_attr_name)
                if attribute is None:
                    continue
            if attribute.type == 5:
                graphs[name] = self.graph(attribute.g, opsets, bound, known)
            else:
                values[name] = self._value(attribute, label)
        return values, graphs

    def _value(self, attribute: Any, label: str) -> Any:
        """The Python value of an attribute."""
        kind = attribute.type
        if kind == 1:
            return float(attribute.f)
        if kind == 2:
            return int(attribute.i)
        if kind == 3:
            return attribute.s.decode("utf-8", "replace")
        if kind == 4:
            return self.tensors.array(attribute.t)
        if kind == 6:
            return [float(v) for v in attribute.floats]
        if kind == 7:
            return [int(v) for v in attribute.ints]
        if kind == 8:
            return [v.decode("utf-8", "replace") for v in attribute.strings]
        if kind == 9:
            return [self.tensors.array(t) for t in attribute.tensors]
        if kind == 11:
            return self.tensors.sparse(attribute.sparse_tensor)
        if kind == 13:
            return attribute.tp
        raise wrong(f"attribute {attribute.name} of node {label}", f"type {kind}", "a known type")

    def _constant_value(self, node: Any, bound: dict[str, Any], label: str) -> np.ndarray:
        """What a Constant node holds."""
        if len(node.attribute) != 1 or len(node.output) != 1:
            raise wrong(f"node {label}", f"{len(node.attribute)} attributes", "one value")
        attribute = node.attribute[0]
        name = attribute.name
        if attribute.ref_attr_name:
            attribute = bound.get(attribute.ref_attr_name)
            if attribute is None:
                raise wrong(f"node {label}", "an attribute that the call does not give", "a value")
        value = self._value(attribute, label)
        kind = {"float": np.float32, "floats": np.float32, "int": np.int64, "ints": np.int64}
        if name in ("value_string", "value_strings"):
            return np.array(value, object)
        if name.removeprefix("value_") in kind and name.startswith("value_"):
            return np.array(value, kind[name.removeprefix("value_")])
        if not isinstance(value, np.ndarray):
            raise wrong(f"node {label}", name, "value, sparse_value, value_float, value_ints, ...")
        return value


def _check_names(node: Any, label: str, known: Scope, own: set[str]) -> None:
    unknown = [n for n in node.input if n and n not in known]
    twice = [n for n in node.output if n and n in own]
    if unknown or twice:
        raise wrong(
            f"node {label} " + ("reads what is not there" if unknown else "writes again"),
            ", ".join(unknown or twice), "values in the order in which they are made",
        )  # fmt: skip


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _note_drops(graph: Graph, own: set[str]) -> None:
    """Notes after each step which values nothing reads any more."""
    needed = set(graph.outputs) | graph.constants.keys()
    for step in reversed(graph.steps):
        read = step.reads()
        made = {n for n in step.outputs if n}
        step.drops = tuple(sorted(((read | made) & own) - needed - {""}))
        needed |= read


def _missing_text(missing: dict[str, set[str]]) -> str:
    lines = [f"onnx: the model uses {len(missing)} things that are not there"]
    for what, labels in sorted(missing.items()):
        some = sorted(labels)
        more = f" and {len(some) - 3} more" if len(some) > 3 else ""
        lines.append(f"  {what}: in {', '.join(some[:3])}{more}")
    lines.append("  write them with firth.onnx.op, or export with other operators")
    return "\n".join(lines)
