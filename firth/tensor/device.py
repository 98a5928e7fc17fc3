"""Devices: there is one, the CPU; the names exist so that programs written for more run."""

from __future__ import annotations

from typing import Any

from firth.base.errors import ArgumentError, message


class Device:
    """A place tensors live at. `Device('cpu') == 'cpu'` holds.

    >>> str(Device("cpu"))
    'cpu'
    """

    __slots__ = ("index", "type")

    def __init__(self, type: Any = "cpu", index: int | None = None) -> None:
        name = str(type)
        kind = name.partition(":")[0]
        if kind != "cpu":
            raise ArgumentError(
                message(
                    "device", "there is no such device here", repr(name), "'cpu'",
                    "use device='cpu'; firth.cuda.is_available() is False on this machine",
                )
            )  # fmt: skip
        self.type = kind
        self.index = index

    def __eq__(self, other: object) -> bool:
        return str(other).partition(":")[0] == self.type

    def __hash__(self) -> int:
        return hash(self.type)

    def __repr__(self) -> str:
        return f"device(type='{self.type}')"

    def __str__(self) -> str:
        return self.type


CPU = Device("cpu")


def check_device(device: Any, op: str) -> None:
    """ArgumentError for a device that isn't the CPU."""
    if device is not None and not isinstance(device, Device):
        Device(device)
