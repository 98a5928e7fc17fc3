from firth.base import dtype as dt
from firth.ir.graph import Graph, topological
from firth.ir.node import Node
from firth.ir.op import INPUT, input_node


def chain(root: Node, length: int) -> Node:
    for _ in range(length):
        root = Node(INPUT, (root, root), (0,), (), dt.float32)
    return root


def test_sources_come_first_and_each_node_once():
    x = input_node(0, (), dt.float32)
    top = chain(x, 5)
    order = topological([top, x])
    assert order[0] is x and order[-1] is top and len(order) == 6
    place = {id(n): i for i, n in enumerate(order)}
    assert all(place[id(s)] < place[id(n)] for n in order for s in n.src)


def test_depth_needs_no_recursion():
    assert len(topological([chain(input_node(0, (), dt.float32), 50_000)])) == 50_001


def test_unused_inputs_are_not_nodes_of_the_graph():
    used, unused = input_node(0, (), dt.float32), input_node(1, (), dt.float32)
    graph = Graph((used, unused), (chain(used, 1),), donated=((0, 1),))
    assert unused not in graph.nodes()
    other = graph.replace([used])
    assert other.nodes() == (used,) and other.inputs == graph.inputs
    assert other.donated == graph.donated
