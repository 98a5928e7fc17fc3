"""`python -m benchmarks.networks gpt --steps 5`: losses and milliseconds of a network's steps."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping

from benchmarks.networks import NETWORKS
from benchmarks.networks.common import Call, Network

Makers = Mapping[str, Callable[[Network], Call]]
STEPS: Makers = {
    "firth_jit": lambda n: n.firth_step(jit=True),
    "firth_eager": lambda n: n.firth_step(jit=False),
    "torch_eager": lambda n: n.torch_step(compiled=False),
    "torch_compile": lambda n: n.torch_step(compiled=True),
    "jax": lambda n: n.jax_step(),
}
INFERENCES: Makers = {
    "firth_jit": lambda n: n.firth_infer(jit=True),
    "firth_eager": lambda n: n.firth_infer(jit=False),
    "torch_eager": lambda n: n.torch_infer(compiled=False),
    "torch_compile": lambda n: n.torch_infer(compiled=True),
    "jax": lambda n: n.jax_infer(),
}


def main() -> None:
    """Runs the named networks in the named variants."""
    parser = argparse.ArgumentParser("python -m benchmarks.networks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(NETWORKS)}; default: all")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--only", default="firth", help="beginnings of variants: firth,torch,jax")
    parser.add_argument("--infer", action="store_true", help="batch-1 inference, not training")
    options = parser.parse_args()
    makers = INFERENCES if options.infer else STEPS
    only = tuple(options.only.split(","))
    for name in options.names or NETWORKS:
        for variant, make in makers.items():
            if variant.startswith(only):
                print(_line(name, variant, make(NETWORKS[name]), options.steps), flush=True)


def _line(name: str, variant: str, call: Call, steps: int) -> str:
    times, results = [], []
    for _ in range(steps):
        start = time.perf_counter()
        results.append(call())
        times.append(time.perf_counter() - start)
    shown = " ".join(f"{r:.6f}" if isinstance(r, float) else f"{r.sum():.5f}" for r in results)
    return (
        f"{name:<7}{variant:<14} first {times[0]:6.2f} s  best {min(times) * 1e3:9.3f} ms  "
        f"median {sorted(times)[len(times) // 2] * 1e3:9.3f} ms  {shown}"
    )


if __name__ == "__main__":
    main()
