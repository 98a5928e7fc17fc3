"""Every pass of every test is verified; a slow machine is no failure."""

from __future__ import annotations

import gc
import os

from hypothesis import settings

os.environ.setdefault("FIRTH_DEBUG", "verify")
settings.register_profile("firth", deadline=None)
settings.load_profile("firth")


def pytest_collection_finish() -> None:
    """What was imported and collected stays: no collection of cycles looks at it again."""
    gc.collect()
    gc.freeze()
