"""PyTorch's operator database against Firth: `python -m tests.conformance.torch.parity`.

--only add mul      these ops          --kind float32|float64|gradients|errors
--cap 10            so many samples    --page    writes docs/conformance/torch.md
--failing           one line for each op that does not pass
--lists             writes differ.txt and errors.txt anew, keeping the reasons they give
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import torch
from torch.testing._internal.common_methods_invocations import op_db

from tests.conformance.torch.compare import Count, Result, run
from tests.conformance.torch.page import page

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
    parser.add_argument("--json")
    parser.add_argument("--merge")
    parser.add_argument("--page", action="store_true")
    parser.add_argument("--lists", action="store_true")
    parser.add_argument("--failing", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    start, results = time.time(), []
    for name, ops in entries(options.only).items():
        result = measure(name, ops, options.cap, options.kind)
        results.append(result)
        if options.failing and not result.passes:
            print(f"{name}: {result.why}", flush=True)
        if options.only:
            for kind in ("float32", "float64", "gradients", "errors"):
                count = getattr(result, kind)
                print(f"{name:32} {kind:10} right {count.right:4} wrong {count.wrong:4}"
                      f" {count.first}", flush=True)  # fmt: skip
    if options.merge:
        fresh = {r.name for r in results}
        results += [r for r in stored(Path(options.merge)) if r.name not in fresh]
        order = list(entries())
        results.sort(key=lambda r: order.index(r.name))
    print(summary(results), f"{time.time() - start:.0f} s")
    if options.json:
        store(Path(options.json), results)
    if options.page:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(page(results, reasons(), set(comparable())), encoding="utf-8")
    if options.lists:
        _write_list("differ.txt", {r.name: r.why for r in results if not r.passes})
        _write_list("errors.txt", {r.name: r.errors.first for r in results if r.errors.wrong})


def store(path: Path, results: list[Result]) -> None:
    """Writes the counts of a run as JSON."""
    path.write_text(json.dumps([asdict(r) for r in results], indent=0), encoding="utf-8")


def stored(path: Path) -> list[Result]:
    """The results that `store` wrote."""
    found = []
    for row in json.loads(path.read_text(encoding="utf-8")):
        counts = {k: Count(**v) if isinstance(v, dict) else v for k, v in row.items()}
        found.append(Result(**counts))
    return found


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
