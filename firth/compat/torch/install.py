"""Puts this package in PyTorch's place: `import torch` then finds Firth."""

from __future__ import annotations

import importlib
import pkgutil
import sys

from firth.compat import torch
from firth.compat.missing import install_finder, peer_name


def install() -> None:
    """Enters every module of the package in sys.modules under PyTorch's name for it.

    Raises ImportError when PyTorch itself is loaded already: one process holds one of the two.
    """
    loaded = sys.modules.get("torch")
    if loaded is not None and loaded is not torch:
        raise ImportError(
            "firth.compat.torch: PyTorch is loaded already; got a loaded torch, expected none; "
            "call install() before anything imports torch"
        )
    sys.modules["torch"] = torch
    for found in pkgutil.walk_packages(torch.__path__, f"{torch.__name__}."):
        last = found.name.rpartition(".")[2]
        if not last.startswith("_") and last != "install":
            sys.modules[peer_name(found.name)] = importlib.import_module(found.name)
    install_finder()
