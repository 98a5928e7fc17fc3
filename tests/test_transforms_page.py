"""The examples of docs/transforms.md run and say what the page says."""

from __future__ import annotations

import doctest
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "transforms.md"


def test_the_page_is_true():
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    failed, run = doctest.testfile(str(PAGE), module_relative=False, optionflags=flags)
    assert run > 20 and not failed
