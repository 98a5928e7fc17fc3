from __future__ import annotations

import numpy as np
import pytest

import firth.ops
from firth.base import dtype as dt
from firth.base import flags
from firth.ir.graph import Graph
from firth.ir.op import TABLE, Expr, declare, input_node
from firth.runtime.buffer import from_array
from firth.targets.cpu import build, compiler, plans, target

assert firth.ops


@pytest.fixture
def cache(tmp_path):
    flags.put("FIRTH_CACHE", str(tmp_path))
    flags.put("FIRTH_DEBUG", "none")  # the suite verifies passes, which keeps plans from being used
    yield tmp_path
    flags.put("FIRTH_DEBUG", None)
    flags.put("FIRTH_CACHE", None)


def softmax_of_gather(rows: int = 6) -> Graph:
    x = input_node(0, (rows, 8), dt.float32)
    index = input_node(1, (3,), dt.int64)
    checked = TABLE["checked_index"](index, extent=rows)
    row = TABLE["gather"](x, checked, axes=(0,))
    return Graph((x, index), (TABLE["softmax"](row, axis=1).node,))


def run(executable: target.Executable, rows: int = 6) -> np.ndarray:
    x = np.linspace(-3, 3, rows * 8, dtype=np.float32).reshape(rows, 8)
    index = np.array([1, 5, 0])
    (out,) = executable.run([from_array(x), from_array(index)])
    return out.view(dt.float32, (3, 8)).copy()


@pytest.fixture
def compiled(monkeypatch):
    """How many graphs went through passes and code generation."""
    made: list[Graph] = []
    whole = compiler.build_program

    def counted(graph, *rest):
        made.append(graph)
        return whole(graph, *rest)

    monkeypatch.setattr(compiler, "build_program", counted)
    return made


def fresh_process() -> None:
    """What a new process would not know."""
    target._seen.clear()
    build._libraries.clear()


def test_a_known_graph_is_not_compiled_again(cache, compiled):
    first = run(target.compile(softmax_of_gather()))
    fresh_process()
    second = target.compile(softmax_of_gather())
    assert len(compiled) == 1
    np.testing.assert_array_equal(first, run(second))


def test_the_program_that_comes_back_is_the_same(cache):
    first = target.compile(softmax_of_gather()).program
    fresh_process()
    second = target.compile(softmax_of_gather()).program
    assert str(first.memory()) == str(second.memory())
    assert [(s.name, s.tiles, s.args, s.bytes, s.flops) for s in first._stages] == [
        (s.name, s.tiles, s.args, s.bytes, s.flops) for s in second._stages
    ]
    assert first._sites == second._sites


def test_an_index_out_of_range_is_still_an_error(cache):
    for _ in range(2):
        fresh_process()
        executable = target.compile(softmax_of_gather())
        with pytest.raises(IndexError, match="0 <= index < 6"):
            executable.run([
                from_array(np.zeros((6, 8), np.float32)), from_array(np.array([0, 6, 1]))
            ])  # fmt: skip


def test_extents_flags_and_donation_are_part_of_the_key(cache, compiled):
    x = input_node(0, (4,), dt.float32)
    y = input_node(0, (5,), dt.float32)
    graphs = [
        Graph((x,), (TABLE["neg"](x).node,)),
        Graph((y,), (TABLE["neg"](y).node,)),
        Graph((x,), (TABLE["abs"](x).node,)),
        Graph((x,), (TABLE["neg"](x).node,), ((0, 0),)),
    ]
    keys = set()
    for strict in ("0", "1"):
        flags.put("FIRTH_STRICT", strict)
        for graph in graphs:
            fresh_process()
            keys.add(plans.key_of(graph, (*target._signature(graph), False)))
    flags.put("FIRTH_STRICT", None)
    assert len(keys) == 8


def test_a_missing_object_means_compiling_again(cache, compiled):
    target.compile(softmax_of_gather())
    for path in (cache / "objects").rglob("*"):
        if path.is_file():
            path.unlink()
    fresh_process()
    run(target.compile(softmax_of_gather()))
    assert len(compiled) == 2


def test_damage_means_compiling_again(cache, compiled):
    target.compile(softmax_of_gather())
    for path in (cache / "plans").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-1] + b" ")
    fresh_process()
    run(target.compile(softmax_of_gather()))
    assert len(compiled) == 2


def test_other_sources_mean_other_keys(cache, monkeypatch):
    graph = softmax_of_gather()
    before = plans.key_of(graph, 1)
    monkeypatch.setattr(plans, "_sources", lambda: "another version")
    assert before and plans.key_of(graph, 1) not in (None, before)
    monkeypatch.setattr(plans, "_sources", lambda: None)
    assert plans.key_of(graph, 1) is None


def test_somebody_elses_op_is_always_compiled(cache):
    op = declare(
        "twice_and_more", doc="2x + 1.", shape=lambda x: x, dtype=lambda x: x,
        ref=lambda x: 2 * x + 1, lower=lambda x: x * 2 + 1,
    )  # fmt: skip
    try:
        x = input_node(0, (4,), dt.float32)
        graph = Graph((x,), (op(Expr(x)).node,))
        assert plans.key_of(graph, target._signature(graph)) is None
    finally:
        del TABLE["twice_and_more"]


@pytest.mark.parametrize("flag", ["FIRTH_DUMP", "FIRTH_LOAD"])
def test_flags_that_look_at_the_compiler_get_it(cache, tmp_path, flag):
    flags.put(flag, str(tmp_path / "stages"))
    try:
        assert plans.key_of(softmax_of_gather(), 1) is None
    finally:
        flags.put(flag, None)
