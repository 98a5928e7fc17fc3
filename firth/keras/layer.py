"""Layer: a Module that makes its weights when it first sees its input."""

from __future__ import annotations

import functools
import inspect
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np

from firth.base.errors import ArgumentError, message
from firth.keras import initializers, regularizers
from firth.keras.compiled import outside
from firth.keras.naming import snake_case, unique
from firth.keras.symbolic import KerasTensor, is_symbolic, leaves, record, replaced
from firth.keras.variable import Variable, dtype_of, to_tensor
from firth.nn.module import Module
from firth.tensor import Tensor


class Layer(Module):
    """A step of a model. Subclasses define `call(inputs)`, and `build(input_shape)` for weights.

    >>> class Scale(Layer):
    ...     def build(self, input_shape):
    ...         self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...     def call(self, x):
    ...         return x * self.scale
    >>> Scale()(np.ones((2, 3), "float32")).shape
    Size([2, 3])
    """

    built: bool
    name: str
    _asks_mode = False  # whether `call` has an argument `training`

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)
        self.__dict__.update(training=False, built=False, _trainable=True, name="")
        signature = inspect.signature(cls.__init__)
        try:
            bound = signature.bind(self, *args, **kwargs).arguments
        except TypeError:
            bound = {}  # the constructor itself will say what is wrong
        bound.pop(next(iter(signature.parameters)), None)
        rest = [n for n, p in signature.parameters.items() if p.kind is p.VAR_KEYWORD]
        for name in rest:
            bound.update(bound.pop(name, {}))
        self.__dict__["_config"] = bound
        return self

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        name: str | None = None,
        input_shape: Any = None,
        input_dim: int | None = None,
        batch_input_shape: Any = None,
        **unknown: Any,
    ) -> None:
        if unknown:
            raise ArgumentError(
                message(type(self).__name__, "there are no such arguments", ", ".join(unknown),
                        "those of the constructor", "check the spelling")
            )  # fmt: skip
        self.name = name or unique(snake_case(type(self).__name__))
        self.dtype = dtype_of(dtype).name
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._trainable = trainable
        if input_dim is not None:
            input_shape = (input_dim,)
        if batch_input_shape is None and input_shape is not None:
            batch_input_shape = (None, *input_shape)
        self._given_shape = batch_input_shape

    # Weights

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = "glorot_uniform",
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
        **_: Any,
    ) -> Variable:
        """A new weight; keep it as an attribute. shape: extents; initializer: a name or function.

        Raises ArgumentError for an unknown initializer.
        """
        shape = (shape,) if isinstance(shape, int) else tuple(shape or ())
        draw = initializers.get(initializer)
        made = Variable(draw, shape, dtype or self.dtype, trainable, name)
        made.regularizer, made.constraint = regularizers.get(regularizer), constraint
        if not self._trainable:
            made.requires_grad_(False)
        return made

    @property
    def _modules(self) -> dict[str, Module]:
        """Modules that are attributes, and those in lists and dicts that are attributes."""
        found: dict[str, Module] = {}
        for name, value in self.__dict__.items():
            if isinstance(value, Module):
                found[name] = value
            elif isinstance(value, (list, tuple, dict)) and name[0] != "_":
                pairs = value.items() if isinstance(value, dict) else enumerate(value)
                found.update((f"{name}_{k}", v) for k, v in pairs if isinstance(v, Module))
        return found

    @property
    def weights(self) -> list[Variable]:
        """Every weight: of each layer the trainable ones and then the others."""
        found: dict[int, Variable] = {}
        for _, module in self._walk(seen=set()):
            own: Any = [p for p in module._parameters.values() if isinstance(p, Variable)]
            for variable in sorted(own, key=lambda v: (not v.trainable, v.serial)):
                found.setdefault(id(variable), variable)
        return list(found.values())

    variables = weights

    @property
    def trainable(self) -> bool:
        """Whether its weights are trained; batch normalisation that is not uses its averages."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for _, module in self._walk(seen=set()):
            module.__dict__["_trainable"] = bool(value)
            for p in module._parameters.values():
                p.requires_grad_(bool(value) and getattr(p, "trainable", True))

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that training changes."""
        return [v for v in self.weights if v.requires_grad]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Weights that training leaves alone, averages among them."""
        return [v for v in self.weights if not v.requires_grad]

    trainable_variables, non_trainable_variables = trainable_weights, non_trainable_weights

    def count_params(self) -> int:
        """The number of numbers in all weights."""
        return sum(v.numel() for v in self.weights)

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in the order of `weights`."""
        return [np.array(v.detach().numpy()) for v in self.weights]

    def set_weights(self, weights: Any) -> None:
        """Takes arrays in the order of `weights`. Raises ArgumentError when they do not fit."""
        own, given = self.weights, [np.asarray(w) for w in weights]
        if [tuple(v.shape) for v in own] != [w.shape for w in given]:
            raise ArgumentError(
                message(
                    self.name, "these weights do not fit", str([w.shape for w in given]),
                    str([tuple(v.shape) for v in own]),
                    "build the layer first and pass one array for each of its weights",
                )
            )  # fmt: skip
        for variable, value in zip(own, given, strict=True):
            variable.assign(to_tensor(value, variable.dtype))

    # Calling

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "build" in cls.__dict__:
            cls.build = _noting(cls.build)  # type: ignore[method-assign]
        cls._asks_mode = "training" in inspect.signature(cls.call).parameters

    def build(self, input_shape: Any) -> None:
        """Makes the weights for inputs of a shape; None is an open extent."""

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer computes; subclasses define it."""
        return super().forward(*args, **kwargs)

    def forward(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Calls `call`; training=True or False holds for this call."""
        if training is not None:
            with _mode(bool(training)):
                return self.forward(*args, **kwargs)
        if self._asks_mode:
            kwargs["training"] = _training(self)
        return self.call(*args, **kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if is_symbolic(args, kwargs):
            self.ensure_built(*args)
            return record(self, self._shaped, *args, **kwargs)
        args, kwargs = (replaced(tree, np.ndarray, _floatx) for tree in (args, kwargs))
        self.ensure_built(*args)
        return super().__call__(*args, **kwargs)

    def _shaped(self, *args: Any, **kwargs: Any) -> Any:
        """A call that only shapes matter of: nothing is updated."""
        with _mode(False):
            return Module.__call__(self, *args, **kwargs)

    def ensure_built(self, *args: Any) -> None:
        """Makes the weights if they are not there yet. args: tensors or KerasTensors."""
        if not self.built:
            shapes = [_extents(a) for a in args[:1]]
            outside(lambda: self._build(shapes[0] if shapes else None))

    def _build(self, *shapes: Any) -> None:
        self.build(*shapes)
        self.built = True

    @property
    def losses(self) -> list[Tensor]:
        """The penalties of all regularised weights."""
        return [v.regularizer(v) for v in self.weights if v.regularizer is not None]

    # Configuration

    def get_config(self) -> dict[str, Any]:
        """What the constructor was given, and the name."""
        return {**{k: _plain(v) for k, v in self._config.items()}, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer from its configuration."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _noting(build: Callable[..., None]) -> Callable[..., None]:
    """A `build` that says that it was done."""

    @functools.wraps(build)
    def noting(self: Layer, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.built = True

    return noting


# The mode of the innermost call that was given one: a deque, because it may change in a recording.
_modes: deque[bool] = deque()


@contextmanager
def _mode(training: bool) -> Iterator[None]:
    """The training mode of all calls inside."""
    _modes.append(training)
    try:
        yield
    finally:
        _modes.pop()


def _training(layer: Layer) -> bool:
    """Whether a layer is called to train: as the call around it says, or the layer itself."""
    return next(reversed(_modes), layer.training)


def _floatx(array: np.ndarray) -> Tensor:
    """An array as a tensor; floats become float32."""
    return to_tensor(array, "float32" if array.dtype.kind == "f" else None)


def _extents(value: Any) -> Any:
    """The shape of an input, its batch left open; lists and dicts of inputs likewise."""
    if isinstance(value, (Tensor, KerasTensor)):
        return (None, *value.shape[1:]) if len(value.shape) else ()
    if isinstance(value, dict):
        return {k: _extents(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)) and leaves(value, Tensor) + leaves(value, KerasTensor):
        return [_extents(v) for v in value]
    return None


def _plain(value: Any) -> Any:
    """A configuration's value in words that JSON knows."""
    if hasattr(value, "get_config"):
        return {"class_name": type(value).__name__, "config": value.get_config()}
    if callable(value) and hasattr(value, "__name__"):
        return value.__name__
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value
