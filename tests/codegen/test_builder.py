"""The text builder: folding, sharing, placement, control flow."""

import ctypes

import llvmlite.binding as llvm
import pytest

from firth.codegen.builder import Builder

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()
KEEP = []


def function(b: Builder, result: str):
    """The built text as a callable i64 f(i64 a, i64 b)."""
    head = "\n".join(b.declares.values())
    text = f"{head}\ndefine i64 @f(i64 %a, i64 %b) {{\nentry:\n{b.text()}\nret i64 {result}\n}}"
    module = llvm.parse_assembly(text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1, jit=True)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    KEEP.append((engine, machine))
    return ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(
        engine.get_function_address("f")
    )


def test_known_numbers_stay_python():
    b = Builder()
    assert b.add(3, 4) == 7 and b.mul(3, 4) == 12 and b.sub(3, 4) == -1
    assert b.div(9, 4) == 2 and b.rem(9, 4) == 1 and b.min(2, 5) == 2 and b.max(2, 5) == 5
    assert b.add("%a", 0) == "%a" and b.mul("%a", 1) == "%a" and b.mul("%a", 0) == 0
    assert b.rem("%a", 1) == 0 and b.sub("%a", "%a") == 0
    assert b.compare("ult", -1, 5) is False and b.compare("ult", 4, 5) is True
    assert b.both(True, "%c") == "%c" and b.both("%c", False) is False
    assert b.text() == ""


def test_masks_of_known_sizes_are_constants():
    b = Builder()
    assert b.first_lanes(2, 4) == "<i1 true, i1 true, i1 false, i1 false>" and b.text() == ""


@pytest.mark.parametrize("factor", [2, 3, 8, -4])
def test_multiplication_and_division(factor):
    b = Builder()
    product = b.mul("%a", factor)
    f = function(b, product)
    assert [f(x, 0) for x in (-3, 0, 5)] == [-3 * factor, 0, 5 * factor]
    if factor > 0:
        b = Builder()
        f = function(b, b.add(b.mul(b.div("%a", factor), 100), b.rem("%a", factor)))
        assert f(29, 0) == 29 // factor * 100 + 29 % factor


def test_equal_instructions_are_one():
    b = Builder()
    assert b.add("%a", 5) == b.add(5, "%a") == b.op("add nsw i64 %a, 5")
    assert b.text().count("add") == 1


def test_invariant_text_leaves_the_loop():
    b = Builder()

    def body(i, values):
        fixed = b.mul("%b", 3)
        return [b.add(b.add(values[0], fixed), i)]

    total = b.loop(0, "%a", 1, [("i64", "0")], body)[0]
    before, _, inside = b.text().partition("loop")
    assert "mul" in before and "mul" not in inside.partition("\n")[2].partition("exit")[0]
    f = function(b, total)
    assert [f(n, 2) for n in (0, 1, 5)] == [0, 6, 40]
    assert f(-3, 2) == 0


def test_known_loops():
    b = Builder()
    seen = []

    def body(i, values):
        seen.append(i)
        return [b.add(values[0], i)]

    assert b.loop(3, 3, 1, [("i64", "%a")], body) == ["%a"]
    once = b.loop(8, 12, 4, [("i64", "%a")], body)
    assert seen == [8] and "br" not in b.text()
    assert function(b, once[0])(1, 0) == 9


def test_branches():
    b = Builder()
    c = b.compare("slt", "%a", "%b")
    larger = b.choose(c, "i64", lambda: b.mul("%b", 2), lambda: b.mul("%a", 2))
    again = b.maybe(c, [("i64", larger)], lambda: [b.add(larger, 1)])[0]
    f = function(b, again)
    assert f(3, 5) == 11 and f(5, 3) == 10


def test_while():
    """The number of doublings of 1 until a is reached."""
    b = Builder()
    start = [("i64", "1"), ("i64", "0")]
    final = b.loop_while(
        start,
        lambda v: b.compare("slt", v[0], "%a"),
        lambda v: [b.mul(v[0], 2), b.add(v[1], 1)],
    )
    f = function(b, final[1])
    assert [f(n, 0) for n in (0, 1, 2, 3, 64, 65)] == [0, 0, 1, 2, 6, 7]


def test_text_in_an_outer_region():
    b = Builder()

    def body(i, values):
        with b.at(0):
            outside = b.get("add i64 %a, 1")
        return [b.add(values[0], outside)]

    f = function(b, b.loop(0, 3, 1, [("i64", "0")], body)[0])
    assert f(10, 0) == 33
    assert b.depth_of("%a") == 0 and b.depth == 0
