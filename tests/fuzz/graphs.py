"""Random graphs over all families of ops, the same one in float32 and float64 from one seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import firth.ops  # noqa: F401 (fills the table)
from firth.base import dtype as dt
from firth.ir.graph import Graph
from firth.ir.node import Node
from firth.ir.op import TABLE, Expr, input_node
from firth.passes.grad import gradient

EXTENTS = (1, 1, 2, 3, 4, 5, 7, 8, 16, 17, 33)
SMOOTH = ("exp", "tanh", "sin", "cos", "erf", "sigmoid", "silu", "gelu", "softplus", "atan")
BINARY = ("add", "sub", "mul", "maximum", "minimum")
T = TABLE


class Maker:
    """Grows one graph. `real` is the float dtype; every draw comes from the seed alone."""

    def __init__(self, seed: int, real: dt.DType) -> None:
        self.rng = np.random.default_rng(seed)
        self.real = real
        self.inputs: list[Node] = []
        self.arrays: list[np.ndarray] = []
        self.floats: list[Expr] = []
        self.ints: list[Expr] = []
        self.exact: list[Expr] = []  # float inputs and movement of them: same bits everywhere

    def pick(self, items: list[Expr]) -> Expr:
        """One of the items, late ones more often."""
        n = len(items)
        return items[max(int(self.rng.integers(n)), int(self.rng.integers(n)))]

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return bool(self.rng.random() < p)

    def enter(self, array: np.ndarray) -> Expr:
        """One more input."""
        node = input_node(len(self.inputs), array.shape, dt.from_numpy(array.dtype))
        self.inputs.append(node)
        self.arrays.append(array)
        return Expr(node)

    def shape(self, ndim: int | None = None) -> tuple[int, ...]:
        """A random small shape."""
        ndim = int(self.rng.integers(0, 4)) if ndim is None else ndim
        return tuple(int(self.rng.choice(EXTENTS)) for _ in range(ndim))

    def float_input(self, shape: tuple[int, ...]) -> Expr:
        """A float input of about unit size."""
        x = self.enter(self.rng.standard_normal(shape).astype(np.float32).astype(self.real.np))
        self.floats.append(x)
        self.exact.append(x)
        return x

    def int_input(self, shape: tuple[int, ...], high: int = 100) -> Expr:
        """An int64 or int32 input."""
        kind = np.int64 if self.chance(0.5) else np.int32
        x = self.enter(self.rng.integers(-high, high, shape).astype(kind))
        self.ints.append(x)
        return x

    def tame(self, x: Expr) -> Expr:
        """Keeps magnitudes near 1, so that errors stay comparable."""
        return T["tanh"](x) if self.chance(0.3) else x * 0.25

    def grow(self) -> None:
        """One random step."""
        step: Callable[[], None] = self.rng.choice(np.array(STEPS, object))
        step(self)  # type: ignore[call-arg]

    def unary(self) -> None:
        name = str(self.rng.choice(SMOOTH))
        self.floats.append(T[name](self.tame(self.pick(self.floats))))

    def positive(self) -> None:
        x = T["abs"](self.pick(self.floats)) + 0.5
        name = str(self.rng.choice(("sqrt", "log", "reciprocal", "rsqrt")))
        self.floats.append(T[name](x))

    def binary(self) -> None:
        a, b = self.pick(self.floats), self.pick(self.floats)
        try:
            np.broadcast_shapes(a.shape, b.shape)
        except ValueError:
            b = Expr(self.scalar())
        self.floats.append(T[str(self.rng.choice(BINARY))](a, b))

    def scalar(self) -> Node:
        x = self.pick(self.floats)
        axes = tuple(range(x.ndim))
        return T["mean"](x, axes=axes, keepdims=False).node if axes else x.node

    def whole(self) -> None:
        if not self.ints:
            self.int_input(self.shape())
        a = self.pick(self.ints)
        name = str(self.rng.choice(("add", "sub", "mul", "bitwise_xor", "maximum", "neg")))
        self.ints.append(T[name](a) if name == "neg" else T[name](a, int(self.rng.integers(1, 9))))

    def choose(self) -> None:
        a = self.pick(self.exact)
        self.floats.append(T["where"](a > 0.1, self.tame(a), a * 0.5 if self.chance(0.5) else 0.25))

    def reduce(self) -> None:
        x = self.pick(self.floats)
        if not x.ndim:
            return
        axes = tuple(d for d in range(x.ndim) if self.chance(0.5)) or (x.ndim - 1,)
        name = str(self.rng.choice(("sum", "mean", "amax", "amin", "logsumexp", "var")))
        more = {"correction": 0} if name == "var" else {}
        y = T[name](x, axes=axes, keepdims=self.chance(0.5), **more)
        self.floats.append(y * 0.1 if name == "sum" else y)

    def rows(self) -> None:
        x = self.pick(self.floats)
        if x.ndim:
            name = str(self.rng.choice(("softmax", "log_softmax")))
            self.floats.append(T[name](x, axis=int(self.rng.integers(x.ndim))))

    def move(self) -> None:
        exact = self.chance(0.3)
        x = self.pick(self.exact if exact else self.floats)
        y = self.moved(x)
        (self.exact if exact else self.floats).append(y)

    def moved(self, x: Expr) -> Expr:
        rng, n = self.rng, x.ndim
        kind = int(rng.integers(7))
        if kind == 0:
            return T["permute"](x, axes=tuple(int(a) for a in rng.permutation(n)))
        if kind == 1:
            return T["reshape"](x, shape=self.refactor(x.shape))
        if kind == 2:
            wide = tuple(3 if e == 1 else e for e in x.shape)
            return T["expand"](x, shape=wide)
        if kind == 3:
            starts, sizes, steps = [], [], []
            for e in x.shape:
                step = int(rng.integers(1, 3))
                start = int(rng.integers(0, e))
                starts.append(start)
                steps.append(step)
                sizes.append(int(rng.integers(1, (e - start - 1) // step + 2)))
            return T["slice"](x, starts=tuple(starts), sizes=tuple(sizes), steps=tuple(steps))
        if kind == 4:
            low, high = (tuple(int(v) for v in rng.integers(0, 3, n)) for _ in range(2))
            inner = tuple(int(v) for v in rng.integers(0, 2, n)) if self.chance(0.3) else (0,) * n
            return T["pad"](x, low=low, high=high, inner=inner, value=0.0)
        if kind == 5:
            return T["flip"](x, axes=tuple(d for d in range(n) if self.chance(0.5)))
        if n and x.shape[-1] >= 3:
            return T["window"](x, sizes=(2,), strides=(int(rng.integers(1, 3)),), dilations=(1,))
        return T["concatenate"](x, x, axis=n - 1) if n else x

    def refactor(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        left, out = int(np.prod(shape)), []
        while left > 1 and len(out) < 3:
            divisors = [d for d in range(2, left + 1) if left % d == 0]
            out.append(int(self.rng.choice(divisors)))
            left //= out[-1]
        return (*out, left) if left > 1 or not out else tuple(out)

    def product(self) -> None:
        x = self.pick(self.floats)
        if x.ndim < 2:
            return
        n = int(self.rng.choice(EXTENTS))
        k = x.shape[-1]
        w = self.float_input((k, n) if self.chance(0.5) else (n, k))
        if w.shape == (n, k) and n != k:
            w = T["permute"](w, axes=(1, 0))
        elif w.shape != (k, n):
            w = T["reshape"](w, shape=(k, n))
        y = T["matmul"](x, w) * (1 / max(k, 1) ** 0.5)
        self.floats.append(T["tanh"](y) if self.chance(0.5) else y)

    def conv(self) -> None:
        c, o, k = (int(v) for v in self.rng.integers(1, 4, 3))
        x = self.float_input((2, c, int(self.rng.integers(4, 9)), int(self.rng.integers(4, 9))))
        w = self.float_input((o, c, k, k))
        p = int(self.rng.integers(0, 2))
        y = T["conv"](
            x, w, stride=(int(self.rng.integers(1, 3)),) * 2, padding=((p, p), (p, p)),
            dilation=(1, 1), groups=1,
        )  # fmt: skip
        self.floats.append(y * 0.3)

    def look_up(self) -> None:
        x = self.pick(self.floats)
        if not x.ndim:
            return
        axis = int(self.rng.integers(x.ndim))
        shape = self.shape(int(self.rng.integers(0, 3)))
        index = self.enter(self.rng.integers(0, x.shape[axis], shape).astype(np.int64))
        self.floats.append(T["gather"](x, index, axes=(axis,)))

    def put(self) -> None:
        x = self.pick(self.floats)
        if not x.ndim:
            return
        axis = int(self.rng.integers(x.ndim))
        shape = self.shape(1)
        index = self.enter(self.rng.integers(0, x.shape[axis], shape).astype(np.int64))
        rest = tuple(e for d, e in enumerate(x.shape) if d != axis)
        updates = self.float_input(shape + rest)
        mode = "add" if self.chance(0.7) else "set"
        self.floats.append(T["scatter"](x, updates, index, axes=(axis,), mode=mode))

    def scan(self) -> None:
        x = self.pick(self.floats)
        if x.ndim:
            y = T["cumulate"](x, axis=int(self.rng.integers(x.ndim)), kind="add")
            self.floats.append(y * 0.1)

    def order(self) -> None:
        if not self.ints:
            self.int_input(self.shape(2))
        x = self.pick(self.ints)
        if x.ndim:
            axis = int(self.rng.integers(x.ndim))
            self.ints.append(T["argsort"](x, axis=axis, descending=self.chance(0.5)))


STEPS = (
    Maker.unary, Maker.unary, Maker.binary, Maker.binary, Maker.binary, Maker.positive, Maker.whole,
    Maker.choose, Maker.reduce, Maker.reduce, Maker.rows, Maker.move, Maker.move, Maker.move,
    Maker.product, Maker.conv, Maker.look_up, Maker.put, Maker.scan, Maker.order,
)  # fmt: skip


def random_graph(seed: int, real: dt.DType) -> tuple[Graph, list[np.ndarray]]:
    """A graph of 10 to 60 steps, a third of them with gradients, and arrays for its inputs."""
    maker = Maker(seed, real)
    for _ in range(2):
        maker.float_input(maker.shape())
    for _ in range(int(maker.rng.integers(10, 61))):
        maker.grow()
    count = min(len(maker.floats), int(maker.rng.integers(1, 4)))
    outputs = [maker.floats[-1 - k].node for k in range(count)]
    outputs += [x.node for x in maker.ints[-1:]]
    if maker.chance(0.35):
        top = maker.floats[-1].node
        wrt = [n for n in maker.inputs if n.dtype is real]
        found = gradient([top], [None], wrt)
        outputs += [g for g in found if g is not None]
    donated = donations(maker, outputs) if maker.chance(0.5) else ()
    return Graph(tuple(maker.inputs), tuple(outputs), donated), maker.arrays


def donations(maker: Maker, outputs: list[Node]) -> tuple[tuple[int, int], ...]:
    """Outputs that may overwrite an input of the same shape and dtype."""
    free = list(range(len(maker.inputs)))
    pairs = []
    for o, out in enumerate(outputs):
        for i in free:
            node = maker.inputs[i]
            if node.shape == out.shape and node.dtype is out.dtype:
                pairs.append((o, i))
                free.remove(i)
                break
    return tuple(pairs)
