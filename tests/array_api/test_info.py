"""What the namespace says of itself."""

from __future__ import annotations

import firth
from firth import array_api as xp


def test_info() -> None:
    info = xp.__array_namespace_info__()
    assert info.default_device() in info.devices()
    assert info.default_dtypes()["real floating"] is xp.asarray(1.0).dtype
    assert set(info.dtypes(kind=("signed integer", "bool"))) == {
        "bool", "int8", "int16", "int32", "int64"}  # fmt: skip
    assert firth.float16 not in info.dtypes().values()
    assert info.capabilities()["boolean indexing"] is True
