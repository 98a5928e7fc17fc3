"""Writes docs/conformance/onnx.md: `python -m tests.conformance.onnx.page`."""

from __future__ import annotations

import unittest
from collections import Counter
from pathlib import Path

import onnx

from firth.onnx.registry import names
from tests.conformance.onnx.backend import cases, reasons

PAGE = Path(__file__).resolve().parents[3] / "docs" / "conformance" / "onnx.md"

_HEAD = """# ONNX beside the standard's own suite

The `onnx` package holds a suite for backends: one model for nearly every operator and opset
version, the same written out by the bodies of the standard's functions ("expanded"), models
exported by PyTorch, and large networks. Here is what `firth.onnx` does with those of onnx
{version} (opset {opset}) on the CPU. This page is written by
`python -m tests.conformance.onnx.page`; `make conformance` runs the suite.

| group | passing | of |
|---|---|---|
{rows}

{count} operators of the standard have a rule of their own; others run by the body that the
standard gives.

## What fails, and why

| case | reason |
|---|---|
{failing}
"""

_GROUPS = {
    "OnnxBackendNodeModelTest": "one operator",
    "OnnxBackendSimpleModelTest": "simple models",
    "OnnxBackendPyTorchConvertedModelTest": "PyTorch layers",
    "OnnxBackendPyTorchOperatorModelTest": "PyTorch operators",
    "OnnxBackendRealModelTest": "large networks",
}


def measure() -> tuple[Counter[str], Counter[str], set[str]]:
    """(all, passing) counts by group, and the names of the cases that fail."""
    total: Counter[str] = Counter()
    passing: Counter[str] = Counter()
    failing: set[str] = set()
    for name, case in cases(__name__).items():
        for test in (n for n in vars(case) if n.startswith("test_")):
            group = _GROUPS[name] + (", expanded" if "_expanded" in test else "")
            total[group] += 1
            result = unittest.TestResult()
            case(test).run(result)
            if result.wasSuccessful() and not result.skipped:
                passing[group] += 1
            else:
                failing.add(test)
    return total, passing, failing


def page() -> str:
    """The page's text, from a run of all cases."""
    total, passing, failing = measure()
    why = reasons()
    rows = [f"| {group} | {passing[group]} | {total[group]} |" for group in total]
    rows.append(f"| all | {passing.total()} | {total.total()} |")
    bad = [f"| `{n.removesuffix('_cpu')}` | {why.get(n, 'unknown')} |" for n in sorted(failing)]
    return _HEAD.format(
        version=onnx.__version__, opset=onnx.defs.onnx_opset_version(), rows="\n".join(rows),
        count=len(names()), failing="\n".join(bad),
    )  # fmt: skip


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
