"""Recurrent layers over whole sequences: RNN, LSTM, GRU."""

from __future__ import annotations

import math
from typing import Any

from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, message
from firth.nn import functional as F
from firth.nn import init
from firth.nn.cell import GATES, State, check_nonlinearity, misfit, step
from firth.nn.module import Module
from firth.nn.parameter import empty_parameter
from firth.tensor import Tensor, cat, scan, stack, zeros

UNROLLED = 16  # longer sequences go through scan, whose body is compiled once


class _Recurrent(Module):
    """Layers and directions of one kind of step; parameters named weight_ih_l0_reverse."""

    kind: str
    proj_size = 0

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        for name, flag in (("bias", bias), ("batch_first", batch_first)):
            self._require(isinstance(flag, bool), f"{name} is no bool", repr(flag), "True or False")
        whole = isinstance(input_size, int) and input_size > 0
        self._require(whole, "input_size is no positive integer", repr(input_size), "1 or more")
        for name, size in (("hidden_size", hidden_size), ("num_layers", num_layers)):
            whole = isinstance(size, int) and size > 0
            self._require(whole, f"{name} is no positive integer", str(size), "1 or more")
        self._require(0 <= dropout <= 1, "dropout is no probability", str(dropout), "0 to 1")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        for index in range(num_layers * self._directions):
            for name, shape in self._shapes(index).items():
                setattr(self, name + self._suffix(index), empty_parameter(shape, dtype, device))
        self.reset_parameters()

    def _require(self, fine: bool, what: str, got: str, expected: str) -> None:
        if not fine:
            hint = "see the layer's arguments"
            raise ArgumentError(message(type(self).__name__, what, got, expected, hint))

    @property
    def _directions(self) -> int:
        return 2 if self.bidirectional else 1

    def _suffix(self, index: int) -> str:
        layer, backwards = divmod(index, self._directions)
        return f"_l{layer}" + ("_reverse" if backwards else "")

    def _shapes(self, index: int) -> dict[str, tuple[int, ...]]:
        """The shapes of one direction's parameters, by name, in PyTorch's order."""
        rows = GATES[self.kind] * self.hidden_size
        out = self.proj_size or self.hidden_size
        width = self.input_size if index < self._directions else out * self._directions
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, width), "weight_hh": (rows, out)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        return shapes | ({"weight_hr": (out, self.hidden_size)} if self.proj_size else {})

    def reset_parameters(self) -> None:
        """Uniform in +-1 / sqrt(hidden_size), all of them."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _run(self, x: Tensor, states: State | None) -> tuple[Tensor, State]:
        """x: (T, N, I) or (T, I), (N, T, I) with batch_first -> ys alike, last states."""
        batched = self._check(x)
        if not batched:
            x = x.unsqueeze(1)
            states = None if states is None else tuple(s.unsqueeze(1) for s in states)
        elif self.batch_first:
            x = x.transpose(0, 1)
        states = self._states(x, states)
        last: list[State] = []
        for layer in range(self.num_layers):
            ys = []
            for index in range(layer * self._directions, (layer + 1) * self._directions):
                y, state = self._direction(index, x, tuple(s[index] for s in states))
                ys.append(y)
                last.append(state)
            x = ys[0] if len(ys) == 1 else cat(ys, -1)
            if self.dropout and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        ends = tuple(stack(parts) for parts in zip(*last, strict=True))
        if not batched:
            return x.squeeze(1), tuple(end.squeeze(1) for end in ends)
        return x.transpose(0, 1) if self.batch_first else x, ends

    def _check(self, x: Tensor) -> bool:
        """Whether x has a batch; an error where it does not fit."""
        name = type(self).__name__
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size:
            raise misfit(name, "the input does not fit", tuple(x.shape),
                         f"(T, N, {self.input_size}) or (T, {self.input_size})")  # fmt: skip
        if x.shape[1 if self.batch_first and x.ndim == 3 else 0] == 0:
            raise misfit(name, "the sequence is empty", tuple(x.shape), "one step or more")
        if x.dtype != self.weight_ih_l0.dtype:
            raise DTypeError(
                message(name, "input and weights differ in dtype",
                        f"{x.dtype} and {self.weight_ih_l0.dtype}", "one dtype",
                        "convert one of them with .to(dtype)")
            )  # fmt: skip
        return x.ndim == 3

    def _states(self, x: Tensor, states: State | None) -> State:
        """The first states, (layers * directions, N, H) each; zeros where none are given."""
        count = self.num_layers * self._directions
        widths = [self.proj_size or self.hidden_size]
        if self.kind == "lstm":
            widths.append(self.hidden_size)
        if states is None:
            return tuple(zeros(count, x.shape[1], width, dtype=x.dtype) for width in widths)
        for state, width in zip(states, widths, strict=True):
            if tuple(state.shape) != (count, x.shape[1], width):
                raise misfit(type(self).__name__, "the state does not fit (dimension 1 is the "
                             "batch)", tuple(state.shape), (count, x.shape[1], width))  # fmt: skip
        return states

    def _direction(self, index: int, x: Tensor, state: State) -> tuple[Tensor, State]:
        """One layer in one direction: inputs projected all at once, then step by step."""
        weights = [getattr(self, name + self._suffix(index)) for name in self._shapes(index)]
        into, recurrent = weights[:2]
        bias, other = weights[2:4] if self.bias else (None, None)
        project = weights[-1] if self.proj_size else None
        reverse = index % self._directions == 1

        def one(state: State, gates: Tensor) -> tuple[State, Tensor]:
            state = step(self.kind, gates, F.linear(state[0], recurrent, other), state)
            if project is not None:
                state = (F.linear(state[0], project), *state[1:])
            return state, state[0]

        gates = F.linear(x, into, bias)
        if x.shape[0] > UNROLLED:
            state, ys = scan(one, state, gates, reverse=reverse)
            return ys, state
        rows = []
        for t in reversed(range(x.shape[0])) if reverse else range(x.shape[0]):
            state, y = one(state, gates[t])
            rows.append(y)
        return stack(rows[::-1] if reverse else rows), state

    def extra_repr(self) -> str:
        """Sizes, and what differs from its default."""
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False,
                    "dropout": 0, "bidirectional": False}  # fmt: skip
        told = [f"{self.input_size}, {self.hidden_size}"]
        told += [f"{k}={getattr(self, k)}" for k, v in defaults.items() if getattr(self, k) != v]
        return ", ".join(told)


class RNN(_Recurrent):
    """h' = tanh(W x + b + V h + c), or relu, along a sequence. x: (T, N, I) -> (T, N, H), h_n.

    With bidirectional, the second half of the result's last dimension reads from the end.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        self.kind = self.nonlinearity = check_nonlinearity("RNN", nonlinearity)
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """input: (T, N, I), hx: (L * D, N, H) -> (T, N, D * H), (L * D, N, H)."""
        y, last = self._run(input, None if hx is None else (hx,))
        return y, last[0]


class GRU(_Recurrent):
    """Gated recurrent units (Cho et al., 2014). x: (T, N, I) -> (T, N, H), h_n (L, N, H)."""

    kind = "gru"

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """input: (T, N, I), hx: (L * D, N, H) -> (T, N, D * H), (L * D, N, H)."""
        y, last = self._run(input, None if hx is None else (hx,))
        return y, last[0]


class LSTM(_Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997). x: (T, N, I) -> (T, N, H), (h, c).

    proj_size: the width that h is projected to, 0 for none.
    """

    kind = "lstm"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        *,
        device: object = None,
        dtype: DType | None = None,
    ) -> None:
        self._require(
            0 <= proj_size < hidden_size or hidden_size <= 0, "proj_size is no smaller width",
            str(proj_size), "0 or more and below hidden_size",
        )  # fmt: skip
        self.proj_size = proj_size
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Any]:
        """input: (T, N, I), hx: (h, c), (L * D, N, H) each -> (T, N, D * H), (h, c)."""
        return self._run(input, hx)
