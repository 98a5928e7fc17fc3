"""Recurrent layers: a cell steps through time. x: (B, T, C)."""

from __future__ import annotations

from typing import Any

from firth.keras import activations
from firth.keras.layer import Layer
from firth.keras.layers.core import Wrapper
from firth.nn import functional as F
from firth.tensor import Tensor, cat, ones, stack, zeros


class _Cell(Layer):
    """One step: (x, states) -> (output, states). gates: how many products share a kernel."""

    gates: int
    states: int = 1

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.units, self.use_bias = units, use_bias
        self.activation = activations.get(activation)
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.recurrent_initializer = recurrent_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.recurrent_regularizer = recurrent_regularizer
        self.dropout, self.recurrent_dropout = dropout, recurrent_dropout
        self.bias = None

    def build(self, input_shape: Any) -> None:
        """kernel: (C, gates * units), recurrent_kernel: (units, gates * units), bias."""
        width = self.gates * self.units
        self.kernel = self.add_weight(
            (input_shape[-1], width), self.kernel_initializer,
            regularizer=self.kernel_regularizer, name="kernel",
        )  # fmt: skip
        self.recurrent_kernel = self.add_weight(
            (self.units, width), self.recurrent_initializer,
            regularizer=self.recurrent_regularizer, name="recurrent_kernel",
        )  # fmt: skip
        if self.use_bias:
            self.bias = self.add_weight(
                self.bias_shape(width), self.start_of_bias,
                regularizer=self.bias_regularizer, name="bias",
            )  # fmt: skip

    def bias_shape(self, width: int) -> tuple[int, ...]:
        """The shape of the bias."""
        return (width,)

    def start_of_bias(self, shape: Any, dtype: Any = None) -> Tensor:
        """The bias's initial value."""
        return self.add_weight(shape, self.bias_initializer, dtype).detach()

    def project(self, x: Tensor) -> Tensor:
        """x @ kernel + bias, for all steps at once: (..., C) -> (..., gates * units)."""
        y = x @ self.kernel
        return y if self.bias is None else y + self.bias

    def advance(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        """The new states, the output first, from a projected step x: (B, gates * units)."""
        raise NotImplementedError

    def start(self, batch: int, dtype: Any) -> list[Tensor]:
        """States of zeros: (B, units)."""
        return [zeros(batch, self.units, dtype=dtype) for _ in range(self.states)]

    def masks(self, x: Tensor, training: bool) -> tuple[Any, Any]:
        """What inputs (B, C) and states (B, units) are multiplied by in training, or None."""
        if not training:
            return None, None
        shapes = ((x.shape[0], x.shape[-1]), (x.shape[0], self.units))
        rates = (self.dropout, self.recurrent_dropout)
        pairs = zip(shapes, rates, strict=True)
        first, second = (
            F.dropout(ones(*s, dtype=x.dtype), r, True) if r else None for s, r in pairs
        )
        return first, second

    def call(self, x: Tensor, states: Any, training: bool = False) -> Any:
        """x: (B, C), states -> (output, states)."""
        one = isinstance(states, Tensor)
        drop, drop_state = self.masks(x, training)
        given = [states] if one else list(states)
        if drop_state is not None:
            given[0] = given[0] * drop_state
        new = self.advance(self.project(x if drop is None else x * drop), given)
        return new[0], new[0] if one else new


class SimpleRNNCell(_Cell):
    """h = activation(x @ kernel + h @ recurrent_kernel + bias)."""

    gates = 1

    def advance(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        """[h] -> [h]."""
        return [self.activation(x + states[0] @ self.recurrent_kernel)]


class LSTMCell(_Cell):
    """Input, forget, candidate and output gates, in this order (Hochreiter, Schmidhuber, 1997)."""

    gates, states = 4, 2

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid",
        use_bias: bool = True, unit_forget_bias: bool = True, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(units, activation, use_bias, **options)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias

    def start_of_bias(self, shape: Any, dtype: Any = None) -> Tensor:
        """1 for the forget gate, so that it begins open."""
        start = super().start_of_bias(shape, dtype)
        if not self.unit_forget_bias:
            return start
        n = self.units
        return cat([start[:n], ones(n, dtype=start.dtype), start[2 * n :]])

    def advance(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        """[h, c] -> [h, c]."""
        hidden, cell = states
        i, f, g, o = (x + hidden @ self.recurrent_kernel).chunk(4, -1)
        gate = self.recurrent_activation
        cell = gate(f) * cell + gate(i) * self.activation(g)
        return [gate(o) * self.activation(cell), cell]


class GRUCell(_Cell):
    """Update, reset and candidate gates, in this order (Cho et al., 2014).

    reset_after: the reset gate acts after the product with the recurrent kernel.
    """

    gates = 3

    def __init__(
        self, units: int, activation: Any = "tanh", recurrent_activation: Any = "sigmoid",
        use_bias: bool = True, reset_after: bool = True, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(units, activation, use_bias, **options)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def bias_shape(self, width: int) -> tuple[int, ...]:
        """One for inputs and, with reset_after, one for states."""
        return (2, width) if self.reset_after else (width,)

    def project(self, x: Tensor) -> Tensor:
        """x @ kernel + bias."""
        y = x @ self.kernel
        if self.bias is None:
            return y
        return y + (self.bias[0] if self.reset_after else self.bias)

    def advance(self, x: Tensor, states: list[Tensor]) -> list[Tensor]:
        """[h] -> [h]."""
        hidden, n = states[0], self.units
        gate = self.recurrent_activation
        if self.reset_after:
            inner = hidden @ self.recurrent_kernel
            inner = inner if self.bias is None else inner + self.bias[1]
            update = gate(x[:, :n] + inner[:, :n])
            reset = gate(x[:, n : 2 * n] + inner[:, n : 2 * n])
            candidate = self.activation(x[:, 2 * n :] + reset * inner[:, 2 * n :])
        else:
            inner = hidden @ self.recurrent_kernel[:, : 2 * n]
            update, reset = gate(x[:, : 2 * n] + inner).chunk(2, -1)
            candidate = self.activation(
                x[:, 2 * n :] + (reset * hidden) @ self.recurrent_kernel[:, 2 * n :]
            )
        return [update * hidden + (1 - update) * candidate]


class RNN(Layer):
    """A cell through time. (B, T, C) -> (B, units), (B, T, units) with return_sequences."""

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.cell = cell
        self.return_sequences, self.return_state = return_sequences, return_state
        self.go_backwards, self.stateful, self.unroll = go_backwards, stateful, unroll

    def build(self, input_shape: Any) -> None:
        """Builds the cell for one step."""
        self.cell.build((input_shape[0], input_shape[-1]))

    def call(self, x: Tensor, initial_state: Any = None, training: bool = False) -> Any:
        """x: (B, T, C); initial_state: (B, units), a list of them where the cell has several."""
        cell = self.cell
        if initial_state is None:
            states = cell.start(x.shape[0], x.dtype)
        else:
            states = [initial_state] if isinstance(initial_state, Tensor) else list(initial_state)
        drop, drop_state = cell.masks(x, training)
        inputs = cell.project(x if drop is None else x * drop[:, None])
        outputs = []
        steps = range(x.shape[1])
        for t in reversed(steps) if self.go_backwards else steps:
            if drop_state is not None:
                states = [states[0] * drop_state, *states[1:]]
            states = cell.advance(inputs[:, t], states)
            outputs.append(states[0])
        out = stack(outputs, 1) if self.return_sequences else outputs[-1]
        return (out, *states) if self.return_state else out


class _Named(RNN):
    """An RNN whose cell's options are its own."""

    cell_type: type[_Cell]

    def __init__(
        self, units: int, *args: Any, return_sequences: bool = False, return_state: bool = False,
        go_backwards: bool = False, stateful: bool = False, unroll: bool = False, name: Any = None,
        input_shape: Any = None, trainable: bool = True, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            self.cell_type(units, *args, name=f"{self.cell_type.__name__}", **options),
            return_sequences, return_state, go_backwards, stateful, unroll, name=name,
            input_shape=input_shape, trainable=trainable,
        )  # fmt: skip

    @property
    def units(self) -> int:
        """The extent of the state."""
        return self.cell.units


class SimpleRNN(_Named):
    """A plain recurrent layer. Options are those of SimpleRNNCell and RNN."""

    cell_type = SimpleRNNCell


class LSTM(_Named):
    """Long short-term memory. Options are those of LSTMCell and RNN."""

    cell_type = LSTMCell


class GRU(_Named):
    """Gated recurrent units. Options are those of GRUCell and RNN."""

    cell_type = GRUCell


class Bidirectional(Wrapper):
    """A layer forwards and one backwards, merged by 'concat', 'sum', 'mul', 'ave' or None."""

    def __init__(
        self, layer: RNN, merge_mode: str | None = "concat", backward_layer: RNN | None = None,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(layer, **options)
        self.merge_mode = merge_mode
        self.layer.__dict__["name"] = f"forward_{layer.name}"
        if backward_layer is None:
            config = {**layer._config, "go_backwards": True, "name": None}
            backward_layer = type(layer)(**_flat(config))
        self.backward_layer = backward_layer

    def build(self, input_shape: Any) -> None:
        """Builds both."""
        for layer in (self.layer, self.backward_layer):
            if not layer.built:
                layer.build(input_shape)

    def call(self, x: Tensor) -> Any:
        """x: (B, T, C) -> (B, 2 * units) or (B, T, 2 * units), then any states."""
        ahead, back = self.layer(x), self.backward_layer(x)
        states: tuple[Tensor, ...] = ()
        if self.layer.return_state:
            states = (*ahead[1:], *back[1:])
            ahead, back = ahead[0], back[0]
        if self.layer.return_sequences:
            back = back.flip(1)
        merged = {
            "concat": lambda: cat([ahead, back], -1), "sum": lambda: ahead + back,
            "mul": lambda: ahead * back, "ave": lambda: (ahead + back) / 2,
            None: lambda: (ahead, back),
        }[self.merge_mode]()  # fmt: skip
        return (merged, *states) if states else merged


def _flat(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration with positional arguments of the cell by name."""
    positional = config.pop("args", ())
    names = ("activation", "recurrent_activation", "use_bias")
    return {**config, **dict(zip(names, positional, strict=False))}
