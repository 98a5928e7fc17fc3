"""Peak memory of training steps: how far a process grows above its compiled, idle state.

Everyone is measured alike, in a new process (Linux only): some steps, then everything that is kept
for later is given back to the system; from there, the highest resident set of three more steps. It
differs from process to process, by a quarter for torch.compile, so there are as many as of others.
"""

from __future__ import annotations

from benchmarks.harness import Goal, Workload, number_of

_CODE = """
import ctypes, gc, re, sys
from benchmarks.networks import NETWORKS

def status(word):
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(word + r":\\s+(\\d+)", file.read())[1])

call = NETWORKS["{name}"].{maker}
for _ in range(4):
    call()
gc.collect()
if "firth" in sys.modules:
    from firth.runtime import buffer
    buffer.trim()
ctypes.CDLL(None).malloc_trim(0)
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = status("VmRSS")
for _ in range(3):
    call()
print(status("VmHWM") - before)
"""
MAKERS = {
    "firth_jit": "firth_step(jit=True)",
    "torch_eager": "torch_step(compiled=False)",
    "torch_compile": "torch_step(compiled=True)",
    "jax": "jax_step()",
}


def _peak(name: str, maker: str) -> float:
    return number_of(_CODE.format(name=name, maker=maker))


def _workload(name: str) -> Workload:
    return Workload(
        f"memory_{name}",
        f"peak memory of a training step of the {name}, above its compiled state",
        commands={v: lambda m=m: _peak(name, m) for v, m in MAKERS.items()},
        goals=(Goal("firth_jit", 0.7, "peers"),),
        unit="bytes",
    )


WORKLOADS = tuple(map(_workload, ("gpt", "resnet")))
