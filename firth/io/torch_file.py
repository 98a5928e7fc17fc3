"""Reading weight-only PyTorch files: the zip archives of `torch.save(model.state_dict(), path)`.

Such an archive holds a pickle and the bytes of storages. The pickle is walked by the machine in
`pickle_machine`, which knows a few opcodes and the names in `_known_globals`, and nothing else.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import FormatError
from firth.io.pickle_machine import Function, Refused, run

Build = Callable[[np.ndarray, bool], Any]

_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,
    EOFError,
    ValueError,
    OverflowError,
)
MAX_PICKLE_BYTES = 512 * 1024 * 1024
MAX_DIMS = 64
_RAW = DType("uint8", "u", 1, np.uint8)  # an untyped storage: numbers of bytes, not of elements
_STORAGES = {
    "DoubleStorage": dt.float64,
    "FloatStorage": dt.float32,
    "HalfStorage": dt.float16,
    "BFloat16Storage": dt.bfloat16,
    "LongStorage": dt.int64,
    "IntStorage": dt.int32,
    "ShortStorage": dt.int16,
    "CharStorage": dt.int8,
    "ByteStorage": dt.uint8,
    "BoolStorage": dt.bool_,
    "ComplexFloatStorage": dt.complex64,
    "ComplexDoubleStorage": dt.complex128,
    "UntypedStorage": _RAW,
}


@dataclass(frozen=True)
class _Storage:
    """Elements of one storage, read-only, as the file has them."""

    array: np.ndarray
    dtype: DType


def is_zip(head: bytes) -> bool:
    """Whether a file that begins with `head` can be a zip archive."""
    return head[:4] == b"PK\x03\x04"


def load_file(
    file: str | os.PathLike[str] | BinaryIO,
    build: Build | None = None,
    max_bytes: int | None = None,
) -> Any:
    """What a weight-only PyTorch file holds: dicts, lists, numbers and text around arrays.

    build: makes a leaf of (array, requires_grad); without it leaves are read-only NumPy arrays,
    those of one storage sharing memory. max_bytes: refuse files whose tensors together are larger;
    by default four times the file and 256 MiB. Raises FormatError for anything but plain weights,
    and executes nothing.
    """
    where = str(file) if isinstance(file, (str, os.PathLike)) else "the file"
    try:
        archive = zipfile.ZipFile(file)
    except _ZIP_ERRORS as error:
        raise _bad(where, "not a whole zip archive", str(error) or "an early end") from None
    with archive:
        return _Archive(archive, where, build, max_bytes).load()


def refuse_legacy(where: str) -> FormatError:
    """The error for files that are neither zip archives nor safetensors."""
    return FormatError(
        f"load: {where}: not a zip archive; got a file of PyTorch before 1.6 or something else, "
        "expected safetensors or a zip file of torch.save; load it in PyTorch and save it again "
        "with torch.save(model.state_dict(), path)"
    )


def _bad(where: str, wrong: str, got: str) -> FormatError:
    return FormatError(
        f"load: {where}: {wrong}; got {got}, expected a file of "
        "torch.save(model.state_dict(), path); make or download it again"
    )


class _Archive:
    """One open archive, every record checked before it is read."""

    def __init__(
        self, archive: zipfile.ZipFile, where: str, build: Build | None, max_bytes: int | None
    ) -> None:
        self._zip = archive
        self._where = where
        self._build = build
        self._storages: dict[str, _Storage] = {}
        self._leaves: dict[int, tuple[Any, np.ndarray]] = {}
        infos = archive.infolist()
        fp = archive.fp
        assert fp is not None
        fp.seek(0, os.SEEK_END)
        size = fp.tell()
        self._left = max_bytes if max_bytes is not None else 4 * size + 256 * 1024 * 1024
        self._infos = {info.filename: info for info in infos}
        self._check_records(infos, size)
        self._prefix = self._find_prefix()
        self._native = self._byte_order()

    def _check_records(self, infos: list[zipfile.ZipInfo], size: int) -> None:
        if len(self._infos) != len(infos):
            raise self._refuse("two records of one name", f"{len(infos) - len(self._infos)} twins")
        for info in infos:
            if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
                raise self._refuse("a compressed record", info.filename)
            if info.flag_bits & 1:
                raise self._refuse("an encrypted record", info.filename)
        total = sum(info.file_size for info in infos)
        if total > size:
            raise self._refuse("records larger than the file", f"{total} bytes in {size}")

    def _refuse(self, wrong: str, got: str) -> FormatError:
        return _bad(self._where, wrong, got)

    def _read(self, name: str) -> bytes:
        try:
            return self._zip.read(name)
        except _ZIP_ERRORS as error:
            raise self._refuse(
                f"the record {name} is damaged", str(error) or "an early end"
            ) from None

    def _find_prefix(self) -> str:
        found = [n[: -len("data.pkl")] for n in self._infos if n.endswith("/data.pkl")]
        if len(found) != 1 or found[0].count("/") != 1:
            raise self._refuse("not an archive of torch.save", f"{len(found)} records data.pkl")
        if f"{found[0]}constants.pkl" in self._infos:
            raise FormatError(
                f"load: {self._where}: a TorchScript program; got code, expected weights; "
                "load it in PyTorch and use torch.save(model.state_dict(), path)"
            )
        return found[0]

    def _byte_order(self) -> str:
        name = f"{self._prefix}byteorder"
        if name not in self._infos:
            return "<"
        order = self._read(name) if self._infos[name].file_size < 16 else b""
        if order not in (b"little", b"big"):
            raise self._refuse("an unknown byte order", repr(order))
        return "<" if order == b"little" else ">"

    def load(self) -> Any:
        name = f"{self._prefix}data.pkl"
        if self._infos[name].file_size > MAX_PICKLE_BYTES:
            raise self._refuse("a huge pickle", f"{self._infos[name].file_size} bytes")
        try:
            return run(self._read(name), self._known_globals(), self._persistent)
        except Refused as error:
            raise FormatError(
                f"load: {self._where}: {error.wrong}; got {error.got}, expected only tensors, "
                "numbers, text, dicts, lists and tuples; in PyTorch, use "
                "torch.save(model.state_dict(), path)"
            ) from None

    def _known_globals(self) -> dict[str, object]:
        table: dict[str, object] = {
            "collections OrderedDict": Function("OrderedDict", _ordered_dict),
            "torch._utils _rebuild_tensor_v2": Function("_rebuild_tensor_v2", self._tensor_v2),
            "torch._utils _rebuild_tensor_v3": Function("_rebuild_tensor_v3", self._tensor_v3),
            "torch._utils _rebuild_parameter": Function("_rebuild_parameter", self._parameter),
            "torch._utils _rebuild_parameter_with_state": Function(
                "_rebuild_parameter_with_state", self._parameter
            ),
            "torch Size": Function("Size", _size),
            "torch device": Function("device", _device),
        }
        for name, dtype in _STORAGES.items():
            table[f"torch {name}"] = _StorageType(dtype)
        table["torch.storage UntypedStorage"] = _StorageType(_RAW)
        for dtype in dt.ALL:
            table[f"torch {dtype.name}"] = dtype
        return table

    def _persistent(self, pid: object) -> _Storage:
        """Storage ('storage', type, key, device, elements), each read once."""
        if not (isinstance(pid, tuple) and len(pid) == 5 and pid[0] == "storage"):
            raise Refused("a reference to something outside", type(pid).__name__)
        _, kind, key, _, count = pid
        if not isinstance(kind, _StorageType) or not isinstance(key, str) or not _is_count(count):
            raise Refused("a storage that is not one", repr(pid)[:80])
        if not key.isascii() or not key.isalnum():
            raise Refused("a storage with a strange name", repr(key)[:80])
        if key not in self._storages:
            self._storages[key] = self._read_storage(key, kind.dtype, count)
        storage = self._storages[key]
        if storage.dtype is not kind.dtype or len(storage.array) < count:
            raise Refused("a storage described in two ways", key)
        return storage

    def _read_storage(self, key: str, dtype: DType, count: int) -> _Storage:
        name = f"{self._prefix}data/{key}"
        info = self._infos.get(name)
        if info is None:
            raise Refused("a storage that the file lacks", key)
        if info.file_size < count * dtype.itemsize:
            raise Refused(
                "a storage larger than its record", f"{count} elements in {info.file_size} bytes"
            )
        raw = np.frombuffer(self._read(name), np.uint8)[: count * dtype.itemsize]
        return _Storage(_elements(raw, dtype, self._native), dtype)

    # the functions that a pickle may name

    def _tensor_v2(self, *args: Any) -> Any:
        if not 4 <= len(args) <= 7 or not isinstance(args[0], _Storage):
            raise Refused("a tensor without a storage", f"{len(args)} arguments")
        storage, offset, size, stride = args[:4]
        return self._leaf(storage.array, offset, size, stride, len(args) > 4 and args[4] is True)

    def _tensor_v3(self, *args: Any) -> Any:
        if not 7 <= len(args) <= 8 or not isinstance(args[0], _Storage):
            raise Refused("a tensor without a storage", f"{len(args)} arguments")
        storage, offset, size, stride, requires_grad, _, dtype = args[:7]
        if not isinstance(dtype, DType) or storage.dtype is not _RAW:
            raise Refused("a tensor without a dtype", repr(dtype)[:80])
        whole = len(storage.array) // dtype.itemsize * dtype.itemsize
        array = _elements(storage.array[:whole], dtype, self._native)
        return self._leaf(array, offset, size, stride, requires_grad is True)

    def _leaf(self, array: np.ndarray, offset: Any, size: Any, stride: Any, grad: bool) -> Any:
        size, stride = _tuple_of(size), _tuple_of(stride)
        counts = (offset, *size, *stride)
        if len(size) != len(stride) or len(size) > MAX_DIMS or not all(map(_is_count, counts)):
            raise Refused("a tensor without a shape", repr((offset, size, stride))[:80])
        last, elements = offset, 1
        for extent, step in zip(size, stride, strict=True):
            last += (extent - 1) * step
            elements *= extent
        if elements and last >= len(array):
            raise Refused("a tensor that leaves its storage", f"element {last} of {len(array)}")
        self._left -= elements * array.itemsize
        if self._left < 0:
            raise Refused("tensors that together are too large", f"shape {size}"[:80])
        if elements == 0:
            view = np.empty(_small(size), array.dtype)
        else:
            steps = tuple(step * array.itemsize for step in stride)
            view = np.lib.stride_tricks.as_strided(array[offset:], size, steps, writeable=False)
        leaf = view if self._build is None else self._build(view, grad)
        self._leaves[id(leaf)] = (leaf, view)
        return leaf

    def _parameter(self, *args: Any) -> Any:
        if not 2 <= len(args) <= 4 or id(args[0]) not in self._leaves:
            raise Refused("a parameter that is not one", f"{len(args)} arguments")
        leaf, view = self._leaves[id(args[0])]
        return leaf if self._build is None else self._build(view, args[1] is True)


@dataclass(frozen=True)
class _StorageType:
    dtype: DType


def _elements(raw: np.ndarray, dtype: DType, order: str) -> np.ndarray:
    if dtype is dt.bool_:
        flags: np.ndarray = np.not_equal(raw, 0)
        return flags
    if order == ">" and dtype.itemsize > 1:
        item = dtype.itemsize // 2 if dtype.is_complex else dtype.itemsize
        raw = np.ascontiguousarray(raw.reshape(-1, item)[:, ::-1]).reshape(-1)
    array: np.ndarray = raw.view(dtype.np)
    return array


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**48


def _tuple_of(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, (tuple, list)):
        raise Refused("a tensor without a shape", type(value).__name__)
    return tuple(value)


def _small(size: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with no elements, its other extents kept only where NumPy can hold them."""
    total = 1
    for extent in size:
        total *= max(extent, 1)
    if total >= 2**60:
        raise Refused("an empty tensor of absurd extents", repr(size)[:80])
    return size


def _ordered_dict(*args: Any) -> OrderedDict[Any, Any]:
    if args not in ((), ([],)):
        raise Refused("an OrderedDict with arguments", f"{len(args)} arguments")
    return OrderedDict()


def _size(*args: Any) -> tuple[int, ...]:
    if len(args) != 1 or not all(map(_is_count, _tuple_of(args[0]))):
        raise Refused("a size that is not one", repr(args)[:80])
    return tuple(args[0])


def _device(*args: Any) -> str:
    if not args or not isinstance(args[0], str):
        raise Refused("a device that is not one", repr(args)[:80])
    return ":".join(str(a) for a in args if isinstance(a, (str, int)))
