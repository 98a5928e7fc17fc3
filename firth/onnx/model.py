"""The module that runs an ONNX graph: its steps call Firth's functions, one after the other.

So what it computes is recorded, differentiated and jitted like code written by hand.
"""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Callable, MutableMapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, DTypeError, FirthError, message
from firth.nn.module import Module
from firth.nn.parameter import Parameter
from firth.onnx.graph import Builder, Graph, Late, Step
from firth.onnx.reader import Tensors, read_model, wrong
from firth.onnx.registry import OnnxOp
from firth.onnx.values import (
    as_array,
    as_tensor,
    dtype_of,
    element,
    is_foreign,
    number_of,
)
from firth.onnx.weights import Constant, role
from firth.tensor import Tensor, from_numpy
from firth.tensor.record import local

Env = MutableMapping[str, Any]
# What NumPy and Python say where inputs do not fit an operator.
_PLAIN_ERRORS = (
    ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError, MemoryError,
)  # fmt: skip


def load(
    source: str | os.PathLike[str] | bytes | Any, *, trained: Callable[[str], bool] | None = None
) -> Model:
    """The model of an ONNX file (a path, its bytes, or a ModelProto) as a module.

    Floating-point weights are parameters under their names in the file, so `state_dict()` and
    optimizers see them; measured statistics, masks and lone numbers are not. `trained` says of
    each name whether it is one, where the file's use of it does not tell. Raises FormatError for a
    file that is not what it says, and MissingRule with a list of everything that there is no rule
    for.
    """
    proto, folder = read_model(source)
    builder = Builder(proto, Tensors(folder))
    try:
        graph = builder.model(proto)
    except (*_PLAIN_ERRORS, RecursionError) as error:
        if isinstance(error, FirthError):
            raise
        raise wrong(  # names that are no text, numbers that fit nowhere, ...
            "the model is malformed", f"{type(error).__name__}: {error}", "a valid ModelProto"
        ) from error
    return Model(graph, builder.store, trained)


_GONE = np.zeros(0)


class Model(Module):
    """An ONNX graph. `inputs` and `outputs` are its names, in the order of arguments and results.

    Values that decide shapes flow as NumPy arrays, so a shape computed from another one is known
    while jit records.
    """

    def __init__(
        self, graph: Graph, store: dict[str, Constant], trained: Callable[[str], bool] | None = None
    ) -> None:
        self._graph = graph
        self._store = store
        self._trained = trained
        self._arrays: dict[str, np.ndarray] = {}
        self._places: dict[str, tuple[Module, str]] = {}
        self._tensors: dict[int, Tensor] = {}
        self._held: dict[int, np.ndarray] = {}
        for key, constant in store.items():
            self._enter(key, constant)
        self._required = tuple(n for n in graph.inputs if n not in graph.constants)

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of what `forward` takes, in order; those with a default value are left out."""
        return self._required

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of what `forward` gives, in order."""
        return self._graph.outputs

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The graph's output, or a tuple of them. Inputs by position or by name; arrays may be
        given in place of tensors."""
        results = self.run(*args, **kwargs)
        return results[0] if len(results) == 1 else tuple(results)

    def run(self, *args: Any, **kwargs: Any) -> list[Any]:
        """All outputs as a list."""
        given = self._given(args, kwargs)
        env = {name: _entering(value) for name, value in given.items()}
        return [_leaving(v) for v in self._execute(self._graph, env, env)]

    def extra_repr(self) -> str:
        """Names of inputs and outputs, number of nodes."""
        nodes = len(self._graph.steps)
        return f"{', '.join(self.inputs)} -> {', '.join(self.outputs)}, {nodes} nodes"

    def _given(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        names = self._required if len(args) <= len(self._required) else self._graph.inputs
        given = dict(zip(names, args, strict=False)) | kwargs
        missing = [n for n in self._required if n not in given]
        unknown = [n for n in given if n not in self._graph.inputs]
        if missing or unknown or len(args) > len(self._graph.inputs):
            raise ArgumentError(
                message(
                    "onnx", "the inputs do not fit the graph",
                    f"{len(args)} by position, {', '.join(kwargs) or 'none'} by name",
                    f"{', '.join(self._required) or 'none'}",
                    f"give {', '.join(missing) or 'only those'}",
                )
            )  # fmt: skip
        return given

    # Weights

    def _enter(self, key: str, constant: Constant) -> None:
        """Stores a value of the file: as a parameter, a buffer, or an array."""
        array = constant.array
        what = role(key, constant, self._trained)
        if what == "array":
            found = self._arrays[key] = np.ascontiguousarray(array).reshape(array.shape)
            self._held[id(found)] = found
            return
        holder, name = _holder(self, key)
        if what == "parameter":
            setattr(holder, name, Parameter(from_numpy(array)))
        else:
            holder.register_buffer(name, from_numpy(array))
        self._places[key] = (holder, name)
        constant.array = _GONE  # the tensor has it now

    def _value(self, key: str) -> Any:
        if key not in self._arrays and key not in self._places:
            self._enter(key, self._store[key])  # of a body that was built late
        if key in self._arrays:
            return self._arrays[key]
        holder, name = self._places[key]
        value = holder.__dict__[name]
        if local.rec.jit is not None:  # another parameter in its place is another recording
            local.rec.jit.read(holder.__dict__, name, value)
        return value

    def _tensor(self, array: np.ndarray) -> Any:
        """An array as a tensor; that of a stored array is kept."""
        if self._held.get(id(array)) is not array:
            return as_tensor(array)
        found = self._tensors.get(id(array))
        if found is None:
            found = self._tensors[id(array)] = as_tensor(array)
        return found

    # Running

    def _execute(self, graph: Graph, own: Env, env: Env) -> list[Any]:
        """Runs the steps; `own` takes the graph's values, `env` also knows those around it."""
        for name, key in graph.constants.items():
            if name not in own:
                own[name] = self._value(key)
        for step in graph.steps:
            values = [env[name] if name else None for name in step.inputs]
            for name, value in zip(
                step.outputs, self._results(step, values, graph, env), strict=False
            ):
                if name:
                    own[name] = value
            for name in step.drops:
                own.pop(name, None)
        return [env.get(name) if graph.partial else env[name] for name in graph.outputs]

    def _results(self, step: Step, values: list[Any], graph: Graph, env: Env) -> Sequence[Any]:
        try:
            found = NotImplemented if step.op is None else self._apply(step, values, graph, env)
            if found is NotImplemented and step.function is not None:
                return self._call(step.function, values)
            if found is NotImplemented and step.late is not None:
                return self._call(_late_body(step.late, values), values)
        except FirthError as error:
            _name_node(error, step.label)
            raise
        except _PLAIN_ERRORS as error:
            raise ArgumentError(
                message("onnx", f"node {step.label} cannot be computed",
                        f"{type(error).__name__}: {error}", "inputs that fit the operator",
                        "check the model and its inputs")
            ) from error  # fmt: skip
        return found if isinstance(found, tuple) else (found,)

    def _apply(self, step: Step, values: list[Any], graph: Graph, env: Env) -> Any:
        op, host = step.op, step.host
        assert op is not None
        while values and values[-1] is None:
            values.pop()
        foreign = any(is_foreign(v) for v in values)
        if host is not None and values and _hosted(values, foreign and not op.foreign):
            made = host.rule(*map(as_array, values), **step.attributes, **_asked(host, step))
            return tuple(map(np.asarray, made)) if isinstance(made, tuple) else np.asarray(made)
        if foreign and not op.foreign:
            names = ", ".join(str(v.dtype) for v in values if is_foreign(v))
            raise DTypeError(
                message("onnx", f"{op.name} has no meaning for this dtype", names,
                        "a dtype of tensors", "cast before it")
            )  # fmt: skip
        closures = {name: Closure(self, graph, env) for name, graph in step.graphs.items()}
        ready = self._ready if not op.raw else _as_it_is
        arguments = [as_array(v) if op.reads(i) else ready(v) for i, v in enumerate(values)]
        options: dict[str, Any] = dict(step.options)
        if "around" in op.wants:
            options["around"] = partial(self._recomputed, graph, env)
        return op.rule(*arguments, **step.attributes, **closures, **options)

    def _recomputed(self, graph: Graph, env: Env, name: str, given: dict[str, Any]) -> Any:
        """A value of a graph, computed again from other values of it."""
        own = dict(given)
        inner: Env = ChainMap(own, *_maps(env))
        for step in graph.leading_to(name, given.keys()):
            values = [inner[n] if n else None for n in step.inputs]
            own.update(zip(step.outputs, self._results(step, values, graph, inner), strict=False))
        return inner[name]

    def _ready(self, value: Any) -> Any:
        return self._tensor(value) if isinstance(value, np.ndarray) else value

    def call_subgraph(self, graph: Graph, env: Env, inputs: tuple[Any, ...]) -> list[Any]:
        """Runs a subgraph among the values around it."""
        own: dict[str, Any] = dict(zip(graph.inputs, inputs, strict=True))
        return self._execute(graph, own, ChainMap(own, *_maps(env)))

    def _call(self, graph: Graph, values: list[Any]) -> list[Any]:
        """Calls a function: absent inputs are None, nothing around it is seen."""
        padded = [*values, *([None] * (len(graph.inputs) - len(values)))]
        own: dict[str, Any] = dict(zip(graph.inputs, padded, strict=True))
        return self._execute(graph, own, own)


class Closure:
    """A subgraph as a function. `outputs`: how many values it gives."""

    def __init__(self, model: Model, graph: Graph, env: Env) -> None:
        self._model = model
        self._graph = graph
        self._env = env
        self.outputs = len(graph.outputs)

    def __call__(self, *inputs: Any) -> list[Any]:
        return self._model.call_subgraph(self._graph, self._env, inputs)

    def kind_of(self, output: int) -> tuple[np.dtype[Any], tuple[int, ...]]:
        """What the file says of an output: dtype, and extents, 0 for those it leaves open."""
        kind = self._graph.results[output].tensor_type
        shape = tuple(int(d.dim_value) for d in kind.shape.dim)
        return element(kind.elem_type or 1), shape


def _maps(env: Env) -> list[Any]:
    return env.maps if isinstance(env, ChainMap) else [env]


def _as_it_is(value: Any) -> Any:
    return value


def _asked(host: OnnxOp, step: Step) -> dict[str, Any]:
    known = {"outputs": len(step.outputs), **step.options}
    return {name: known[name] for name in host.wants if name in known}


def _hosted(values: list[Any], anyway: bool) -> bool:
    """Whether every value is an array; `anyway`: or a tensor that can be read."""
    kinds = (np.ndarray, Tensor) if anyway else np.ndarray
    return all(v is None or isinstance(v, kinds) for v in values)


def _holder(root: Module, key: str) -> tuple[Module, str]:
    """Where a value of a dotted name lives: modules are made for the part before the last dot."""
    *path, name = key.split(".")
    holder = root
    steps = [(p, holder) for p in path]
    good = all(key.split("."))
    for part, _ in steps:
        found = holder.__dict__.get(part)
        if found is None and good and not hasattr(holder, part):
            found = Module()
            setattr(holder, part, found)
        if type(found) is not Module:
            good = False
            break
        holder = found
    if good and not hasattr(holder, name):
        return holder, name
    flat = key.replace(".", "_") or "unnamed"
    while hasattr(root, flat):
        flat += "_"
    return root, flat


def _entering(value: Any) -> Any:
    """What a caller gives: arrays and numbers become tensors where there is such a dtype."""
    if isinstance(value, (list, tuple)):
        return [_entering(v) for v in value]
    if value is None or isinstance(value, Tensor):
        return value
    return as_tensor(np.asarray(value))


def _leaving(value: Any) -> Any:
    """What a caller gets: tensors, and arrays only of text and dtypes that tensors lack."""
    if isinstance(value, (list, tuple)):
        return [_leaving(v) for v in value]
    return as_tensor(value)


def _name_node(error: FirthError, label: str) -> None:
    if "_node" not in error.__dict__:
        error.__dict__["_node"] = label
        error.args = (f"{error} in ONNX node {label}",)


def _late_body(late: Late, values: list[Any]) -> Graph:
    """The body that the standard gives for the dtypes of these values."""
    from firth.onnx.reader import onnx_package

    onnx = onnx_package()
    types = tuple(_type_of(onnx, v) for v in values)
    found = late.built.get(types)
    if found is None:
        made = late.schema.get_context_dependent_function_with_opset_version(
            late.version, late.node.SerializeToString(), list(types)
        )
        body = onnx.FunctionProto.FromString(made)
        attributes = {n: a.default_value for n, a in late.schema.attributes.items()
                      if a.default_value.name}  # fmt: skip
        attributes |= {a.name: a for a in late.node.attribute}
        builder = late.builder
        found = builder.function(
            body, late.opsets | builder.opsets(body.opset_import), attributes, partial=True
        )
        builder.check()
        late.built[types] = found
    return found


def _type_of(onnx: Any, value: Any) -> bytes:
    kind = onnx.TypeProto()
    if isinstance(value, list):
        inner = onnx.TypeProto.FromString(_type_of(onnx, value[0])) if value else None
        if inner is not None:
            kind.sequence_type.elem_type.CopyFrom(inner)
    elif value is not None:
        kind.tensor_type.elem_type = number_of(dtype_of(value))
        for extent in value.shape:
            kind.tensor_type.shape.dim.add().dim_value = extent
    return kind.SerializeToString()  # type: ignore[no-any-return]
