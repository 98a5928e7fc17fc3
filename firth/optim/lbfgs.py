"""L-BFGS: quasi-Newton steps from the last changes of gradients (Liu and Nocedal, 1989).

The loss decides what is computed next, so a step calls its closure several times and reads the loss
each time: it cannot stand inside `firth.jit`, but its closure may be a jitted function. All
parameters together are one vector; arithmetic on it is NumPy's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, message
from firth.optim.optimizer import Group, Optimizer, State
from firth.tensor import (
    Tensor,
    cat,
    enable_grad,
    from_numpy,
    layers,
    no_grad,
    view_as_complex,
    view_as_real,
    zeros,
)
from firth.tensor.lens import update
from firth.tensor.record import cut

_SEARCHES = (None, "strong_wolfe")
_LEAST_CURVATURE = 1e-10  # of a change of gradients that is remembered
_DECREASE, _FLATTER = 1e-4, 0.9  # Wolfe's conditions: of the loss, of the slope
_NARROW = 1e-9  # an interval of steps that is not divided further


class LBFGS(Optimizer):
    """Steps along -H g, where H follows the last history_size changes of parameters and gradients.

    `step(closure)` makes up to max_iter iterations, with at most max_eval calls of the closure
    (none given: 5/4 of max_iter), which sets the gradients anew and returns the loss. It ends where
    no gradient is above tolerance_grad, or where steps or losses change by less than
    tolerance_change. line_search_fn: None goes lr along each direction, "strong_wolfe" searches for
    a step from there. There is one group of parameters, whose state is under the first of them.

    >>> p = firth.zeros(2, requires_grad=True)
    >>> optimizer = firth.optim.LBFGS([p], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
    ...     loss.backward()
    ...     return loss
    >>> for _ in range(3):
    ...     loss = optimizer.step(closure)
    >>> abs(p - 1).max().item() < 1e-3
    True
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[Mapping[str, Any]],
        lr: float | Tensor = 1.0,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if line_search_fn not in _SEARCHES:
            raise ArgumentError(
                message("LBFGS", "no such line_search_fn", repr(line_search_fn),
                        "None or 'strong_wolfe'", "'strong_wolfe' is the safer of both")
            )  # fmt: skip
        super().__init__(params, dict(
            lr=lr, max_iter=max_iter, max_eval=max_iter * 5 // 4 if max_eval is None else max_eval,
            tolerance_grad=tolerance_grad, tolerance_change=tolerance_change,
            history_size=history_size, line_search_fn=line_search_fn,
        ))  # fmt: skip

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Adds the one group; ArgumentError for a second."""
        if self.param_groups:
            raise ArgumentError(
                message("LBFGS", "there is one direction for all parameters", "a second group",
                        "one group", "pass all parameters in one list")
            )  # fmt: skip
        super().add_param_group(group)

    def init(self, p: Tensor, group: Group) -> State:
        """Nothing: what is kept belongs to all arrays together."""
        return {}

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One array moved along g, by the length `shared`."""
        return p + shared * g, state

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Several iterations; gives the loss of the closure's first call."""
        if closure is None:
            raise ArgumentError(
                message("LBFGS.step", "the closure is missing", "None",
                        "a function without arguments that returns the loss",
                        "let it call zero_grad(), compute the loss and call backward()")
            )  # fmt: skip
        with no_grad():
            return self._iterate(closure)

    def _iterate(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        params = group["params"]
        rate, tolerance = float(group["lr"]), group["tolerance_change"]
        state: dict[str, Any] = self.state.setdefault(params[0], {})
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        result, loss, grad = self._evaluate(closure)
        state["func_evals"] += 1
        calls = 1
        if _largest(grad) <= group["tolerance_grad"]:
            return result
        for left in reversed(range(group["max_iter"])):
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                way = -grad
                length = _shortened(grad) * rate
                state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            else:
                _remember(state, grad, group["history_size"])
                way = _direction(state, grad)
                length = rate
            slope = float(grad.dot(way))
            state.update(
                d=from_numpy(way), t=length, prev_flat_grad=from_numpy(grad), prev_loss=loss
            )
            before = loss
            if slope > -tolerance:
                break
            more = 0
            if group["line_search_fn"] is not None:
                here = _Point(0.0, loss, grad, slope)
                here, more = self._search(closure, here, length, way, group["max_eval"] - calls)
                state["t"], loss, grad = here.length, here.loss, here.grad
            else:
                self._move(params, length, way)
                if left:  # after the last one the next step looks
                    _, loss, grad = self._evaluate(closure)
                    more = 1
            calls += more
            state["func_evals"] += more
            if (
                calls >= group["max_eval"]
                or _largest(grad) <= group["tolerance_grad"]
                or _largest(way) * abs(state["t"]) <= tolerance
                or abs(loss - before) < tolerance
            ):
                break
        return result

    def _search(
        self, closure: Callable[[], Any], start: _Point, length: float, way: np.ndarray, most: int
    ) -> tuple[_Point, int]:
        """Moves to a good point of the line; gives it with the number of calls."""
        params = self.param_groups[0]["params"]
        places = [p.clone() for p in params]

        def look(length: float) -> _Point:
            self._move(places, length, way)
            _, loss, grad = self._evaluate(closure)
            return _Point(length, loss, grad, float(grad.dot(way)))

        found, calls = _strong_wolfe(look, start, length, _largest(way), most)
        self._move(places, found.length, way)
        return found, calls

    def _evaluate(self, closure: Callable[[], Any]) -> tuple[Any, float, np.ndarray]:
        """(what the closure returns, the loss, all gradients as one vector)."""
        with enable_grad():
            result = closure()
        if result is None:
            raise ArgumentError(
                message("LBFGS.step", "the closure returns nothing", "None", "the loss",
                        "end it with `return loss`")
            )  # fmt: skip
        params = self.param_groups[0]["params"]
        work = _work(params)
        flat = cat([_vector(p, p.grad, work) for p in params])
        cut()
        return result, float(result), flat.numpy()

    def _move(self, places: Sequence[Tensor], length: float, way: np.ndarray) -> None:
        """Sets the parameters: from `places` so far along a direction."""
        group = self.param_groups[0]
        work = _work(group["params"])
        whole, far = from_numpy(way), from_numpy(np.asarray(length, work.np))
        noted = layers.enter(self)
        try:
            first = 0
            for p, place in zip(group["params"], places, strict=True):
                many = p.numel() * (1 + p.dtype.is_complex)
                part = whole[first : first + many]
                first += many
                along = (
                    view_as_complex(part.reshape(*p.shape, 2))
                    if p.dtype.is_complex
                    else part.reshape(p.shape)
                )
                update(p, self.apply(place, along, {}, group, far)[0].to(p.dtype), "copy")
        finally:
            if noted:
                layers.leave()
        cut()

    def _loaded(self, saved: Mapping[str, Any], p: Tensor) -> State:
        work = _work(self.param_groups[0]["params"])
        # PyTorch keeps what it computes directions with, too
        return {name: _taken(value, work) for name, value in saved.items() if name != "al"}


def _work(params: Sequence[Tensor]) -> DType:
    """The dtype of the vector of all parameters: half types are widened."""
    double = any(p.dtype in (dt.float64, dt.complex128) for p in params)
    return dt.float64 if double else dt.float32


def _vector(p: Tensor, g: Tensor | None, work: DType) -> Tensor:
    """A gradient as a vector; zeros where there is none. Complex numbers are pairs."""
    if g is None:
        return zeros(p.numel() * (1 + p.dtype.is_complex), dtype=work)
    return (view_as_real(g) if g.dtype.is_complex else g).reshape(-1).to(work)


def _taken(value: Any, work: DType) -> Any:
    """Saved vectors as tensors, saved numbers as numbers, in lists too."""
    if isinstance(value, (list, tuple)):
        return [_taken(v, work) for v in value]
    found = np.asarray(value)
    if found.ndim:
        return from_numpy(found.astype(work.np))
    return found.item()


def _largest(x: np.ndarray) -> float:
    return float(np.abs(x).max(initial=0.0))


# The direction


@np.errstate(all="ignore")
def _shortened(grad: np.ndarray) -> float:
    """The first step is of length 1 at most, summed over all elements."""
    return min(1.0, float(1.0 / np.abs(grad).sum()))


@np.errstate(all="ignore")
def _remember(state: dict[str, Any], grad: np.ndarray, most: int) -> None:
    """Notes the last step and how the gradient changed along it, if it curves upwards."""
    change = grad - state["prev_flat_grad"].numpy()
    moved = state["d"].numpy() * state["t"]
    curvature = float(change.dot(moved))
    if not curvature > _LEAST_CURVATURE:
        return
    known = (state["old_dirs"], from_numpy(change)), (state["old_stps"], from_numpy(moved))
    for values, value in (*known, (state["ro"], 1.0 / curvature)):
        if len(values) == most:
            del values[0]
        values.append(value)
    state["H_diag"] = curvature / float(change.dot(change))


@np.errstate(all="ignore")
def _direction(state: dict[str, Any], grad: np.ndarray) -> np.ndarray:
    """-H g without H: back through what is remembered, and forth again."""
    changes, steps = ([t.numpy() for t in state[name]] for name in ("old_dirs", "old_stps"))
    known = list(zip(changes, steps, state["ro"], strict=True))
    way = -grad
    shares = []
    for change, moved, inverse in reversed(known):
        shares.append(float(moved.dot(way)) * inverse)
        way -= shares[-1] * change
    way *= state["H_diag"]
    for (change, moved, inverse), share in zip(known, reversed(shares), strict=True):
        way += (share - float(change.dot(way)) * inverse) * moved
    return way


# The step along it


@dataclass(frozen=True, slots=True)
class _Point:
    """A place on a line: how far along it, loss and gradient there, and the loss's slope."""

    length: float
    loss: float
    grad: np.ndarray
    slope: float


def _strong_wolfe(
    look: Callable[[float], _Point], start: _Point, length: float, largest: float, most: int
) -> tuple[_Point, int]:
    """A point that fulfils Wolfe's conditions, or the lowest that was found; and the calls.

    Steps grow until an interval must hold such a point, which is then narrowed, by cubics through
    both its ends (Nocedal and Wright, 2006, algorithms 3.5 and 3.6).
    """

    def high(point: _Point) -> bool:
        return point.loss > start.loss + _DECREASE * point.length * start.slope

    def flat(point: _Point) -> bool:
        return abs(point.slope) <= -_FLATTER * start.slope

    before, here, rounds = start, look(length), 0
    while rounds < most:
        if high(here) or (rounds > 1 and here.loss >= before.loss):
            ends = [before, here]
            break
        if flat(here):
            return here, rounds + 1
        if here.slope >= 0:
            ends = [before, here]
            break
        least = here.length + 0.01 * (here.length - before.length)
        length = _lowest(before, here, least, 10 * here.length)
        before, here, rounds = here, look(length), rounds + 1
    else:
        ends = [start, here]
    low = 0 if ends[0].loss <= ends[1].loss else 1
    stuck = False
    while rounds < most and abs(ends[1].length - ends[0].length) * largest >= _NARROW:
        length, stuck = _inside(ends, stuck)
        here, rounds = look(length), rounds + 1
        if high(here) or here.loss >= ends[low].loss:
            ends[1 - low] = here
            low = 0 if ends[0].loss <= ends[1].loss else 1
            continue
        if not flat(here) and here.slope * (ends[1 - low].length - ends[low].length) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = here
        if flat(here):
            break
    return ends[low], rounds + 1


def _inside(ends: Sequence[_Point], stuck: bool) -> tuple[float, bool]:
    """Where to look within an interval, and whether that is near an end.

    Twice in a row near an end, or outside: a tenth of the interval away from it.
    """
    least, most = sorted(point.length for point in ends)
    length = _lowest(ends[0], ends[1], least, most)
    margin = 0.1 * (most - least)
    if not min(most - length, length - least) < margin:
        return length, False
    if not (stuck or length >= most or length <= least):
        return length, True
    upper = abs(length - most) < abs(length - least)
    return (most - margin if upper else least + margin), False


@np.errstate(all="ignore")
def _lowest(a: _Point, b: _Point, least: float, most: float) -> float:
    """Where the cubic through two points with their slopes is lowest, within limits."""
    if a.length > b.length:
        a, b = b, a
    far = np.float64(b.length - a.length)  # NumPy's numbers divide by 0, too
    bend = a.slope + b.slope - 3 * (b.loss - a.loss) / far
    square = float(bend * bend - a.slope * b.slope)
    if not square >= 0:
        return (least + most) / 2
    root = math.sqrt(square)
    at = b.length - far * ((b.slope + root - bend) / np.float64(b.slope - a.slope + 2 * root))
    return float(min(max(at, least), most))
