"""PyTorch's operator database against Firth: `python -m tests.conformance.torch.parity`.

--only add mul      these ops          --kind float32|float64|gradients|errors
--cap 10            so many samples    --failing    one line for each op that does not pass

--record FILE       a whole run, kept line by line: the same command goes on where it stopped
--shard 0 2         every second op of it, from the first; another process does the others
--page              writes docs/conformance/torch.md from that run
--lists             writes differ.txt and errors.txt anew, keeping the reasons they give
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Iterable
from pathlib import Path

import torch
from torch.testing._internal.common_methods_invocations import op_db

from tests.conformance.torch.compare import Count, Result, run
from tests.conformance.torch.page import page
from tests.conformance.torch.record import Record

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
PAGE = ROOT / "docs" / "conformance" / "torch.md"

# Ops whose results are drawn at random or undefined, or that belong to other parts of PyTorch.
SKIPPED = (
    "rand", "empty", "bernoulli", "multinomial", "normal", "dropout", "jiterator", "_refs",
    "sparse", "nested", "new_empty", "exponential", "cauchy", "log_normal", "geometric", "uniform",
    "rrelu", "fractional", "svd_lowrank", "pca_lowrank", "resize", "as_strided", "ops.aten", "__",
    "_native", "special.airy",
)  # fmt: skip


def reasons(file: str = "differ.txt") -> dict[str, str]:
    """`name: why` of each line of a file beside this one."""
    lines = (HERE / file).read_text(encoding="utf-8").splitlines()
    pairs = [line.split(": ", 1) for line in lines if line and not line.startswith("#")]
    return dict(pairs)


def comparable() -> list[str]:
    """The ops whose own function of the same dotted name PyTorch calls with equal results."""
    return (HERE / "comparable.txt").read_text(encoding="utf-8").split()


def entries(names: Iterable[str] = ()) -> dict[str, list[object]]:
    """The database by name; several entries may share one."""
    wanted = set(names)
    found: dict[str, list[object]] = {}
    for op in op_db:
        if wanted and op.name not in wanted:
            continue
        if any(s in op.name for s in SKIPPED) or torch.float32 not in op.dtypes:
            continue
        found.setdefault(op.name, []).append(op)
    return found


def together(results: list[Result]) -> Result:
    """The results of all entries of one name as one."""
    total = Result(results[0].name, missing=results[0].missing)
    for kind in ("float32", "float64", "gradients", "errors"):
        counts = [getattr(r, kind) for r in results]
        first = next((c.first for c in counts if c.first), "")
        setattr(total, kind, Count(sum(c.right for c in counts), sum(c.wrong for c in counts),
                                   first))  # fmt: skip
    return total


def measure(name: str, ops: list[object], cap: int | None = None, only: str = "") -> Result:
    """Everything about one name of the database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return together([run(op, name, cap, only) for op in ops])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--kind", default="")
    parser.add_argument("--cap", type=int)
    parser.add_argument("--record", type=Path)
    parser.add_argument("--shard", type=int, nargs=2, default=(0, 1))
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--lists", action="store_true")
    parser.add_argument("--failing", action="store_true")
    options = parser.parse_args()
    if options.record and (options.only or options.kind or options.cap is not None):
        parser.error("a record holds whole runs: leave out --only, --kind and --cap")
    if (options.page or options.lists) and not options.record:
        parser.error("the page and the lists are written from a whole run: give it a --record")
    if options.shard != (0, 1) and (options.page or options.lists):
        parser.error("the page and the lists are written once all shards are there, without one")
    torch.set_num_threads(1)
    start = time.time()
    record = Record(options.record) if options.record else None
    results = _measured(options, record)
    print(summary(results), f"{time.time() - start:.0f} s")
    if record and options.page:
        PAGE.write_text(
            page(results, reasons(), set(comparable()), record.commit), encoding="utf-8"
        )
    if options.lists:
        _write_list("differ.txt", {r.name: r.why for r in results if not r.passes})
        _write_list("errors.txt", {r.name: r.errors.first for r in results if r.errors.wrong})


def _measured(options: argparse.Namespace, record: Record | None) -> list[Result]:
    """The results of the ops that were asked for; what the record has is not measured again."""
    results = []
    shard, of = options.shard
    for name, ops in list(entries(options.only).items())[shard::of]:
        result = record.results.get(name) if record else None
        if result is None:
            result = measure(name, ops, options.cap, options.kind)
            if record:
                record.add(result)
        results.append(result)
        if options.failing and not result.passes:
            print(f"{name}: {result.why}", flush=True)
        if options.only:
            for kind in ("float32", "float64", "gradients", "errors"):
                count = getattr(result, kind)
                print(f"{name:32} {kind:10} right {count.right:4} wrong {count.wrong:4}"
                      f" {count.first}", flush=True)  # fmt: skip
    return results


def _write_list(file: str, found: dict[str, str]) -> None:
    """The list anew; reasons that people wrote stay."""
    path = HERE / file
    head = [x for x in path.read_text(encoding="utf-8").splitlines() if x.startswith("#")]
    known = reasons(file)
    rows = [f"{name}: {known.get(name, why)}" for name, why in found.items()]
    path.write_text("\n".join([*head, *rows]) + "\n", encoding="utf-8")


def summary(results: list[Result]) -> str:
    """The counts of a run on one line."""
    known = set(comparable())
    passing = {r.name for r in results if r.passes}
    here = [r for r in results if r.name in known]
    wrong = sum(r.errors.wrong for r in results)
    return (
        f"{len(passing & known)} of {len(here)} comparable ops pass, {len(passing)} of "
        f"{len(results)} in all, {sum(r.missing for r in results)} are missing; error inputs: "
        f"{sum(r.errors.right for r in results)} raise our error, {wrong} do not;"
    )


if __name__ == "__main__":
    main()
