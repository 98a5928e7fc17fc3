"""Facts of WebAssembly."""

from __future__ import annotations

from firth.targets.wasm.facts import FACTS


def test_vectors_have_16_bytes_and_nothing_is_fused() -> None:
    assert FACTS.lanes(4) == 4
    assert not FACTS.fma
    assert not FACTS.threads
