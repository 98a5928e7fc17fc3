"""What the namespace has: `__array_namespace_info__()`."""

from __future__ import annotations

from typing import Any

import firth
from firth import DType
from firth.array_api.dtypes import isdtype
from firth.tensor.device import CPU, Device, check_device

_DTYPES = (
    firth.bool, firth.int8, firth.int16, firth.int32, firth.int64, firth.uint8, firth.uint16,
    firth.uint32, firth.uint64, firth.float32, firth.float64, firth.complex64, firth.complex128,
)  # fmt: skip


class Info:
    """Capabilities, devices and dtypes, as the standard asks for them."""

    def capabilities(self) -> dict[str, Any]:
        """Masks and sizes that depend on values work; any number of dimensions."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> Device:
        """The CPU."""
        return CPU

    def devices(self) -> tuple[Device, ...]:
        """The CPU alone."""
        return (CPU,)

    def default_dtypes(self, *, device: Any = None) -> dict[str, DType]:
        """The dtypes of what is made without one."""
        check_device(device, "default_dtypes")
        real = firth.get_default_dtype()
        return {
            "real floating": real,
            "complex floating": firth.complex128 if real is firth.float64 else firth.complex64,
            "integral": firth.int64,
            "indexing": firth.int64,
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, DType]:
        """The standard's dtypes by name: all, or those of a kind or several."""
        check_device(device, "dtypes")
        return {d.name: d for d in _DTYPES if kind is None or isdtype(d, kind)}


def __array_namespace_info__() -> Info:
    """What this namespace can do."""
    return Info()
