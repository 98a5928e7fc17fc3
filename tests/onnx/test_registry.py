from __future__ import annotations

from firth.onnx import registry
from firth.onnx.registry import find, names, op


def test_the_newest_meaning_that_is_not_too_new_is_found():
    assert find("", "Softmax", 12).rule is not find("", "Softmax", 13).rule
    assert find("", "Softmax", 13).since == 13
    assert find("", "Softmax", 28) is find("", "Softmax", 13)
    assert find("", "NoSuchOperator", 13) is None


def test_attributes_are_the_keyword_arguments():
    found = find("", "Gemm", 13)
    assert found.attributes == {"alpha", "beta", "transA", "transB"}
    assert find("", "Split", 13).wants == {"outputs"}
    assert find("", "Reshape", 13).reads(1) and not find("", "Reshape", 13).reads(0)


def test_an_operator_of_ones_own():
    @op("Twice", domain="test.domain")
    def twice(x):
        return x * 2

    try:
        assert find("test.domain", "Twice", 1).rule is twice
        assert ("test.domain", "Twice") in names()
    finally:
        del registry._OPS["test.domain", "Twice"]
