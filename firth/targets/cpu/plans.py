"""Compiled programs on disk: a process that knows a graph runs neither passes nor code generation.

A plan is JSON beside the objects: stages with their places, and the keys of the objects that hold
their functions. Its key is a hash of all that it depends on: the graph, the machine, the flags that
change code, and the sources of Firth itself.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firth.base import flags
from firth.ir.graph import Graph
from firth.ir.op import HOST
from firth.runtime import cache
from firth.runtime.program import HostStage, Program, Stage
from firth.runtime.report import Value
from firth.runtime.site import Site
from firth.targets.cpu import build, facts, host

Fields = dict[str, Any]
_FLOORS = ("base", "ir", "runtime", "ops", "passes", "codegen", "targets")
_OPS = "firth.ops."
_WATCHING = ("verify", "asm")  # words of FIRTH_DEBUG that look at the compiler


def key_of(graph: Graph, signature: object) -> str | None:
    """The key of a graph with this signature (its repr tells everything about it).

    None when nothing may be kept: an op from outside of Firth, a flag that looks at the compiler.
    """
    if flags.cache_dir() is None or flags.get("FIRTH_DUMP") or flags.get("FIRTH_LOAD"):
        return None
    if any(flags.debug(word) for word in _WATCHING) or not _own_ops(graph):
        return None
    sources = _sources()
    if sources is None:
        return None
    return build.key(f"{sources} {facts.host()!r} {signature!r}")


def recall(key: str) -> Program | None:
    """The program under a key, with its functions; None when a part of it is not on disk."""
    folder = flags.cache_dir()
    data = None if folder is None else cache.read(folder / "plans", key)
    if data is None:
        return None
    fields: Fields = json.loads(data)
    functions = build.recall(fields.pop("objects"))
    return None if functions is None else program(fields, functions)


def program(fields: Fields, functions: Mapping[str, int]) -> Program:
    """The program of these fields, as they come from the compiler or from disk.

    fields: arguments of Program in words that JSON knows; functions: addresses by name.
    """
    stages = [_stage(row, functions) for row in fields["stages"]]
    sites = {number: _site(*site) for number, site in enumerate(fields["sites"], 1)}
    own: Fields = {
        "stages": stages,
        "sites": sites,
        "values": [
            Value(f"{op} {dtype}{shape}", *rest) for op, dtype, shape, *rest in fields["values"]
        ],
        "code": functions,
    }
    if fields.get("before") is not None:
        own["before"] = program(fields["before"], functions)
    return Program(**{**fields, **own})


def _site(op: str, kind: str, extent: int | None) -> Site:
    return Site(op, kind, "" if extent is None else f"0 <= index < {extent}")


def _stage(row: Any, functions: Mapping[str, int]) -> Stage | HostStage:
    if isinstance(row, dict):
        return host.stage(row)
    function, tiles, places, *rest = row
    return Stage(functions[function], tiles, tuple(map(tuple, places)), *rest)


def remember(key: str, fields: Fields, objects: Mapping[str, str]) -> None:
    """Keeps a program's fields and, by name of the function, the keys of its objects."""
    folder = flags.cache_dir()
    if folder is not None:
        text = json.dumps({**fields, "objects": objects}, separators=(",", ":"))
        cache.write(folder / "plans", key, text.encode())


def _own_ops(graph: Graph) -> bool:
    """Whether every op stands in Firth's sources: a name says nothing about anybody else's."""
    rules = {id(n.op): n.op.ref if n.op.family == HOST else n.op.lower for n in graph.nodes()}
    known = (getattr(r, "__module__", "") for r in rules.values() if r is not None)
    return all(name.startswith(_OPS) for name in known)


@functools.cache
def _sources() -> str | None:
    """A hash of the sources that a compiled program depends on; None where there are none."""
    digest = hashlib.blake2b(digest_size=20)
    root = Path(__file__).parents[2]
    try:
        files = [p for floor in _FLOORS for p in sorted((root / floor).rglob("*.py"))]
        for path in files:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(root)} {len(content)} ".encode() + content)
    except OSError:
        return None
    return digest.hexdigest() if files else None
