"""The examples of docs/onnx.md run and say what the page says."""

from __future__ import annotations

import doctest
from pathlib import Path

from firth.onnx import registry

PAGE = Path(__file__).resolve().parent.parent / "docs" / "onnx.md"


def test_the_page_is_true():
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    try:
        failed, run = doctest.testfile(str(PAGE), module_relative=False, optionflags=flags)
    finally:
        registry._OPS.pop(("", "NoSuchOp"), None)
    assert run > 12 and not failed
