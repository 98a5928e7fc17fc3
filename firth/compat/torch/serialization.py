"""`torch.save` and `torch.load`: safetensors with the plain data beside the tensors as JSON.

A file of `save` is a safetensors file whatever its name. Where the object is more than a flat dict
of tensors, its metadata hold one JSON text under the key `firth.structure`; tensors stand in it by
name. `load` reads those, other safetensors files and weight-only files of PyTorch. No pickle is
ever made.
"""

from __future__ import annotations

import json
import math
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

import firth
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, FormatError
from firth.io import safetensors, torch_file
from firth.nn import Module, Parameter

STRUCTURE = "firth.structure"
File = str | os.PathLike[str] | BinaryIO


def save(obj: Any, f: File, pickle_module: Any = None, pickle_protocol: Any = None) -> None:
    """Writes tensors, or dicts, lists and tuples of them and of plain data, to a file.

    The arguments about pickle are accepted and mean nothing. Raises ArgumentError for modules and
    other objects: save their state_dict().
    """
    if _is_state_dict(obj):
        arrays, metadata = {name: t.detach().numpy() for name, t in obj.items()}, {}
    else:
        writer = _Writer()
        metadata = {STRUCTURE: json.dumps(writer.encode(obj, ()), allow_nan=False)}
        arrays = writer.arrays
    if isinstance(f, (str, os.PathLike)):
        safetensors.save_file(arrays, f, metadata)
    else:
        f.write(safetensors.save(arrays, metadata))


def load(
    f: File,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool = True,
    mmap: bool | None = None,
) -> Any:
    """What a file of `save`, a safetensors file or a weight-only file of PyTorch holds.

    map_location, mmap and weights_only are accepted; tensors are made on the CPU, and a file that
    is more than weights and plain data is refused with FormatError, whatever weights_only says.
    """
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return _load(file, str(f))
    return _load(f, "the file")


def _is_state_dict(obj: Any) -> bool:
    """A dict of tensors by name needs no structure, so that any reader of safetensors knows all."""
    if not isinstance(obj, dict) or not obj or "__metadata__" in obj:
        return False
    plain = (isinstance(v, firth.Tensor) and not isinstance(v, Parameter) for v in obj.values())
    return all(isinstance(k, str) for k in obj) and all(plain)


def _load(file: BinaryIO, where: str) -> Any:
    start = file.tell()
    head = file.read(9)
    file.seek(start)
    if torch_file.is_zip(head):
        return torch_file.load_file(file, build=_leaf)
    if not safetensors.is_safetensors(head):
        raise torch_file.refuse_legacy(where)
    arrays, metadata = safetensors.load_with_metadata(file)
    if STRUCTURE not in metadata:
        return OrderedDict((name, firth.from_numpy(array)) for name, array in arrays.items())
    try:
        return _Reader(arrays).decode(json.loads(metadata[STRUCTURE]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise FormatError(
            f"load: {where}: its structure is not one of firth.compat.torch.save; got "
            f"{metadata[STRUCTURE][:80]!r}, expected JSON of that form; save the file again"
        ) from None


def _leaf(array: np.ndarray, requires_grad: bool) -> firth.Tensor:
    tensor = firth.from_numpy(np.ascontiguousarray(array).reshape(array.shape))
    return Parameter(tensor) if requires_grad else tensor


class _Writer:
    """Turns an object into JSON and named arrays; one tensor met twice is written once."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}
        self._names: dict[int, str] = {}
        self._kept: list[Any] = []  # ids stay theirs while the object lives

    def encode(self, value: Any, path: tuple[str, ...]) -> Any:
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, firth.Tensor):
            kind = "parameter" if isinstance(value, Parameter) else "tensor"
            return {kind: self._name(value, value.detach().numpy, path)}
        if isinstance(value, np.ndarray):
            return {"array": self._name(value, lambda: value, path)}
        if isinstance(value, (np.generic, int, float)):
            return _number(value.item() if isinstance(value, np.generic) else value)
        if isinstance(value, dt.DType):
            return {"dtype": value.name}
        return self._container(value, path)

    def _container(self, value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, (list, tuple)):
            items = [self.encode(v, (*path, str(i))) for i, v in enumerate(value)]
            return items if isinstance(value, list) else {"tuple": items}
        if isinstance(value, dict):
            kind = "ordered" if isinstance(value, OrderedDict) else "dict"
            pairs = [
                [self.encode(k, path), self.encode(v, (*path, str(k)))] for k, v in value.items()
            ]
            return {kind: pairs}
        fix = "save its state_dict()" if isinstance(value, Module) else "save plain data instead"
        raise ArgumentError(
            f"save: an object that is not plain data at {'.'.join(path) or 'the top'}; got "
            f"{type(value).__name__}, expected tensors, numbers, text, dicts, lists, tuples; {fix}"
        )

    def _name(self, owner: Any, array: Callable[[], np.ndarray], path: tuple[str, ...]) -> str:
        if id(owner) not in self._names:
            stem = ".".join(path) or "tensor"
            name, count = stem, 1
            while name in self.arrays or name == "__metadata__":
                name, count = f"{stem}#{count}", count + 1
            self.arrays[name] = array()
            self._names[id(owner)] = name
            self._kept.append(owner)
        return self._names[id(owner)]


def _number(value: int | float) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


class _Reader:
    """The way back."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self._arrays = arrays
        self._made: dict[tuple[str, str], Any] = {}

    def decode(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self.decode(item) for item in tree]
        if not isinstance(tree, dict):
            return tree
        ((kind, content),) = tree.items()
        if kind in ("tensor", "parameter", "array"):
            return self._array(kind, content)
        if kind == "tuple":
            return tuple(self.decode(item) for item in content)
        if kind in ("dict", "ordered"):
            pairs = [(self.decode(k), self.decode(v)) for k, v in content]
            return dict(pairs) if kind == "dict" else OrderedDict(pairs)
        if kind == "dtype":
            return dt.BY_NAME[content]
        if kind == "float":
            return float(content)
        raise ValueError(kind)

    def _array(self, kind: str, name: str) -> Any:
        if (kind, name) not in self._made:
            array = self._arrays[name]
            self._made[kind, name] = array if kind == "array" else _leaf(array, kind == "parameter")
        return self._made[kind, name]
