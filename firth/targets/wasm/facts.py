"""What code generation may know of WebAssembly: the same everywhere, so that the bits are too."""

from __future__ import annotations

from typing import Final

from firth.base.facts import TargetFacts

# Registers and caches are those of the machine below, which nobody knows: modest guesses.
FACTS: Final = TargetFacts(
    triple="wasm32-unknown-unknown",
    cpu="",
    features="+simd128,+bulk-memory,+nontrapping-fptoint,+sign-ext",
    vector_bytes=16,
    vector_registers=16,
    fma=False,
    masked=False,
    threads=False,
)
