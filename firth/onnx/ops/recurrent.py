"""Recurrent layers: RNN, GRU and LSTM, forwards, backwards or both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import firth
from firth.base.errors import ArgumentError, message
from firth.onnx.ops.activation import hard_sigmoid, softplus
from firth.onnx.registry import op
from firth.onnx.values import as_tensor, ints
from firth.tensor import Tensor

Function = Callable[[Tensor], Tensor]
_UNROLLED = 16  # steps; longer sequences are a loop of the program
_ACTIVATIONS: dict[str, Callable[[Tensor, float | None, float | None], Any]] = {
    "tanh": lambda x, a, b: x.tanh(), "relu": lambda x, a, b: x.relu(),
    "sigmoid": lambda x, a, b: x.sigmoid(),
    "affine": lambda x, a, b: x * (1.0 if a is None else a) + (0.0 if b is None else b),
    "leakyrelu": lambda x, a, b: firth.where(x < 0, x * (0.01 if a is None else a), x),
    "thresholdedrelu": lambda x, a, b: firth.where(x > (1.0 if a is None else a), x, 0),
    "scaledtanh": lambda x, a, b: (x * (1.0 if b is None else b)).tanh() * (
        1.0 if a is None else a),
    "hardsigmoid": lambda x, a, b: hard_sigmoid(
        x, alpha=0.2 if a is None else a, beta=0.5 if b is None else b),
    "elu": lambda x, a, b: firth.where(x < 0, x.expm1() * (1.0 if a is None else a), x),
    "softsign": lambda x, a, b: x / (x.abs() + 1), "softplus": lambda x, a, b: softplus(x),
}  # fmt: skip


def _functions(
    names: list[str], alphas: list[float] | None, betas: list[float] | None
) -> list[Function]:
    """The activations by name; their alphas and betas are used up in order."""
    alpha, beta = list(alphas or []), list(betas or [])
    found: list[Function] = []
    for name in names:
        rule = _ACTIVATIONS.get(name.lower())
        if rule is None:
            raise ArgumentError(
                message("onnx", "unknown activation", name, ", ".join(_ACTIVATIONS),
                        "export the model again")
            )  # fmt: skip
        takes_a = name.lower() not in ("tanh", "relu", "sigmoid", "softsign", "softplus")
        takes_b = name.lower() in ("affine", "scaledtanh", "hardsigmoid")
        a = alpha.pop(0) if takes_a and alpha else None
        b = beta.pop(0) if takes_b and beta else None
        found.append(lambda x, rule=rule, a=a, b=b: rule(x, a, b))
    return found


class _Run:
    """What the three layers share: directions, layout, lengths, clipping.

    cell: (gates of the input (B, k * H), state) -> state, the first of which is the output.
    """

    def __init__(
        self, x: Tensor, lengths: np.ndarray | None, direction: str, layout: int,
        activations: list[str] | None, default: list[str], alphas: Any, betas: Any,
        clip: float | None,
    ) -> None:  # fmt: skip
        self.layout = layout
        self.x = x.transpose(0, 1) if layout else x  # (T, B, I)
        self.backwards = {"forward": [False], "reverse": [True],
                          "bidirectional": [False, True]}[direction.lower()]  # fmt: skip
        n = len(self.backwards)
        names = activations or default * n
        each = len(default)
        self.functions = [
            _functions(names[i * each : (i + 1) * each], alphas, betas) for i in range(n)
        ]
        self.clip = clip
        self.lengths = None
        if lengths is not None and set(ints(lengths)) != {self.x.shape[0]}:
            self.lengths = np.asarray(lengths).astype(np.int64)

    def clipped(self, x: Tensor) -> Tensor:
        """Before an activation."""
        return x if self.clip is None else x.clamp(-self.clip, self.clip)

    def start(self, state: Tensor | None, d: int, hidden: int) -> Tensor:
        """The first state of a direction: (B, H)."""
        if state is None:
            return firth.zeros(self.x.shape[1], hidden, dtype=self.x.dtype)
        return (state.transpose(0, 1) if self.layout else state)[d]

    def over(self, d: int, gates: Tensor, states: list[Tensor], cell: Any) -> tuple[Any, Any]:
        """Runs one direction: gates (T, B, k * H). Gives outputs (T, B, H) and last states."""
        steps = self.x.shape[0]
        if steps > _UNROLLED:
            return self._scanned(d, gates, states, cell)
        order = range(steps - 1, -1, -1) if self.backwards[d] else range(steps)
        outs: list[Any] = [None] * steps
        for t in order:
            live = None if self.lengths is None else as_tensor((t < self.lengths)[:, None])
            states, outs[t] = _ended(cell(gates[t], states), states, live)
        return firth.stack(outs), states

    def _scanned(self, d: int, gates: Tensor, states: list[Tensor], cell: Any) -> tuple[Any, Any]:
        """The same as one loop of the program."""
        rows = [gates]
        if self.lengths is not None:
            rows.append(as_tensor(np.arange(len(gates))[:, None, None] < self.lengths[:, None]))

        def step(states: list[Tensor], row: list[Tensor]) -> Any:
            return _ended(cell(row[0], states), states, row[1] if len(row) > 1 else None)

        last, outs = firth.scan(step, states, rows, reverse=self.backwards[d])
        return outs, last

    def results(self, rows: list[tuple[Any, Any]]) -> tuple[Any, ...]:
        """Y (T, D, B, H) and the last states (D, B, H), or with layout 1 the batch first."""
        y = firth.stack([r[0] for r in rows], 1)
        last = [firth.stack([r[1][i] for r in rows]) for i in range(len(rows[0][1]))]
        if self.layout:
            return y.permute(2, 0, 1, 3), *(s.transpose(0, 1) for s in last)
        return (y, *last)


def _ended(new: list[Tensor], old: list[Tensor], live: Tensor | None) -> tuple[Any, Any]:
    """(states, output) after a step; examples that have ended keep their states and give 0."""
    if live is None:
        return new, new[0]
    states = [firth.where(live, n, s) for n, s in zip(new, old, strict=True)]
    return states, firth.where(live, new[0], 0)


def _gates(run: _Run, w: Tensor, b: Tensor | None, d: int, rows: int) -> tuple[Tensor, Any]:
    """(x @ W.T + Wb for all steps, Rb) of one direction."""
    gates = run.x @ w[d].T
    if b is None:
        return gates, None
    return gates + b[d, :rows], b[d, rows:]


def _plus(x: Tensor, bias: Tensor | None) -> Tensor:
    return x if bias is None else x + bias


@op("RNN", host=(4,))
def rnn(
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: np.ndarray | None = None,
    initial_h: Tensor | None = None, *, hidden_size: int | None = None,
    activations: list[str] | None = None, activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None, clip: float | None = None,
    direction: str = "forward", layout: int = 0, output_sequence: int = 0,
) -> Any:  # fmt: skip
    """h = f(x W' + h R' + b): x (T, B, I) -> (T, D, B, H), (D, B, H)."""
    run = _Run(x, lengths, direction, layout, activations, ["Tanh"], activation_alpha,
               activation_beta, clip)  # fmt: skip
    hidden = r.shape[-1]
    rows = []
    for d in range(len(run.backwards)):
        gates, rb = _gates(run, w, b, d, hidden)
        gates, f, own = _plus(gates, rb), run.functions[d][0], r[d].T

        def cell(g: Tensor, states: list[Tensor], f: Any = f, own: Tensor = own) -> list[Tensor]:
            return [f(run.clipped(g + states[0] @ own))]

        rows.append(run.over(d, gates, [run.start(initial_h, d, hidden)], cell))
    return run.results(rows)


@op("GRU", host=(4,))
def gru(
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: np.ndarray | None = None,
    initial_h: Tensor | None = None, *, hidden_size: int | None = None,
    activations: list[str] | None = None, activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None, clip: float | None = None,
    direction: str = "forward", layout: int = 0, linear_before_reset: int = 0,
    output_sequence: int = 0,
) -> Any:  # fmt: skip
    """Gates in the order update, reset, hidden: x (T, B, I) -> (T, D, B, H), (D, B, H)."""
    run = _Run(x, lengths, direction, layout, activations, ["Sigmoid", "Tanh"], activation_alpha,
               activation_beta, clip)  # fmt: skip
    n = r.shape[-1]
    rows = []
    for d in range(len(run.backwards)):
        gates, rb = _gates(run, w, b, d, 3 * n)
        (f, g), own = run.functions[d], r[d].T

        def cell(
            x_t: Tensor, states: list[Tensor], f: Any = f, g: Any = g, own: Tensor = own,
            rb: Any = rb,
        ) -> list[Tensor]:  # fmt: skip
            h = states[0]
            zr = x_t[:, : 2 * n] + _plus(h @ own[:, : 2 * n], None if rb is None else rb[: 2 * n])
            zr = f(run.clipped(zr))
            z, reset = zr[:, :n], zr[:, n:]
            bias = None if rb is None else rb[2 * n :]
            if linear_before_reset:
                inner = reset * _plus(h @ own[:, 2 * n :], bias)
            else:
                inner = _plus((reset * h) @ own[:, 2 * n :], bias)
            new = g(run.clipped(x_t[:, 2 * n :] + inner))
            return [(1 - z) * new + z * h]

        rows.append(run.over(d, gates, [run.start(initial_h, d, n)], cell))
    return run.results(rows)


@op("LSTM", host=(4,))
def lstm(
    x: Tensor, w: Tensor, r: Tensor, b: Tensor | None = None, lengths: np.ndarray | None = None,
    initial_h: Tensor | None = None, initial_c: Tensor | None = None, p: Tensor | None = None, *,
    hidden_size: int | None = None, activations: list[str] | None = None,
    activation_alpha: list[float] | None = None, activation_beta: list[float] | None = None,
    clip: float | None = None, direction: str = "forward", input_forget: int = 0, layout: int = 0,
    output_sequence: int = 0,
) -> Any:  # fmt: skip
    """Gates in the order input, output, forget, cell, with peepholes p:
    x (T, B, I) -> (T, D, B, H), (D, B, H), (D, B, H)."""
    run = _Run(x, lengths, direction, layout, activations, ["Sigmoid", "Tanh", "Tanh"],
               activation_alpha, activation_beta, clip)  # fmt: skip
    n = r.shape[-1]
    rows = []
    for d in range(len(run.backwards)):
        gates, rb = _gates(run, w, b, d, 4 * n)
        gates, own, functions = _plus(gates, rb), r[d].T, run.functions[d]
        peep = None if p is None else [p[d, i * n : (i + 1) * n] for i in range(3)]

        def cell(
            x_t: Tensor, states: list[Tensor], own: Tensor = own, functions: Any = functions,
            peep: Any = peep,
        ) -> list[Tensor]:  # fmt: skip
            (f, g, last), (h, c) = functions, states
            all_gates = x_t + h @ own
            i, o, keep, new = (all_gates[:, k * n : (k + 1) * n] for k in range(4))
            if peep is not None:
                i, keep = i + peep[0] * c, keep + peep[2] * c
            i = f(run.clipped(i))
            keep = 1 - i if input_forget else f(run.clipped(keep))
            c = keep * c + i * g(run.clipped(new))
            o = f(run.clipped(o if peep is None else o + peep[1] * c))
            return [o * last(c), c]

        start = [run.start(initial_h, d, n), run.start(initial_c, d, n)]
        rows.append(run.over(d, gates, start, cell))
    return run.results(rows)
