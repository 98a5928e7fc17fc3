"""Finding targets by name."""

from __future__ import annotations

import pytest

from firth import targets
from firth.base.errors import ArgumentError


def test_every_name_has_a_compile() -> None:
    for name in targets.NAMES:
        assert callable(targets.get(name).compile)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ArgumentError, match="cpu, ref, null"):
        targets.get("gpu")
