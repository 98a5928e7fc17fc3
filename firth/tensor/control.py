"""Control flow that is recorded: cond, switch, while_loop and scan.

A branch or a body runs once, on stand-ins; what it recorded becomes a graph that the node of
control flow keeps. So the choice may depend on values inside `jit`, and a loop is compiled once
however long it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from firth.base import dtype as dt
from firth.base.errors import ArgumentError, DTypeError, FirthError, message
from firth.ir.graph import Graph, topological
from firth.ir.node import Node
from firth.ir.op import INPUT, Op, input_node
from firth.ir.text import Body
from firth.ops.flow import SCAN, SWITCH, WHILE, call
from firth.passes.grad import substitute_all
from firth.tensor.creation import tensor as make_tensor
from firth.tensor.forward import beside
from firth.tensor.gradmode import no_grad
from firth.tensor.handle import Kind, Tensor, kind_of
from firth.tensor.lens import mark_views
from firth.tensor.record import apply, assign, user_line
from firth.tensor.recording import Recording
from firth.tensor.replay import position_of
from firth.tensor.scope import Scope, give_back, new_position, with_kinds
from firth.tensor.tree import flatten, unflatten

_Effect = tuple[Tensor, int, int]  # a handle from outside, what it was and is after the body


def cond(
    pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], *operands: Any
) -> Any:
    """true_fn(*operands) where pred holds, else false_fn(*operands): only one of them is computed.

    pred: () bool, which may depend on values inside `jit`. Both functions give tensors of the same
    shapes and dtypes, nested alike; they may use tensors from outside too.

    >>> import firth
    >>> x = firth.tensor(-3.0)
    >>> firth.cond(x > 0, lambda x: x, lambda x: -x, x).item()
    3.0
    """
    chosen = _number("cond", pred)
    if chosen._kind.dtype is not dt.bool_:
        raise _wrong_dtype("cond", chosen, "a bool", "compare first, e.g. x > 0")
    index = apply("cast", chosen, dtype=dt.int64)
    return _switch("cond", index, (false_fn, true_fn), operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """branches[index](*operands), the nearest branch where there is none of this number.

    index: () integer, which may depend on values inside `jit`. All branches give tensors of the
    same shapes and dtypes, nested alike; only one of them is computed.

    >>> import firth
    >>> double, square = lambda x: x * 2, lambda x: x * x
    >>> firth.switch(firth.tensor(1), [double, square], firth.tensor(3.0)).item()
    9.0
    """
    if not branches:
        raise _wrong("switch", "there are no branches", "an empty list", "at least one", "add one")
    chosen = _number("switch", index)
    if not chosen._kind.dtype.is_integer:
        raise _wrong_dtype("switch", chosen, "an integer", "cast it, e.g. x.long()")
    if chosen._kind.dtype is not dt.int64:
        chosen = apply("cast", chosen, dtype=dt.int64)
    return _switch("switch", chosen, tuple(branches), operands)


def while_loop(cond_fn: Callable[[Any], Any], body_fn: Callable[[Any], Any], init: Any) -> Any:
    """body_fn(body_fn(... init)) as long as cond_fn of it holds: -> what init is.

    init: numbers and tensors, nested; body_fn keeps shapes and dtypes, cond_fn gives () bool.
    Forward mode goes through it, reverse mode does not: how many steps there will be is unknown.

    >>> import firth
    >>> firth.while_loop(lambda x: x < 100, lambda x: x * 2, firth.tensor(3)).item()
    192
    """
    first, tree = _tensors(init)
    with Scope("while_loop") as scope:
        recorder = _Recorder(scope, first, ())
        recorder.run(lambda values: body_fn(unflatten(tree, iter(values))))
        recorder.check_carried("while_loop", len(first), tree)
        recorder.run(lambda v: _number("while_loop", cond_fn(unflatten(tree, iter(v)))))
        made = recorder.finish(_Loop(WHILE, len(first)))
    return unflatten(tree, iter(made))


def scan(
    f: Callable[[Any, Any], Any], init: Any, xs: Any = None, length: int | None = None,
    reverse: bool = False,
) -> tuple[Any, Any]:  # fmt: skip
    """Carries a value along the first dimension of xs: carry, y = f(carry, x) for each x.

    init: the first carry, nested; f keeps its shapes and dtypes. xs: tensors (length, ...), nested,
    or None with a length. -> (last carry, ys (length, ...) nested like y). reverse begins at the
    end. The body is compiled once; both modes of differentiation go through it.

    >>> import firth
    >>> firth.scan(lambda c, x: (c + x, c * x), firth.tensor(0.0), firth.tensor([1.0, 2.0, 3.0]))
    (tensor(6.), tensor([0., 2., 9.]))
    """
    first, tree = _tensors(init)
    rows: list[Tensor] = []
    row_tree = flatten(xs, rows)
    count = _length(rows, length)
    with Scope("scan") as scope:
        recorder = _Recorder(scope, first, rows)
        n = len(first)

        def step(values: Sequence[Tensor]) -> Any:
            carry = unflatten(tree, iter(values[:n]))
            return f(carry, unflatten(row_tree, iter(values[n:])))

        result = recorder.run(step, pair=True)
        recorder.check_carried("scan", n, tree)
        made = recorder.finish(_Loop(SCAN, n, len(rows), count, reverse))
    return unflatten(tree, iter(made[:n])), unflatten(result, iter(made[n:]))


# --- arguments ------------------------------------------------------------------------------------


def _wrong(name: str, what: str, got: str, expected: str, fix: str) -> ArgumentError:
    error = ArgumentError(message(name, what, got, expected, fix))
    error.at(user_line())
    return error


def _wrong_dtype(name: str, t: Tensor, expected: str, fix: str) -> FirthError:
    what = "what chooses has the wrong dtype"
    return DTypeError(message(name, what, t._kind.dtype.name, expected, fix)).at(user_line())


def _number(name: str, value: Any) -> Tensor:
    t = value if isinstance(value, Tensor) else make_tensor(value)
    if t._kind.numel != 1:
        raise _wrong(name, "what chooses is not one number", f"shape {tuple(t._kind.shape)}",
                     "one element", "reduce it, e.g. with .any() or .all()")  # fmt: skip
    return t if not t._kind.shape else apply("reshape", t, shape=())


def _tensors(value: Any) -> tuple[list[Tensor], Any]:
    """Nested numbers and tensors as tensors, and how they nest."""
    found: list[Tensor] = []
    tree = flatten(_converted(value), found)
    return found, tree


def _converted(value: Any) -> Any:
    if isinstance(value, (bool, int, float)):
        return make_tensor(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_converted, value))
    if isinstance(value, (list, tuple)):
        return type(value)(map(_converted, value))
    if isinstance(value, dict):
        return {k: _converted(v) for k, v in value.items()}
    return value


def _length(rows: Sequence[Tensor], length: int | None) -> int:
    sizes = {r._kind.shape[0] if r._kind.shape else -1 for r in rows}
    sizes |= set() if length is None else {length}
    if len(sizes) != 1 or min(sizes) < 0:
        raise _wrong("scan", "the number of steps is not clear", f"lengths {sorted(sizes)}",
                     "one length that all xs have", "give xs, or length=")  # fmt: skip
    return sizes.pop()


# --- recording bodies -----------------------------------------------------------------------------


class _Loop:
    """What kind of loop it is: how bodies become a node."""

    def __init__(self, op: Op, carried: int, rows: int = 0, length: int = 0, reverse: bool = False):
        self.op = op
        self.carried, self.rows, self.length, self.reverse = carried, rows, length, reverse

    @property
    def key(self) -> Any:
        return self.op, self.carried, self.rows, self.length, self.reverse

    def nodes(self, src: Sequence[Node], bodies: Sequence[Graph], more: int, kept: bool) -> Any:
        """The results; `more` values are carried behind the user's own."""
        if self.op is WHILE:
            return call(WHILE, src, cond=Body(bodies[1]), body=Body(bodies[0]))
        if self.op is SWITCH:
            return call(SWITCH, src, bodies=tuple(map(Body, bodies)))
        return call(
            SCAN, src, body=Body(bodies[0]), carried=self.carried + more, rows=self.rows,
            length=self.length, reverse=self.reverse, kept=kept,
        )  # fmt: skip


class _Recorder:
    """Functions recorded on the same stand-ins.

    carried, rows: tensors that the stand-ins are like (rows: like one of their rows).
    """

    def __init__(self, scope: Scope, carried: Sequence[Tensor], rows: Sequence[Tensor]) -> None:
        self.scope, self.rec = scope, scope.rec
        self.given = [*carried, *rows]
        self.at = tuple(position_of(self.rec, t) for t in self.given)
        kinds = [(tuple(t._kind.shape), t._kind) for t in carried]
        kinds += [(tuple(t._kind.shape[1:]), t._kind) for t in rows]
        self.stands = [
            scope.stand_in(shape, _flowing(kind), ("flow", i))
            for i, (shape, kind) in enumerate(kinds)
        ]
        self.places = tuple(s._pos for s in self.stands)
        self.index = -1  # position of what chooses
        self.bodies: list[list[Tensor]] = []
        self.effects: list[list[_Effect]] = []

    def run(self, function: Callable[[Sequence[Tensor]], Any], pair: bool = False) -> Any:
        """Records one function; how its results nest (pair: those of the second)."""
        before = dict(self.scope.noted)
        values = [apply("reshape", s, shape=tuple(s._kind.shape)) for s in self.stands]
        result = function(values)
        outputs: list[Tensor] = []
        if pair:
            if not isinstance(result, tuple) or len(result) != 2:
                raise _wrong(self.scope.name, "the function does not give a pair",
                             type(result).__name__, "(carry, y)", "return both")  # fmt: skip
            self.tree = flatten(_converted(result[0]), outputs)
            self.count = len(outputs)
            tree = flatten(_converted(result[1]), outputs)
        else:
            tree = flatten(_converted(result), outputs)
            self.tree, self.count = tree, len(outputs)
        if not outputs:
            raise _wrong(self.scope.name, "the function returns no tensor", type(result).__name__,
                         "tensors or numbers, nested", "return at least one")  # fmt: skip
        self.bodies.append(outputs)
        self.effects.append(self._written(before))
        return tree

    def check_carried(self, name: str, n: int, tree: Any) -> None:
        """ShapeError or ArgumentError unless what comes back is what was carried in."""
        first, back = self.given[:n], self.bodies[0][: self.count]
        kinds = [(tuple(t._kind.shape), t._kind.dtype) for t in first]
        found = [(tuple(t._kind.shape), t._kind.dtype) for t in back]
        if kinds != found or _nesting(self.tree) != _nesting(tree):
            raise _wrong(name, "the carried value changes its shape, dtype or nesting",
                         str([f"{d.name}{list(s)}" for s, d in found]),
                         str([f"{d.name}{list(s)}" for s, d in kinds]),
                         "give back what was carried in, e.g. with .to(dtype)")  # fmt: skip

    def _written(self, before: dict[int, Any]) -> list[_Effect]:
        """Tensors from outside that the function changed, such as the state of random numbers."""
        out = []
        scope = self.scope
        for key, noted in list(scope.noted.items()):
            tensor = noted[0]
            if key in before:
                continue
            if scope.from_outside(noted):
                was = scope.position_before(noted)
                out.append((tensor, was, tensor._pos if tensor._pos >= 0 else -1 - tensor._pos))
            give_back(noted)
            scope.forget(tensor)
            mark_views(tensor)
        return out

    def finish(self, loop: _Loop) -> list[Tensor]:
        """Records the node of control flow; its results without what was only changed."""
        rec = self.rec
        tensors: dict[int, tuple[Tensor, int]] = {}
        for row in self.effects:
            tensors.update({id(t): (t, was) for t, was, _ in row})
        after = [{id(t): now for t, _, now in row} for row in self.effects]
        if loop.op is WHILE and self.effects[1]:
            raise _wrong("while_loop", "the condition changes a tensor", "an in-place change",
                         "a condition that only looks", "change it in the body")  # fmt: skip
        outs = [tuple(position_of(rec, o) for o in body) for body in self.bodies]
        more = tuple(was for _, was in tensors.values())
        ends = tuple(tuple(row.get(k, w) for k, (_, w) in tensors.items()) for row in after)
        key = ("flow", loop.key, self.at, self.places, tuple(outs), self.index, more, ends)
        flows = rec.state.grad

        def build() -> Sequence[tuple[Node, Kind]]:
            made = _Built(rec, self, loop, outs, more, ends)
            start = self.scope.start
            grad = any(k.requires_grad for _, k in with_kinds(rec, start, made.src, flows))
            results, packed = made.results(grad)
            kind = kind_of(packed.shape, packed.dtype)  # kept as it is for a later gradient
            return [*with_kinds(rec, start, results, flows), (packed, kind)]

        found = new_position(rec, key, build)
        n, m = len(self.bodies[0]), len(tensors)
        with no_grad():
            for (tensor, _), value in zip(tensors.values(), found[n : n + m], strict=True):
                assign(tensor, value)
                self.scope.noted.pop(id(tensor), None)
                mark_views(tensor)
        return found[:n]


def _flowing(kind: Kind) -> Kind:
    """Inside a body every float may need a gradient."""
    flows = kind.dtype.kind in "fc"
    return kind_of(tuple(kind.shape), kind.dtype, flows, not flows)


def _nesting(tree: Any) -> Any:
    if isinstance(tree, tuple) and len(tree) == 2 and isinstance(tree[0], type):
        kind, parts = tree
        if kind is dict:
            return kind, [(k, _nesting(v)) for k, v in parts]
        return kind, [_nesting(v) for v in parts]
    return tree


class _Built:
    """The node of control flow, out of what was recorded."""

    def __init__(
        self, rec: Recording, recorder: _Recorder, loop: _Loop, outs: list[tuple[int, ...]],
        more: tuple[int, ...], ends: tuple[tuple[int, ...], ...],
    ) -> None:  # fmt: skip
        known = [node for node, _ in rec.nodes()]
        self.loop, self.more = loop, len(more)
        self.own = len(outs[0])
        n = loop.carried
        stands = [known[p] for p in recorder.places]
        changing = [known[p] for p in more]
        split = n if loop.op is not SWITCH else len(stands)
        inner = [*stands[:split], *changing, *stands[split:]]
        given = [known[p] for p in recorder.at]
        first = [*given[:split], *changing, *given[split:]]
        roots = []
        for body, end in zip(outs, ends, strict=True):
            nodes = [known[p] for p in body]
            if loop.op is WHILE and len(roots) == 1:
                roots.append(nodes)  # the condition
                continue
            cut = n if loop.op is SCAN else len(nodes)
            roots.append([*nodes[:cut], *(known[p] for p in end), *nodes[cut:]])
        self.cut = n if loop.op is SCAN else self.own
        earlier = {id(node) for node in known[: recorder.scope.start]}
        every = [r for row in roots for r in row]
        kept = _used(every, inner, earlier) if loop.op is SWITCH else beside(every, inner)
        sources = [*inner, *kept]
        inputs = tuple(input_node(i, s.shape, s.dtype) for i, s in enumerate(sources))
        mapping = {id(s): i for s, i in zip(sources, inputs, strict=True)}
        self.bodies = [Graph(inputs, tuple(substitute_all(row, mapping))) for row in roots]
        chooses = [known[recorder.index]] if loop.op is SWITCH else []
        self.src = [*chooses, *first, *kept]

    def results(self, grad: bool) -> tuple[list[Node], Node]:
        """The user's results, then what was only changed, then the value that holds them all."""
        found = self.loop.nodes(self.src, self.bodies, self.more, grad)
        cut, own, more = self.cut, self.own, self.more
        order = [*found[:cut], *found[cut + more : own + more], *found[cut : cut + more]]
        return order, order[0].src[0]


def _used(roots: Sequence[Node], inner: Sequence[Node], earlier: set[int]) -> list[Node]:
    """What branches use from outside: results recorded before, and inputs."""
    ends = {id(n) for n in inner}
    found: dict[int, Node] = {}
    stack = list(roots)
    while stack:
        node = stack.pop()
        if id(node) in ends or id(node) in found:
            continue
        if id(node) in earlier or node.op is INPUT or node.op.name == "stand_in":
            found[id(node)] = node
        else:
            stack.extend(node.src)
    order = topological(list(found.values()))
    return [n for n in order if id(n) in found]


def _switch(
    name: str, index: Tensor, branches: Sequence[Callable[..., Any]], operands: tuple[Any, ...]
) -> Any:
    given, tree = _tensors(operands)
    with Scope(name) as scope:
        recorder = _Recorder(scope, given, ())
        trees = [
            recorder.run(lambda values, f=branch: f(*unflatten(tree, iter(values))))
            for branch in branches
        ]
        rows = [[(tuple(t._kind.shape), t._kind.dtype) for t in body] for body in recorder.bodies]
        for k, (row, made) in enumerate(zip(rows, trees, strict=True)):
            if row != rows[0] or _nesting(made) != _nesting(trees[0]):
                other = "true_fn gives something else than false_fn"
                raise _wrong(
                    name, other if name == "cond" else f"branch {k} gives something else than 0",
                    str([f"{d.name}{list(s)}" for s, d in row]),
                    str([f"{d.name}{list(s)}" for s, d in rows[0]]),
                    "give both the same shapes, dtypes and nesting, e.g. with .to(dtype)",
                )  # fmt: skip
        recorder.index = position_of(scope.rec, index)
        made = recorder.finish(_Loop(SWITCH, len(given)))
    return unflatten(trees[0], iter(made))
