"""Every workload by name. One file per subject; a peer's version stands beside Firth's."""

from benchmarks.harness import Group, Workload
from benchmarks.workloads import (
    arrays,
    attention,
    conv,
    digits,
    first_use,
    matmul,
    memory,
    networks,
    start,
    threads,
    tiny,
)

_MODULES = (
    networks,
    arrays,
    matmul,
    conv,
    attention,
    digits,
    tiny,
    first_use,
    start,
    memory,
    threads,
)
WORKLOADS: dict[str, Workload] = {w.name: w for m in _MODULES for w in m.WORKLOADS}
GROUPS = (Group("matmul", 1.0, 0.95),)
# The page's sections: beginnings of workloads' names.
SECTIONS: dict[str, tuple[str, ...]] = {
    "Training steps and inference": ("mlp", "gpt", "resnet", "digits"),
    "Elementwise, rows, optimizer": ("elementwise", "softmax", "layer_norm", "adam"),
    "Matrix products": ("matmul",),
    "Convolution": ("conv",),
    "Attention": ("attention",),
    "A hundred tiny operations, not compiled": ("tiny",),
    "Operations not compiled before": ("first_use", "new_shape"),
    "New processes": ("import", "first_call"),
    "Memory": ("memory",),
    "Threads": ("busy", "two_threads"),
}
