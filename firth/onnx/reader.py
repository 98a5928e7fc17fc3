"""Reading ONNX files: protobuf to arrays. Everything a file claims is checked against its bytes.

Protobuf itself is read by the `onnx` package (an extra). Data kept in other files is mapped, so
that models of any size load; those files lie in the model's own folder and nowhere else.
"""

from __future__ import annotations

import math
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np

from firth.base.errors import FirthError, FormatError, message
from firth.onnx.values import BITS, element

MAX_FILE_BYTES = 2**31 - 1  # what protobuf can hold
MAX_DIMS = 64  # NumPy 2 holds at most so many
MAX_SPARSE_BYTES = 2**31  # of a sparse tensor written out

# Where a tensor's numbers are when they are not raw bytes, by element type.
_FIELDS = {
    **dict.fromkeys((1, 14), "float_data"), **dict.fromkeys((11, 15), "double_data"),
    7: "int64_data", **dict.fromkeys((12, 13), "uint64_data"), 8: "string_data",
}  # fmt: skip


class OnnxMissing(FirthError, ImportError):
    """The `onnx` package is not installed."""


def onnx_package() -> Any:
    """The `onnx` package; ImportError with the way to install it."""
    try:
        import onnx
    except ImportError:
        raise OnnxMissing(
            message("onnx", "the onnx package reads the format", "no such package", "onnx",
                    "pip install 'firth[onnx]'")
        ) from None  # fmt: skip
    return onnx


def wrong(
    text: str, got: object, expected: str, fix: str = "export the model again"
) -> FormatError:
    """The error of a file that is not what the format says."""
    return FormatError(message("onnx", text, str(got), expected, fix))


def read_model(source: Any) -> tuple[Any, Path | None]:
    """(ModelProto, its folder) of a path, bytes, or a ModelProto, which is taken as it is."""
    onnx = onnx_package()
    if isinstance(source, onnx.ModelProto):
        return source, None
    folder = None
    if not isinstance(source, (bytes, bytearray, memoryview)):
        path = Path(os.fspath(source))
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise wrong(f"{path} is no file", path, "a regular file", "give the path of a model")
        if info.st_size > MAX_FILE_BYTES:
            raise wrong(
                f"{path} is too long for protobuf", f"{info.st_size} bytes",
                f"at most {MAX_FILE_BYTES}", "keep its tensors in another file (external data)",
            )  # fmt: skip
        source, folder = path.read_bytes(), path.resolve().parent
    model = onnx.ModelProto()
    try:
        model.ParseFromString(bytes(source))
    except Exception as error:  # protobuf has several kinds, one for each of its engines
        raise wrong("this is no ONNX model", str(error) or "bytes", "a ModelProto") from None
    if not model.HasField("graph"):
        raise wrong("the model has no graph", f"{len(source)} bytes", "a graph")
    _check_text(model)
    return model, folder


_STRING, _MESSAGE = 9, 11  # protobuf's numbers of these types


def _check_text(proto: Any) -> None:
    """FormatError for a name that is not UTF-8: protobuf hands its bytes out instead of text."""
    for field, value in proto.ListFields():
        if field.type not in (_STRING, _MESSAGE):
            continue
        single = isinstance(value, (str, bytes)) or hasattr(value, "ListFields")
        for each in (value,) if single else value:
            if field.type == _MESSAGE:
                _check_text(each)
            elif not isinstance(each, str):
                raise wrong(f"{field.name} is no text", repr(each[:40]), "UTF-8")


class Tensors:
    """Decodes the tensors of one model.

    folder: where the files of external data are; None where there can be none.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._claimed = 0
        self._files: dict[Path, int] = {}

    def array(self, proto: Any) -> np.ndarray:
        """A TensorProto's array. FormatError where its claims and its bytes differ."""
        kind = element(proto.data_type)
        shape = _shape(proto.dims, proto.name)
        count = math.prod(shape)
        if proto.data_location == 1:
            return self._external(proto, kind, shape, count)
        if proto.HasField("raw_data"):
            return _from_bytes(proto.raw_data, kind, shape, proto.name)
        field = getattr(proto, _FIELDS.get(proto.data_type, "int32_data"))
        return _from_field(field, kind, shape, proto.name)

    def sparse(self, proto: Any) -> np.ndarray:
        """A SparseTensorProto written out."""
        shape = _shape(proto.dims, proto.values.name)
        values, places = self.array(proto.values), self.array(proto.indices)
        if math.prod(shape) * values.itemsize > MAX_SPARSE_BYTES:
            raise wrong(
                "a sparse tensor is too large to be written out", shape, f"{MAX_SPARSE_BYTES} bytes"
            )
        if places.ndim == 2 and places.shape == (values.size, len(shape)):
            spot: Any = tuple(places.T)
        elif places.shape == (values.size,):
            spot = np.unravel_index(_inside(places, math.prod(shape)), shape)
        else:
            raise wrong("indices of a sparse tensor do not fit", places.shape, "one per value")
        for axis, found in enumerate(spot):
            _inside(found, shape[axis])
        out = np.zeros(shape, values.dtype)
        out[spot] = values
        return out

    def _external(
        self, proto: Any, kind: np.dtype[Any], shape: tuple[int, ...], count: int
    ) -> np.ndarray:
        entries = {entry.key: entry.value for entry in proto.external_data}
        path = self._path(entries.get("location", ""), proto.name)
        try:
            start = int(entries.get("offset", "0"))
            length = int(entries["length"]) if "length" in entries else None
        except ValueError:
            raise wrong(f"external data of {proto.name!r}", entries, "whole numbers") from None
        needed = _byte_count(kind, count)
        held = self._size(path)
        length = needed if length is None else length
        if kind.hasobject or length != needed or start < 0 or start + needed > held:
            raise wrong(
                f"external data of {proto.name!r} does not fit its file",
                f"{kind} {shape}, offset {start}, length {length}, a file of {held} bytes",
                f"{needed} bytes inside the file",
            )
        self._claimed += needed
        if self._claimed > sum(self._files.values()):
            raise wrong(
                "tensors claim more external bytes than there are", self._claimed,
                f"at most {sum(self._files.values())}",
            )  # fmt: skip
        if not needed:
            return np.zeros(shape, kind)
        stored = np.memmap(path, np.uint8, "r", start, (needed,))
        return _decode(stored, kind, shape)

    def _path(self, location: str, name: str) -> Path:
        """The file of external data: a regular one inside the model's folder, links followed."""
        if self.folder is None:
            raise wrong(
                f"{name!r} is in another file", location, "a model given by its path",
                "load it by its path, or load the external data into the ModelProto",
            )  # fmt: skip
        try:
            where = Path(os.path.realpath(self.folder / location))
            fits = where.is_relative_to(os.path.realpath(self.folder)) and where.is_file()
        except (ValueError, OSError):  # a name that no file can have
            where, fits = self.folder, False
        if not fits or os.path.isabs(location):
            raise wrong(
                f"{name!r} names no file of the model's folder", repr(location),
                "a file in the same folder or below", "put the file there",
            )  # fmt: skip
        return where

    def _size(self, path: Path) -> int:
        if path not in self._files:
            self._files[path] = path.stat().st_size
        return self._files[path]


def _inside(places: np.ndarray, extent: int) -> np.ndarray:
    if places.size and (places.min() < 0 or places.max() >= extent):
        raise wrong("indices of a sparse tensor are outside", places.max(), f"below {extent}")
    return places


_MOST_ELEMENTS = 1 << 48


def _shape(dims: Any, name: str) -> tuple[int, ...]:
    shape = tuple(int(d) for d in dims)
    if any(d < 0 for d in shape) or len(shape) > MAX_DIMS:
        raise wrong(f"tensor {name!r} has no such shape", shape, f"at most {MAX_DIMS} extents >= 0")
    if math.prod(max(extent, 1) for extent in shape) > _MOST_ELEMENTS:  # beside an extent of 0
        raise wrong(f"absurd extents of {name!r}", shape, f"at most {_MOST_ELEMENTS} elements")
    return shape


def _byte_count(kind: np.dtype[Any], count: int) -> int:
    return -(-count * BITS.get(kind, 8 * kind.itemsize) // 8)


def _from_bytes(data: bytes, kind: np.dtype[Any], shape: tuple[int, ...], name: str) -> np.ndarray:
    needed = _byte_count(kind, math.prod(shape))
    if kind.hasobject or len(data) != needed:
        raise wrong(
            f"tensor {name!r} has other bytes than it says", f"{len(data)} bytes",
            f"{needed} bytes of {kind} for shape {shape}",
        )  # fmt: skip
    return _decode(np.frombuffer(data, np.uint8), kind, shape)


def _decode(stored: np.ndarray, kind: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Little-endian bytes as an array; several elements to a byte where they are that narrow."""
    if kind in BITS:
        return _unpack(stored, kind, math.prod(shape)).reshape(shape)
    order = kind.newbyteorder("<") if kind.kind in "iufc" else kind
    return stored.view(order).reshape(shape)


def _unpack(stored: np.ndarray, kind: np.dtype[Any], count: int) -> np.ndarray:
    """Elements of 2, 4 or 6 bits, the first in the lowest bits."""
    bits = BITS[kind]
    each = np.unpackbits(np.ascontiguousarray(stored), bitorder="little")[: count * bits]
    weights = (1 << np.arange(bits)).astype(np.uint8)
    codes = (each.reshape(count, bits) * weights).sum(1).astype(np.uint8)
    if kind.name.startswith("int"):
        codes = (codes ^ (1 << (bits - 1))).astype(np.int8) - np.int8(1 << (bits - 1))
        return codes.astype(kind)
    return codes.astype(kind) if kind.name.startswith("uint") else codes.view(kind)


def _from_field(field: Any, kind: np.dtype[Any], shape: tuple[int, ...], name: str) -> np.ndarray:
    """An array from the lists of numbers of a TensorProto."""
    count = math.prod(shape)
    if kind.hasobject:
        numbers: Any = np.array([bytes(s).decode("utf-8", "replace") for s in field], object)
    elif kind in BITS:
        stored = np.array(field, np.int64).astype(np.uint8)
        if len(stored) != _byte_count(kind, count):
            raise wrong(f"tensor {name!r} has another count", len(stored), f"{count} elements")
        return _unpack(stored, kind, count).reshape(shape)
    elif kind.kind == "c":
        numbers = np.array(field, kind.type(0).real.dtype).view(kind) if len(field) % 2 == 0 else ()
    elif kind.kind in "fV" and kind.itemsize < 4:  # bits of half types and narrower
        numbers = np.array(field, np.int64).astype(f"u{kind.itemsize}").view(kind)
    else:
        numbers = np.array(field).astype(kind)
    if len(numbers) != count:
        raise wrong(f"tensor {name!r} has another count", len(numbers), f"{count} for {shape}")
    return numbers.reshape(shape)  # type: ignore[no-any-return]
