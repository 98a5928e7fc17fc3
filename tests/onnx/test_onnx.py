from __future__ import annotations

import firth


def test_the_public_names():
    assert set(firth.onnx.__all__) == {"Model", "load", "op"}
    assert callable(firth.onnx.load)
