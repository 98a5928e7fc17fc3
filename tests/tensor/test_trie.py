"""The trie: numbers in keys, bounded memory."""

from __future__ import annotations

from typing import Any

import pytest

import firth
from firth.tensor import trie
from firth.tensor.record import cut
from firth.tensor.trie import number_key, place_key, plain_number, roots


def test_numbers_that_compare_equal_have_keys_of_their_own() -> None:
    keys = {number_key("add", v) for v in (0, 0.0, -0.0, False, 1, 1.0, True)}
    assert len(keys) == 7
    assert number_key("add", float("nan")) == number_key("add", float("nan"))
    with pytest.raises(firth.FirthError):
        number_key("add", "1")


def test_places_leave_numbers_out() -> None:
    assert place_key(("op", 3, 2.5, float)) == ("op", 3, None, float)
    assert place_key(("op", 2.5, float, 3, (1,))) == ("op", None, float, 3, (1,))
    assert plain_number(3) == 3


def test_the_trie_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    cut()
    from firth.tensor import cut as cuts

    monkeypatch.setattr(cuts, "TRIE_LIMIT", 300)
    x: Any = firth.ones(2)
    for n in range(1, 60):
        y = x
        for _ in range(n):
            y = y + x
        assert y.tolist() == [n + 1.0] * 2
    assert roots.count < 800
    assert trie.TRIE_LIMIT > 300
