"""Devices that are not there: what programs ask before they use one, answered truthfully."""

from __future__ import annotations


def is_available() -> bool:
    """False: programs run on the CPU."""
    return False


def is_built() -> bool:
    """False: Firth has no such target."""
    return False


def is_bf16_supported() -> bool:
    """False: there is no device that could."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator() -> None:
    """None, as in PyTorch on a machine without one."""


def manual_seed(seed: int) -> None:
    """Nothing, as in PyTorch without the device: there is no generator to seed."""


def manual_seed_all(seed: int) -> None:
    """Nothing, as in PyTorch without the device: there is no generator to seed."""


def empty_cache() -> None:
    """Nothing, as in PyTorch without the device: there is no cache."""
