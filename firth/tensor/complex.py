"""Complex tensors: made of parts, and taken apart. The parts are views, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from firth.base.dtype import bool_ as _bool
from firth.base.errors import DTypeError, message
from firth.tensor.handle import Tensor
from firth.tensor.lens import view
from firth.tensor.record import apply, user_line
from firth.tensor.shape import transpose


def complex(real: Tensor, imag: Tensor) -> Tensor:
    """Complex numbers of two parts: real (...), imag (...) float -> (...) complex.

    >>> from firth.tensor import tensor
    >>> complex(tensor([1.0, 2.0]), tensor([3.0, -4.0])).tolist()
    [(1+3j), (2-4j)]
    """
    return apply("complex", *_alike("complex", real, imag))


def polar(abs: Tensor, angle: Tensor) -> Tensor:
    """Complex numbers of a length and an angle in radians: (...), (...) float -> (...) complex."""
    return apply("polar", *_alike("polar", abs, angle))


def _alike(op: str, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two tensors of one dtype; DTypeError when there aren't, as in PyTorch."""
    if not isinstance(a, Tensor) or not isinstance(b, Tensor) or a._kind.dtype is not b._kind.dtype:
        got = [x._kind.dtype.name if isinstance(x, Tensor) else type(x).__name__ for x in (a, b)]
        raise DTypeError(
            message(
                op, "the parts differ in dtype", " and ".join(got), "tensors of one float dtype",
                "cast one, e.g. x.to(y.dtype)",
            )
        ).at(user_line())  # fmt: skip
    return a, b


def _is_complex(x: Tensor) -> bool:
    return x._kind.dtype.is_complex


def real(self: Tensor) -> Tensor:
    """The real part, a view; a real tensor itself: (...) -> (...)."""
    return view(self, "real", ()) if _is_complex(self) else self


def imag(self: Tensor) -> Tensor:
    """The imaginary part, a view: (...) complex -> (...). Raises DTypeError for a real tensor."""
    if not _is_complex(self):
        raise DTypeError(
            message(
                "imag", "a real tensor has no imaginary part", self._kind.dtype.name,
                "complex64 or complex128", "use firth.zeros_like(x)",
            )
        ).at(user_line())  # fmt: skip
    return view(self, "imag", ())


def _set_real(self: Tensor, value: Any) -> None:
    real(self).copy_(value)  # type: ignore[attr-defined]


def _set_imag(self: Tensor, value: Any) -> None:
    imag(self).copy_(value)  # type: ignore[attr-defined]


def view_as_real(self: Tensor) -> Tensor:
    """The parts along a new last axis, a view: (...) complex -> (..., 2)."""
    return view(self, "view_as_real", ())


def view_as_complex(self: Tensor) -> Tensor:
    """Two parts along the last axis as one number, a view: (..., 2) float -> (...) complex."""
    return view(self, "view_as_complex", ())


def conj(self: Tensor) -> Tensor:
    """The complex conjugate; a real tensor itself: (...) -> (...).

    >>> from firth.tensor import tensor
    >>> conj(tensor([1 + 2j])).tolist()
    [(1-2j)]
    """
    return apply("conj", self) if _is_complex(self) else self


def angle(self: Tensor) -> Tensor:
    """The angle from the positive real axis in radians: (...) -> (...) float."""
    if _is_complex(self):
        return apply("angle", self)
    zero = apply("mul", self, 0.0)  # NaN stays
    return apply("where", apply("less", self, 0), 3.141592653589793, zero)


def isreal(self: Tensor) -> Tensor:
    """Whether the imaginary part is 0: (...) -> (...) bool."""
    if _is_complex(self):
        return apply("equal", imag(self), 0)
    return apply("full", shape=tuple(self._kind.shape), value=True, dtype=_bool)


def resolve_conj(self: Tensor) -> Tensor:
    """The tensor itself: a conjugate is never put off."""
    return self


def never(self: Tensor) -> bool:
    """False: a conjugate or a negative is never put off."""
    return False


def adjoint(self: Tensor) -> Tensor:
    """The last two dimensions swapped, conjugated: (..., M, N) -> (..., N, M)."""
    return conj(transpose(self, -1, -2))


PROPERTIES: dict[str, tuple[Callable[..., Any], Callable[..., None] | None, str]] = {
    "real": (real, _set_real, "The real part, a view; a real tensor itself."),
    "imag": (imag, _set_imag, "The imaginary part, a view."),
    "H": (adjoint, None, "The last two dimensions swapped, conjugated."),
    "mH": (adjoint, None, "The last two dimensions swapped, conjugated."),
}
METHODS: dict[str, Callable[..., Any]] = {
    "conj": conj, "conj_physical": conj, "angle": angle, "isreal": isreal,
    "resolve_conj": resolve_conj, "resolve_neg": resolve_conj, "adjoint": adjoint,
    "is_conj": never, "is_neg": never,
}  # fmt: skip
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **METHODS, "complex": complex, "polar": polar, "real": real, "imag": imag,
    "view_as_real": view_as_real, "view_as_complex": view_as_complex,
}  # fmt: skip
