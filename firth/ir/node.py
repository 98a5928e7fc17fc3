"""A node: one immutable value of a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from firth.base.dtype import DType
    from firth.ir.op import Op

Shape = tuple[int, ...]
Attr = Any  # hashable: int, float, bool, str, None, DType and tuples of these


class Node:
    """An op applied to sources: data, compared by identity, never changed after it is made.

    attrs holds the values of `op.attrs`, in that order. origin: the node that this one was made
    for, to find the user's line: of a lowered node the recorded one, of a gradient the node it is
    the gradient of. Nothing but reports depends on it.
    """

    __slots__ = ("attrs", "dtype", "op", "origin", "shape", "src")

    def __init__(
        self, op: Op, src: tuple[Node, ...], attrs: tuple[Attr, ...], shape: Shape, dtype: DType
    ) -> None:
        self.op = op
        self.src = src
        self.attrs = attrs
        self.shape = shape
        self.dtype = dtype
        self.origin: Node | None = None

    def attr(self, name: str) -> Attr:
        """The value of one attribute by name."""
        return self.attrs[self.op.attrs.index(name)]

    def kwargs(self) -> dict[str, Attr]:
        """The attributes as a rule takes them: rule(*sources, **node.kwargs())."""
        return dict(zip(self.op.attrs, self.attrs, strict=True))

    def __repr__(self) -> str:
        attrs = ", ".join(f"{k}={v}" for k, v in self.kwargs().items())
        return f"<{self.op.name}({attrs}) {self.dtype.name}{list(self.shape)}>"
