"""What a code generator may know of a machine: data, never a name to branch on."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TargetFacts:
    """Facts about one target. Sizes in bytes.

    triple, cpu, features: LLVM's words for the machine. vector_bytes: width of a vector register.
    vector_registers: how many. fma: fused multiply-add is native. masked: masked loads and stores
    are native. ldexp: vectors are scaled by powers of two in one instruction.
    threads: whether stages may run on several threads.
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

    def lanes(self, itemsize: int) -> int:
        """Elements of `itemsize` bytes in one vector register."""
        return max(1, self.vector_bytes // itemsize)

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
