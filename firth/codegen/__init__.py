"""Kernels become LLVM text. Knows vector widths and cache sizes, never a machine."""
