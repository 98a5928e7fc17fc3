"""Puts this package in PyTorch's place: `import torch` then finds Firth."""

from __future__ import annotations

from firth.compat import torch
from firth.compat.missing import take_place


def install() -> None:
    """Enters every module of the package in sys.modules under PyTorch's name for it.

    Raises ImportError when PyTorch itself is loaded already.
    """
    take_place(torch)
