"""Every module of PyTorch's database that exists here does what it does there, or is listed."""

from __future__ import annotations

import warnings

import pytest

pytest.importorskip("expecttest")  # torch.testing wants it

from tests.conformance.torch import optimizers
from tests.conformance.torch.modules import entries, measure, missing
from tests.conformance.torch.parity import reasons

ENTRIES = entries()
DIFFER = reasons("modules_differ.txt")


@pytest.mark.parametrize("name", ENTRIES)
def test_module(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = measure(name, ENTRIES[name])
    right = result.passes and not result.errors.wrong
    if name in DIFFER:
        assert not right, f"{name} passes: take it off modules_differ.txt"
    else:
        assert right, f"{name}: {result.errors.first if result.passes else result.why}"


def test_listed_names_exist():
    gone = {*missing(), *optimizers.missing()}
    assert set(DIFFER) <= set(ENTRIES) | gone
    assert gone <= set(DIFFER)
