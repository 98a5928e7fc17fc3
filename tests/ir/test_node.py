from firth.base import dtype as dt
from firth.ir.op import const_node, input_node


def test_attributes_by_name():
    node = const_node(3, dt.int32)
    assert node.attr("value") == 3 and node.attr("dtype") is dt.int32
    assert node.kwargs() == {"value": 3, "dtype": dt.int32}


def test_nodes_are_compared_by_identity():
    assert const_node(3, dt.int32) != const_node(3, dt.int32)


def test_a_node_prints_as_one_line():
    assert repr(input_node(2, (3, 4), dt.float16)) == "<input(index=2) float16[3, 4]>"
