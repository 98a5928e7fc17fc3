"""The same kernels for other machines: they compile there, and call nothing that is not in them."""

import re

import llvmlite.binding as llvm
import pytest

from firth.base import dtype as dt
from firth.base.facts import TargetFacts
from firth.codegen import math
from firth.codegen.emit import emit
from firth.ir.kernel import (
    Accumulate,
    Accumulator,
    Affine,
    Apply,
    Axis,
    Buffer,
    Checked,
    Coordinate,
    Guard,
    Kernel,
    Load,
    Loop,
    Sort,
    Store,
)

llvm.initialize_all_targets()
llvm.initialize_all_asmprinters()

MACHINES = {
    "x86_64": TargetFacts("x86_64-unknown-linux-gnu", "x86-64", "", 16, 16, False, False),
    "avx2": TargetFacts("x86_64-unknown-linux-gnu", "x86-64-v3", "+avx2,+fma", 32, 16, True, True),
    "aarch64": TargetFacts("aarch64-unknown-linux-gnu", "", "+neon", 16, 32, True, False),
    "wasm32": TargetFacts("wasm32-unknown-unknown", "", "+simd128", 16, 16, False, False),
    "nvptx64": TargetFacts("nvptx64-nvidia-cuda", "sm_70", "+ptx72", 4, 64, True, False),
}
CALL = {
    "x86_64": r"\bcallq?\s+([\w.@]+)",
    "avx2": r"\bcallq?\s+([\w.@]+)",
    "aarch64": r"\bbl\s+([\w.]+)",
    "wasm32": r"^\s*call\s+([\w.]+)",
    "nvptx64": r"\.extern\s+\.func.*?\b(\w+)",
}

FLOAT = ["add", "sub", "mul", "div", "maximum", "minimum", "remainder", "pow"]
FLOAT_UNARY = ["neg", "abs", "sqrt", "floor", "ceil", "trunc", "round", *sorted(math.OPS - {"pow"})]
INTEGER = ["add", "sub", "mul", "floor_divide", "remainder", "maximum", "minimum", "shift_left",
           "shift_right", "bitwise_and"]  # fmt: skip
COMPARE = ["equal", "not_equal", "less", "less_equal"]


def everything(dtype, lanes):
    """Every operation of a dtype, and casts from it to all others, in one map."""
    i = Axis("i", 100)
    here = Affine(0, ((i, 1),))
    x, y = Load(0, here, dtype), Load(1, here, dtype)
    results = [Apply("cast", (x,), d) for d in dt.ALL if d.kind != "c"]
    if dtype.bits > 16 or dtype.kind in "iu":
        results += [Apply(op, (x, y), dt.bool_) for op in COMPARE]
    if dtype.kind in "iu":
        results += [Apply(op, (x, y), dtype, 1) for op in INTEGER]
    if dtype.kind == "f" and dtype.bits > 16:
        results += [Apply(op, (x, y), dtype) for op in FLOAT]
        results += [Apply(op, (x,), dtype) for op in FLOAT_UNARY]
        results.append(Apply("chebyshev", (x,), dtype, coefficients=(1.0,) * 9))
    if dtype is dt.uint64:
        results.append(Apply("threefry", (x, y), dtype))
    stores = tuple(Store(k + 2, here, r) for k, r in enumerate(results))
    buffers = (Buffer(dtype), Buffer(dtype), *(Buffer(r.dtype, True) for r in results))
    return Kernel(dtype.name, ((i, 64),), buffers, (Loop(i, stores, lanes),))


def structures(lanes):
    """Guards, gathers, checks, reductions, sort."""
    i, j = Axis("i", 7), Axis("j", 50)
    f = dt.float32
    top = Accumulator("top", "maximum", f, 0.0)
    guards = (Guard(Affine(-3, ((j, 1),)), 40), Guard(Affine(0, ((i, 1),)), 6))
    x = Load(0, Affine(-3, ((i, 50), (j, 1))), f, guards)
    index = Checked(Load(1, Affine(0, ((j, 1),)), dt.int64), 9, 4)
    taken = Load(0, Affine(), f, (), 0, ((index, 3),))
    reversed_bool = Apply("cast", (Load(4, Affine(49, ((j, -1),)), dt.bool_),), f)
    value = Apply("add", (Apply("add", (x, taken), f), reversed_bool), f)
    value = Apply("mul", (value, Coordinate(Affine(1, ((j, 2),)), f)), f)
    at = Affine(0, ((i, 50), (j, 1)))
    body = (
        Loop(j, (Accumulate(top, value), Store(3, Affine(0, ((j, 1),)), value)), lanes, (top,)),
        Loop(j, (Store(2, at, Apply("sub", (value, top), f), guards[:1]),), lanes),
        Sort(j, Load(3, Affine(0, ((j, 1),)), f), 5, at, False, 6, 7),
    )
    buffers = (
        Buffer(f), Buffer(dt.int64), Buffer(f, True), Buffer(f, True, 50), Buffer(dt.bool_),
        Buffer(dt.int64, True), Buffer(f, True, 100), Buffer(dt.int64, True, 100),
    )  # fmt: skip
    return Kernel("structures", ((i, 1),), buffers, body)


@pytest.mark.parametrize("name", MACHINES)
def test_compiles_without_calls(name):
    facts = MACHINES[name]
    lanes = max(facts.lanes(4), 1)
    machine = llvm.Target.from_triple(facts.triple).create_target_machine(
        cpu=facts.cpu, features=facts.features, opt=1, codemodel="default"
    )
    kernels = [everything(d, lanes) for d in dt.ALL if d.kind != "c"]
    kernels.append(structures(2 * lanes))
    for kernel in kernels:
        for generic in (False, True):
            text = emit(kernel, facts, generic)
            module = llvm.parse_assembly(f'target triple = "{facts.triple}"\n{text.text}')
            module.verify()
            assembly = machine.emit_assembly(module)
            called = set(re.findall(CALL[name], assembly, re.MULTILINE))
            outside = {c for c in called if f"@{c}(" not in text.text}
            assert not outside, (kernel.name, generic, outside)
