"""Functions whose derivatives the user writes: Function, custom_vjp and custom_jvp.

The rule runs once while recording, on stand-ins of what comes in, and becomes a graph; the passes
put the real gradients or tangents in its place. So a rule composes with every other transform, and
where only one direction is written the other is derived from it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from operator import is_
from typing import Any

from firth.base.errors import ArgumentError, ShapeError, message
from firth.ir.graph import topological
from firth.ir.node import Node
from firth.ir.op import TABLE, make
from firth.passes.grad import gradient, substitute_all
from firth.tensor.creation import zeros_like
from firth.tensor.gradmode import enable_grad, is_grad_enabled, no_grad
from firth.tensor.handle import Kind, Tensor, kind_of
from firth.tensor.record import local, step, user_line
from firth.tensor.replay import position_of
from firth.tensor.scope import Scope
from firth.tensor.tree import flatten, unflatten
from firth.tensor.vmap import by_batch

# From stand-ins of what comes in to what goes out; None where nothing flows.
Linear = Callable[[list[Tensor]], Sequence[Tensor | None]]


class Context:
    """What a custom function's forward leaves for its backward."""

    def __init__(self) -> None:
        self.saved_tensors: tuple[Any, ...] = ()
        self.needs_input_grad: tuple[bool, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keeps tensors for backward (and jvp)."""
        self.saved_tensors = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keeps tensors for jvp."""
        self.saved_tensors = self.saved_tensors or tensors

    def mark_dirty(self, *tensors: Any) -> None:
        """Accepted; what a function changes in place is seen anyway."""

    def mark_non_differentiable(self, *tensors: Any) -> None:
        """Accepted; results of integer dtype have no gradient anyway."""

    def set_materialize_grads(self, value: bool) -> None:
        """Accepted; missing gradients are zeros."""


class Function:
    """A function with derivatives of its own: subclass it and call it with `apply`.

    Static methods: `forward(ctx, ...)`, or `forward(...)` and `setup_context(ctx, inputs, output)`;
    `backward(ctx, *gradients)` gives one gradient (or None) per argument, `jvp(ctx, *tangents)`
    one tangent per result (a missing one of the two is derived from the other);
    `vmap(info, in_dims, *args)` gives (results, their batch dimensions), otherwise batches are
    derived too.

    >>> import firth
    >>> class Cube(firth.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         return g * 3 * ctx.saved_tensors[0] ** 2
    >>> firth.grad(Cube.apply)(firth.tensor(2.0)).item()
    12.0
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Computes the result; subclasses define it."""
        raise NotImplementedError("Function: forward is not defined; define it as a staticmethod")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keeps what the derivatives need; with it forward takes no ctx."""

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """One gradient (or None) per argument of forward; subclasses define it."""
        raise NotImplementedError("Function: backward is not defined; define it as a staticmethod")

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Any:
        """One tangent per result, given one (or None) per argument; subclasses may define it."""
        raise NotImplementedError("Function: jvp is not defined; define it as a staticmethod")

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], *args: Any) -> Any:
        """(results, their batch dimensions) of a batch; subclasses may define it."""
        raise NotImplementedError("Function: vmap is not defined; define it as a staticmethod")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Calls forward; derivatives will come from backward or jvp."""
        if cls.vmap is not Function.vmap and local.rec.scope is not None:
            found = by_batch(local.rec.scope, cls.vmap, args)
            if found is not None:
                return found[0]
        ctx = Context()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a._kind.requires_grad for a in args)
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args, **kwargs)
        if not is_grad_enabled() or not any(ctx.needs_input_grad):
            return result
        several = isinstance(result, (tuple, list))
        results = list(result) if several else [result]
        needs = [i for i, n in enumerate(ctx.needs_input_grad) if n]

        def pull(gs: list[Tensor]) -> list[Tensor | None]:
            given = cls.backward(ctx, *gs)
            row = list(given) if isinstance(given, (tuple, list)) else [given]
            return [row[i] if i < len(row) else None for i in needs]

        def push(ts: list[Tensor]) -> list[Tensor | None]:
            by_place = dict(zip(needs, ts, strict=True))
            still = [_still(a) if isinstance(a, Tensor) else None for a in args]
            given = cls.jvp(ctx, *(by_place.get(i, s) for i, s in enumerate(still)))
            return list(given) if isinstance(given, (tuple, list)) else [given]

        made = _tie(
            cls.__name__, [args[i] for i in needs], results,
            pull if cls.backward is not Function.backward else None,
            push if cls.jvp is not Function.jvp else None,
        )  # fmt: skip
        return tuple(made) if several else made[0]


class custom_vjp:
    """A function with a reverse rule of its own, given with `defvjp(forward, backward)`.

    forward(*args) gives (result, residuals), backward(residuals, gradient) one gradient (or None)
    per argument, both nested as results and arguments are. nondiff_argnums: arguments that are no
    tensors; backward gets them first.

    >>> import firth
    >>> @firth.custom_vjp
    ... def clipped(x):
    ...     return x * 1
    >>> clipped.defvjp(lambda x: (x * 1, None), lambda kept, g: (g.clamp(-1, 1),))
    >>> firth.grad(lambda x: clipped(x) * 10)(firth.tensor(2.0)).item()
    1.0
    """

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> None:
        self.fun = fun
        self._fixed = tuple(nondiff_argnums)
        self._rules: tuple[Callable[..., Any], Callable[..., Any]] | None = None
        functools.update_wrapper(self, fun)

    def defvjp(self, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
        """Sets the rule."""
        self._rules = forward, backward

    def __call__(self, *args: Any) -> Any:
        moving = [i for i in range(len(args)) if i not in self._fixed]
        sources = _sources([args[i] for i in moving])
        if not sources or not is_grad_enabled():
            return self.fun(*args)
        if self._rules is None:
            raise _undefined("custom_vjp", "defvjp(forward, backward)")
        forward, backward = self._rules
        with no_grad():
            pair = forward(*args)
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise _wrong("custom_vjp", "forward does not give a pair", type(pair).__name__,
                         "(result, residuals)", "return both")  # fmt: skip
        results: list[Tensor] = []
        tree = flatten(pair[0], results)

        def pull(gs: list[Tensor]) -> list[Tensor | None]:
            fixed = [args[i] for i in self._fixed]
            found = backward(*fixed, pair[1], unflatten(tree, iter(gs)))
            row = found if isinstance(found, (tuple, list)) else (found,)
            if len(row) != len(moving):
                raise _wrong(
                    "custom_vjp", "backward gives another number of gradients", str(len(row)),
                    str(len(moving)), "give one for each argument",
                )  # fmt: skip
            return _matched([args[i] for i in moving], list(row))

        return unflatten(tree, iter(_tie("custom_vjp", sources, results, pull, None)))


class custom_jvp:
    """A function with a forward rule of its own, given with `@f.defjvp`.

    The rule takes (primals, tangents), two tuples, and gives (result, its tangent), which is linear
    in the tangents: reverse mode is derived from it. nondiff_argnums: arguments that are no
    tensors; the rule gets them first.

    >>> import firth
    >>> @firth.custom_jvp
    ... def root(x):
    ...     return x ** 0.5
    >>> @root.defjvp
    ... def root_jvp(primals, tangents):
    ...     y = root(*primals)
    ...     return y, tangents[0] / (2 * y)
    >>> firth.grad(root)(firth.tensor(4.0)).item()
    0.25
    """

    def __init__(self, fun: Callable[..., Any], nondiff_argnums: Sequence[int] = ()) -> None:
        self.fun = fun
        self._fixed = tuple(nondiff_argnums)
        self._rule: Callable[..., Any] | None = None
        self._under_way: list[tuple[tuple[Any, ...], Any]] = []
        functools.update_wrapper(self, fun)

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Sets the rule."""
        self._rule = rule
        return rule

    def __call__(self, *args: Any) -> Any:
        if self._under_way:  # inside the rule: the result that it is the rule of
            known, result = self._under_way[-1]
            same = len(known) == len(args) and all(map(is_, known, args))
            return result if same else self.fun(*args)
        moving = tuple(args[i] for i in range(len(args)) if i not in self._fixed)
        sources = _sources(moving)
        if not sources or not is_grad_enabled():
            return self.fun(*args)
        rule = self._rule
        if rule is None:
            raise _undefined("custom_jvp", "defjvp(rule)")
        with no_grad():
            value = self.fun(*args)
        results: list[Tensor] = []
        tree = flatten(value, results)
        every: list[Tensor] = []
        nest = flatten(moving, every)

        def push(ts: list[Tensor]) -> list[Tensor | None]:
            along = {id(s): t for s, t in zip(sources, ts, strict=True)}
            tangents = [along[id(t)] if id(t) in along else _still(t) for t in every]
            fixed = [args[i] for i in self._fixed]
            self._under_way.append((args, value))
            try:
                found = rule(*fixed, moving, unflatten(nest, iter(tangents)))
            finally:
                self._under_way.pop()
            if not isinstance(found, tuple) or len(found) != 2:
                raise _wrong("custom_jvp", "the rule does not give a pair", type(found).__name__,
                             "(result, tangent)", "return both")  # fmt: skip
            out: list[Tensor] = []
            flatten(found[1], out)
            return list(out)

        return unflatten(tree, iter(_tie("custom_jvp", sources, results, None, push)))


def _still(t: Tensor) -> Tensor:
    """The tangent of what does not move."""
    return zeros_like(t)  # type: ignore[no-any-return]


def _wrong(name: str, what: str, got: str, expected: str, fix: str) -> ArgumentError:
    error = ArgumentError(message(name, what, got, expected, fix))
    error.at(user_line())
    return error


def _undefined(name: str, method: str) -> ArgumentError:
    return _wrong(name, "the rule is not defined", "a call that needs a derivative",
                  f"a call of {method} before", "define it after the function")  # fmt: skip


def _sources(values: Sequence[Any]) -> list[Tensor]:
    """Every tensor that a derivative may be asked for, once."""
    every: list[Tensor] = []
    flatten(list(values), every)
    return list({id(t): t for t in every if t._kind.requires_grad}.values())


def _matched(args: list[Any], grads: list[Any]) -> list[Tensor | None]:
    """The gradient of each tensor that needs one; a None stands for everything below it."""
    found: dict[int, Tensor | None] = {}
    for arg, grad in zip(args, grads, strict=True):
        tensors: list[Tensor] = []
        flatten(arg, tensors)
        given: list[Tensor] = []
        flatten(grad, given)
        if given and len(given) != len(tensors):
            raise _wrong(
                "custom_vjp", "a gradient is nested otherwise than its argument",
                f"{len(given)} tensors", f"{len(tensors)}, or None", "nest it alike",
            )  # fmt: skip
        for i, t in enumerate(tensors):
            if t._kind.requires_grad:
                g = given[i] if given else None
                before = found.get(id(t))
                found[id(t)] = g if before is None else before if g is None else before + g  # type: ignore[operator]
    return list(found.values())


# --- nodes ----------------------------------------------------------------------------------------


def _tie(
    name: str, sources: list[Tensor], results: list[Tensor], pull: Linear | None,
    push: Linear | None,
) -> list[Tensor]:  # fmt: skip
    """Results whose derivatives by the sources are what the rules say."""
    rec = local.rec
    at = tuple(position_of(rec, s) for s in sources)
    out_at = tuple(position_of(rec, r) for r in results)
    back = _record(name, pull, results, sources) if pull else None
    ahead = _record(name, push, sources, results) if push else None

    def build() -> tuple[Sequence[tuple[Node, Kind]], Any]:
        known = [node for node, _ in rec.nodes()]
        values = [known[p] for p in out_at]
        maps = [None if r is None else _Map(r, known, values) for r in (back, ahead)]
        captured = [n for m in maps if m is not None for n in m.captured]
        added = []
        family: list[_Rule] = []
        for place, p in enumerate(out_at):
            rule = _Rule(maps[0], maps[1], place, known[p], len(at), family)
            family.append(rule)
            sources_of = (known[p], *(known[i] for i in at), *captured)
            node = make(TABLE["custom_gradient"], sources_of, (rule,))
            flows = node.dtype.kind in "fc"
            added.append((node, kind_of(node.shape, node.dtype, flows, not flows)))
        return added, None

    return step(rec, ("custom", at, out_at, back, ahead), build)[1]


def _record(
    name: str, rule: Linear, come: list[Tensor], go: list[Tensor]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Positions of stand-ins for what comes in, and of what the rule makes of them (-1: none)."""
    with Scope(name) as scope, enable_grad():
        stands = [
            scope.stand_in(tuple(t._kind.shape), _flowing(t._kind), ("rule", i))
            for i, t in enumerate(come)
        ]
        made = list(rule(stands))
        for k, (m, like) in enumerate(zip(made, go, strict=False)):
            if m is not None and not _sums_to(m._kind.shape, like._kind.shape):
                raise ShapeError(
                    message(name, f"the rule's result {k} does not fit", str(tuple(m._kind.shape)),
                            f"{tuple(like._kind.shape)}", "sum it down, or return None")
                ).at(user_line())  # fmt: skip
        if len(made) < len(go):
            raise _wrong(name, "the rule gives too little", f"{len(made)} results", str(len(go)),
                         "give one (or None) for each")  # fmt: skip
        out = tuple(-1 if m is None else position_of(scope.rec, m) for m in made[: len(go)])
        return tuple(s._pos for s in stands), out


def _sums_to(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a gradient may come with the dimensions that its argument broadcast to."""
    tail = shape[len(shape) - len(wanted) :]
    return len(shape) >= len(wanted) and all(
        a == b or b == 1 for a, b in zip(tail, wanted, strict=True)
    )


def _flowing(kind: Kind) -> Kind:
    flows = kind.dtype.kind in "fc"
    return kind_of(tuple(kind.shape), kind.dtype, flows, not flows)


class _Map:
    """A recorded linear rule: from stand-ins to results, beside what it uses of the forward."""

    __slots__ = ("captured", "made", "starts")

    def __init__(
        self, at: tuple[tuple[int, ...], tuple[int, ...]], known: list[Node], values: list[Node]
    ) -> None:
        self.starts = [known[p] for p in at[0]]
        self.made = [None if p < 0 else known[p] for p in at[1]]
        made = [m for m in self.made if m is not None]
        self.captured = _frontier(made, self.starts, values)


class _Rule:
    """The derivative of one result of a custom function, as the graphs that its rules recorded.

    Sources of its node: the value, the arguments, then what the rules captured.
    """

    __slots__ = ("_ahead", "_back", "_captured", "_count", "_family", "_place", "_value")

    def __init__(
        self, back: _Map | None, ahead: _Map | None, place: int, value: Node, count: int,
        family: list[_Rule],
    ) -> None:  # fmt: skip
        self._back, self._ahead, self._place, self._value = back, ahead, place, value
        self._count, self._family = count, family
        self._captured = [n for m in (back, ahead) if m is not None for n in m.captured]

    def __call__(
        self, g: Node, y: Node, zero: Callable[[Node], Node], sources: list[Node]
    ) -> list[Node | None]:
        """Gradients for the sources when this result's is g and the others' are zero."""
        nothing: list[Node | None] = [None] * len(self._captured)
        mapping = self._now(sources, y)
        back = self._back
        if back is None:
            return self._turned(g, mapping) + nothing
        for i, s in enumerate(back.starts):
            mapping[id(s)] = g if i == self._place else zero(s)
        return _substituted(back.made, mapping) + nothing

    def push(
        self, ts: list[Node | None], y: Node, zero: Callable[[Node], Node], sources: list[Node]
    ) -> Node | None:
        """The tangent of this result from those of the arguments."""
        assert self._ahead is not None
        mapping = self._now(sources, y)
        for s, t in zip(self._ahead.starts, ts, strict=False):
            mapping[id(s)] = zero(s) if t is None else t
        return _substituted([self._ahead.made[self._place]], mapping)[0]

    @property
    def pushes(self) -> bool:
        """Whether a forward rule was given."""
        return self._ahead is not None

    def _now(self, sources: list[Node], y: Node) -> dict[int, Node]:
        """What was captured, as it is now; results that were kept have their derivatives again."""
        now = sources[len(sources) - len(self._captured) :]
        mapping = {id(c): n for c, n in zip(self._captured, now, strict=True)}
        for rule in self._family:
            value = mapping.get(id(rule._value))
            if value is not None and rule is not self:
                tied = make(TABLE["custom_gradient"], (value, *sources), (rule,))
                mapping[id(rule._value)] = tied
        mapping[id(self._value)] = y
        return mapping

    def _turned(self, g: Node, mapping: dict[int, Node]) -> list[Node | None]:
        """The forward rule is linear: its gradient is the reverse rule."""
        assert self._ahead is not None
        made = self._ahead.made[self._place]
        if made is None:
            return [None] * self._count
        start = make(TABLE["stand_in"], (), (made.shape, made.dtype))
        found = gradient([made], [start], self._ahead.starts)
        return _substituted(found, {**mapping, id(start): g})


def _substituted(nodes: Sequence[Node | None], mapping: dict[int, Node]) -> list[Node | None]:
    found = iter(substitute_all([n for n in nodes if n is not None], mapping))
    return [None if n is None else next(found) for n in nodes]


def _frontier(made: list[Node], starts: list[Node], values: list[Node]) -> list[Node]:
    """What a rule uses beside what comes in: kept results, and nodes that depend on neither."""
    own = {id(n) for n in (*starts, *values)}
    dependent = set(own)
    order = topological(made)
    for node in order:
        if id(node) not in own and any(id(s) in dependent for s in node.src):
            dependent.add(id(node))
    found: dict[int, Node] = {}
    for node in order:
        if id(node) in dependent and id(node) not in own:
            found.update({id(s): s for s in node.src if id(s) not in dependent})
    found.update({id(m): m for m in made if id(m) not in dependent})
    used = {id(n) for n in order}
    return [*(v for v in values if id(v) in used), *found.values()]
