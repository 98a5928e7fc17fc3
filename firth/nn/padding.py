"""Padding layers over one, two and three dimensions."""

from __future__ import annotations

from firth.base.errors import ArgumentError, ShapeError, message
from firth.nn import functional as F
from firth.nn.module import Module
from firth.tensor import Tensor


class _Pad(Module):
    mode: str
    dims: int
    value: float | None = None

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        sides = 2 * self.dims
        self.padding = (padding,) * sides if isinstance(padding, int) else tuple(padding)
        if len(self.padding) != sides:
            raise ArgumentError(
                message(type(self).__name__, "other sides than there are", str(padding),
                        f"one number, or {sides}", "give (before, after) from the last dim on")
            )  # fmt: skip

    def extra_repr(self) -> str:
        """The padding of each side, from the last dimension on."""
        return str(self.padding)

    def forward(self, input: Tensor) -> Tensor:
        """input: (N, C, ...) or (C, ...) -> the same, its last dimensions grown."""
        if self.mode == "circular" and input.ndim not in (self.dims + 1, self.dims + 2):
            raise ShapeError(
                message(type(self).__name__, "other dimensions than it pads", str(input.ndim),
                        f"{self.dims + 1} or {self.dims + 2}", "add or join dimensions")
            )  # fmt: skip
        return F.pad(input, self.padding, self.mode, self.value)


class _ConstantPad(_Pad):
    mode = "constant"

    def __init__(self, padding: int | tuple[int, ...], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        """The padding of each side, and the value."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """A constant around the last dimension."""

    dims = 1


class ConstantPad2d(_ConstantPad):
    """A constant around the last two dimensions."""

    dims = 2


class ConstantPad3d(_ConstantPad):
    """A constant around the last three dimensions."""

    dims = 3


class _ZeroPad(_Pad):
    mode, value = "constant", 0.0


class ZeroPad1d(_ZeroPad):
    """Zeros around the last dimension."""

    dims = 1


class ZeroPad2d(_ZeroPad):
    """Zeros around the last two dimensions."""

    dims = 2


class ZeroPad3d(_ZeroPad):
    """Zeros around the last three dimensions."""

    dims = 3


class ReflectionPad1d(_Pad):
    """The last dimension mirrored at its ends."""

    mode, dims = "reflect", 1


class ReflectionPad2d(_Pad):
    """The last two dimensions mirrored at their ends."""

    mode, dims = "reflect", 2


class ReflectionPad3d(_Pad):
    """The last three dimensions mirrored at their ends."""

    mode, dims = "reflect", 3


class ReplicationPad1d(_Pad):
    """The ends of the last dimension repeated."""

    mode, dims = "replicate", 1


class ReplicationPad2d(_Pad):
    """The ends of the last two dimensions repeated."""

    mode, dims = "replicate", 2


class ReplicationPad3d(_Pad):
    """The ends of the last three dimensions repeated."""

    mode, dims = "replicate", 3


class CircularPad1d(_Pad):
    """The last dimension continued from its other end."""

    mode, dims = "circular", 1


class CircularPad2d(_Pad):
    """The last two dimensions continued from their other ends."""

    mode, dims = "circular", 2


class CircularPad3d(_Pad):
    """The last three dimensions continued from their other ends."""

    mode, dims = "circular", 3
