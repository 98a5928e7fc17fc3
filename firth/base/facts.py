"""What a code generator may know of a machine: data, never a name to branch on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

# What an operation costs, in additions of the same vectors (`chebyshev`: each term of it); what is
# not listed costs one.
OPERATIONS: Final[Mapping[str, int]] = MappingProxyType({
    "div": 3, "sqrt": 4, "exp": 10, "log": 10, "expm1": 14, "log1p": 14, "sin": 16, "cos": 16,
    "tan": 24, "asin": 16, "acos": 16, "atan": 16, "tanh": 14, "erf": 14, "pow": 30,
    "remainder": 16, "floor_divide": 8, "threefry": 60, "chebyshev": 2, "gather": 20,
    "checked_index": 20,
})  # fmt: skip


@dataclass(frozen=True)
class TargetFacts:
    """Facts about one target. Sizes in bytes.

    triple, cpu, features: LLVM's words for the machine. vector_bytes: width of a vector register.
    vector_registers: how many. fma: fused multiply-add is native. masked: masked loads and stores
    are native. ldexp: vectors are scaled by powers of two in one instruction.
    threads: whether stages may run on several threads. cores: how many of them may run at once.

    Costs, in additions of full vectors: operations: of each op. trip: of one vector that a kernel
    stores and another one reads. longest: of a kernel's body from which LLVM's time, which grows
    faster than the text, is dearer than another trip. beside: of what an epilogue may compute that
    does not depend on the sums, for registers are full of these, and of a map that sums over
    columns may join. again: of the chain that computes an element
    of a value a second time, to save its memory, at most.

    crowded: bytes of a program's arena from which memory is worth time.
    """

    triple: str
    cpu: str
    features: str
    vector_bytes: int
    vector_registers: int
    fma: bool
    masked: bool
    l1_bytes: int = 32 * 1024
    l2_bytes: int = 512 * 1024
    l3_bytes: int = 8 * 1024 * 1024
    line_bytes: int = 64
    ldexp: bool = False
    threads: bool = True
    cores: int = 2
    operations: Mapping[str, int] = field(
        default_factory=lambda: OPERATIONS, compare=False, repr=False
    )
    trip: int = 12
    longest: int = 512
    beside: int = 24
    again: int = 64
    crowded: int = 16 * 1024 * 1024

    def lanes(self, itemsize: int) -> int:
        """Elements of `itemsize` bytes in one vector register."""
        return max(1, self.vector_bytes // itemsize)

    def cost(self, op: str, terms: int = 0) -> int:
        """Additions that one operation is worth; of a sum of many terms, all of them."""
        once = self.operations.get(op, 1)
        return once * terms if terms else once

    def strict(self) -> TargetFacts:
        """The same machine, told to compute as the least of them all: for equal bits everywhere."""
        least = TargetFacts("", "", "", 16, 16, fma=False, masked=False)
        return replace(
            least,
            triple=self.triple,
            cpu=self.cpu,
            features=self.features,
            threads=self.threads,
        )
