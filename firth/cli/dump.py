"""`firth dump script.py`: every stage of every program that a script compiles, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from firth.base import flags
from firth.cli import script


def run(target: str, args: Sequence[str], folder: Path) -> int:
    """Runs the script and writes the stages; the script's exit status."""
    script.check("dump", target)
    before = set(_programs(folder))
    flags.put("FIRTH_DUMP", str(folder))
    try:
        status = script.run("dump", target, args)
    finally:
        flags.put("FIRTH_DUMP", None)
    programs = [p for p in _programs(folder) if p not in before]
    for path in programs:
        nodes = (path / "1_lowered.txt").read_text(encoding="utf-8").count(" = ")
        kernels = len(list(path.glob("3_*.ll")))
        print(f"{path}  {nodes} nodes in base ops, {kernels} kernels")
    if not programs:
        print(f"dump: no program that {folder} does not hold already")
    return status


def _programs(folder: Path) -> list[Path]:
    """Folders of whole programs, the oldest first."""
    found = [p.parent for p in folder.glob("*/2_kernels.txt")]
    return sorted(found, key=lambda p: (p / "repro.py").stat().st_mtime)
