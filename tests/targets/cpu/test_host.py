"""A host op's stage: fields from JSON become a function on views; its error names the node."""

from __future__ import annotations

import json

import numpy as np
import pytest

from firth.base.dtype import float64
from firth.base.errors import LinAlgError
from firth.runtime.buffer import from_array
from firth.runtime.program import Program, View
from firth.targets.cpu import build, host

FIELDS = {
    "op": "inv", "attrs": "check=True", "views": [[["input", 0], "float64", [2, 2]],
                                        [["output", 0], "float64", [2, 2]]],
    "bytes": 64, "origins": [5],
}  # fmt: skip


def test_a_stage_from_json() -> None:
    build.load_scheduler()
    stage = host.stage(json.loads(json.dumps(FIELDS)))
    assert stage.views[0] == View(("input", 0), float64, (2, 2)) and stage.name == "inv"
    program = Program([stage], 0, [32])
    (found,) = program.run([from_array(np.diag([2.0, 4.0]))])
    np.testing.assert_array_equal(found.view(float64, (2, 2)), np.diag([0.5, 0.25]))
    with pytest.raises(LinAlgError) as error:
        program.run([from_array(np.zeros((2, 2)))])
    assert error.value.node == 5
