"""Optimizers by Keras's names: made without parameters, and given them when training begins."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from firth.base.errors import ArgumentError, message
from firth.keras import rules
from firth.keras import schedules as schedules
from firth.keras.compiled import outside, stepped
from firth.keras.lookup import Configured, lookup
from firth.keras.naming import snake_case
from firth.keras.schedules import LearningRateSchedule
from firth.keras.variable import Variable, to_tensor
from firth.optim.optimizer import Optimizer as Rule
from firth.tensor import Tensor, no_grad
from firth.tensor.lens import update
from firth.tensor.scalar import option


class Rate(float):
    """A learning rate that can be assigned to, as Keras's Variable of it can."""

    _of: Optimizer

    def assign(self, value: Any) -> None:
        """Sets the optimizer's rate."""
        self._of.learning_rate = value

    def numpy(self) -> float:
        """The number."""
        return float(self)

    value = numpy


class Optimizer(Configured):
    """What all optimizers share: the rate, how many steps there were, clipping and decay.

    clipnorm: the largest norm of each gradient; global_clipnorm: of all together; clipvalue: the
    largest element. weight_decay: weights shrink by learning_rate * weight_decay each step.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        name: str | None = None,
    ) -> None:
        if sum(c is not None for c in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ArgumentError(
                message(type(self).__name__, "there is one way of clipping at a time",
                        "several", "one of clipnorm, clipvalue, global_clipnorm", "choose one")
            )  # fmt: skip
        self.name = name or snake_case(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self._schedule: LearningRateSchedule | None = None
        self._rate = 0.0
        self._count = 0
        self._rules: deque[Rule] = deque(maxlen=1)
        self.learning_rate = learning_rate

    def rule(self, variables: list[Variable], rate: float) -> Rule:
        """The rule over variables; subclasses define it."""
        raise NotImplementedError

    # The rate

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step; set it to a number or a schedule."""
        rate = Rate(self._now())
        rate._of = self
        return rate

    def _now(self) -> float:
        return self._rate if self._schedule is None else self._schedule(self._count)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if isinstance(value, dict):
            value = lookup("schedule", vars(schedules), value, None)
        self._schedule = value if isinstance(value, LearningRateSchedule) else None
        if self._schedule is None:
            self._rate = float(value)
        self._set_rate()

    lr = learning_rate

    @property
    def iterations(self) -> Tensor:
        """How many steps there were: () int64."""
        return to_tensor(self._count)

    def advance(self) -> None:
        """A step was made: counts it and sets the rate of the next one."""
        self._count += 1
        self._set_rate()

    @property
    def _rule(self) -> Rule | None:
        return next(iter(self._rules), None)

    def _set_rate(self) -> None:
        rate = self._now()
        for group in self._rule.param_groups if self._rule is not None else ():
            if group["lr"] != rate:
                group["lr"] = rate

    # Steps

    @property
    def built(self) -> bool:
        """Whether it has state for variables."""
        return bool(self._rules)

    def build(self, variables: Iterable[Variable]) -> None:
        """Makes the state for variables."""
        if not self.built:
            outside(lambda: self._rules.append(self.rule(list(variables), self._now())))

    @property
    def variables(self) -> list[Tensor]:
        """The state: every array of it."""
        states = self._rule.state.values() if self._rule is not None else ()
        return [value for state in states for value in state.values()]

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]], **_: Any) -> None:
        """One step from (gradient, variable) pairs; a gradient of None is left out."""
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """One step from gradients of variables."""
        if trainable_variables is not None:
            self.build(trainable_variables)
        assert self._rule is not None
        variables = trainable_variables or self._rule.param_groups[0]["params"]
        pairs = [(v, g) for v, g in zip(variables, grads, strict=True) if g is not None]
        if not pairs:
            raise ArgumentError(
                message(self.name, "there is nothing to do", "no gradients", "at least one",
                        "compute the loss from the model's variables inside the tape")
            )  # fmt: skip
        with no_grad():
            clipped = self._clipped([to_tensor(g) for _, g in pairs])
            self._shrink([v for v, _ in pairs])
            before = [(v, v.grad) for v in variables]
            for v in variables:
                v.grad = None
            for (v, _), g in zip(pairs, clipped, strict=True):
                v.grad = g.detach()
            self._rule.step()
            for v, grad in before:
                v.grad = grad
            stepped(self)
            for v, _ in pairs:
                if getattr(v, "constraint", None) is not None:
                    v.assign(v.constraint(v.detach()))

    def _shrink(self, variables: list[Any]) -> None:
        if not self.weight_decay:
            return
        group, decay = self._rule.param_groups[0], self.weight_decay  # type: ignore[union-attr]
        for v in variables:
            kept = option(group, "lr", v.dtype, lambda lr: 1.0 - lr * decay)
            update(v, v.detach() * kept, "copy")

    def _clipped(self, grads: list[Tensor]) -> list[Tensor]:
        if self.clipvalue is not None:
            return [g.clamp(-self.clipvalue, self.clipvalue) for g in grads]
        if self.clipnorm is not None:
            return [_limited(g, g.square().sum().sqrt(), self.clipnorm) for g in grads]
        if self.global_clipnorm is not None:
            whole = sum(g.square().sum() for g in grads).sqrt()  # type: ignore[union-attr]
            return [_limited(g, whole, self.global_clipnorm) for g in grads]
        return grads

    def get_config(self) -> dict[str, Any]:
        """Options by name; a schedule as its own configuration."""
        config = super().get_config()
        if self._schedule is not None:
            schedule = self._schedule
            rate: Any = {"class_name": type(schedule).__name__, "config": schedule.get_config()}
        else:
            rate = self._rate
        return {**config, "learning_rate": rate}


def _limited(g: Tensor, norm: Tensor, limit: float) -> Tensor:
    """g, shortened where the norm is above the limit."""
    return g * (limit / norm.clamp(min=limit))


def _optimizer(
    name: str, rule: Callable[..., Rule], rate: float, options: dict[str, Any], doc: str
) -> type[Optimizer]:
    """An optimizer of a rule; options: the constructor's after the rate, with their defaults."""
    names = tuple(options)

    def __init__(self: Any, learning_rate: Any = rate, *args: Any, **given: Any) -> None:
        given.update(zip(names, args, strict=False))
        for option_name, default in options.items():
            setattr(self, option_name, given.pop(option_name, default))
        for ignored in ("use_ema", "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor",
                        "gradient_accumulation_steps"):  # fmt: skip
            if given.pop(ignored, None) not in (None, False, 0.99):
                raise ArgumentError(
                    message(name, f"{ignored} is not supported", ignored, "the default",
                            "leave it out")
                )  # fmt: skip
        if "weight_decay" in options:
            given["weight_decay"] = self.weight_decay
        Optimizer.__init__(self, learning_rate, **given)

    def made(self: Any, variables: list[Variable], lr: float) -> Rule:
        return rule(variables, lr, self)

    def get_config(self: Any) -> dict[str, Any]:
        common = ("name", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm")
        config = {n: getattr(self, n) for n in (*common, *names)}
        return {**config, "learning_rate": Optimizer.get_config(self)["learning_rate"]}

    body = {"__init__": __init__, "rule": made, "get_config": get_config, "__doc__": doc}
    return type(name, (Optimizer,), {**body, "__module__": __name__})


def _adam(variables: list[Variable], lr: float, o: Any) -> Rule:
    return rules.Adam(
        variables, lr, (o.beta_1, o.beta_2), o.epsilon, amsgrad=getattr(o, "amsgrad", False)
    )


def _betas(rule: type[Rule]) -> Callable[..., Rule]:
    return lambda variables, lr, o: rule(
        variables, {"lr": lr, "betas": (o.beta_1, o.beta_2), "eps": getattr(o, "epsilon", 0.0)}
    )


def _rmsprop(variables: list[Variable], lr: float, o: Any) -> Rule:
    options = {"rho": o.rho, "momentum": o.momentum, "eps": o.epsilon, "centered": o.centered}
    return rules.RMSprop(variables, {"lr": lr, **options})


_BETAS = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
SGD = _optimizer(
    "SGD",
    lambda v, lr, o: rules.SGD(v, {"lr": lr, "momentum": o.momentum, "nesterov": o.nesterov}),
    0.01, {"momentum": 0.0, "nesterov": False},
    "Gradient descent, with momentum (velocity = momentum * velocity - rate * gradient).",
)  # fmt: skip
Adam = _optimizer(
    "Adam", _adam, 0.001, {**_BETAS, "amsgrad": False},
    "Steps along mean / sqrt(mean square) of the gradients (Kingma and Ba, 2015).",
)  # fmt: skip
AdamW = _optimizer(
    "AdamW", _adam, 0.001, {"weight_decay": 0.004, **_BETAS, "amsgrad": False},
    "Adam with decoupled weight decay, 0.004 unless given (Loshchilov and Hutter, 2019).",
)  # fmt: skip
Nadam = _optimizer(
    "Nadam", _betas(rules.Nadam), 0.001, _BETAS, "Adam with Nesterov's momentum (Dozat, 2016)."
)
Adamax = _optimizer(
    "Adamax", _betas(rules.Adamax), 0.001, _BETAS, "Adam with the largest recent gradient."
)
RMSprop = _optimizer(
    "RMSprop", _rmsprop, 0.001, {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-7, "centered": False},
    "Gradients divided by the root of their recent mean square.",
)  # fmt: skip
Adagrad = _optimizer(
    "Adagrad",
    lambda v, lr, o: rules.Adagrad(
        v, {"lr": lr, "initial": o.initial_accumulator_value, "eps": o.epsilon}
    ),
    0.001,
    {"initial_accumulator_value": 0.1, "epsilon": 1e-7},
    "Gradients divided by the root of their sum of squares (Duchi et al., 2011).",
)
Adadelta = _optimizer(
    "Adadelta", lambda v, lr, o: rules.Adadelta(v, {"lr": lr, "rho": o.rho, "eps": o.epsilon}),
    0.001, {"rho": 0.95, "epsilon": 1e-7},
    "Steps as large as recent ones, relative to recent gradients (Zeiler, 2012).",
)  # fmt: skip
Lion = _optimizer(
    "Lion", _betas(rules.Lion), 0.001, {"beta_1": 0.9, "beta_2": 0.99},
    "Steps of the sign of an average of gradients (Chen et al., 2023).",
)  # fmt: skip

sgd, adam, adamw, nadam, adamax, rmsprop = SGD, Adam, AdamW, Nadam, Adamax, RMSprop
adagrad, adadelta, lion = Adagrad, Adadelta, Lion


def get(identifier: Any) -> Optimizer:
    """An optimizer by its name ('adam', 'SGD'), class, configuration, or itself."""
    return lookup("optimizer", globals(), identifier, Optimizer)


deserialize = get
