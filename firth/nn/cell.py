"""Recurrent cells: one step of RNN, LSTM and GRU."""

from __future__ import annotations

import math

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, FirthError, ShapeError, message
from firth.nn import functional as F
from firth.nn import init
from firth.nn.module import Module
from firth.nn.parameter import empty_parameter
from firth.tensor import Tensor, zeros

State = tuple[Tensor, ...]
GATES = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}


def step(kind: str, x: Tensor, r: Tensor, state: State) -> State:
    """The next state from the gates' two parts: of the input, x: (N, G * H), and of the state, r.

    kind: one of GATES. state: (h,), with "lstm" (h, c); each (N, H).
    """
    if kind == "gru":
        reset_x, update_x, new_x = x.chunk(3, -1)
        reset_h, update_h, new_h = r.chunk(3, -1)
        update = (update_x + update_h).sigmoid()
        new = (new_x + (reset_x + reset_h).sigmoid() * new_h).tanh()
        return (new + update * (state[0] - new),)
    if kind == "lstm":
        into, forget, new, out = (x + r).chunk(4, -1)
        cell = forget.sigmoid() * state[1] + into.sigmoid() * new.tanh()
        return out.sigmoid() * cell.tanh(), cell
    return ((x + r).relu() if kind == "relu" else (x + r).tanh(),)


def check_nonlinearity(layer: str, nonlinearity: str) -> str:
    """The name, if there is a step for it."""
    if nonlinearity not in ("tanh", "relu"):
        raise ArgumentError(
            message(layer, "unknown nonlinearity", repr(nonlinearity), "'tanh' or 'relu'",
                    "the default is 'tanh'")
        )  # fmt: skip
    return nonlinearity


def misfit(layer: str, what: str, got: object, expected: object) -> FirthError:
    """The error for an argument whose shape does not fit."""
    hint = "check the layer's sizes and the order of dimensions"
    return ShapeError(message(layer, what, str(got), str(expected), hint))


class _Cell(Module):
    """Weights for the input and for the state, and one step."""

    kind: str

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        self.input_size = input_size
        self.hidden_size = hidden_size
        rows = GATES[self.kind] * hidden_size
        self.weight_ih = empty_parameter((rows, input_size), dtype, device)
        self.weight_hh = empty_parameter((rows, hidden_size), dtype, device)
        self.bias_ih = empty_parameter((rows,), dtype, device) if bias else None
        self.bias_hh = empty_parameter((rows,), dtype, device) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform in +-1 / sqrt(hidden_size), all of them."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0.0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _next(self, x: Tensor, state: State | None) -> State:
        """One step; a state of zeros where none is given."""
        name = type(self).__name__
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise misfit(name, "the input does not fit", tuple(x.shape),
                         f"(N, {self.input_size}) or ({self.input_size},)")  # fmt: skip
        shape = (*x.shape[:-1], self.hidden_size)
        if state is None:
            state = (zeros(*shape, dtype=x.dtype),) * (2 if self.kind == "lstm" else 1)
        for h in state:
            if tuple(h.shape) != shape:
                raise misfit(name, "the state does not fit", tuple(h.shape), shape)
        gates = F.linear(x, self.weight_ih, self.bias_ih)
        return step(self.kind, gates, F.linear(state[0], self.weight_hh, self.bias_hh), state)

    def extra_repr(self) -> str:
        """Sizes, and what differs from its default."""
        bias = "" if self.bias_ih is not None else ", bias=False"
        return f"{self.input_size}, {self.hidden_size}{bias}"


class RNNCell(_Cell):
    """h' = tanh(W x + b + V h + c), or relu. x: (N, I), h: (N, H) -> (N, H)."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        *,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        self.kind = self.nonlinearity = check_nonlinearity("RNNCell", nonlinearity)
        super().__init__(input_size, hidden_size, bias, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """input: (N, I) or (I,), hx: (N, H) or (H,) -> as hx."""
        return self._next(input, None if hx is None else (hx,))[0]

    def extra_repr(self) -> str:
        """Sizes, and what differs from its default."""
        other = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + other


class LSTMCell(_Cell):
    """One step of long short-term memory (Hochreiter and Schmidhuber, 1997). x: (N, I)."""

    kind = "lstm"

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, ...]:
        """input: (N, I) or (I,), hx: a pair of (N, H) or (H,) -> such a pair, (h, c)."""
        return self._next(input, hx)


class GRUCell(_Cell):
    """One step of a gated recurrent unit (Cho et al., 2014). x: (N, I), h: (N, H) -> (N, H)."""

    kind = "gru"

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """input: (N, I) or (I,), hx: (N, H) or (H,) -> as hx."""
        return self._next(input, None if hx is None else (hx,))[0]
