"""Devices."""

from __future__ import annotations

import pytest

import firth


def test_there_is_one() -> None:
    device = firth.device("cpu:0")
    assert device == "cpu" and device.type == "cpu" and str(device) == "cpu"
    assert firth.zeros(1).device == device and repr(device) == "device(type='cpu')"
    with pytest.raises(firth.FirthError, match="no such device"):
        firth.device("cuda")
