"""Weights on disk: state dicts as safetensors, nothing else and no pickle."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from firth.base.errors import ArgumentError, message
from firth.io import safetensors
from firth.nn.module import IncompatibleKeys, Module
from firth.tensor import Tensor, from_numpy

Path = str | os.PathLike[str]


def save(state: Module | Mapping[str, Any], path: Path) -> None:
    """Writes a module's state dict, or a dict of tensors, as safetensors."""
    named = state.state_dict() if isinstance(state, Module) else state
    arrays = {}
    for name, value in named.items():
        if not isinstance(value, (Tensor, np.ndarray)):
            raise ArgumentError(
                message(
                    "save",
                    f"{name} is not a tensor",
                    type(value).__name__,
                    "a tensor",
                    "save a state dict; keep other things in JSON",
                )  # fmt: skip
            )
        arrays[str(name)] = np.asarray(value)
    safetensors.save_file(arrays, path)


def load(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file by name. FormatError for a broken file."""
    return {name: from_numpy(array) for name, array in safetensors.load_file(path).items()}


def load_into(module: Module, path: Path, strict: bool = True) -> IncompatibleKeys:
    """Copies a file's tensors into a module's parameters and buffers."""
    return module.load_state_dict(load(path), strict)
