"""Fourier transforms under torch.fft's names: n crops or pads with zeros, dims may be any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import ArgumentError, DTypeError, IndexOutOfRange, ShapeError, message
from firth.tensor.complex import conj
from firth.tensor.creation import arange, get_default_dtype
from firth.tensor.handle import Tensor
from firth.tensor.record import apply, user_line
from firth.tensor.shape import axis_of

_SWAPPED = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
Dims = Sequence[int] | int | None
Sizes = Sequence[int] | int | None


def _norm(op: str, norm: str | None) -> str:
    if norm is None:
        return "backward"
    if norm not in _SWAPPED:
        raise ArgumentError(
            message(
                op, "there is no such norm", repr(norm), "'backward', 'ortho' or 'forward'",
                "leave it out: then only the inverse is divided by n",
            )
        ).at(user_line())  # fmt: skip
    return norm


def _wide(op: str, x: Tensor, complex_ok: bool = True) -> Tensor:
    """The tensor in a dtype that has transforms; integers in the default one."""
    kind = x._kind.dtype
    if kind.kind in "biu":
        return apply("cast", x, dtype=get_default_dtype())
    if kind.kind == "f" and kind.bits < 32:
        raise DTypeError(
            message(
                op, "half precision has no transforms", kind.name, "float32 or float64",
                "cast first, e.g. x.float()",
            )
        ).at(user_line())  # fmt: skip
    if kind.is_complex and not complex_ok:
        raise DTypeError(
            message(
                op, "takes real numbers", kind.name, "a float tensor",
                "use fft for complex numbers, or take x.real",
            )
        ).at(user_line())  # fmt: skip
    return x


def _axes(op: str, x: Tensor, s: Sizes, dim: Dims) -> tuple[list[int], list[int | None]]:
    """The axes to transform, and the extents wanted (None: as they are)."""
    ndim = len(x._kind.shape)
    s = [s] if isinstance(s, int) else s
    dim = [dim] if isinstance(dim, int) else dim
    if dim is None:
        dim = list(range(ndim)) if s is None else list(range(ndim - len(s), ndim))
    axes = [axis_of(op, d, ndim) for d in dim]
    if axes and not ndim:
        raise IndexOutOfRange(
            message(op, "a number has no dimensions", f"dim {tuple(dim)}", "at least one dimension",
                    "reshape it, e.g. x[None]")
        ).at(user_line())  # fmt: skip
    if len(set(axes)) != len(axes):
        raise ArgumentError(
            message(op, "a dimension comes twice", str(tuple(dim)), "distinct dims", "drop one")
        ).at(user_line())
    if s is not None and len(s) != len(axes):
        raise ShapeError(
            message(
                op, "sizes and dims differ in number", f"s={tuple(s)}, dim={tuple(dim)}",
                "one size per dim", "leave s out to keep the sizes",
            )
        ).at(user_line())  # fmt: skip
    given = [None] * len(axes) if s is None else s
    sizes = [None if n in (None, -1) else int(n) for n in given]
    for n in sizes:
        if n is not None and n < 1:
            raise ShapeError(
                message(op, "a transform needs points", f"n = {n}", "1 or more", "check the size")
            ).at(user_line())
    return axes, sizes


def _resized(x: Tensor, axis: int, n: int | None) -> Tensor:
    """x cropped, or padded with zeros at the end, to n elements along an axis."""
    shape = tuple(x._kind.shape)
    if n is None or n == shape[axis]:
        return x
    none = (0,) * len(shape)
    if n < shape[axis]:
        sizes = (*shape[:axis], n, *shape[axis + 1 :])
        return apply("slice", x, starts=none, sizes=sizes, steps=(1,) * len(shape))
    high = tuple(n - shape[a] if a == axis else 0 for a in range(len(shape)))
    return apply("pad", x, low=none, high=high, inner=none, value=0)


def _at_the_end(x: Tensor, axes: list[int]) -> tuple[Tensor, tuple[int, ...] | None]:
    """x with the axes last, and the order that undoes it."""
    ndim = len(x._kind.shape)
    order = (*(a for a in range(ndim) if a not in axes), *axes)
    if order == tuple(range(ndim)):
        return x, None
    return apply("permute", x, axes=order), tuple(order.index(a) for a in range(ndim))


def _back(x: Tensor, order: tuple[int, ...] | None) -> Tensor:
    return x if order is None else apply("permute", x, axes=order)


def _complex(op: str, x: Tensor, s: Sizes, dim: Dims, norm: str | None, inverse: bool) -> Tensor:
    how, x = _norm(op, norm), _wide(op, x)
    axes, sizes = _axes(op, x, s, dim)
    for axis, n in zip(axes, sizes, strict=True):
        x = _resized(x, axis, n)
    if not axes:
        return apply("cast", x, dtype=dt.promote(x._kind.dtype, dt.complex64))
    x, order = _at_the_end(x, axes)
    return _back(apply("fft", x, ndim=len(axes), inverse=inverse, norm=how), order)


def _real(op: str, x: Tensor, s: Sizes, dim: Dims, norm: str | None) -> Tensor:
    how, x = _norm(op, norm), _wide(op, x, complex_ok=False)
    axes, sizes = _some_axes(op, x, s, dim)
    for axis, n in zip(axes, sizes, strict=True):
        x = _resized(x, axis, n)
    x, order = _at_the_end(x, axes)
    return _back(apply("rfft", x, ndim=len(axes), norm=how), order)


def _from_half(op: str, x: Tensor, s: Sizes, dim: Dims, norm: str | None) -> Tensor:
    how, x = _norm(op, norm), _wide(op, x)
    axes, sizes = _some_axes(op, x, s, dim)
    n = sizes[-1] if sizes[-1] is not None else 2 * (x._kind.shape[axes[-1]] - 1)
    if n < 1:
        raise ShapeError(
            message(
                op, "nothing comes out", f"{x._kind.shape[axes[-1]]} elements along the last dim",
                "at least 2, or a size", "pass n=1 (or s=) for a single number",
            )
        ).at(user_line())  # fmt: skip
    for axis, size in zip(axes, [*sizes[:-1], n // 2 + 1], strict=True):
        x = _resized(x, axis, size)
    x, order = _at_the_end(x, axes)
    return _back(apply("irfft", x, ndim=len(axes), odd=n % 2 == 1, norm=how), order)


def _some_axes(op: str, x: Tensor, s: Sizes, dim: Dims) -> tuple[list[int], list[int | None]]:
    axes, sizes = _axes(op, x, s, dim)
    if not axes:
        raise ArgumentError(
            message(op, "no dimension to transform", "no dims", "at least one", "name a dim")
        ).at(user_line())
    return axes, sizes


# --- one dimension --------------------------------------------------------------------------------


def fft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The discrete Fourier transform along a dim: (..., n) -> (..., n) complex.

    norm: 'backward' divides only the inverse by n, 'forward' only this one, 'ortho' both by
    sqrt(n). n crops or pads with zeros first. Gradients are exact, of every order.

    >>> from firth.tensor import tensor
    >>> fft(tensor([1.0, 2.0, 3.0, 4.0])).tolist()
    [(10+0j), (-2+2j), (-2+0j), (-2-2j)]
    """
    return _complex("fft", input, n, dim, norm, False)


def ifft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of fft along a dim: (..., n) -> (..., n) complex."""
    return _complex("ifft", input, n, dim, norm, True)


def rfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """fft of real numbers, the half that matters: (..., n) float -> (..., n // 2 + 1) complex."""
    return _real("rfft", input, n, dim, norm)


def irfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of rfft: (..., m) -> (..., n) float; n is 2 * (m - 1) when left out."""
    return _from_half("irfft", input, n, dim, norm)


def hfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """fft of the half of a signal that its conjugate mirror image completes: -> (..., n) float."""
    return _from_half("hfft", conj(input), n, dim, _SWAPPED[_norm("hfft", norm)])


def ihfft(input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of hfft: (..., n) float -> (..., n // 2 + 1) complex."""
    return conj(_real("ihfft", input, n, dim, _SWAPPED[_norm("ihfft", norm)]))


# --- several dimensions ---------------------------------------------------------------------------


def fftn(input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The Fourier transform over dims (all without any): (...) -> (...) complex; s: their sizes."""
    return _complex("fftn", input, s, dim, norm, False)


def ifftn(input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The inverse of fftn: (...) -> (...) complex."""
    return _complex("ifftn", input, s, dim, norm, True)


def rfftn(input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """fftn of real numbers, half of it along the last dim: -> (..., n // 2 + 1) complex."""
    return _real("rfftn", input, s, dim, norm)


def irfftn(input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The inverse of rfftn: -> (..., n) float; n, the last of s, is 2 * (m - 1) when left out."""
    return _from_half("irfftn", input, s, dim, norm)


def hfftn(input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """fftn of a signal that is conjugate to its mirror image: -> (..., n) float."""
    return _from_half("hfftn", conj(input), s, dim, _SWAPPED[_norm("hfftn", norm)])


def ihfftn(input: Tensor, s: Sizes = None, dim: Dims = None, norm: str | None = None) -> Tensor:
    """The inverse of hfftn: -> (..., n // 2 + 1) complex."""
    return conj(_real("ihfftn", input, s, dim, _SWAPPED[_norm("ihfftn", norm)]))


def _over_two(many: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def two(
        input: Tensor, s: Sizes = None, dim: Dims = (-2, -1), norm: str | None = None
    ) -> Tensor:
        return many(input, s, dim, norm)

    two.__name__ = two.__qualname__ = many.__name__[:-1] + "2"
    two.__doc__ = f"{many.__name__} over the last two dims, or the two in `dim`."
    return two


fft2, ifft2, rfft2, irfft2, hfft2, ihfft2 = map(
    _over_two, (fftn, ifftn, rfftn, irfftn, hfftn, ihfftn)
)

# --- frequencies ----------------------------------------------------------------------------------


def _frequencies(op: str, places: Tensor, n: int, d: float, dtype: DType | None) -> Tensor:
    dtype = dtype or get_default_dtype()
    if n < 1 or dtype.kind not in "fc":
        raise ArgumentError(
            message(
                op, "no frequencies", f"n = {n}, {dtype.name}", "n of 1 or more, a float dtype",
                "give the length of the transform",
            )
        ).at(user_line())  # fmt: skip
    return apply("div", apply("cast", places, dtype=dtype), float(n * d))


def fftfreq(
    n: int, d: float = 1.0, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The frequencies of fft's results, cycles per unit of the spacing d: -> (n).

    >>> fftfreq(4).tolist()
    [0.0, 0.25, -0.5, -0.25]
    """
    i = arange(n, device=device)
    places = apply("where", apply("less", i, (n + 1) // 2), i, apply("sub", i, n))
    out = _frequencies("fftfreq", places, n, d, dtype)
    return out.requires_grad_() if requires_grad else out  # type: ignore[attr-defined,no-any-return]


def rfftfreq(
    n: int, d: float = 1.0, *, dtype: DType | None = None, device: Any = None,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """The frequencies of rfft's results, cycles per unit of the spacing d: -> (n // 2 + 1)."""
    out = _frequencies("rfftfreq", arange(n // 2 + 1, device=device), n, d, dtype)
    return out.requires_grad_() if requires_grad else out  # type: ignore[attr-defined,no-any-return]


def _rolled(op: str, x: Tensor, dim: Dims, forward: bool) -> Tensor:
    axes, _ = _axes(op, x, None, dim)
    extents = [x._kind.shape[a] for a in axes]
    shifts = tuple(n // 2 if forward else -(n // 2) for n in extents)
    return apply("roll", x, shifts=shifts, axes=tuple(axes))


def fftshift(input: Tensor, dim: Dims = None) -> Tensor:
    """Frequency 0 in the middle of dims (all without any): (...) -> (...)."""
    return _rolled("fftshift", input, dim, True)


def ifftshift(input: Tensor, dim: Dims = None) -> Tensor:
    """The inverse of fftshift: (...) -> (...)."""
    return _rolled("ifftshift", input, dim, False)


FFT: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (
        fft, ifft, rfft, irfft, hfft, ihfft, fftn, ifftn, rfftn, irfftn, hfftn, ihfftn, fft2,
        ifft2, rfft2, irfft2, hfft2, ihfft2, fftfreq, rfftfreq, fftshift, ifftshift,
    )
}  # fmt: skip
