"""Model and Sequential: layers that contain layers and can be trained."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, message
from firth.io import safetensors
from firth.keras import layers
from firth.keras.compiled import outside
from firth.keras.layer import Layer
from firth.keras.summary import summary
from firth.keras.symbolic import Input, KerasTensor, Node, leaves, replaced
from firth.keras.trainer import Trainer
from firth.nn.module import Module
from firth.tensor import Tensor


class Model(Trainer, Layer):
    """Layers put together, from symbolic inputs and outputs or as a subclass with a `call`.

    >>> from firth.keras import layers
    >>> x = Input((4,))
    >>> model = Model(x, layers.Dense(2)(x))
    >>> model.output_shape
    (None, 2)
    """

    inputs: Any = None
    outputs: Any = None

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, **options: Any
    ) -> None:
        super().__init__(name=name, **options)
        if (inputs is None) != (outputs is None):
            raise ArgumentError(
                message(
                    "Model",
                    "inputs and outputs belong together",
                    "one of them",
                    "both, or neither",
                    "pass Model(inputs, outputs), or define `call` in a subclass",
                )
            )
        if inputs is not None:
            self.inputs, self.outputs = inputs, outputs
            self._nodes = _nodes_between(inputs, outputs)
            self.built = True

    # The graph of a functional model

    @property
    def layers(self) -> list[Layer]:
        """The layers right below, in the order of their first call."""
        return [layer for layer in self._modules.values() if isinstance(layer, Layer)]

    @property
    def _modules(self) -> dict[str, Module]:
        """The layers of the graph by name, then those that are attributes."""
        found: dict[str, Module] = {}
        for node in self.__dict__.get("_nodes", ()):
            if isinstance(node.operation, Module):
                found.setdefault(node.operation.name, node.operation)
        known = {id(layer) for layer in found.values()}
        rest = {k: v for k, v in super()._modules.items() if id(v) not in known}
        return {**found, **rest}

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """A layer by its name or number. Raises ArgumentError where there is none."""
        if index is not None:
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ArgumentError(
            message("get_layer", "there is no such layer", repr(name),
                    ", ".join(layer.name for layer in self.layers), "see summary()")
        )  # fmt: skip

    @property
    def output_names(self) -> list[str]:
        """The name of the layer that makes each output."""
        if self.outputs is None:
            return []
        return [
            t.node.operation.name if t.node else t.name for t in leaves(self.outputs, KerasTensor)
        ]

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [t.name for t in leaves(self.inputs, KerasTensor)]

    @property
    def input_shape(self) -> Any:
        """The shape of the input; a list for several."""
        return _shapes(self.inputs)

    @property
    def output_shape(self) -> Any:
        """The shape of the output; a list for several."""
        return _shapes(self.outputs)

    @property
    def input(self) -> Any:
        """The symbolic input."""
        return self.inputs

    @property
    def output(self) -> Any:
        """The symbolic output."""
        return self.outputs

    def ensure_built(self, *args: Any) -> None:
        """Makes the weights of a subclass's layers by a call that computes nothing."""
        if not self.built:
            outside(lambda: self._build(None))

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Runs the graph; subclasses may define their own."""
        if self.outputs is None:
            return super().call(inputs, *args, **kwargs)
        known = _fed(self.inputs, inputs, self.name)

        def value(symbol: KerasTensor) -> Any:
            return known[id(symbol)]

        for node in self._nodes:
            node_args = replaced(node.args, KerasTensor, value)
            node_kwargs = replaced(node.kwargs, KerasTensor, value)
            result = node.operation(*node_args, **node_kwargs)
            found = leaves(result, Tensor)
            for symbol, tensor in zip(leaves(node.outputs, KerasTensor), found, strict=True):
                known[id(symbol)] = tensor
        return replaced(self.outputs, KerasTensor, value)

    # Weights and files

    def summary(self, print_fn: Callable[[str], Any] = print, **_: Any) -> None:
        """Prints layers, shapes of outputs and numbers of parameters."""
        print_fn(summary(self))

    def count_params(self) -> int:
        """The number of numbers in all weights. Raises ArgumentError before they are made."""
        if not self.built:
            raise ArgumentError(
                message(
                    self.name,
                    "its weights are not made yet",
                    "count_params()",
                    "a built model",
                    "begin with Input(shape), or call the model on a batch first",
                )
            )
        return super().count_params()

    def save_weights(self, filepath: Any, overwrite: bool = True) -> None:
        """Writes all weights as safetensors, by place and name."""
        path = Path(filepath)
        if path.exists() and not overwrite:
            raise ArgumentError(
                message(
                    "save_weights",
                    "the file exists",
                    str(path),
                    "a new file",
                    "pass overwrite=True",
                )
            )
        safetensors.save_file(self._named_weights(), path)

    def load_weights(self, filepath: Any) -> None:
        """Reads what `save_weights` wrote. Raises ArgumentError when the model is another one."""
        arrays = safetensors.load_file(filepath)
        own = self._named_weights()
        if {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in arrays.items()}:
            differing = sorted(set(own) ^ set(arrays)) or [
                f"{k}: {arrays[k].shape} for {own[k].shape}"
                for k in own
                if own[k].shape != arrays[k].shape
            ]
            raise ArgumentError(
                message("load_weights", "the file is of another model", ", ".join(differing[:5]),
                        f"{len(own)} weights of {self.name}", "build the same layers first")
            )  # fmt: skip
        self.set_weights([arrays[k] for k in own])

    def _named_weights(self) -> dict[str, np.ndarray]:
        """Weights by their number and name, which do not depend on names made up by counters."""
        return {f"{k}/{v.name}": np.asarray(v.detach()) for k, v in enumerate(self.weights)}

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs; functional models as a list of calls."""
        if self.outputs is None:
            return super().get_config()
        return graph_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A model with the same layers and new weights."""
        if "calls" in config:
            return from_graph_config(cls, config)
        return cls(**config)

    def to_json(self) -> str:
        """The configuration as JSON."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()})

    def save(self, filepath: Any, overwrite: bool = True, **_: Any) -> None:
        """Writes configuration and weights: a zip file of JSON and safetensors."""
        path = Path(filepath)
        if path.exists() and not overwrite:
            raise ArgumentError(
                message("save", "the file exists", str(path), "a new file", "pass overwrite=True")
            )
        text = self.to_json()
        part = path.with_name(path.name + ".part")
        with zipfile.ZipFile(part, "w") as archive:
            archive.writestr("config.json", text)
            archive.writestr("weights.safetensors", safetensors.save(self._named_weights()))
        part.replace(path)


class Sequential(Model):
    """Layers one after the other.

    >>> from firth.keras import layers
    >>> model = Sequential([Input((4,)), layers.Dense(3, activation="relu"), layers.Dense(1)])
    >>> model.count_params()
    19
    """

    def __init__(
        self, layers: Iterable[Any] | None = None, name: str | None = None, **options: Any
    ) -> None:
        super().__init__(name=name, **options)
        self._layers: list[Layer] = []
        self._start: KerasTensor | None = None
        for layer in layers or ():
            self.add(layer)

    @property
    def _modules(self) -> dict[str, Module]:
        return {layer.name: layer for layer in self.__dict__.get("_layers", ())}

    def add(self, layer: Any) -> None:
        """Appends a layer. Raises ArgumentError for anything else."""
        if isinstance(layer, KerasTensor):
            self._start = self.inputs = self.outputs = layer
            return
        if not isinstance(layer, Module):
            raise ArgumentError(
                message(self.name, "this is no layer", type(layer).__name__, "a Layer",
                        "wrap a function in layers.Lambda")
            )  # fmt: skip
        given = getattr(layer, "_given_shape", None)
        if self._start is None and not self._layers and given is not None:
            self._start = self.inputs = self.outputs = Input(batch_shape=given)
            if type(layer).__name__ == "InputLayer":
                return
        if any(layer.name == other.name for other in self._layers):
            raise ArgumentError(
                message(self.name, "two layers have one name", repr(layer.name), "different names",
                        "pass name=... to one of them")
            )  # fmt: skip
        self._layers.append(layer)
        if self._start is not None:
            self.outputs = layer(self.outputs)
            self.built = True

    def pop(self) -> None:
        """Takes the last layer away."""
        self._layers.pop()
        if self._start is not None:
            self.outputs = self._start
            for layer in self._layers:
                self.outputs = layer(self.outputs)

    def build(self, input_shape: Any = None) -> None:
        """Makes the weights for inputs of a shape, the batch included."""
        if self._start is None and input_shape is not None:
            self._start = self.inputs = self.outputs = Input(
                batch_shape=(None, *tuple(input_shape)[1:])
            )
            for layer in self._layers:
                self.outputs = layer(self.outputs)

    def ensure_built(self, *args: Any) -> None:
        """Takes the shape from the first input."""
        if not self.built and args:
            outside(lambda: self.build(args[0].shape))

    def call(self, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Each layer on the result of the one before."""
        for layer in self._layers:
            inputs = layer(inputs)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Configurations of all layers."""
        rows = [{"class_name": type(x).__name__, "config": x.get_config()} for x in self._layers]
        return {"name": self.name, "layers": rows, "batch_shape": _shapes(self._start)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A model with the same layers and new weights."""
        start = config.get("batch_shape")
        first = [] if start is None else [Input(batch_shape=tuple(start))]
        return cls([*first, *map(layer_of, config["layers"])], name=config.get("name"))


def _shapes(tree: Any) -> Any:
    if tree is None:
        return None
    shapes = [t.shape for t in leaves(tree, KerasTensor)]
    return shapes[0] if isinstance(tree, KerasTensor) else shapes


def _nodes_between(inputs: Any, outputs: Any) -> list[Node]:
    """The calls that lead from inputs to outputs, in the order they were made."""
    given = {id(t) for t in leaves(inputs, KerasTensor)}
    found: dict[int, Node] = {}
    waiting = leaves(outputs, KerasTensor)
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in given or (tensor.node is not None and tensor.node.order in found):
            continue
        if tensor.node is None:
            raise ArgumentError(
                message("Model", "an output depends on an input that is not given", tensor.name,
                        ", ".join(t.name for t in leaves(inputs, KerasTensor)), "add it to inputs")
            )  # fmt: skip
        found[tensor.node.order] = tensor.node
        waiting.extend(tensor.node.inputs)
    return [found[order] for order in sorted(found)]


def _fed(symbols: Any, values: Any, name: str) -> dict[int, Any]:
    """Values by the id of the symbolic input that they are for."""
    wanted = leaves(symbols, KerasTensor)
    if isinstance(values, dict):
        if not isinstance(symbols, dict):
            values = [values.get(t.name) for t in wanted]
            missing = [t.name for t, v in zip(wanted, values, strict=True) if v is None]
            if missing:
                raise ArgumentError(
                    message(name, "inputs are missing", ", ".join(missing),
                            ", ".join(t.name for t in wanted), "pass a dict with these names")
                )  # fmt: skip
        else:
            values = [values[k] for k in symbols]
    given = list(values) if isinstance(values, (list, tuple)) else [values]
    if len(given) != len(wanted):
        raise ArgumentError(
            message(name, "another number of inputs", str(len(given)), str(len(wanted)),
                    "pass one for each of " + ", ".join(t.name for t in wanted))
        )  # fmt: skip
    return {id(t): v for t, v in zip(wanted, given, strict=True)}


# Configurations

_CLASSES: dict[str, type] = {}


def register(cls: type) -> type:
    """Makes a class of layers known to `load_model` and `from_config`."""
    _CLASSES[cls.__name__] = cls
    return cls


def layer_of(config: dict[str, Any], custom: dict[str, type] | None = None) -> Any:
    """A layer from {"class_name": ..., "config": ...}. Raises ArgumentError for unknown classes."""
    name = config["class_name"]
    known = {
        **{n: getattr(layers, n) for n in layers.__all__},
        "Sequential": Sequential,
        "Model": Model,
    }
    cls = (custom or {}).get(name) or _CLASSES.get(name) or known.get(name)
    if cls is None:
        raise ArgumentError(
            message("load_model", "there is no such class", name, "a layer that is known here",
                    "pass custom_objects={name: class}")
        )  # fmt: skip
    return cls.from_config(config["config"])


def graph_config(model: Model) -> dict[str, Any]:
    """A functional model as inputs, layers, calls and outputs; values are [call, place]."""
    names: dict[int, Any] = {}
    inputs = []
    for k, t in enumerate(leaves(model.inputs, KerasTensor)):
        names[id(t)] = {"input": k}
        inputs.append({"shape": list(t.shape), "dtype": t.dtype.name, "name": t.name})
    calls, layers = [], {}
    for k, node in enumerate(model._nodes):
        layer = node.operation
        if not isinstance(layer, Layer):
            raise ArgumentError(
                message("save", "a plain operation has no configuration", layer.name, "layers only",
                        "put the operation into a layer of your own")
            )  # fmt: skip
        layers[layer.name] = {"class_name": type(layer).__name__, "config": layer.get_config()}
        for place, t in enumerate(leaves(node.outputs, KerasTensor)):
            names[id(t)] = {"call": k, "place": place}
        args, kwargs = (
            replaced(tree, KerasTensor, lambda t: {"value": names[id(t)]})
            for tree in (node.args, node.kwargs)
        )
        calls.append({"layer": layer.name, "args": args, "kwargs": kwargs})
    outputs = replaced(model.outputs, KerasTensor, lambda t: {"value": names[id(t)]})
    single = isinstance(model.inputs, KerasTensor)
    return {
        "name": model.name,
        "inputs": inputs,
        "single": single,
        "layers": layers,
        "calls": calls,
        "outputs": outputs,
    }


def from_graph_config(cls: type[Model], config: dict[str, Any]) -> Model:
    """The functional model of a configuration."""
    inputs = [
        Input(batch_shape=i["shape"], dtype=i["dtype"], name=i["name"]) for i in config["inputs"]
    ]
    layers = {name: layer_of(row) for name, row in config["layers"].items()}
    results: list[list[KerasTensor]] = []

    def value(tree: Any) -> Any:
        if isinstance(tree, dict) and set(tree) == {"value"}:
            where = tree["value"]
            return (
                inputs[where["input"]]
                if "input" in where
                else results[where["call"]][where["place"]]
            )
        if isinstance(tree, dict):
            return {k: value(v) for k, v in tree.items()}
        return [value(v) for v in tree] if isinstance(tree, (list, tuple)) else tree

    for call in config["calls"]:
        out = layers[call["layer"]](*value(call["args"]), **value(call["kwargs"]))
        results.append(leaves(out, KerasTensor))
    return cls(
        inputs[0] if config["single"] else inputs, value(config["outputs"]), name=config["name"]
    )
