"""LLVM in several threads: modules of different contexts have nothing in common.

llvmlite holds one lock around every call. Each thread here has contexts and a target machine of
its own, and makes the one long call, machine code from a module, without that lock (and, as every
foreign call, without the interpreter's). Threads live as long as one batch: no fork meets them,
because whoever has a batch holds `lock`.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from firth.base import flags
from firth.base.errors import VerifyError
from firth.base.facts import TargetFacts
from firth.targets.lock import imported

_MOST_THREADS = 8
# Helpers need the interpreter's lock for a moment at each of the few calls that an object takes;
# while others run Python they would wait for this long each time, 5 ms if nobody changed it.
_SWITCH_SECONDS = 1e-4

Task = Callable[["Toolchain"], None]


class Toolchain:
    """LLVM for one thread at a time."""

    def __init__(self, host: TargetFacts) -> None:
        self._llvm = imported("llvmlite.binding")
        self._ffi = imported("llvmlite.binding.ffi")
        self._machine = target_machine(host)
        self._head = (
            f'target triple = "{self._machine.triple}"\n'
            f'target datalayout = "{self._machine.target_data}"\n'
        )

    def object(self, name: str, text: str) -> bytes:
        """The object code of a text. VerifyError: LLVM refuses it."""
        module = self._parsed(name, text)
        try:
            return self._emit(module)
        finally:
            module.close()  # before its context

    def assembly(self, name: str, text: str) -> str:
        """The machine's assembly for a text, to be read by people and tests."""
        module = self._parsed(name, text)
        try:
            return str(self._machine.emit_assembly(module))
        finally:
            module.close()

    def _parsed(self, name: str, text: str) -> Any:
        try:
            module = self._llvm.parse_assembly(self._head + text, self._llvm.create_context())
            module.verify()
        except RuntimeError as error:
            raise refused(name, str(error).strip()) from None
        return module

    def _emit(self, module: Any) -> bytes:
        ffi = self._ffi
        try:
            emit = ffi.lib._lib.LLVMPY_TargetMachineEmitToMemory
        except AttributeError:  # another llvmlite: one thread at a time
            return bytes(self._machine.emit_object(module))
        with ffi.OutputString() as error:
            buffer = emit(self._machine, module, 1, error)
            if not buffer:
                raise VerifyError(f"build: LLVM gives no object; got {error}, expected none")
        try:
            size = ffi.lib.LLVMPY_GetBufferSize(buffer)
            return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), size)
        finally:
            ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def refused(name: str, why: str) -> VerifyError:
    """The error of a text that nobody should have written."""
    return VerifyError(f"build: {name} is refused: {why}; this is a bug in code generation")


def target_machine(host: TargetFacts) -> Any:
    """A new target machine: code generation of level 1, which is as good as 3 for our texts."""
    llvm = imported("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_triple(host.triple).create_target_machine(
        cpu=host.cpu, features=host.features, opt=1, reloc="pic", codemodel="small"
    )


class Crew:
    """Tasks done by helper threads while their owner finds more, then by the owner too.

    with Crew(own, host) as crew: crew.add(task) ...; at the end every task is done, or the first
    error is raised. own: gives the toolchain of this thread. A single task starts no helper.
    """

    def __init__(self, own: Callable[[], Toolchain], host: TargetFacts) -> None:
        self._own, self._host = own, host
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._added = 0
        self._helpers: list[threading.Thread] = []
        self._most = min(flags.threads(), _MOST_THREADS) - 1
        self._errors: list[BaseException] = []
        self._interval = 0.0  # of the interpreter's threads, to be set again

    def add(self, task: Task) -> None:
        """Enters a task; it gets the toolchain of the thread that does it."""
        self._tasks.put(task)
        self._added += 1
        if len(self._helpers) < min(self._most, self._added - 1):
            self._own()  # its imports would wait in the helper for this thread's lock
            if not self._helpers:
                self._interval = sys.getswitchinterval()
                sys.setswitchinterval(min(self._interval, _SWITCH_SECONDS))
            helper = threading.Thread(target=self._help, name="firth-compile", daemon=True)
            self._helpers.append(helper)
            helper.start()

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self._added:
                self._end()
                self._work(self._own())
        finally:
            self._leave()
        if self._errors and kind is None:
            raise self._errors[0]

    def _work(self, toolchain: Toolchain) -> None:
        while (task := self._tasks.get()) is not None:
            task(toolchain)

    def _help(self) -> None:
        try:
            self._work(Toolchain(self._host))
        except BaseException as error:
            self._errors.append(error)

    def _leave(self) -> None:
        """Lets the helpers go; tasks that an error has left are dropped."""
        with suppress(Empty):
            while True:
                self._tasks.get_nowait()
        self._end()
        for helper in self._helpers:
            helper.join()
        if self._helpers:
            sys.setswitchinterval(self._interval)

    def _end(self) -> None:
        for _ in (None, *self._helpers):  # each thread stops at the first that it gets
            self._tasks.put(None)
