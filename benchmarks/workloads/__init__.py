"""Every workload by name. One file per subject; a peer's version stands beside Firth's."""

from benchmarks.harness import Workload
from benchmarks.workloads import digits, mlp, start, tiny

WORKLOADS: dict[str, Workload] = {
    w.name: w for module in (mlp, digits, tiny, start) for w in module.WORKLOADS
}
