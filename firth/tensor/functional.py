"""Gradients of plain functions, custom gradients, and hooks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from firth.base.errors import ArgumentError, GradientError, message
from firth.ir.graph import topological
from firth.ir.node import Node
from firth.ir.op import TABLE, make
from firth.passes.grad import substitute
from firth.tensor import backward
from firth.tensor.creation import ones_like, zeros_like
from firth.tensor.gradmode import enable_grad, is_grad_enabled, no_grad
from firth.tensor.handle import Kind, Tensor, extra, kind_of
from firth.tensor.record import local, set_grad, step, user_line
from firth.tensor.replay import position_of
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
        self.values = self.nested(self.tensors)

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
    one = isinstance(argnums, int)
    places = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = list(args)
        _check_places(places, len(given))
        inside = _flows([given[i] for i in places])
        local.transforms += 1
        try:
            with enable_grad():
                leaves = _Leaves("grad", [given[i] for i in places])
                for i, value in zip(places, leaves.values, strict=True):
                    given[i] = value
                result = function(*given, **kwargs)
                value = _one_number(result[0] if has_aux else result)
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


# --- custom gradients -----------------------------------------------------------------------------


class Context:
    """What a custom function's forward leaves for its backward."""

    def __init__(self) -> None:
        self.saved_tensors: tuple[Any, ...] = ()
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors for backward."""
        self.saved_tensors = tensors

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Accepted; results of integer dtype have no gradient anyway."""

    def set_materialize_grads(self, value: bool) -> None:
        """Accepted; missing gradients are zeros."""


class Function:
    """A function with a gradient of its own: static `forward(ctx, ...)` and `backward(ctx, g)`.

    Call it with `apply`. Both run once while recording and become part of the program.
    """

    @staticmethod
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        """Computes the result; subclasses define it."""
        raise NotImplementedError("Function: forward is not defined; define it as a staticmethod")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """One gradient (or None) per argument of forward; subclasses define it."""
        raise NotImplementedError("Function: backward is not defined; define it as a staticmethod")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Calls forward; gradients will come from backward."""
        ctx = Context()
        tensors = [a for a in args if isinstance(a, Tensor)]
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a._kind.requires_grad for a in args)
        with no_grad():
            result = cls.forward(ctx, *args, **kwargs)
        if not is_grad_enabled() or not any(ctx.needs_input_grad):
            return result
        del tensors
        if isinstance(result, Tensor):
            return _tie(cls, ctx, args, (result,))[0]
        return _tie(cls, ctx, args, tuple(result))


def _tie(cls: Any, ctx: Context, args: Any, results: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Results whose gradient is what backward says.

    Each result is its value plus a sum over arguments that is zero and whose derivative is the
    pull-back: recorded through an op that the grad pass asks for its rule.
    """
    rec = local.rec
    sources = [
        a for a, needs in zip(args, ctx.needs_input_grad, strict=True)
        if isinstance(a, Tensor) and needs
    ]  # fmt: skip
    at = tuple(position_of(rec, s) for s in sources)
    out_at = tuple(position_of(rec, r) for r in results)
    # Backward is recorded on stand-ins now; the grad pass puts the real cotangents in.
    stand_ins = [_stand_in(r) for r in results]
    before = set_grad(False)
    try:
        pulled = cls.backward(ctx, *stand_ins)
    finally:
        set_grad(before)
    pulled = list(pulled) if isinstance(pulled, (tuple, list)) else [pulled]
    by_argument = [
        p for p, a, needs in zip(pulled, args, ctx.needs_input_grad, strict=False)
        if isinstance(a, Tensor) and needs
    ]  # fmt: skip
    pull_at = tuple(-1 if p is None else position_of(rec, p) for p in by_argument)
    stand_at = tuple(position_of(rec, s) for s in stand_ins)

    def build() -> tuple[Sequence[tuple[Node, Kind]], Any]:
        known = rec.nodes()
        pulls = tuple(None if p < 0 else known[p][0] for p in pull_at)
        starts = tuple(known[p][0] for p in stand_at)
        added = []
        captured = _frontier([p for p in pulls if p is not None], starts)
        for place, p in enumerate(out_at):
            value = known[p][0]
            rule = _Pullback(pulls, starts, place, captured)
            sources = (value, *(known[i][0] for i in at), *captured)
            node = make(TABLE["custom_gradient"], sources, (rule,))
            added.append((node, kind_of(node.shape, node.dtype, True, False)))
        return added, None

    key = ("custom", at, out_at, pull_at, stand_at)
    return tuple(step(rec, key, build)[1])


def _stand_in(result: Tensor) -> Tensor:
    return clone(ones_like(result))


class _Pullback:
    """The gradient of a custom function as graphs over stand-ins of the cotangents."""

    __slots__ = ("captured", "place", "pulls", "starts")

    def __init__(
        self,
        pulls: tuple[Node | None, ...],
        starts: tuple[Node, ...],
        place: int,
        captured: tuple[Node, ...],
    ) -> None:
        self.pulls = pulls
        self.starts = starts
        self.place = place
        self.captured = captured

    def __call__(
        self, g: Node, zero: Callable[[Node], Node], sources: list[Node]
    ) -> list[Node | None]:
        """Gradients for the sources when this result's cotangent is g and the others' zero.

        The last sources are what the pull-back uses of the forward pass, as it is now.
        """
        now = sources[len(sources) - len(self.captured) :]
        mapping = {id(c): n for c, n in zip(self.captured, now, strict=True)}
        for i, s in enumerate(self.starts):
            mapping[id(s)] = g if i == self.place else zero(s)
        found = [None if p is None else substitute(p, mapping) for p in self.pulls]
        return found + [None] * len(self.captured)


def _frontier(pulls: list[Node], starts: tuple[Node, ...]) -> tuple[Node, ...]:
    """The nodes of a pull-back that don't depend on the cotangents but are used beside them."""
    dependent = {id(s) for s in starts}
    order = topological(pulls)
    for node in order:
        if any(id(s) in dependent for s in node.src):
            dependent.add(id(node))
    found: dict[int, Node] = {}
    for node in order:
        if id(node) in dependent and id(node) not in {id(s) for s in starts}:
            found.update({id(s): s for s in node.src if id(s) not in dependent})
    found.update({id(p): p for p in pulls if id(p) not in dependent})
    return tuple(found.values())


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
