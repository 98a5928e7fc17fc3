import dataclasses

import pytest

from firth.base.facts import TargetFacts

AVX2 = TargetFacts("x86_64-unknown-linux-gnu", "haswell", "+avx2,+fma", 32, 16, True, True)


@pytest.mark.parametrize(("itemsize", "lanes"), [(1, 32), (2, 16), (4, 8), (8, 4), (64, 1)])
def test_lanes(itemsize, lanes):
    assert AVX2.lanes(itemsize) == lanes


def test_facts_are_data():
    assert dataclasses.replace(AVX2) == AVX2 and hash(AVX2) == hash(dataclasses.replace(AVX2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        AVX2.fma = False


def test_strict_facts_differ_in_words_only():
    wide = TargetFacts("x86_64", "fast", "+fma", 64, 32, True, True, 48 << 10, 2 << 20, 32 << 20)
    narrow = TargetFacts("wasm32", "", "+simd128", 16, 16, False, False)
    assert narrow.strict() == narrow
    assert (
        dataclasses.replace(wide.strict(), triple="wasm32", cpu="", features="+simd128") == narrow
    )
