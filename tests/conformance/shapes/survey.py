"""Every op of the table at its first use and on new shapes: what is compiled, and what it costs.

python -m tests.conformance.shapes.survey [op ...]   no names: writes docs/conformance/shapes.md
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import firth
from firth.base import flags
from firth.targets.cpu import build
from tests.conformance.shapes.stretch import KNOWN, SIZES, Stretched, forget, stretched
from tests.table.table_tools import OPS

PAGE = Path(__file__).parents[3] / "docs" / "conformance" / "shapes.md"
_GOAL = 500.0  # microseconds
_FIRST_GOAL = 30.0  # milliseconds
_HEAD = """# First uses and new shapes, op by op

Outside of `jit`, an op of known dtype and rank on a new shape should compile nothing and take at
most 0.5 ms. Here each op of the table is tried: every sample of its tests (float32 where it takes
it) with one extent changed, {sizes} shapes each. Compilations are counted after the third shape;
times are medians from there on, of a new shape and of the same shape again, whose difference is
what the new shape costs. `make conformance` counts; this page is written by
`python -m tests.conformance.shapes.survey`.

{ops} ops, {count} samples; {quiet} compile nothing; {fast} take at most 0.5 ms, the median one
{median:.0f} us.

The first use of each, with nothing compiled in the process nor on disk, should take at most 30 ms:
{soon} samples do, the median one {first:.1f} ms.

## First uses above 30 ms

| op and sample | first use |
|---|---|
{late}
## New shapes above 0.5 ms, or with compilations

| op and sample | compilations | new shape | again | why |
|---|---|---|---|---|
"""
REASONS = {
    "adaptive_avg_pool": "what divides evenly is another structure, and its formula another one",
}


class Found(NamedTuple):
    """Of one sample: its name, milliseconds of its first use, compilations after the known shapes,
    and medians in microseconds of new shapes and of the same ones again."""

    name: str
    first: float
    compilations: int
    new: float
    again: float


def survey(names: list[str]) -> Iterator[Found]:
    """Each op's samples that can be stretched, each from an empty folder of compiled code on."""
    with tempfile.TemporaryDirectory() as folder:
        flags.put("FIRTH_CACHE", folder)
        (firth.ones(3) + 1).numpy()  # LLVM itself
        gc.freeze()  # a program's heap, not that of all tests
        for sample in (s for op in OPS if not names or op.name in names for s in stretched(op)):
            forget()
            gc.collect()  # what earlier samples left is not this one's work
            flags.put("FIRTH_CACHE", str(Path(folder, sample.name)))
            yield measured(sample)
        gc.unfreeze()
        flags.put("FIRTH_CACHE", None)


def measured(sample: Stretched) -> Found:
    """Compilations and times of one sample."""
    new, again = [], []
    before = 0
    for place, n in enumerate(sample.sizes()):
        if place == KNOWN:
            before = build.compilations
        call = sample.ready(n)
        for times in (new, again):
            start = time.perf_counter()
            call().numpy()
            times.append(1e6 * (time.perf_counter() - start))
    compilations = build.compilations - before
    later = statistics.median(new[KNOWN:]), statistics.median(again[KNOWN:])
    return Found(sample.name, new[0] / 1e3, compilations, *later)


def page(rows: list[Found]) -> str:
    """The survey as text."""
    slow = [r for r in rows if r.new > _GOAL or r.compilations]
    late = sorted((r for r in rows if r.first > _FIRST_GOAL), key=lambda r: -r.first)
    head = _HEAD.format(
        sizes=len(SIZES), ops=len({r.name.split()[0] for r in rows}), count=len(rows),
        quiet=sum(not r.compilations for r in rows), fast=sum(r.new <= _GOAL for r in rows),
        median=statistics.median(r.new for r in rows), soon=len(rows) - len(late),
        first=statistics.median(r.first for r in rows),
        late="".join(f"| `{r.name}` | {r.first:.1f} ms |\n" for r in late),
    )  # fmt: skip
    return head + "".join(_row(r) for r in sorted(slow, key=lambda r: -r.new))


def _row(found: Found) -> str:
    work = "its own work" if found.again > _GOAL / 2 else "its new shape"
    why = REASONS.get(found.name.split()[0], work)
    times = f"{found.new:.0f} us | {found.again:.0f} us"
    return f"| `{found.name}` | {found.compilations} | {times} | {why} |\n"


def main(names: list[str]) -> None:
    """Prints the survey of some ops, or writes the page from all."""
    rows = list(survey(names))
    text = page(rows)
    print(text) if names else PAGE.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
