"""Update rules over `firth.optim` as Keras states them: where epsilon stands, what is kept."""

from __future__ import annotations

from typing import Any

from firth.base.dtype import DType
from firth.optim import adam
from firth.optim.optimizer import Group, Optimizer, State, zeros_like
from firth.tensor import Tensor, full_like, maximum
from firth.tensor.scalar import option


class Rule(Optimizer):
    """A rule whose state is zeros by name, and whose options are those of its group."""

    names: tuple[str, ...] = ()

    def init(self, p: Tensor, group: Group) -> State:
        """Zeros for every name."""
        return {name: zeros_like(p) for name in self.names}

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """The step size; numbers that change do not make another program."""
        return option(group, "lr", dtype)


class Adam(adam.Adam):
    """Adam with epsilon beside the root of the uncorrected mean square."""

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """As Adam's, with epsilon itself."""
        rate, _, *rest = super().prepare(step, group, dtype)
        return rate, group["eps"], *rest


class SGD(Rule):
    """v = momentum * v - lr * g; p += v."""

    def init(self, p: Tensor, group: Group) -> State:
        """The velocity where there is momentum."""
        return {"momentum": zeros_like(p)} if group["momentum"] else {}

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        lr, momentum = shared, group["momentum"]
        if not momentum:
            return p - lr * g, {}
        velocity = momentum * state["momentum"] - lr * g
        moved = momentum * velocity - lr * g if group["nesterov"] else velocity
        return p + moved, {"momentum": velocity}


class RMSprop(Rule):
    """g / sqrt(mean square + epsilon), with momentum of steps."""

    def init(self, p: Tensor, group: Group) -> State:
        """The mean square, and what momentum and centering need."""
        extra = [
            n for n, option in (("momentum", "momentum"), ("average", "centered")) if group[option]
        ]
        return {name: zeros_like(p) for name in ("velocity", *extra)}

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        lr, rho = shared, group["rho"]
        new = {"velocity": rho * state["velocity"] + (1 - rho) * g * g}
        square = new["velocity"]
        if group["centered"]:
            new["average"] = rho * state["average"] + (1 - rho) * g
            square = square - new["average"].square()
        step = lr * g / (square + group["eps"]).sqrt()
        if group["momentum"]:
            step = new["momentum"] = group["momentum"] * state["momentum"] + step
        return p - step, new


class Adagrad(Rule):
    """g / sqrt(sum of squares + epsilon) (Duchi et al., 2011)."""

    def init(self, p: Tensor, group: Group) -> State:
        """The sum begins with initial_accumulator_value."""
        return {"accumulator": full_like(p, group["initial"]).detach()}

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        total = state["accumulator"] + g * g
        return p - shared * g / (total + group["eps"]).sqrt(), {"accumulator": total}


class Adadelta(Rule):
    """Steps as large as recent steps, relative to recent gradients (Zeiler, 2012)."""

    names = ("square", "moved")

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        rho, eps = group["rho"], group["eps"]
        square = rho * state["square"] + (1 - rho) * g * g
        step = (state["moved"] + eps).sqrt() * g / (square + eps).sqrt()
        moved = rho * state["moved"] + (1 - rho) * step * step
        return p - shared * step, {"square": square, "moved": moved}


class _Counting(Rule):
    """A rule that corrects for how many steps there were."""

    def init(self, p: Tensor, group: Group) -> State:
        """Zeros, and the counter."""
        return {"step": zeros_like(p), **super().init(p, group)}

    def prepare(self, step: Tensor | None, group: Group, dtype: DType) -> Any:
        """Step size and count."""
        assert step is not None
        return option(group, "lr", dtype), step.to(dtype)


class Adamax(_Counting):
    """Adam with the largest recent gradient instead of the mean square."""

    names = ("m", "u")

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        (lr, count), (first, second) = shared, group["betas"]
        m = state["m"] + (g - state["m"]) * (1 - first)
        u = maximum(second * state["u"], g.abs())
        return p - lr * m / ((1 - first**count) * (u + group["eps"])), {"m": m, "u": u}


class Nadam(_Counting):
    """Adam with Nesterov's momentum (Dozat, 2016)."""

    names = ("m", "v")

    def init(self, p: Tensor, group: Group) -> State:
        """Also the product of the momenta so far."""
        return {**super().init(p, group), "product": full_like(p, 1.0).detach()}

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        (lr, count), (first, second) = shared, group["betas"]
        now = first * (1 - 0.5 * 0.96**count)
        later = first * (1 - 0.5 * 0.96 ** (count + 1))
        product = state["product"] * now
        m = state["m"] + (g - state["m"]) * (1 - first)
        v = state["v"] + (g * g - state["v"]) * (1 - second)
        mean = later * m / (1 - product * later) + (1 - now) * g / (1 - product)
        square = v / (1 - second**count)
        moved = lr * mean / (square.sqrt() + group["eps"])
        return p - moved, {"m": m, "v": v, "product": product}


class Lion(Rule):
    """Steps of the sign of an average of gradients (Chen et al., 2023)."""

    names = ("m",)

    def apply(
        self, p: Tensor, g: Tensor, state: State, group: Group, shared: Any
    ) -> tuple[Tensor, State]:
        """One step of one array."""
        first, second = group["betas"]
        m = state["m"]
        step = (first * m + (1 - first) * g).sign()
        return p - shared * step, {"m": second * m + (1 - second) * g}
