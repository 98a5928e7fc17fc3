"""Gradients of plain functions, and hooks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from firth.base.errors import ArgumentError, GradientError, message
from firth.ir.op import INPUT
from firth.tensor import backward
from firth.tensor.arguments import check_callable
from firth.tensor.creation import zeros_like
from firth.tensor.gradmode import enable_grad, is_grad_enabled
from firth.tensor.handle import Tensor, extra
from firth.tensor.record import local, user_line
from firth.tensor.replay import position_of
from firth.tensor.scope import reaches
from firth.tensor.shape import clone, detach
from firth.tensor.tree import flatten, unflatten


def _leaf(name: str, value: Any) -> Tensor:
    """The argument under another name that gradients are taken for.

    A name of its own, so that the same tensor used otherwise inside stays a constant.
    """
    if not isinstance(value, Tensor) or value._kind.dtype.kind not in "fc":
        raise GradientError(
            message(
                name, "gradients are taken for float tensors",
                type(value).__name__ if not isinstance(value, Tensor) else value._kind.dtype.name,
                "a float tensor", "cast the argument, or choose another argnums",
            )
        ).at(user_line())  # fmt: skip
    if value._kind.requires_grad:
        return clone(value)
    return detach(value).requires_grad_()  # type: ignore[attr-defined,no-any-return]


class _Leaves:
    """Nested arguments under names of their own."""

    def __init__(self, name: str, values: Sequence[Any]) -> None:
        given: list[Tensor] = []
        self.trees = [flatten(v, given) for v in values]
        loose = [v for v, t in zip(values, self.trees, strict=True) if t is v]
        if loose or not given:
            _leaf(name, loose[0] if loose else None)  # says what is wrong
        self.tensors = [_leaf(name, g) for g in given]
        self.values = self.nested([clone(t) for t in self.tensors])  # may be changed in place

    def nested(self, tensors: Sequence[Tensor]) -> list[Any]:
        """Tensors in place of the given ones."""
        flat = iter(tensors)
        return [unflatten(t, flat) for t in self.trees]


def _flows(values: Any) -> bool:
    """Whether somebody may ask for gradients of what is computed of these."""
    tensors: list[Tensor] = []
    flatten(values, tensors)
    return is_grad_enabled() and any(t._kind.requires_grad for t in tensors)


def value_and_grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that gives (value, gradient with respect to the argument argnums).

    Arguments may be nested (a dict of parameters); gradients then are nested alike. With has_aux
    the function returns (value, more), and so does the new one: ((value, more), g).

    >>> from firth.tensor import tensor
    >>> value, g = value_and_grad(lambda x: x * x)(tensor(3.0))
    >>> g.item()
    6.0
    """
    check_callable("grad", function)
    one = isinstance(argnums, int)
    places = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = list(args)
        _check_places(places, len(given))
        recorded = is_grad_enabled()
        inside = _flows([given[i] for i in places])
        local.transforms += 1
        try:
            with enable_grad():
                leaves = _Leaves("grad", [given[i] for i in places])
                for i, value in zip(places, leaves.values, strict=True):
                    given[i] = value
                result = function(*given, **kwargs)
                value = _one_number(result[0] if has_aux else result)
                inside = inside or (recorded and _others_flow(value, leaves.tensors))
                found: Any = backward.grad(
                    value, leaves.tensors, create_graph=inside, allow_unused=True
                ) if value._kind.requires_grad else [None] * len(leaves.tensors)  # fmt: skip
                filled = [
                    g if g is not None else zeros_like(t)
                    for g, t in zip(found, leaves.tensors, strict=True)
                ]
        finally:
            local.transforms -= 1
        if not inside:
            result = (detach(value), *result[1:]) if has_aux else detach(value)
        grads = tuple(leaves.nested(filled))
        return result, grads[0] if one else grads

    return wrapped


def _others_flow(value: Tensor, own: Sequence[Tensor]) -> bool:
    """Whether the value depends on tensors from outside that gradients may be asked for."""
    if not value._kind.requires_grad:
        return False
    rec = local.rec
    at = position_of(rec, value)
    key = ("others", at, tuple(position_of(rec, t) for t in own))
    memo = rec.state.memo = rec.state.memo or {}
    if key not in memo:
        known = rec.nodes()
        wanted = {
            id(node) for p, (node, kind) in enumerate(known)
            if kind.requires_grad and (kind.leaf or node.op is INPUT) and p not in key[2]
        }  # fmt: skip
        memo[key] = reaches(known[at][0], wanted)
    found: bool = memo[key]
    return found


def _check_places(places: Sequence[int], count: int) -> None:
    for i in places:
        if not -count <= i < count:
            raise ArgumentError(
                message("grad", f"there is no argument {i}", f"{count} arguments",
                        f"argnums from {-count} to {count - 1}", "check argnums")
            ).at(user_line())  # fmt: skip


def _one_number(value: Any) -> Tensor:
    tensor = isinstance(value, Tensor)
    if not tensor or value._kind.numel != 1:
        wrong = "several elements" if tensor else "something else than a tensor"
        got = f"shape {tuple(value._kind.shape)}" if tensor else type(value).__name__
        raise GradientError(
            message(
                "grad", f"the function gives {wrong}", got, "one element, as a loss has",
                "reduce it, e.g. with .sum(), or use firth.vjp",
            )
        ).at(user_line())  # fmt: skip
    return value  # type: ignore[no-any-return]


def grad(
    function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """The gradient of a function that gives one number, as a function.

    >>> from firth.tensor import tensor
    >>> grad(grad(lambda x: x * x * x))(tensor(2.0)).item()
    12.0
    """
    both = value_and_grad(function, argnums, has_aux)

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result, g = both(*args, **kwargs)
        return (g, result[1]) if has_aux else g

    return wrapped


def vjp(function: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """(value, pull): pull(g) gives the gradients of sum(value * g) for each primal.

    g is nested like the value. With has_aux the function returns (value, more) and `more` comes
    third.

    >>> from firth.tensor import tensor
    >>> value, pull = vjp(lambda x: x * x, tensor([1.0, 2.0]))
    >>> pull(tensor([1.0, 10.0]))[0].tolist()
    [2.0, 40.0]
    """
    inside = _flows(primals)
    aux: Any = None
    local.transforms += 1
    try:
        with enable_grad():
            leaves = _Leaves("vjp", primals)
            value = function(*leaves.values)
            if has_aux:
                value, aux = value
    finally:
        local.transforms -= 1
    outputs: list[Tensor] = []
    tree = flatten(value, outputs)

    def pull(*cotangents: Any) -> tuple[Any, ...]:
        given: list[Tensor] = []
        flatten(cotangents, given)
        if len(given) != len(outputs):
            raise ArgumentError(
                message("vjp", "cotangents do not fit the value", f"{len(given)} tensors",
                        f"{len(outputs)}, nested like the value", "give one for each result")
            ).at(user_line())  # fmt: skip
        pairs = [p for p in zip(outputs, given, strict=True) if p[0]._kind.requires_grad]
        found: Any = [None] * len(leaves.tensors)
        if pairs:
            found = backward.grad(
                [o for o, _ in pairs], leaves.tensors, [g for _, g in pairs], retain_graph=True,
                create_graph=inside or _flows(given), allow_unused=True,
            )  # fmt: skip
        filled = [
            g if g is not None else zeros_like(t)
            for g, t in zip(found, leaves.tensors, strict=True)
        ]
        return tuple(leaves.nested(filled))

    shown = outputs if inside else [detach(o) for o in outputs]
    result = unflatten(tree, iter(shown))
    return (result, pull, aux) if has_aux else (result, pull)


# --- hooks ----------------------------------------------------------------------------------------


class Hook:
    """A registered hook; `remove()` takes it away."""

    __slots__ = ("_function", "_hooks")

    def __init__(self, hooks: list[Any], function: Callable[..., Any]) -> None:
        self._hooks = hooks
        self._function = function

    def remove(self) -> None:
        """The hook isn't called any more."""
        if self._function in self._hooks:
            self._hooks.remove(self._function)


def register_hook(self: Tensor, hook: Callable[[Tensor], Any]) -> Hook:
    """Calls hook(gradient) when a leaf's gradient arrives; what it returns takes its place."""
    if not self._kind.requires_grad or not self._kind.leaf:
        raise GradientError(
            message(
                "register_hook", "hooks are for leaves that require grad",
                "a computed tensor" if self._kind.requires_grad else "a tensor without gradient",
                "a leaf with requires_grad=True",
                "use autograd.grad(loss, x) for gradients of computed tensors",
            )
        ).at(user_line())  # fmt: skip
    found = extra(self)
    if found.hooks is None:
        found.hooks = []
    found.hooks.append(hook)
    return Hook(found.hooks, hook)


def retain_grad(self: Tensor) -> None:
    """Keeps the gradient of a computed tensor in `.grad` when backward() comes through."""
    if self._kind.leaf:
        return
    rec = local.rec
    rec.retained[position_of(rec, self)] = self
    extra(self).retain_grad = True


METHODS: dict[str, Callable[..., Any]] = {
    "register_hook": register_hook, "retain_grad": retain_grad,
}  # fmt: skip
