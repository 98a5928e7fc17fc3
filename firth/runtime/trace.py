"""Where a program's nodes come from, and the collector that a profile puts here while it runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from firth.runtime.collect import Collector


class Origin(NamedTuple):
    """Where a node of a recorded graph comes from: `file.py:41`, the layer, and whether it is of
    the gradient of what that line computed."""

    line: str
    layer: str
    backward: bool = False


def words(origin: Origin) -> str:
    """Its line, relative to the working folder, its layer, and `backward`."""
    parts = short(origin.line), origin.layer, "backward" if origin.backward else ""
    return " ".join(part for part in parts if part)


def short(line: str) -> str:
    """A line's file relative to the working folder, where it lies below."""
    here = os.getcwd() + os.sep
    return line[len(here) :] if line.startswith(here) else line


class _About(threading.local):
    """What whoever runs a program knows of its nodes."""

    origins: tuple[Origin, ...] = ()


about: Final = _About()
collector: Collector | None = None


@contextmanager
def compiling() -> Iterator[None]:
    """Tells the collector, where there is one, what time went into compiling."""
    began = time.perf_counter()
    try:
        yield
    finally:
        if collector is not None:
            collector.compiling.append((began, time.perf_counter()))
