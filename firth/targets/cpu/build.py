"""From LLVM text to machine code in this process, through a cache of objects on disk.

Every kernel has its key in the cache, so that kernels are shared between programs, processes and
days; small ones share objects. LLVM runs no IR passes: the text is already what we want.
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
from firth.targets.cpu.groups import Groups, Waiting, holder_of
from firth.targets.lock import imported, lock

VERSION = 2  # of what this file does to a text; part of the cache's key

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
# found by their first word, wherever it stands: many times faster than by the beginnings of lines
_DECLARE = re.compile(r'declare\b[^@\n]*@("[^"]*"|[\w.$]+)\s*\(')
_DEFINE = re.compile(r'define\b([^@\n]*)@("[^"]*"|[\w.$]+)\s*\(')
_EXTERNAL = re.compile(r"^@\S+ *=.*\bexternal\b|^module asm|\basm\b.*\"", re.MULTILINE)

_ELSEWHERE = b"the object is under "  # then its key

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

    __slots__ = ("holders", "libraries")

    def __init__(
        self, libraries: Mapping[str, Library], holders: Mapping[str, str] | None = None
    ) -> None:
        super().__init__((name, library.addresses[name]) for name, library in libraries.items())
        self.libraries = tuple(dict.fromkeys(libraries.values()))
        self.holders = dict(holders or {})  # by name, keys of objects just written or read


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
        self._holders: dict[str, str] = {}
        self._made: list[tuple[list[str], bytes]] = []  # keys and code of what is to be kept
        self._objects = _Objects()
        self._groups = Groups(self._compiled, self._needed, flags.threads())
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
            self._enter(name, text.text)

    def _enter(self, name: str, text: str) -> None:
        """Finds the object of a text on disk, or has it compiled."""
        place = key(text)
        self._codes[name], self._holders[name] = self._objects.find(place)
        if not _to_compile(self._codes[name], name, text, _LIBRARY, (name,)):
            return
        self._groups.add(Waiting(name, text, place))
        self._crew.add(self._groups)

    def _compiled(self, toolchain: Toolchain, texts: list[Waiting], module: str) -> None:
        names = [text.name for text in texts]
        code = _machine_code(toolchain, ", ".join(names), module, _LIBRARY)
        places = [text.place for text in texts]
        self._made.append((places, code))
        self._holders.update(dict.fromkeys(names, holder_of(places)))
        self._codes.update(dict.fromkeys(names, code))

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
            for places, code in self._made:  # now that no two threads take turns at each call
                _keep(places, code)
            if kind is None:
                self.functions = self._linked()
        finally:
            lock.release()

    def _linked(self) -> Functions:
        if self._native is not None:
            _install(self._native)
        codes = {name: code for name, code in self._codes.items() if name in self._wanted}
        self._found.update(_linked(codes))
        wanted = {n: found for n, found in self._found.items() if n in self._wanted}
        return Functions(wanted, self._holders)


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
    stored = _Objects()
    with lock:
        found = _present(objects)
        codes = {}
        for name, key in objects.items():
            if name not in found:
                codes[name], _ = stored.find(key)
                if not codes[name]:
                    return None
        found.update(_linked(codes))
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
    exports: Sequence[str],
) -> None:  # fmt: skip
    """Puts the object code of a text into `codes`: from disk, or compiled by the crew and kept."""
    place = key(text)
    codes[name], _ = _Objects().find(place)

    def compiled(toolchain: Toolchain) -> None:
        codes[name] = _machine_code(toolchain, name, text, symbols)
        _keep([place], codes[name])

    if _to_compile(codes[name], name, text, symbols, exports):
        crew.add(compiled)


def _to_compile(
    found: bytes, name: str, text: str, symbols: frozenset[str], exports: Sequence[str]
) -> bool:
    """Whether a text, checked here, must be compiled, given what was found of it on disk."""
    shown = flags.debug("asm")
    if found and not shown:
        return False
    check(name, text, symbols, exports)
    if shown:
        print(_toolchain().assembly(name, text), file=sys.stderr)
    global compilations
    compilations += 1
    return True


def _machine_code(toolchain: Toolchain, name: str, text: str, symbols: frozenset[str]) -> bytes:
    code = toolchain.object(name, text)
    unknown = undefined(code) - symbols
    if unknown:
        raise refused(name, f"its code needs {', '.join(sorted(unknown))}")
    return code


def _objects() -> Path | None:
    folder = flags.cache_dir()
    return None if folder is None else folder / "objects"


class _Objects:
    """Objects on disk, each read once."""

    def __init__(self) -> None:
        self._folder = _objects()
        self._known: dict[str, bytes] = {}

    def find(self, place: str) -> tuple[bytes, str]:
        """The object under a key and the key that it really has; b"" where there is none."""
        found = self._read(place)
        if found.startswith(_ELSEWHERE):
            place = found[len(_ELSEWHERE) :].decode()
            found = self._read(place)
        return found, place

    def _read(self, place: str) -> bytes:
        if self._folder is None:
            return b""
        if place not in self._known:
            self._known[place] = cache.read(self._folder, place) or b""
        return self._known[place]


def _keep(places: Sequence[str], code: bytes) -> str:
    """Keeps an object of several texts, and where it is under the key of each; its own key."""
    holder, folder = holder_of(places), _objects()
    if folder is not None:
        cache.write(folder, holder, code)
        for place in places if len(places) > 1 else ():
            cache.write(folder, place, _ELSEWHERE + holder.encode())
    return holder


def _linked(codes: Mapping[str, bytes]) -> dict[str, Library]:
    """Maps the objects of functions by name. An object is a library of its own: two of them may
    hold the same function beside those that are asked for."""
    names: dict[int, list[str]] = {}
    for name, code in codes.items():
        names.setdefault(id(code), []).append(name)
    found: dict[str, Library] = {}
    for exports in names.values():
        found.update(dict.fromkeys(exports, _link([codes[exports[0]]], exports, _LIBRARY)))
    return found


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
