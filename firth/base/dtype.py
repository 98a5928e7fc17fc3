"""The dtype table and promotion.

Promotion follows the Python Array API standard (https://data-apis.org/array-api/latest/); where the
standard says nothing (an integer meets a float) the float wins, as in PyTorch.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from firth.base.errors import DTypeError

_NumpyDType = np.dtype


class DType:
    """An element type. kind: 'b' bool, 'i' signed, 'u' unsigned, 'f' float, 'c' complex.

    np: NumPy's dtype.
    """

    __slots__ = ("bits", "itemsize", "kind", "name", "np")

    np: _NumpyDType

    def __init__(self, name: str, kind: str, itemsize: int, np_dtype: object) -> None:
        self.name = name
        self.kind = kind
        self.itemsize = itemsize
        self.bits = itemsize * 8
        if np_dtype is not None:
            self.np = np.dtype(np_dtype)  # type: ignore[call-overload]

    def __getattr__(self, name: str) -> _NumpyDType:
        """bfloat16's `np`, when it is first asked for: NumPy has none, and `import firth` waits."""
        if name != "np":
            raise AttributeError(f"DType has no {name!r}")
        import ml_dtypes

        self.np = np.dtype(ml_dtypes.bfloat16)
        return self.np

    def __repr__(self) -> str:
        return f"firth.{self.name}"

    def __reduce__(self) -> str:
        return "bool_" if self.kind == "b" else self.name

    @property
    def is_floating_point(self) -> bool:
        """True for float16, bfloat16, float32, float64."""
        return self.kind == "f"

    @property
    def is_complex(self) -> bool:
        """True for complex64 and complex128."""
        return self.kind == "c"

    @property
    def is_signed(self) -> bool:
        """True for every dtype that holds negative numbers."""
        return self.kind in "ifc"

    @property
    def is_integer(self) -> bool:
        """True for signed and unsigned integers; bool is not one."""
        return self.kind in "iu"


bool_ = DType("bool", "b", 1, np.bool_)
int8 = DType("int8", "i", 1, np.int8)
int16 = DType("int16", "i", 2, np.int16)
int32 = DType("int32", "i", 4, np.int32)
int64 = DType("int64", "i", 8, np.int64)
uint8 = DType("uint8", "u", 1, np.uint8)
uint16 = DType("uint16", "u", 2, np.uint16)
uint32 = DType("uint32", "u", 4, np.uint32)
uint64 = DType("uint64", "u", 8, np.uint64)
float16 = DType("float16", "f", 2, np.float16)
bfloat16 = DType("bfloat16", "f", 2, None)
float32 = DType("float32", "f", 4, np.float32)
float64 = DType("float64", "f", 8, np.float64)
complex64 = DType("complex64", "c", 8, np.complex64)
complex128 = DType("complex128", "c", 16, np.complex128)

ALL: Final = (
    bool_, int8, int16, int32, int64, uint8, uint16, uint32, uint64,
    float16, bfloat16, float32, float64, complex64, complex128,
)  # fmt: skip
BY_NAME: Final = {d.name: d for d in ALL}
_BY_NUMPY: Final = {d.np: d for d in ALL if d is not bfloat16}

_KIND_RANK: Final = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def of_numpy(dtype: np.dtype) -> DType | None:
    """The Firth dtype of a NumPy dtype (byte order ignored), or None."""
    found = _BY_NUMPY.get(dtype.newbyteorder("="))
    return bfloat16 if found is None and dtype.name == "bfloat16" else found


def from_numpy(dtype: object) -> DType:
    """The Firth dtype of a NumPy dtype (byte order ignored); DTypeError where there is none."""
    np_dtype = np.dtype(dtype)  # type: ignore[call-overload]
    found = of_numpy(np_dtype)
    if found is None:
        raise DTypeError(
            f"from_numpy: there is no Firth dtype for NumPy's {np_dtype}; "
            f"got {np_dtype}, expected one of {', '.join(BY_NAME)}; "
            "convert the array first, e.g. array.astype('float32')"
        )
    return found


def _promote_pair(a: DType, b: DType) -> DType | None:
    if a is b:
        return a
    if _KIND_RANK[a.kind] > _KIND_RANK[b.kind]:
        a, b = b, a
    # b now has the higher (or the same) kind
    if a.kind == "b":
        return b
    if b.kind == "c":
        wide = a is float64 or a is complex128 or b is complex128
        return complex128 if wide else complex64
    if b.kind == "f":
        if a.kind in "iu":
            return b
        return _wider(a, b) if a.itemsize != b.itemsize else float32  # float16 meets bfloat16
    if a.kind == b.kind:
        return _wider(a, b)
    unsigned, signed = (a, b) if a.kind == "u" else (b, a)
    if signed.itemsize > unsigned.itemsize:
        return signed
    return BY_NAME.get(f"int{2 * unsigned.bits}")  # uint64 meets a signed integer: none


def _wider(a: DType, b: DType) -> DType:
    return a if a.itemsize >= b.itemsize else b


_PROMOTION: Final = {(a, b): _promote_pair(a, b) for a in ALL for b in ALL}


def promote(a: DType, b: DType) -> DType:
    """The dtype of an operation on two arrays; DTypeError for uint64 with a signed integer."""
    found = _PROMOTION.get((a, b))
    if not (isinstance(a, DType) and isinstance(b, DType)):
        wrong = b if isinstance(a, DType) else a
        raise DTypeError(
            f"promote: this is no dtype; got {type(wrong).__name__}, expected a dtype; "
            "write e.g. firth.float32"
        )
    if found is None:
        raise DTypeError(
            f"promote: {a.name} and {b.name} have no common dtype; got {a.name} and {b.name}, "
            "expected dtypes that one dtype can hold; cast one of them, e.g. x.to(firth.int64)"
        )
    return found


def scalar_dtype(dtype: DType, value: bool | int | float | complex) -> DType:
    """The dtype of `array op number`: a Python number is weak, it only raises the kind."""
    if isinstance(value, bool) or dtype.kind == "c":
        return dtype
    if isinstance(value, complex):
        return complex128 if dtype is float64 else complex64
    if isinstance(value, float):
        return dtype if dtype.kind == "f" else float32
    return int64 if dtype.kind == "b" else dtype
