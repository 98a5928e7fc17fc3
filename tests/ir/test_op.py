import numpy as np
import pytest

import firth.ops  # noqa: F401 (fills the table)
from firth.base import dtype as dt
from firth.base.errors import ArgumentError, ShapeError, VerifyError
from firth.ir.op import TABLE, Expr, declare, input_node


def variable(shape=(2, 3), dtype=dt.float32):
    return Expr(input_node(0, shape, dtype))


def test_a_name_is_declared_once():
    with pytest.raises(VerifyError, match="declared twice"):
        declare("const", doc="", shape=None, dtype=None, ref=None)


def test_bind_fills_defaults_in_order():
    op = TABLE["sum"]
    bound = op.bind({"axes": (0,), "keepdims": True})
    assert bound == tuple({"axes": (0,), "keepdims": True}[name] for name in op.attrs)


@pytest.mark.parametrize("attrs", [{}, {"axes": (0,), "keepdims": False, "colour": 1}])
def test_bind_refuses_missing_and_unknown_attributes(attrs):
    with pytest.raises(ArgumentError, match="sum: wrong attributes"):
        TABLE["sum"].bind(attrs)


@pytest.mark.parametrize(
    ("write", "name"),
    [
        (lambda a, b: a + b, "add"),
        (lambda a, b: a - b, "sub"),
        (lambda a, b: a * b, "mul"),
        (lambda a, b: a / b, "div"),
        (lambda a, b: a % b, "remainder"),
        (lambda a, b: a**b, "pow"),
        (lambda a, b: a < b, "less"),
        (lambda a, b: a == b, "equal"),
        (lambda a, b: -a, "neg"),
        (lambda a, b: abs(a), "abs"),
    ],
)
def test_operators_of_expressions(write, name):
    assert write(variable(), variable()).node.op is TABLE[name]


def test_numbers_are_constants_of_the_neighbours_dtype():
    node = (variable(dtype=dt.float16) * 2.5).node
    assert node.src[1].op.name == "const" and node.src[1].dtype is dt.float16
    swapped = (1 - variable()).node
    assert swapped.src[0].op.name == "const" and swapped.src[0].attr("value") == 1


def test_a_source_that_is_neither_is_refused():
    with pytest.raises(ArgumentError, match="check the rule"):
        TABLE["add"](variable(), "two")


def test_shapes_are_checked_when_a_node_is_made():
    with pytest.raises(ShapeError):
        variable((2, 3)) + variable((4,))


def test_every_declaration_is_complete():
    for op in TABLE.values():
        assert op.doc.strip(), op
        assert callable(op.shape) and callable(op.dtype) and callable(op.ref), op
        assert set(op.defaults) <= set(op.attrs), op


def test_const_means_its_value():
    value = TABLE["const"].ref(value=300, dtype=dt.uint8)
    assert value.dtype == np.uint8 and value.shape == ()
