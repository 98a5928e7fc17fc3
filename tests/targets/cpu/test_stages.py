"""FIRTH_DUMP writes every stage, FIRTH_LOAD takes edited ones back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from firth.base import flags
from firth.ir.op import TABLE as T
from firth.targets.cpu import target as cpu
from tests.passes.graphs import graph_of, run


@pytest.fixture
def folder(tmp_path: Path):  # type: ignore[no-untyped-def]
    flags.put("FIRTH_DUMP", str(tmp_path))
    yield tmp_path
    flags.put("FIRTH_DUMP", None)
    flags.put("FIRTH_LOAD", None)


def test_every_stage_is_written_and_the_repro_runs(folder: Path) -> None:
    cpu.compile(graph_of(lambda x: T["exp"](x) * 2.0, (5, 3)))
    (stage,) = folder.iterdir()
    names = sorted(p.name for p in stage.iterdir())
    assert [n.split("_")[0] for n in names] == ["0", "1", "2", "3", "4", "5", "repro.py"]
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, str(stage / "repro.py")],
        capture_output=True, text=True, cwd=root, env={"PYTHONPATH": str(root), "FIRTH_CACHE": "0"},
    )  # fmt: skip
    assert "output 0: float32[5, 3] largest difference" in done.stdout, done.stderr


def test_an_edited_graph_is_used(folder: Path) -> None:
    graph = graph_of(lambda x: T["exp"](x) * 2.0, (4,))
    cpu.compile(graph)
    (path,) = folder.glob("*/1_lowered.txt")
    path.write_text(path.read_text().replace("value=2.0", "value=3.0"))
    flags.put("FIRTH_LOAD", str(folder))
    x = np.arange(4, dtype=np.float32)
    np.testing.assert_allclose(run(cpu, graph, [x])[0], np.exp(x) * 3, rtol=1e-6)


def test_an_edited_kernel_is_used(folder: Path) -> None:
    graph = graph_of(lambda x: x + 1.0, (4,))
    cpu.compile(graph)
    (path,) = folder.glob("*/3_*.ll")
    text = path.read_text()
    assert "fadd" in text
    path.write_text(text.replace("fadd", "fsub"))
    flags.put("FIRTH_LOAD", str(folder))
    x = np.arange(4, dtype=np.float32)
    np.testing.assert_array_equal(run(cpu, graph, [x])[0], x - 1)
