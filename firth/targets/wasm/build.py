"""From LLVM text to one linked WebAssembly module, through the cache on disk.

LLVM makes the objects; wasm-ld, from the extra `wasm`, links them. It refuses undefined symbols, so
a module needs nothing from its host.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from firth.base import flags
from firth.base.errors import ArgumentError, VerifyError, message
from firth.codegen.text import Text
from firth.runtime import cache
from firth.targets.lock import imported
from firth.targets.wasm.facts import FACTS

VERSION = 1  # of what this file does to texts; part of the cache's key

_STACK_BYTES = 1 << 20
# wasm-ld wants an object even for a program without kernels.
_NOTHING = Text("k_nothing", "define void @k_nothing() {\nret void\n}\n", (), 0)


def module(texts: Sequence[Text]) -> bytes:
    """A module that exports every text's function, `memory` and `__heap_base`.

    ArgumentError: no linker. VerifyError: LLVM refuses a text, or it calls something outside.
    """
    unique = {t.name: t for t in texts or (_NOTHING,)}
    key = _key(unique)
    folder = flags.cache_dir()
    modules = None if folder is None else folder / "wasm"
    found = None if modules is None else cache.read(modules, key)
    if found is not None:
        return found
    linked = link({name: _object(t) for name, t in unique.items()})
    if modules is not None:
        cache.write(modules, key, linked)
    return linked


def link(objects: dict[str, bytes]) -> bytes:
    """Objects, each named after the function it defines, as one module."""
    with tempfile.TemporaryDirectory(prefix="firth-") as folder:
        at = Path(folder)
        words = [
            "--no-entry", "--fatal-warnings", "--stack-first", f"-zstack-size={_STACK_BYTES}",
            "--export=__heap_base", "-o", "linked.wasm",
        ]  # fmt: skip
        for k, (name, code) in enumerate(objects.items()):
            (at / f"{k}.o").write_bytes(code)
            words += [f"--export={name}", f"{k}.o"]
        (at / "arguments").write_text("\n".join(words))
        done = subprocess.run(
            [*_linker(), "@arguments"], cwd=at, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise VerifyError(f"build: wasm-ld refuses the program: {done.stderr.strip()}")
        return (at / "linked.wasm").read_bytes()


def _linker() -> list[str]:
    try:
        import ziglang  # noqa: F401 (only looked for)
    except ImportError:
        raise missing("ziglang") from None
    return [sys.executable, "-m", "ziglang", "wasm-ld"]


def missing(package: str) -> ArgumentError:
    """The error that tells how to get what this target needs."""
    return ArgumentError(
        message("FIRTH_TARGET", f"the wasm target needs {package}", "an environment without it",
                "the extra `wasm`", "install it with: pip install 'firth[wasm]'")
    )  # fmt: skip


def _object(text: Text) -> bytes:
    llvm = imported("llvmlite.binding")
    machine = _machine(llvm)
    try:
        parsed = llvm.parse_assembly(text.text)
        parsed.triple = FACTS.triple
        parsed.data_layout = str(machine.target_data)
        parsed.verify()
    except RuntimeError as error:
        raise VerifyError(f"build: LLVM refuses {text.name}: {error}") from None
    return bytes(machine.emit_object(parsed))


def _machine(llvm: Any) -> Any:
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm.Target.from_triple(FACTS.triple).create_target_machine(
        cpu=FACTS.cpu, features=FACTS.features, opt=1
    )


def _key(texts: dict[str, Text]) -> str:
    words = (
        FACTS.triple,
        FACTS.features,
        imported("llvmlite").__version__,
        str(VERSION),
        flags.code_key(),
    )
    digest = hashlib.blake2b(digest_size=20)
    for word in (*words, *texts, *(t.text for t in texts.values())):
        data = word.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()
