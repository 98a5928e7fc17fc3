"""Host ops in programs: a stage that hands views of stored values to an op's NumPy meaning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from firth.base import dtype as dt
from firth.base.errors import FirthError
from firth.ir.op import TABLE
from firth.ir.text import attrs_from_text
from firth.runtime.program import HostStage, View


def stage(fields: Mapping[str, Any]) -> HostStage:
    """The stage of these fields, as they come from the compiler or from disk."""
    meaning = TABLE[fields["op"]].ref
    attrs = attrs_from_text(fields["attrs"])
    origins = tuple(fields["origins"])

    def run(*views: np.ndarray) -> None:
        try:
            views[-1][...] = meaning(*views[:-1], **attrs)
        except FirthError as error:
            error.node = origins[0] if origins else None
            raise

    views = tuple(
        View((place[0], place[1]), dt.BY_NAME[dtype], tuple(shape))
        for place, dtype, shape in fields["views"]
    )
    return HostStage(run, views, fields["op"], fields["bytes"], 0, origins)
