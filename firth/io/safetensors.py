"""Reading and writing safetensors: eight bytes of length, a JSON header, then the tensors' bytes.

The format is at https://huggingface.co/docs/safetensors. Everything a header says is checked
against the file before memory is allocated.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from firth.base.errors import ArgumentError, DTypeError, FormatError

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
    "C64": np.dtype("<c8"),
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
MAX_HEADER_BYTES = 100_000_000
MAX_DIMS = 64  # NumPy 2 holds at most so many


@dataclass(frozen=True)
class Entry:
    """One tensor of a file: its dtype, shape, and first and one-past-last byte after the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True)
class Header:
    """What a file says of itself: entries by name, metadata, and the first byte of data."""

    entries: dict[str, Entry]
    metadata: dict[str, str]
    data_start: int


def save(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a safetensors file that holds the arrays. Raises as `save_file` does."""
    return b"".join(_chunks(arrays, metadata))


def save_file(
    arrays: Mapping[str, np.ndarray],
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Writes arrays of any shape to `path`, wholly or not at all.

    The file appears under its name only when its last byte is on disk. Raises ArgumentError for
    names or metadata that are not text, DTypeError for dtypes that the format lacks.
    """
    chunks = list(_chunks(arrays, metadata))
    target = Path(os.path.realpath(path))
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        with target.open("wb") as file:  # a pipe or a device cannot be replaced
            file.writelines(chunks)
        return
    draft = target.with_name(f".{target.name[:200]}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        with draft.open("xb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            draft.chmod(stat.S_IMODE(target.stat().st_mode))
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def load(data: bytes) -> dict[str, np.ndarray]:
    """The arrays in the bytes of a safetensors file. Raises FormatError as `load_file` does."""
    return load_with_metadata(BytesIO(data))[0]


def load_file(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file by name, bfloat16 as ml_dtypes' bfloat16.

    Raises FormatError when the file is truncated or its header is not one.
    """
    return load_with_metadata(path)[0]


def load_with_metadata(
    file: str | os.PathLike[str] | BinaryIO,
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the text metadata of a safetensors file. Raises FormatError as `load_file`."""
    if isinstance(file, (str, os.PathLike)):
        with open(file, "rb") as opened:
            return load_with_metadata(opened)
    header, where = _read_header(file), _name_of(file)
    arrays = {name: _read_array(file, header, e, where) for name, e in header.entries.items()}
    return arrays, header.metadata


def read_header(path: str | os.PathLike[str]) -> Header:
    """The checked header alone: names, dtypes, shapes and metadata, no data read."""
    with open(path, "rb") as file:
        return _read_header(file)


def is_safetensors(head: bytes) -> bool:
    """Whether a file that begins with `head` (9 bytes or more) can be a safetensors file."""
    return len(head) >= 9 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**40


# writing


def _chunks(
    arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str] | None
) -> Iterator[bytes | memoryview]:
    table: dict[str, object] = {}
    if metadata:
        table["__metadata__"] = _checked_metadata(metadata)
    # names keep their order in the header; data go widest elements first, so that every tensor
    # starts at a multiple of its element size
    ready = {name: _little_endian(name, np.asarray(array)) for name, array in arrays.items()}
    table.update(dict.fromkeys(ready))
    data = sorted(ready.items(), key=lambda item: -item[1].itemsize)
    start = 0
    for name, little in data:
        stop = start + little.nbytes
        table[name] = {
            "dtype": _NAMES[little.dtype],
            "shape": list(little.shape),
            "data_offsets": [start, stop],
        }
        start = stop
    text = json.dumps(table, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER_BYTES:
        raise ArgumentError(
            f"save_file: the header is too large; got {len(text)} bytes, expected at most "
            f"{MAX_HEADER_BYTES}; save in several files or shorten names and metadata"
        )
    yield len(text).to_bytes(8, "little")
    yield text
    for _, array in data:
        if array.nbytes:
            yield array.reshape(-1).view(np.uint8).data


def _checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise ArgumentError(
                f"save_file: metadata is text only; got {key!r}: {type(value).__name__}, expected "
                "str: str; use json.dumps(value)"
            )
    return dict(metadata)


def _little_endian(name: object, array: np.ndarray) -> np.ndarray:
    if not isinstance(name, str) or name == "__metadata__":
        raise ArgumentError(
            f"save_file: not a tensor's name; got {name!r}, expected a str other than "
            "'__metadata__'; rename it"
        )
    dtype = array.dtype.newbyteorder("<")
    if dtype not in _NAMES:
        raise DTypeError(
            f"save_file: {name} has a dtype that safetensors lacks; got {array.dtype}, expected "
            f"one of {', '.join(str(d) for d in _NAMES)}; convert it with .astype(...)"
        )
    return np.ascontiguousarray(array, dtype).reshape(array.shape)


# reading


def _bad(where: str, wrong: str, got: str, expected: str) -> FormatError:
    return FormatError(
        f"load_file: {where}: {wrong}; got {got}, expected {expected}; "
        "the file is damaged or is not a safetensors file: make or download it again"
    )


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the name {key!r} twice")
        found[key] = value
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def _name_of(file: BinaryIO) -> str:
    return str(getattr(file, "name", "the data"))


def _read_header(file: BinaryIO) -> Header:
    where, begin = _name_of(file), file.tell()
    file_bytes = file.seek(0, os.SEEK_END) - begin
    file.seek(begin)
    prefix = file.read(8)
    if len(prefix) < 8:
        raise _bad(where, "the file is too short", f"{len(prefix)} bytes", "8 or more")
    size = int.from_bytes(prefix, "little")
    if size > MAX_HEADER_BYTES or size > file_bytes - 8 or size < 2:
        limit = max(min(MAX_HEADER_BYTES, file_bytes - 8), 2)
        raise _bad(where, "the header's size is wrong", f"{size} bytes", f"2 to {limit}")
    try:
        table = json.loads(
            file.read(size).decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError) as error:
        problem = str(error) or "nesting without end"
        raise _bad(where, "the header is not JSON", problem, "a JSON object") from None
    if not isinstance(table, dict):
        raise _bad(where, "the header is not a table", type(table).__name__, "a JSON object")
    metadata = table.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _bad(where, "metadata is not text", type(metadata).__name__, "text by name")
    entries = {name: _entry(where, name, row) for name, row in table.items()}
    _check_layout(where, entries, file_bytes - 8 - size)
    return Header(entries, metadata, begin + 8 + size)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _entry(where: str, name: str, row: object) -> Entry:
    if not isinstance(row, dict) or set(row) != {"dtype", "shape", "data_offsets"}:
        raise _bad(
            where, f"the entry of {name!r} is wrong", repr(row)[:80], "dtype, shape, data_offsets"
        )
    dtype = DTYPES.get(row["dtype"]) if isinstance(row["dtype"], str) else None
    if dtype is None:
        raise _bad(
            where, f"{name!r} has an unknown dtype", repr(row["dtype"])[:80], ", ".join(DTYPES)
        )
    shape, offsets = row["shape"], row["data_offsets"]
    if not isinstance(shape, list) or len(shape) > MAX_DIMS or not all(map(_is_count, shape)):
        raise _bad(where, f"{name!r} has no shape", repr(shape)[:80], "a list of sizes, 64 at most")
    if not isinstance(offsets, list) or len(offsets) != 2 or not all(map(_is_count, offsets)):
        raise _bad(where, f"{name!r} has no place", repr(offsets)[:80], "[first byte, last byte]")
    size = dtype.itemsize
    for extent in shape:
        size *= extent
    start, stop = offsets
    if stop - start != size:
        got = f"bytes {start} to {stop}"
        raise _bad(where, f"the size of {name!r} is wrong", got, f"{size} bytes for {shape}")
    return Entry(dtype, tuple(shape), start, stop)


def _check_layout(where: str, entries: dict[str, Entry], data_bytes: int) -> None:
    """Tensors must fill the data exactly: no overlap, no hole, no byte beyond."""
    position = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].start, item[1].stop)):
        if entry.start != position:
            wrong = "overlaps another tensor" if entry.start < position else "leaves a hole"
            raise _bad(where, f"{name!r} {wrong}", f"byte {entry.start}", f"byte {position}")
        position = entry.stop
    if position != data_bytes:
        wrong = "the data are truncated" if position > data_bytes else "bytes after the last tensor"
        raise _bad(where, wrong, f"{data_bytes} bytes", f"{position}")


def _read_array(file: BinaryIO, header: Header, entry: Entry, where: str) -> np.ndarray:
    raw = np.empty(entry.stop - entry.start, np.uint8)
    file.seek(header.data_start + entry.start)
    view, done = raw.data, 0
    while done < len(view):
        count = file.readinto(view[done:])  # type: ignore[attr-defined]
        if not count:
            raise _bad(where, "the data end early", f"{done} bytes", f"{len(view)}")
        done += count
    if entry.dtype == np.bool_:
        return np.not_equal(raw, 0).reshape(
            entry.shape
        )  # a bool byte other than 0 and 1 is undefined
    array: np.ndarray = raw.view(entry.dtype).reshape(entry.shape)
    return array.astype(entry.dtype.newbyteorder("="), copy=False)
