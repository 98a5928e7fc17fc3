"""What codegen hands out: the text of one kernel and what its caller must know to run it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """LLVM text of one kernel, `void @name(ptr args, i64 tile, ptr scratch)`.

    name: a hash of the text, so that equal kernels are one function. params: the 64-bit words that
    follow the buffers' addresses in `args`. scratch_bytes: private memory, 64-byte aligned.
    """

    name: str
    text: str
    params: tuple[int, ...]
    scratch_bytes: int
