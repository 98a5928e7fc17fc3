"""The record of one run: a line for each op as soon as it is measured, so that a run can go on."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path

from tests.conformance.torch.compare import Count, Result

ROOT = Path(__file__).resolve().parents[3]


def commit() -> str:
    """The commit that is measured; a `+` follows when its sources were changed."""

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    changed = git("status", "--porcelain", "firth", "tests/conformance/torch/*.py")
    return git("rev-parse", "--short=10", "HEAD") + "+" * bool(changed)


class Record:
    """A file of results, all of one commit: what it has of another is thrown away."""

    def __init__(self, path: Path) -> None:
        self.path, self.commit = path, commit()
        self.results: dict[str, Result] = {}
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        if lines and json.loads(lines[0]) == {"commit": self.commit}:
            for line in lines[1:]:
                result = _result(json.loads(line))
                self.results[result.name] = result
        else:
            path.write_text(json.dumps({"commit": self.commit}) + "\n", encoding="utf-8")

    def add(self, result: Result) -> None:
        """Keeps a result, in the file too."""
        self.results[result.name] = result
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result)) + "\n")


def _result(row: dict[str, object]) -> Result:
    counts = {k: Count(**v) if isinstance(v, dict) else v for k, v in row.items()}
    return Result(**counts)  # type: ignore[arg-type]
