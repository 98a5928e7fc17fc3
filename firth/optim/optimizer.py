"""The base of all optimizers: parameter groups, state, and one `step` for every rule.

A rule is two functions of one array: `init` makes its state, `apply` gives the new array and the
new state. Both are written with tensor operations, so a step is recorded and compiled like the
rest of the program, and works inside `firth.jit`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, message
from firth.tensor import Tensor, enable_grad, from_numpy, layers, no_grad
from firth.tensor.lens import update
from firth.tensor.noted import Changes, Noted
from firth.tensor.record import cut

State = dict[str, Tensor]
Group = dict[str, Any]


class Optimizer(ABC):
    """Updates parameters in place from their gradients.

    params: tensors, or dicts that hold tensors under "params" and options of their own.
    """

    def __init__(
        self, params: Iterable[Tensor] | Iterable[Mapping[str, Any]], defaults: Mapping[str, Any]
    ) -> None:
        self.defaults = dict(defaults)
        self.param_groups: list[Group] = []
        self._changes = Changes()  # of what jitted steps would have to compare
        self.state: dict[Tensor, State] = Noted(self._changes)
        self._sharing: dict[Tensor, int] = {}  # how many states hold a counter
        if not isinstance(params, Iterable):
            raise ArgumentError(
                message(
                    type(self).__name__,
                    "these are not parameters",
                    type(params).__name__,
                    "an iterable of tensors or of groups",
                    "pass model.parameters()",
                )  # fmt: skip
            )
        given: list[Any] = [params] if isinstance(params, Tensor) else list(params)
        if not given:
            raise ArgumentError(
                message(
                    type(self).__name__,
                    "there is nothing to optimize",
                    "no parameters",
                    "at least one",
                    "pass model.parameters(), and a generator only once; layers in a plain list "
                    "are not found, so use nn.ModuleList",
                )  # fmt: skip
            )
        groups = given if isinstance(given[0], Mapping) else [{"params": given}]
        for group in groups:
            self.add_param_group(group)

    # The rule

    @abstractmethod
    def init(self, p: Tensor, group: Group) -> State:
        """The state of one array before its first step; a "step" in it counts the steps."""

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """What arrays of one dtype at the same step share, e.g. bias corrections."""
        return None

    @abstractmethod
    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """(new array, new state) from an array, its gradient, its state and what `prepare` gave."""

    # The step

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient; gives the loss of a closure."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        noted = layers.enter(self)
        try:
            with no_grad():
                for group in self.param_groups:
                    self._step_group(group)
        finally:
            if noted:
                layers.leave()
        cut()
        return loss

    def _label(self, root: object) -> str:
        """What reports call it."""
        return type(self).__name__

    def _step_group(self, group: Group) -> None:
        live = [p for p in group["params"] if p.grad is not None]
        counters = self._advance(live, group)
        shared: dict[tuple[int, DType], Any] = {}
        for p, step in zip(live, counters, strict=True):
            work = dt.float32 if p.dtype.itemsize < 4 else p.dtype  # half types: one rounding
            key = id(step), work
            if key not in shared:
                shared[key] = self.prepare(step, group, work)
            state = self.state[p]
            new, changed = self.apply(
                _as(p, work),
                -_as(p.grad, work) if group.get("maximize") else _as(p.grad, work),
                {name: _as(s, work) for name, s in state.items() if name != "step"},
                group,
                shared[key],
            )
            update(p, _as(new, p.dtype), "copy")
            for name, value in changed.items():
                update(state[name], _as(value, state[name].dtype), "copy")

    def _advance(self, live: list[Tensor], group: Group) -> list[Tensor | None]:
        """Counts one step: parameters that always moved together share one counter."""
        together: dict[Tensor, list[State]] = {}
        for p in live:
            if p not in self.state:
                self._init_state([p], group)
            state = self.state[p]
            counter = state.get("step")
            if counter is not None:
                together.setdefault(counter, []).append(state)
        for counter, states in together.items():
            if self._sharing[counter] == len(states):
                update(counter, counter + 1, "copy")
            else:  # some of them had no gradient this time: they part
                self._sharing[counter] -= len(states)
                self._share(counter + 1, states)
        return [self.state[p].get("step") for p in live]

    def _share(self, counter: Tensor, states: list[State]) -> None:
        for state in states:
            state["step"] = counter
        self._sharing[counter] = len(states)

    def _init_state(self, params: list[Tensor], group: Group) -> None:
        for p in params:
            self.state[p] = Noted(self._changes, self.init(p, group))
        counting = [self.state[p] for p in params if "step" in self.state[p]]
        if counting:
            self._share(from_numpy(np.zeros((), np.float32)), counting)

    def add_param_group(self, group: Mapping[str, Any]) -> None:
        """Adds parameters with options of their own."""
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for p in params:
            if not isinstance(p, Tensor):
                self._refuse("a parameter is not a tensor", type(p).__name__, "Tensor")
            if not p.is_leaf:
                self._refuse("a parameter is not a leaf", "a computed tensor", "a leaf")
            if id(p) in known:
                self._refuse("a parameter is given twice", f"shape {tuple(p.shape)}", "once")
            known.add(id(p))
        whole = {**self.defaults, **group, "params": params}
        if isinstance(whole.get("lr"), Tensor) and whole["lr"].numel() != 1:
            self._refuse("lr is not one number", f"shape {tuple(whole['lr'].shape)}", "one element")
        for name in ("lr", "eps", "weight_decay", "momentum"):
            value = whole.get(name)
            if isinstance(value, (int, float)) and not value >= 0:
                raise ArgumentError(
                    message(
                        type(self).__name__,
                        f"{name} is negative",
                        f"{name}={value}",
                        "0 or more",
                        "steps go downhill already; to go up, negate the loss"
                        if name == "lr"
                        else f"pass {name}=0 to switch it off",
                    )  # fmt: skip
                )
        self.param_groups.append(whole)
        # now and not at the first step, so that the first step is recorded like all others
        self._init_state([p for p in params if p.requires_grad], whole)

    def _refuse(self, wrong: str, got: str, expected: str) -> None:
        fix = "pass what model.parameters() gives"
        raise ArgumentError(message(type(self).__name__, wrong, got, expected, fix))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of all parameters."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach() * 0

    # State

    def state_dict(self) -> dict[str, Any]:
        """{"state": {number: {name: tensor}}, "param_groups": [...]} in PyTorch's form."""
        numbers: dict[int, int] = {}
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
        return {
            "state": {numbers[id(p)]: dict(state) for p, state in self.state.items() if state},
            "param_groups": [
                {**group, "params": [numbers[id(p)] for p in group["params"]]}
                for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes options and state over; they are copied. ArgumentError when the groups differ."""
        groups = state_dict["param_groups"]
        got = [len(g["params"]) for g in groups]
        expected = [len(g["params"]) for g in self.param_groups]
        if got != expected:
            raise ArgumentError(
                message(
                    "load_state_dict",
                    "the parameter groups differ",
                    f"groups of {got}",
                    f"groups of {expected}",
                    "make the optimizer for the same model first",
                )  # fmt: skip
            )
        self._sharing.clear()
        for own, group in zip(self.param_groups, groups, strict=True):
            own.update({k: v for k, v in group.items() if k != "params"})
            counting: dict[float, list[State]] = {}
            for p, number in zip(own["params"], group["params"], strict=True):
                saved = state_dict["state"].get(number, state_dict["state"].get(str(number)))
                if saved is not None:
                    self.state[p] = Noted(self._changes, self._loaded(saved, p))
                if "step" in self.state.get(p, ()):
                    count = float(np.asarray(self.state[p]["step"]))
                    counting.setdefault(count, []).append(self.state[p])
            for count, states in counting.items():
                self._share(from_numpy(np.asarray(count, np.float32)), states)

    def _loaded(self, saved: Mapping[str, Any], p: Tensor) -> State:
        """The state of one array, copied."""
        state = {}
        for name, value in saved.items():
            if value is not None:
                dtype = np.dtype(np.float32) if name == "step" else p.dtype.np
                state[name] = from_numpy(np.asarray(value).astype(dtype))
        return state


def zeros_like(p: Tensor) -> Tensor:
    """Zeros of p's shape and dtype that exist already: nothing is recorded."""
    return from_numpy(np.zeros(p.shape, p.dtype.np))


def _as(x: Tensor, dtype: DType) -> Tensor:
    return x if x.dtype is dtype else x.to(dtype)
