"""`firth profile script.py`: where its time goes, kernel by kernel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from firth.cli import script
from firth.tensor.profile import profile


def run(target: str, args: Sequence[str], folder: Path, most: int) -> int:
    """Runs the script, prints the tables, writes trace and memory; the script's exit status."""
    script.check("profile", target)
    found = profile()
    with found:
        status = script.run("profile", target, args)
    print(found.text(most))
    print()
    for path in found.save(folder):
        print(path)
    return status
