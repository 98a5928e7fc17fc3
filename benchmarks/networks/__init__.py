"""The three networks of the benchmarks, on firth.nn, with the same ones for torch and JAX."""

from benchmarks.networks import gpt, mlp, resnet
from benchmarks.networks.common import Network

NETWORKS: dict[str, Network] = {m.NETWORK.name: m.NETWORK for m in (mlp, gpt, resnet)}
