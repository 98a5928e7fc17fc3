"""The backend suite inside the onnx package passes, but for what failures.txt names."""

from __future__ import annotations

import unittest

import pytest

pytest.importorskip("onnx")

from tests.conformance.onnx.backend import cases, reasons

_CASES = cases(__name__)
_FAILING = reasons()

for _case in _CASES.values():
    for _name in _FAILING.keys() & vars(_case).keys():
        setattr(_case, _name, unittest.expectedFailure(getattr(_case, _name)))
globals().update(_CASES)


def test_listed_names_exist():
    known = {name for case in _CASES.values() for name in vars(case)}
    assert known >= _FAILING.keys()
