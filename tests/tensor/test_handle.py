"""Handles: sizes, kinds, slots."""

from __future__ import annotations

import copy

import pytest

import firth
from firth.tensor.handle import Size, kind_of


def test_sizes_are_tuples() -> None:
    size = firth.zeros(2, 3).shape
    assert size == (2, 3) and isinstance(size, Size) and size.numel() == 6
    assert repr(size) == "Size([2, 3])"


def test_kinds_are_interned() -> None:
    assert kind_of((2, 3), firth.float32) is firth.zeros(2, 3)._kind
    assert kind_of((2, 3), firth.float32, True) is not kind_of((2, 3), firth.float32)


def test_handles_have_no_dictionary() -> None:
    with pytest.raises(AttributeError):
        firth.zeros(1).anything = 1


def test_deep_copies_are_leaves_of_their_own() -> None:
    w = firth.ones(2, requires_grad=True)
    other = copy.deepcopy(w)
    with firth.no_grad():
        other += 1
    assert w.tolist() == [1.0, 1.0] and other.tolist() == [2.0, 2.0]
    assert other.requires_grad and other.is_leaf


def test_handles_are_keys() -> None:
    a, b = firth.zeros(1), firth.zeros(1)
    assert {a: 1, b: 2}[a] == 1
