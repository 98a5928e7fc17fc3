"""Runs single kernels: emit, compile with llvmlite, call every tile."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import numpy as np

from firth.base.facts import TargetFacts
from firth.codegen.builder import Builder
from firth.codegen.emit import emit
from firth.ir.kernel import Kernel
from firth.runtime.buffer import allocate

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()

CPU = llvm.get_host_cpu_name()
FEATURES = llvm.get_host_cpu_features().flatten()


def facts(vector_bytes: int = 32, masked: bool = True, fma: bool = True) -> TargetFacts:
    return TargetFacts(llvm.get_default_triple(), CPU, FEATURES, vector_bytes, 16, fma, masked)


ALL_FACTS = [facts(vector, masked) for vector in (16, 32, 64) for masked in (False, True)]


_loaded: dict = {}


def compiled(text: str):
    """(engine, machine) that hold the machine code of a module's text."""
    module = llvm.parse_assembly(text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=CPU, features=FEATURES, opt=1, jit=True
    )
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine, machine


def compile_text(text):
    """The address of the function, kept for the life of the process."""
    found = _loaded.get(text.name)
    if found is None:
        engine, machine = compiled(text.text)
        call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p)(
            engine.get_function_address(text.name)
        )
        found = _loaded[text.name] = (call, engine, machine)
    return found[0]


def call_function(b: Builder, *arrays: np.ndarray) -> None:
    """Runs what a builder holds as the body of a function of pointers %p0, %p1, ..."""
    pointers = ", ".join(f"ptr %p{k}" for k in range(len(arrays)))
    parts = [*b.declares.values(), *b.helpers.values()]
    body = f"define void @f({pointers}) {{\nentry:\n{b.text()}\nret void\n}}"
    engine, _ = compiled("\n".join([*parts, body]))
    call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(arrays))(
        engine.get_function_address("f")
    )
    call(*[a.ctypes.data for a in arrays])


def run(kernel: Kernel, arrays, target=None, generic=False):
    """Runs all tiles in place on the arrays; returns the error record (site, value)."""
    text = emit(kernel, target or facts(), generic)
    return run_text(text, kernel, arrays)


def run_text(text, kernel: Kernel, arrays):
    call = compile_text(text)
    error = np.zeros(2, np.int64)
    arguments = [b for b in kernel.buffers if not b.scratch]
    assert len(arguments) == len(arrays)
    for spec, array in zip(arguments, arrays, strict=True):
        assert array.dtype == spec.dtype.np, (array.dtype, spec.dtype)
    # a copy that ends at the end of a buffer with a known tail, to see writes outside
    held: list = []
    for place, array in enumerate(arrays):
        same = next((k for k in range(place) if arrays[k] is array), None)
        if same is not None:  # one array as two arguments is one buffer
            held.append(held[same])
            continue
        buffer = allocate(array.nbytes + 128)
        buffer.array[:] = 0xA5
        buffer.array[64 : 64 + array.nbytes] = array.reshape(-1).view(np.uint8)
        held.append(buffer)
    words = [error.ctypes.data, *(b.ptr + 64 for b in held), *text.params]
    args = np.array([w % (1 << 64) for w in words], np.uint64)
    scratch = allocate(text.scratch_bytes)
    for tile in range(kernel.tiles()):
        call(args.ctypes.data, tile, scratch.ptr)
    for buffer, array in zip(held, arrays, strict=True):
        assert (buffer.array[:64] == 0xA5).all() and (
            buffer.array[64 + array.nbytes :] == 0xA5
        ).all()
        array.reshape(-1).view(np.uint8)[:] = buffer.array[64 : 64 + array.nbytes]
    return int(error[0]), int(error[1])
