"""Runs the public suite data-apis/array-api-tests on `firth.array_api` and writes its page.

ARRAY_API_TESTS=<checkout> python -m tests.conformance.array_api.suite [--examples 5] [--page]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PAGE = ROOT / "docs" / "conformance" / "array_api.md"
VERSION = "2025.12"

_HEAD = """# The Python Array API standard

`firth.array_api` is the standard's namespace, version {version}. The judge is the public suite
data-apis/array-api-tests with {examples} examples for each test. This page is written by
`python -m tests.conformance.array_api.suite --page`.

| | tests |
|---|---|
| passed | {passed} |
| failed | {failed} |
| skipped by the suite itself | {skipped} |

| part of the suite | passed | failed |
|---|---|---|
"""


def checkout() -> str:
    """Where the suite lies: the environment's ARRAY_API_TESTS, "" without one."""
    return os.environ.get("ARRAY_API_TESTS", "")


def reasons() -> dict[str, str]:
    """What may fail, and why: `test id  # reason` a line."""
    lines = (HERE / "failing.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("  # ") for line in lines if line and not line.startswith("#")]
    return {name.strip(): why.strip() for name, _, why in pairs}


def run(
    suite: str, *, examples: int, random: bool = False, module: str = "firth.array_api",
    only: tuple[str, ...] = (),
) -> dict[str, str]:  # fmt: skip
    """Test id -> outcome. The same seeds each time unless random."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | {
            "ARRAY_API_TESTS_MODULE": module, "ARRAY_API_TESTS_VERSION": VERSION,
            "PYTHONPATH": str(ROOT), "HYPOTHESIS_STORAGE_DIRECTORY": scratch,
        }  # fmt: skip
        done = subprocess.run(
            [
                sys.executable, "-m", "pytest", *(only or ("array_api_tests",)), "-q", "--tb=no",
                "-p", "no:cacheprovider", "--disable-deadline", f"--max-examples={examples}",
                *(() if random else ("--derandomize",)), "--json-report",
                f"--json-report-file={report}", "--json-report-omit", "collectors", "log",
                "streams", "traceback", "warnings", "metadata",
            ],
            cwd=suite, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        if not report.exists():
            raise RuntimeError(
                f"the suite did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        found = json.loads(report.read_text(encoding="utf-8"))
    return {test["nodeid"]: test["outcome"] for test in found["tests"]}


def page(results: dict[str, str], examples: int) -> str:
    """The page's text: counts, by part of the suite, and every failure with its reason."""
    outcomes = list(results.values())
    text = _HEAD.format(
        version=VERSION, examples=examples, passed=outcomes.count("passed"),
        failed=outcomes.count("failed"), skipped=outcomes.count("skipped"),
    )  # fmt: skip
    parts: dict[str, list[str]] = {}
    for name, outcome in results.items():
        part = name.partition("::")[0].removeprefix("array_api_tests/test_").removesuffix(".py")
        parts.setdefault(part, []).append(outcome)
    for part, of in sorted(parts.items()):
        text += f"| {part.replace('_', ' ')} | {of.count('passed')} | {of.count('failed')} |\n"
    why = reasons()
    failed = [name for name, outcome in results.items() if outcome == "failed"]
    if failed:
        text += "\n## What fails\n\n| test | why |\n|---|---|\n"
        for name in failed:
            shown = name.partition("::")[2].replace("|", "\\|")
            text += f"| `{shown}` | {why.get(name, 'not listed')} |\n"
    return text


def main() -> None:
    """Prints what fails; with --page writes the page."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--examples", type=int, default=5)
    parser.add_argument("--module", default="firth.array_api")
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("only", nargs="*")
    given = parser.parse_args()
    results = run(
        checkout(), examples=given.examples, random=given.random, module=given.module,
        only=tuple(given.only),
    )  # fmt: skip
    failed = [name for name, outcome in results.items() if outcome == "failed"]
    print("\n".join(failed))
    print(f"{len(failed)} of {len(results)} failed")
    if given.page:
        PAGE.write_text(page(results, given.examples), encoding="utf-8")


if __name__ == "__main__":
    main()
