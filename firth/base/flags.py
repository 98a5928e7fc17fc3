"""The one table of flags. Every flag is an environment variable, read when it is asked for.

A new flag needs a design note in docs/design/.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from firth.base.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import Path


class Flag(NamedTuple):
    """One row: name, default, help, and whether it changes generated code (then it keys caches)."""

    name: str
    default: str
    help: str
    changes_code: bool = False


TABLE = (
    Flag("FIRTH_TARGET", "cpu", "what runs graphs: cpu, ref (NumPy), wasm or null (counts only)"),
    Flag("FIRTH_THREADS", "", "worker threads; empty means one per core"),
    Flag("FIRTH_STRICT", "0", "1: the same bits on every target, slower", changes_code=True),
    Flag("FIRTH_DEBUG", "", "words with commas: graph, verify, kernels, asm, time, memory, nan"),
    Flag("FIRTH_DUMP", "", "a folder: every stage of every program is written there as text"),
    Flag("FIRTH_LOAD", "", "a folder in FIRTH_DUMP's form: its edited stages are used"),
    Flag("FIRTH_CHECK", "0", "1: no access outside of a buffer, it is an error; slower", True),
    Flag("FIRTH_CACHE", "", "folder of compiled objects; empty: the user's cache folder; 0: none"),
)
_BY_NAME = {flag.name: flag for flag in TABLE}
_CHANGE_CODE = tuple(flag.name for flag in TABLE if flag.changes_code)
_overrides: dict[str, str] = {}
_environment: dict[Any, Any] = getattr(os.environ, "_data")  # noqa: B009
_KEYS: dict[str, tuple[Any, str]] = {
    f.name: (os.environ.encodekey(f.name), f.default) for f in TABLE
}

_program_key = (-1, "")  # of a version
version = 0  # grows with every `put`: what has read a flag can tell whether to read it again


def get(name: str) -> str:
    """The value of a flag: an override of this process, else the environment, else the default."""
    key, default = _KEYS[name]
    found = _overrides.get(name) if _overrides else None
    if found:
        return found
    given = _environment.get(key)  # os.environ itself takes ten times as long to say no
    return os.fsdecode(given) if given else default


def put(name: str, value: str | None) -> None:
    """Overrides a flag in this process; None takes the override back."""
    if name not in _BY_NAME:
        raise ArgumentError(
            f"flags: there is no flag {name}; got {name}, expected one of {', '.join(_BY_NAME)}; "
            "see docs/flags.md"
        )
    global version
    version += 1
    if value is None:
        _overrides.pop(name, None)
    else:
        _overrides[name] = value


def debug(word: str) -> bool:
    """True when FIRTH_DEBUG holds the word."""
    words = get("FIRTH_DEBUG")
    return bool(words) and word in words.split(",")


def strict() -> bool:
    """True when every value has to have the same bits however it is computed."""
    return get("FIRTH_STRICT") == "1"


def threads() -> int:
    """Number of threads that programs run on, at least 1."""
    text = get("FIRTH_THREADS")
    if not text:
        if hasattr(os, "sched_getaffinity"):
            return len(os.sched_getaffinity(0))
        return os.cpu_count() or 1
    if not text.isdigit() or int(text) < 1:
        raise ArgumentError(
            f"FIRTH_THREADS: not a number of threads; got {text!r}, expected 1 or more; "
            "unset it to use every core"
        )
    return int(text)


def code_key() -> str:
    """The flags that change generated code, as text for cache keys."""
    return ",".join([f"{name}={get(name)}" for name in _CHANGE_CODE])


def program_key() -> str:
    """What decides which program runs a graph: the target, the flags that change code, and
    whether its values are searched for NaN."""
    global _program_key
    if _program_key[0] != version:
        _program_key = (version, f"{get('FIRTH_TARGET')},{code_key()}{',nan' * debug('nan')}")
    return _program_key[1]


def cache_dir() -> Path | None:
    """The folder of compiled objects, or None when FIRTH_CACHE=0."""
    from pathlib import Path  # a tenth of importing firth, which needs no folder

    text = get("FIRTH_CACHE")
    if text == "0":
        return None
    if text:
        return Path(text)
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "firth"
