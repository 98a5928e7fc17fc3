"""Kernels become LLVM text. Knows vector widths and cache sizes, never a machine."""

from firth.codegen.emit import emit
from firth.codegen.text import Text

__all__ = ["Text", "emit"]
