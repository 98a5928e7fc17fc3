"""Examples in docstrings run, and say what they claim."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# Modules that need an extra, or that run something when they are imported.
SKIPPED = {"firth.__main__", "firth.cli.__main__", "firth.compat.torch.__main__"}


def modules() -> list[str]:
    names = []
    for path in sorted((ROOT / "firth").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name not in SKIPPED and ">>>" in path.read_text(encoding="utf-8"):
            names.append(name)
    return names


@pytest.mark.parametrize("name", modules())
def test_examples(name):
    import firth

    module = importlib.import_module(name)
    failed, run = doctest.testmod(
        module,
        extraglobs={"firth": firth},
        optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS,
    )
    assert run and not failed
