"""Forward mode: jvp, linearize, and the matrices of derivatives made of single directions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from firth.base.errors import ArgumentError, GradientError, ShapeError, message
from firth.ir.graph import topological
from firth.ir.node import Node
from firth.ir.op import TABLE, Expr, input_node, make
from firth.ops.batching import batch, spread
from firth.ops.rules import filled
from firth.passes.grad import gradient, substitute_all
from firth.passes.jvp import tangents as tangents_of
from firth.tensor.arguments import check_callable
from firth.tensor.gradmode import enable_grad
from firth.tensor.handle import Kind, Tensor, kind_of
from firth.tensor.record import local, step, user_line
from firth.tensor.recording import Recording
from firth.tensor.replay import position_of
from firth.tensor.scope import Scope, new_position, with_kinds
from firth.tensor.tree import flatten, unflatten

Build = Callable[[list[Node], list[Node]], Sequence[Node]]


def jvp(
    func: Callable[..., Any],
    primals: tuple[Any, ...],
    tangents: tuple[Any, ...],
    *,
    strict: bool = False,
    has_aux: bool = False,
) -> Any:
    """(value, tangent): what func gives, and how it moves when primals move along tangents.

    primals, tangents: tuples, nested alike, with tensors of equal shape and dtype. With has_aux the
    function returns (value, more) and `more` comes third. strict: GradientError for a result that
    no primal leads to, in place of zeros.

    >>> from firth.tensor import tensor
    >>> value, moved = jvp(lambda x: x * x, (tensor(3.0),), (tensor(1.0),))
    >>> moved.item()
    6.0
    """
    if not isinstance(primals, tuple) or not isinstance(tangents, tuple):
        raise _refuse("jvp", "primals and tangents are tuples", type(primals).__name__,
                      "a tuple with one entry per argument", "write (x,) for one")  # fmt: skip
    moves = _moves(primals, tangents)
    with Scope("jvp") as scope:
        call = _Call(scope, func, primals, has_aux)
        rec = scope.rec
        moves_at = tuple(position_of(rec, t) for t in moves)

        def directions(outs: list[Node], ins: list[Node]) -> Sequence[Node]:
            known = rec.nodes()
            pairs = zip(ins, moves_at, strict=True)
            merged: dict[int, Node] = {}
            found = tangents_of(outs, {id(i): known[p][0] for i, p in pairs}, merged)
            if strict and any(f is None for f in found):
                raise _unreached("jvp")
            moved = [_or_zeros(f, o) for f, o in zip(found, outs, strict=True)]
            return substitute_all([*outs, *moved], merged)

        made = call.derive(("jvp", moves_at, strict), directions, moves)
    half = len(made) // 2
    value, moved = (unflatten(call.tree, iter(part)) for part in (made[:half], made[half:]))
    return (value, moved, call.aux) if has_aux else (value, moved)


def _refuse(name: str, wrong: str, got: str, expected: str, fix: str) -> ArgumentError:
    error = ArgumentError(message(name, wrong, got, expected, fix))
    error.at(user_line())
    return error


def _unreached(name: str) -> GradientError:
    error = GradientError(
        message(name, "a result does not depend on the inputs", "strict=True",
                "results that the inputs lead to", "pass strict=False to get zeros")
    )  # fmt: skip
    error.at(user_line())
    return error


def _moves(primals: Any, moves: Any) -> list[Tensor]:
    given: list[Tensor] = []
    along: list[Tensor] = []
    flatten(primals, given)
    flatten(moves, along)
    if len(given) != len(along):
        raise _refuse("jvp", "tangents are nested otherwise than primals",
                      f"{len(along)} tensors for {len(given)}", "one tangent per primal",
                      "use zeros for one that does not move")  # fmt: skip
    for p, t in zip(given, along, strict=True):
        if p._kind.shape != t._kind.shape or p._kind.dtype is not t._kind.dtype:
            raise ShapeError(
                message("jvp", "a tangent does not fit its primal",
                        f"{t._kind.dtype.name}{list(t._kind.shape)}",
                        f"{p._kind.dtype.name}{list(p._kind.shape)}", "give it the same")
            ).at(user_line())  # fmt: skip
        _check_float("jvp", p)
    return along


def _check_float(name: str, t: Tensor) -> None:
    if t._kind.dtype.kind not in "fc":
        raise GradientError(
            message(name, "derivatives are taken for float tensors", t._kind.dtype.name,
                    "a float tensor", "cast the argument, or choose another one")
        ).at(user_line())  # fmt: skip


def _or_zeros(node: Node | None, like: Node) -> Node:
    return node if node is not None else filled(0, like.shape, like.dtype).node


class _Call:
    """A function recorded on other names of its arguments, so that only those move."""

    def __init__(
        self, scope: Scope, func: Callable[..., Any], args: tuple[Any, ...], has_aux: bool,
        only: Sequence[int] | None = None,
    ) -> None:  # fmt: skip
        rec = self.rec = scope.rec
        self.start = scope.start
        self.given: list[Tensor] = []
        chosen = args if only is None else tuple(args[i] for i in only)
        self.in_tree = flatten(chosen, self.given)
        self.sources = [position_of(rec, g) for g in self.given]
        names = [_name(rec, g, p) for g, p in zip(self.given, self.sources, strict=True)]
        self.names = tuple(t._pos for t in names)
        with enable_grad():
            moving = unflatten(self.in_tree, iter(names))
            full = list(args)
            for i, value in zip(range(len(args)) if only is None else only, moving, strict=True):
                full[i] = value
            result = func(*full)
            self.aux: Any = None
            if has_aux:
                if not isinstance(result, tuple) or len(result) != 2:
                    raise _refuse(scope.name, "has_aux needs two results", type(result).__name__,
                                  "(value, more)", "return both")  # fmt: skip
                result, self.aux = result
            self.outputs: list[Tensor] = []
            self.tree = flatten(result, self.outputs)
            self.at = tuple(position_of(rec, o) for o in self.outputs)

    def derive(self, key: Any, build: Build, more: Sequence[Tensor] = ()) -> list[Tensor]:
        """Records what `build` makes of the nodes of results and arguments."""
        rec = self.rec
        flows = rec.state.grad

        def made() -> Sequence[tuple[Node, Kind]]:
            known = rec.nodes()
            found = build([known[p][0] for p in self.at], [known[p][0] for p in self.names])
            return with_kinds(rec, self.start, found, flows)

        return new_position(rec, (key, self.names, self.at), made)


def _name(rec: Recording, given: Tensor, at: int) -> Tensor:
    """Another name of a tensor: the same value at a position of its own."""
    kind = given._kind
    flows = kind.dtype.kind in "fc"

    def build() -> tuple[Sequence[tuple[Node, Kind]], Any]:
        node = make(TABLE["reshape"], (rec.nodes()[at][0],), (tuple(kind.shape),))
        return [(node, kind_of(kind.shape, kind.dtype, flows, not flows))], None

    return step(rec, ("name", at, len(rec.handles)), build)[1][0]


# --- linearize ------------------------------------------------------------------------------------


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """(value, push): push(*tangents) is the jvp at the primals, without computing func again.

    >>> from firth.tensor import tensor
    >>> value, push = linearize(lambda x: x * x, tensor(3.0))
    >>> push(tensor(2.0)).item()
    12.0
    """
    with Scope("linearize") as scope:
        call = _Call(scope, func, primals, False)
        for g in call.given:
            _check_float("linearize", g)
        template: list[Any] = []

        def parts(outs: list[Node], ins: list[Node]) -> Sequence[Node]:
            linear = _Linear(outs, ins)
            template.append(linear)
            return [*outs, *linear.kept]

        made = call.derive("linearize", parts)
        note = scope.rec.state.memo = scope.rec.state.memo or {}
        if template:
            note["linearize"] = template[0]
        linear = note["linearize"]
    value = unflatten(call.tree, iter(made[: len(call.outputs)]))
    kept = made[len(call.outputs) :]
    kinds = [(g._kind.shape, g._kind.dtype) for g in call.given]

    def push(*tangents: Any) -> Any:
        along: list[Tensor] = []
        flatten(tangents, along)
        got = [(t._kind.shape, t._kind.dtype) for t in along]
        if got != kinds:
            raise _refuse("linearize", "tangents do not fit the primals",
                          str([f"{d.name}{list(s)}" for s, d in got]),
                          str([f"{d.name}{list(s)}" for s, d in kinds]),
                          "give one of the same shape and dtype for each")  # fmt: skip
        return unflatten(call.tree, iter(linear([*kept, *along])))

    return value, push


class _Linear:
    """The tangent of a recorded function as a graph over what it keeps and the tangents.

    kept: nodes that do not depend on the tangents and are used beside them.
    """

    def __init__(self, outs: list[Node], ins: list[Node]) -> None:
        moves = [input_node(i, n.shape, n.dtype) for i, n in enumerate(ins)]
        pairs = zip(ins, moves, strict=True)
        found = tangents_of(outs, {id(i): m for i, m in pairs})
        roots = [_or_zeros(f, o) for f, o in zip(found, outs, strict=True)]
        self.kept = beside(roots, moves)
        given = [*self.kept, *moves]
        self.inputs = [input_node(i, n.shape, n.dtype) for i, n in enumerate(given)]
        mapping = {id(n): i for n, i in zip(given, self.inputs, strict=True)}
        self.roots = substitute_all(roots, mapping)

    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Records the graph on tensors."""
        rec = local.rec
        at = tuple(position_of(rec, t) for t in tensors)
        flows = rec.state.grad and any(t._kind.requires_grad for t in tensors)

        def build() -> Sequence[tuple[Node, Kind]]:
            known = rec.nodes()
            mapping = {id(i): known[p][0] for i, p in zip(self.inputs, at, strict=True)}
            found = substitute_all(self.roots, mapping)
            return [(f, kind_of(f.shape, f.dtype, flows, not flows)) for f in found]

        return new_position(rec, ("linear", self, at), build)


def beside(roots: Sequence[Node], moves: Sequence[Node]) -> list[Node]:
    """What is used beside nodes that depend on `moves`, constants left out."""
    dependent = {id(m) for m in moves}
    constant: set[int] = set()
    order = topological(roots)
    for node in order:
        if any(id(s) in dependent for s in node.src):
            dependent.add(id(node))
        elif node.op.name not in ("input", "stand_in") and all(id(s) in constant for s in node.src):
            constant.add(id(node))
    found: dict[int, Node] = {}
    for node in order:
        if id(node) in dependent:
            found.update({id(s): s for s in node.src})
    found.update({id(r): r for r in roots})
    return [n for k, n in found.items() if k not in dependent and k not in constant]


# --- matrices of derivatives ----------------------------------------------------------------------


def jacfwd(
    func: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, *,
    randomness: str = "error",
) -> Callable[..., Any]:  # fmt: skip
    """The derivatives of every result by every element of argument argnums, column by column.

    Result (...) and argument (...) -> (result's shape, argument's shape). Cheap where there are
    fewer inputs than outputs.

    >>> from firth.tensor import tensor
    >>> jacfwd(lambda x: x * x)(tensor([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """

    def columns(outs: list[Node], ins: list[Node]) -> Sequence[Node]:
        table: list[list[Node]] = [[] for _ in outs]
        for x in ins:
            move = input_node(0, x.shape, x.dtype)
            found = tangents_of(outs, {id(x): move})
            roots = [_or_zeros(f, o) for f, o in zip(found, outs, strict=True)]
            for row, wide in zip(table, _along_basis(roots, move), strict=True):
                ndim = len(wide.shape)
                last = make(TABLE["permute"], (wide,), ((*range(1, ndim), 0),))
                row.append(make(TABLE["reshape"], (last,), ((*wide.shape[1:], *x.shape),)))
        return [node for row in table for node in row]

    return _matrix("jacfwd", func, argnums, has_aux, columns)


def jacrev(
    func: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:  # fmt: skip
    """The derivatives of every result by every element of argument argnums, row by row.

    Result (...) and argument (...) -> (result's shape, argument's shape). Cheap where there are
    fewer outputs than inputs. chunk_size: rows at a time.

    >>> from firth.tensor import tensor
    >>> jacrev(lambda x: x * x)(tensor([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """

    def rows(outs: list[Node], ins: list[Node]) -> Sequence[Node]:
        table = []
        for y in outs:
            start = input_node(0, y.shape, y.dtype)
            found = gradient([y], [start], ins) if y.dtype.kind in "fc" else [None] * len(ins)
            roots = [_or_zeros(f, x) for f, x in zip(found, ins, strict=True)]
            for wide, x in zip(_along_basis(roots, start, chunk_size), ins, strict=True):
                table.append(make(TABLE["reshape"], (wide,), ((*y.shape, *x.shape),)))
        return table

    return _matrix("jacrev", func, argnums, has_aux, rows, chunk_size)


def _along_basis(roots: list[Node], move: Node, chunk: int | None = None) -> list[Node]:
    """Each root for every unit vector in place of `move`: (elements of move, root's shape)."""
    n = 1
    for extent in move.shape:
        n *= extent
    flat = TABLE["eye"](rows=n, columns=n, dtype=move.dtype)
    pieces: list[list[Node]] = []
    for start in range(0, n, chunk or max(n, 1)) or [0]:
        size = min(chunk or n, n - start)
        part = flat
        if size != n:
            part = TABLE["slice"](flat, starts=(start, 0), sizes=(size, n), steps=(1, 1))
        basis = TABLE["reshape"](part, shape=(size, *move.shape)).node
        found = batch(roots, {id(move): basis}, size)
        pieces.append([node if flag else spread(Expr(node), size).node for node, flag in found])
    if len(pieces) == 1:
        return pieces[0]
    return [make(TABLE["concatenate"], tuple(p), (0,)) for p in zip(*pieces, strict=True)]


def _matrix(
    name: str, func: Callable[..., Any], argnums: int | Sequence[int], has_aux: bool, build: Build,
    *key: Any,
) -> Callable[..., Any]:  # fmt: skip
    check_callable(name, func)

    @functools.wraps(func)
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        places = [argnums] if isinstance(argnums, int) else list(argnums)
        for i in places:
            if not -len(args) <= i < len(args):
                raise _refuse(name, f"there is no argument {i}", f"{len(args)} arguments",
                              f"{-len(args)} to {len(args) - 1}", "check argnums")  # fmt: skip
        places = [i % len(args) for i in places]
        call_it = functools.partial(func, **kwargs)
        with Scope(name) as scope:
            call = _Call(scope, call_it, args, has_aux, places)
            for g in call.given:
                _check_float(name, g)
            made = iter(call.derive((name, *key), build))
        rows = []
        for _ in call.outputs:
            row = [next(made) for _ in call.given]
            nested = unflatten(call.in_tree, iter(row))
            rows.append(nested[0] if isinstance(argnums, int) else nested)
        found = unflatten(call.tree, iter(rows))
        return (found, call.aux) if has_aux else found

    return derivatives


def hessian(func: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The second derivatives of every result: forward over reverse.

    >>> from firth.tensor import tensor
    >>> hessian(lambda x: (x * x * x).sum())(tensor([1.0, 2.0])).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    return jacfwd(jacrev(func, argnums), argnums)
