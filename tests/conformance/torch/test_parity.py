"""Every op of PyTorch's database does here what it does there, or stands in differ.txt."""

from __future__ import annotations

import pytest

pytest.importorskip("expecttest")  # torch.testing wants it

from tests.conformance.torch.parity import comparable, entries, measure, reasons

ENTRIES = entries()
DIFFER = reasons("differ.txt")
ERRORS = reasons("errors.txt")


@pytest.mark.parametrize("name", ENTRIES)
def test_op(name):
    result = measure(name, ENTRIES[name])
    if name in DIFFER:
        assert not result.passes, f"{name} passes: take it off differ.txt"
    else:
        assert result.passes, f"{name}: {result.why}"
    if name in ERRORS:
        assert result.errors.wrong, f"{name} refuses everything: take it off errors.txt"
    else:
        assert not result.errors.wrong, f"{name}: {result.errors.first}"


def test_listed_names_exist():
    assert set(DIFFER) | set(ERRORS) | set(comparable()) <= set(ENTRIES)
