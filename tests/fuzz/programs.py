"""Random programs in the public API: views, writes through them, reads anywhere, gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import firth
from firth import Tensor
from firth.nn import functional as F

EXTENTS = (1, 2, 3, 4, 5, 8)


class Program:
    """Runs one random program; everything it reads is in `seen`. All draws come from the seed."""

    def __init__(self, seed: int, dtype: firth.DType) -> None:
        self.rng = np.random.default_rng(seed)
        self.dtype = dtype
        self.leaves: list[Tensor] = []
        self.plain: list[Tensor] = []  # without gradients: may be written
        self.values: list[Tensor] = []  # of leaves: may be differentiated
        self.seen: list[np.ndarray] = []

    def array(self, shape: tuple[int, ...]) -> Tensor:
        """A tensor of about unit size."""
        draw = self.rng.standard_normal(shape).astype(np.float32)
        return firth.from_numpy(draw).to(self.dtype)

    def shape(self) -> tuple[int, ...]:
        """A random small shape."""
        return tuple(int(n) for n in self.rng.choice(EXTENTS, int(self.rng.integers(1, 4))))

    def any_of(self, items: list[Tensor]) -> Tensor:
        """One of the items."""
        return items[int(self.rng.integers(len(items)))]

    def run(self, steps: int) -> list[np.ndarray]:
        """All that a random program of so many steps reads."""
        for _ in range(2):
            self.leaf()
            self.plain.append(self.array(self.shape()))
        for _ in range(steps):
            step: Callable[[Program], None] = STEPS[int(self.rng.integers(len(STEPS)))]
            step(self)
        self.differentiate()
        for t in self.plain[-4:] + self.values[-2:]:
            self.read(t)
        return self.seen

    def read(self, t: Tensor) -> None:
        self.seen.append(t.detach().numpy().astype(np.float64))

    def leaf(self) -> None:
        t = self.array(self.shape())
        t.requires_grad = True
        self.leaves.append(t)
        self.values.append(t * 1.0)

    def fresh(self) -> None:
        self.plain.append(self.array(self.shape()))

    def look(self) -> None:
        self.read(self.any_of(self.plain if self.rng.random() < 0.7 else self.values))

    def view(self) -> None:
        t = self.any_of(self.plain)
        self.plain.append(self.viewed(t))

    def viewed(self, t: Tensor) -> Tensor:
        kind = int(self.rng.integers(6))
        if kind == 0 and t.ndim >= 2:
            a, b = (int(d) for d in self.rng.permutation(t.ndim)[:2])
            return t.transpose(a, b)
        if kind == 1 and t.ndim:
            n = t.shape[0]
            start = int(self.rng.integers(n))
            return t[start : n : int(self.rng.integers(1, 3))]
        if kind == 2 and t.ndim >= 2:
            return t[int(self.rng.integers(t.shape[0]))]
        if kind == 3:
            return t.unsqueeze(int(self.rng.integers(t.ndim + 1)))
        if kind == 4 and t.is_contiguous():
            return t.view(-1)
        if kind == 5 and t.ndim:
            return t[..., : max(1, t.shape[-1] - 1)]
        return t

    def write(self) -> None:
        t = self.viewed(self.any_of(self.plain))
        kind = int(self.rng.integers(5))
        if kind == 0:
            t.mul_(0.5)
        elif kind == 1:
            t += 0.25
        elif kind == 2:
            t.fill_(float(self.rng.integers(3)))
        elif kind == 3 and t.ndim:
            t[int(self.rng.integers(t.shape[0]))] = float(self.rng.integers(3))
        else:
            t.copy_(t.detach().clone().tanh())

    def put(self) -> None:
        t = self.any_of(self.plain)
        if not t.ndim:
            return
        rows = firth.from_numpy(self.rng.integers(0, t.shape[0], 3))
        if self.rng.random() < 0.5:
            t[rows] = 0.5
        else:
            t[t > 0.3] = -0.25

    def mix(self) -> None:
        a, b = self.any_of(self.values), self.any_of(self.plain)
        try:
            np.broadcast_shapes(tuple(a.shape), tuple(b.shape))
        except ValueError:
            b = b.sum()
        # A copy: writing into b later must not disturb what the gradient needs.
        self.values.append((a * b.clone()).tanh() if self.rng.random() < 0.5 else a + b.clone())

    def compute(self) -> None:
        t = self.any_of(self.values)
        kind = int(self.rng.integers(8))
        if kind == 0 and t.ndim:
            t = t.softmax(int(self.rng.integers(t.ndim)))
        elif kind == 1 and t.ndim:
            t = t.mean(int(self.rng.integers(t.ndim)), keepdim=bool(self.rng.integers(2)))
        elif kind == 2 and t.ndim:
            t = t @ self.array((t.shape[-1], int(self.rng.choice(EXTENTS)))) * 0.4
        elif kind == 3:
            t = F.gelu(t)
        elif kind == 4 and t.ndim:
            t = F.layer_norm(t * 1.0 + self.array(tuple(t.shape)), (t.shape[-1],))
        elif kind == 5 and t.ndim:
            t = t[firth.from_numpy(self.rng.integers(0, t.shape[0], 4))]
        elif kind == 6:
            t = firth.where(t > 0.05, t.sin(), t * 0.5)
        else:
            t = self.viewed(t).exp() * 0.3
        self.values.append(t)

    def differentiate(self) -> None:
        total = sum(((v * v).mean() for v in self.values[-3:]), firth.zeros((), dtype=self.dtype))
        if not total.requires_grad:
            return
        total.backward(retain_graph=True)
        for leaf in self.leaves:
            if leaf.grad is not None:
                self.read(leaf.grad)


STEPS = (
    Program.fresh, Program.leaf, Program.look, Program.look, Program.view, Program.view,
    Program.write, Program.write, Program.write, Program.put, Program.mix, Program.mix,
    Program.compute, Program.compute, Program.compute, Program.compute,
)  # fmt: skip


def run_program(seed: int, dtype: firth.DType) -> list[np.ndarray]:
    """What one random program of 10 to 60 steps reads."""
    steps = int(np.random.default_rng(seed).integers(10, 61))
    return Program(seed, dtype).run(steps)
