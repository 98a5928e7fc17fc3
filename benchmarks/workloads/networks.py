"""The three networks: training steps, plain eager loops beside torch's, batch-1 inference."""

from __future__ import annotations

from benchmarks.harness import Goal, Workload
from benchmarks.networks import NETWORKS
from benchmarks.networks.common import Network

STEP_GOALS = {"mlp": (0.48, 0.40), "gpt": (0.80, 0.68), "resnet": (0.65, 0.48)}
INFER_GOALS = {"mlp": (0.8, 0.6), "gpt": (0.8, 0.6), "resnet": (0.8, 0.6)}


def _step(network: Network) -> Workload:
    must, aim = STEP_GOALS[network.name]
    return Workload(
        f"{network.name}_step",
        f"{network.doc}: one training step, its loss read",
        {
            "firth_jit": lambda: network.firth_step(jit=True),
            "firth_eager": lambda: network.firth_step(jit=False),
            "torch_eager": lambda: network.torch_step(compiled=False),
            "torch_unfused": lambda: network.torch_step(compiled=False, fused=False),
            "torch_compile": lambda: network.torch_step(compiled=True),
            "jax": network.jax_step,
        },
        goals=(
            Goal("firth_jit", must, "peers", aim),
            Goal("firth_eager", 1.0, "torch_eager", 0.9),
        ),
        slow=("torch_unfused",),
        flops=network.step_flops,
    )


def _infer(network: Network) -> Workload:
    batch = network.batch()[0].shape[0]
    return Workload(
        f"{network.name}_infer",
        f"{network.doc.partition(',')[0]}, ...: batch 1, logits as a NumPy array",
        {
            "firth_jit": lambda: network.firth_infer(jit=True),
            "firth_eager": lambda: network.firth_infer(jit=False),
            "torch_eager": lambda: network.torch_infer(compiled=False),
            "torch_compile": lambda: network.torch_infer(compiled=True),
            "jax": network.jax_infer,
        },
        goals=(Goal("firth_jit", INFER_GOALS[network.name][0], "peers", 0.6),),
        flops=network.forward_flops / batch,
        bytes=sum(w.nbytes for w in network.weights().values()),
    )


WORKLOADS = (*map(_step, NETWORKS.values()), *map(_infer, NETWORKS.values()))
