"""From LLVM text to machine code in this process, through a cache of objects on disk.

A kernel is one module, one object and one file of the cache, so that kernels are shared between
programs, processes and days. LLVM runs no IR passes: the text is already what we want.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import itertools
import os
import re
import struct
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol
from weakref import WeakValueDictionary

from firth.base import flags
from firth.codegen import scheduler, tracer
from firth.runtime import cache, pool
from firth.targets.cpu import facts
from firth.targets.cpu.crew import Crew, Toolchain, refused, target_machine
from firth.targets.lock import imported, lock

VERSION = 1  # of what this file does to a text; part of the cache's key

compilations = 0  # modules that LLVM compiled in this process; reloaded objects don't count

_INTRINSICS = (
    "fma abs fabs sqrt copysign floor ceil trunc rint roundeven minnum maxnum minimum maximum "
    "smin smax umin umax ctpop ctlz cttz bswap bitreverse fshl fshr sadd.sat ssub.sat uadd.sat "
    "usub.sat sadd.with.overflow ssub.with.overflow smul.with.overflow uadd.with.overflow "
    "umul.with.overflow fptosi.sat fptoui.sat is.fpclass masked.load masked.store masked.gather "
    "masked.scatter masked.compressstore masked.expandload vector.reduce vector.insert "
    "vector.extract vector.interleave2 vector.deinterleave2 experimental.vector "
    "get.active.lane.mask ldexp prefetch assume memcpy memmove memset lifetime "
    "x86.sse x86.sse2 x86.ssse3 x86.sse41 x86.avx x86.avx2 x86.avx512 x86.fma x86.f16c "
    "x86.vcvtps2ph x86.vcvtph2ps "
    "aarch64.neon aarch64.hint aarch64.get.fpcr aarch64.set.fpcr"
).split()
_INTRINSIC = re.compile(r"llvm\.(" + "|".join(re.escape(i) for i in _INTRINSICS) + r")([.\d]|$)")
_LIBRARY = frozenset({"memcpy", "memmove", "memset"})
_DECLARE = re.compile(r'^\s*declare\b[^@\n]*@("[^"]*"|[\w.$]+)\s*\(', re.MULTILINE)
_DEFINE = re.compile(r'^\s*define\b([^@\n]*)@("[^"]*"|[\w.$]+)\s*\(', re.MULTILINE)
_EXTERNAL = re.compile(r"^@\S+ *=.*\bexternal\b|^module asm|\basm\b.*\"", re.MULTILINE)

_names = itertools.count()
_retired: list[Any] = []  # trackers of libraries that nothing needs; unmapped at the next link


class Library:
    """Machine code mapped into the process, until nothing refers to it any more."""

    __slots__ = ("__weakref__", "addresses", "tracker")

    def __init__(self, tracker: Any, addresses: dict[str, int]) -> None:
        self.tracker = tracker
        self.addresses = addresses

    def __del__(self, _retire: Callable[[Any], None] = _retired.append) -> None:
        _retire(self.tracker)  # LLVM is not called from here: a collection may run anywhere


class Functions(dict[str, int]):
    """Addresses of functions by name; their code stays mapped while this exists."""

    __slots__ = ("libraries",)

    def __init__(self, libraries: Mapping[str, Library]) -> None:
        super().__init__((name, library.addresses[name]) for name, library in libraries.items())
        self.libraries = tuple(dict.fromkeys(libraries.values()))


_libraries: WeakValueDictionary[str, Library] = WeakValueDictionary()  # by name of a function
_kept: list[Library] = []  # scheduler and tracer stay for good: workers run in them


class Text(Protocol):
    """What `load` needs of a kernel: its function's name and a complete module."""

    @property
    def name(self) -> str: ...
    @property
    def text(self) -> str: ...


class Loading:
    """Machine code in the making: LLVM works in other threads while the owner finds more texts.

    with Loading() as loading: loading.add(text) ...; afterwards loading.functions. A name stands
    for one text (it is a hash of it). VerifyError: LLVM or the allow-list of external symbols
    refuses a text. The runtime has its scheduler afterwards.
    """

    functions: Functions

    def __init__(self) -> None:
        self._found: dict[str, Library] = {}
        self._codes: dict[str, bytes] = {}
        self._wanted: set[str] = set()
        self._complete = False

    def __enter__(self) -> Loading:
        lock.acquire()
        try:
            self._crew = Crew(_toolchain, facts.host())
            self._native = None if pool.installed() else _scheduler_code(self._crew)
        except BaseException:
            lock.release()
            raise
        return self

    def add(self, text: Text) -> None:
        """A text whose function is wanted."""
        self._wanted.add(text.name)
        self.ahead(text)

    def ahead(self, text: Text) -> None:
        """A text that may be added later; what never is, is compiled only if a thread is idle."""
        name = text.name
        known = _libraries.get(name)
        if known is not None:
            self._found[name] = known
        elif name not in self._codes and name not in self._found:
            _object(self._crew, self._codes, name, text.text, _LIBRARY, (name,), self._needed)

    def _needed(self, name: str) -> bool:
        return not self._complete or name in self._wanted

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        try:
            self._complete = True
            self._crew.__exit__(kind, error, at)
            if kind is None:
                self.functions = self._linked()
        finally:
            lock.release()

    def _linked(self) -> Functions:
        if self._native is not None:
            _install(self._native)
        codes = {name: code for name, code in self._codes.items() if name in self._wanted}
        if codes:
            library = _link(list(codes.values()), list(codes), _LIBRARY)
            self._found.update(dict.fromkeys(codes, library))
        return Functions({n: found for n, found in self._found.items() if n in self._wanted})


def load(texts: Iterable[Text]) -> Functions:
    """Addresses of the kernels' functions by name, as `Loading` gives them."""
    with Loading() as loading:
        for text in texts:
            loading.add(text)
    return loading.functions


def _present(names: Iterable[str]) -> dict[str, Library]:
    """Libraries that hold functions of these names and are mapped already."""
    pairs = [(name, _libraries.get(name)) for name in names]
    return {name: library for name, library in pairs if library is not None}


def recall(objects: Mapping[str, str]) -> Functions | None:
    """Addresses of functions by name, from the keys of the objects that hold them.

    None when an object is not on disk any more.
    """
    load_scheduler()
    folder = _objects()
    with lock:
        found = _present(objects)
        codes = {}
        for name, key in objects.items():
            if name not in found:
                code = None if folder is None else cache.read(folder, key)
                if code is None:
                    return None
                codes[name] = code
        if codes:
            library = _link(list(codes.values()), list(codes), _LIBRARY)
            found.update(dict.fromkeys(codes, library))
    return Functions({name: found[name] for name in objects})


def load_scheduler() -> None:
    """Builds the native scheduler and hands it to the runtime, once."""
    if pool.installed():
        return
    with lock:
        with Crew(_toolchain, facts.host()) as crew:
            native = _scheduler_code(crew)
        _install(native)


def _scheduler_code(crew: Crew) -> dict[str, bytes]:
    """Where the scheduler's object will be, once the crew is done."""
    codes: dict[str, bytes] = {}
    text = scheduler.text(facts.host().triple)
    _object(crew, codes, "firth_scheduler", text, scheduler.SYMBOLS, scheduler.EXPORTS)
    return codes


def _install(codes: dict[str, bytes]) -> None:
    library = _link(list(codes.values()), scheduler.EXPORTS, scheduler.SYMBOLS)
    _kept.append(library)
    pool.install(library.addresses, scheduler.sleeps(facts.host().triple))


def load_tracer() -> int:
    """The address of the function that profiles put in place of kernels; 0 where there is none."""
    if os.name != "posix":
        return 0
    clock = getattr(time, "CLOCK_UPTIME_RAW", time.CLOCK_MONOTONIC)  # perf_counter's own
    with lock:
        if tracer.NAME not in _libraries:
            text, exports = tracer.text(clock), (tracer.NAME,)
            codes: dict[str, bytes] = {}
            with Crew(_toolchain, facts.host()) as crew:
                _object(crew, codes, tracer.NAME, text, tracer.SYMBOLS, exports)
            _kept.append(_link(list(codes.values()), exports, tracer.SYMBOLS))
        return _libraries[tracer.NAME].addresses[tracer.NAME]


def assembly(text: str) -> str:
    """The machine's assembly for a text, to be read by people and tests."""
    with lock:
        return _toolchain().assembly("assembly", text)


def check(name: str, text: str, symbols: frozenset[str], exports: Sequence[str]) -> None:
    """Refuses a text that reaches outside itself, before LLVM sees it."""
    for declared in _DECLARE.findall(text):
        symbol = declared.strip('"')
        if not (symbol in symbols or _INTRINSIC.match(symbol)):
            raise refused(name, f"{symbol} is not on the list of external symbols")
    defined = [
        symbol.strip('"')
        for linkage, symbol in _DEFINE.findall(text)
        if "internal" not in linkage.split() and "private" not in linkage.split()
    ]
    if sorted(defined) != sorted(exports):
        raise refused(name, f"it defines {defined}, expected {list(exports)}")
    # the words alone are found much faster, and most texts have neither
    if ("external" in text or "asm" in text) and _EXTERNAL.search(text):
        raise refused(name, "it holds an external global or inline assembly")


def _object(
    crew: Crew, codes: dict[str, bytes], name: str, text: str, symbols: frozenset[str],
    exports: Sequence[str], needed: Callable[[str], bool] = lambda name: True,
) -> None:  # fmt: skip
    """Puts the object code of a text into `codes`: from disk, or compiled by the crew and kept.

    needed: asked when a thread comes to it.
    """
    place, folder = key(text), _objects()
    codes[name] = found = (None if folder is None else cache.read(folder, place)) or b""
    shown = flags.debug("asm")
    if found and not shown:
        return
    check(name, text, symbols, exports)
    if shown:
        print(_toolchain().assembly(name, text), file=sys.stderr)

    def compiled(toolchain: Toolchain) -> None:
        if not needed(name):
            return
        code = toolchain.object(name, text)
        unknown = undefined(code) - symbols
        if unknown:
            raise refused(name, f"its code needs {', '.join(sorted(unknown))}")
        if folder is not None:
            cache.write(folder, place, code)
        codes[name] = code

    global compilations
    compilations += 1
    crew.add(compiled)


def _objects() -> Path | None:
    folder = flags.cache_dir()
    return None if folder is None else folder / "objects"


def _link(objects: Sequence[bytes], exports: Sequence[str], symbols: frozenset[str]) -> Library:
    """Maps objects into the process; they see nothing of it but `symbols`.

    What nothing refers to any more is unmapped first: a process may have 65,530 maps.
    """
    llvm = imported("llvmlite.binding")
    _retired.clear()

    library = llvm.JITLibraryBuilder()
    for code in objects:
        library.add_object_img(code)
    for symbol in exports:
        library.export_symbol(symbol)
    for symbol, address in _symbols(symbols).items():
        library.import_symbol(symbol, address)
    tracker = library.link(_jit(), f"firth.{next(_names)}")
    linked = Library(tracker, {symbol: tracker[symbol] for symbol in exports})
    _libraries.update(dict.fromkeys(exports, linked))
    return linked


@functools.cache
def _symbols(names: frozenset[str]) -> dict[str, int]:
    """Addresses in this process of those names that it has."""
    libraries: list[Any] = [ctypes.pythonapi]
    if os.name == "nt":
        libraries += [ctypes.CDLL("msvcrt"), ctypes.CDLL("kernel32")]
    else:
        libraries.append(ctypes.CDLL(None))
    found = {}
    for name in sorted(names):
        for library in libraries:
            if hasattr(library, name):
                address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
                assert address is not None
                found[name] = address
                break
    return found


@functools.cache
def _toolchain() -> Toolchain:
    return Toolchain(facts.host())


@functools.cache
def _jit() -> Any:
    """The linker. It owns its target machine and is never disposed of: programs outlive it."""
    llvm = imported("llvmlite.binding")

    # JITLink puts an object's sections side by side, so short displacements always reach.
    return llvm.create_lljit_compiler(target_machine(facts.host()), use_jit_link=True)


def key(text: str) -> str:
    """A hash of everything that an object depends on: the text, the machine, LLVM, the flags."""
    host = facts.host()
    words = (
        text, host.triple, host.cpu, host.features, imported("llvmlite").__version__, str(VERSION),
        flags.code_key(),
    )  # fmt: skip
    digest = hashlib.blake2b(digest_size=20)
    for word in words:
        data = word.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


# what an object still needs


def undefined(code: bytes) -> set[str]:
    """Names of the undefined symbols of an ELF object (empty for other formats)."""
    if code[:5] != b"\x7fELF\x02":
        return set()
    (sections_at,) = struct.unpack_from("<Q", code, 40)
    size, count = struct.unpack_from("<HH", code, 58)
    sections = [
        struct.unpack_from("<IIQQQQIIQQ", code, sections_at + i * size) for i in range(count)
    ]
    names: set[str] = set()
    for section in sections:
        if section[1] != 2:  # SHT_SYMTAB
            continue
        strings = sections[section[6]][4]
        for at in range(section[4], section[4] + section[5], 24):
            name, _, _, where = struct.unpack_from("<IBBH", code, at)
            if name and where == 0:
                end = code.index(b"\0", strings + name)
                names.add(code[strings + name : end].decode())
    return names
