"""`tf.config`: what machine there is, answered truthfully, and switches that change nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from firth.compat.missing import refuse


class PhysicalDevice(NamedTuple):
    """A device."""

    name: str
    device_type: str


def list_physical_devices(device_type: str | None = None) -> list[PhysicalDevice]:
    """The CPU."""
    return [PhysicalDevice("/physical_device:CPU:0", "CPU")] if device_type in (None, "CPU") else []


def set_visible_devices(devices: Any, device_type: Any = None) -> None:
    """Nothing: there is one device."""


def run_functions_eagerly(run_eagerly: bool) -> None:
    """Nothing: prints and breakpoints work outside of functions anyway."""


def device(name: str) -> AbstractContextManager[None]:
    """with device("/CPU:0"): there is one device, so nothing changes."""
    return nullcontext()


__getattr__ = refuse(globals())
