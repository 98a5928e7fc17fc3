import numpy as np
import pytest

import firth
from benchmarks.networks import NETWORKS


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_fill_the_network(name):
    network = NETWORKS[name]
    shapes = {k: tuple(p.shape) for k, p in network.build(firth).named_parameters()}
    assert shapes == {k: w.shape for k, w in network.weights().items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_losses_are_those_of_torch(name):
    pytest.importorskip("torch")
    network = NETWORKS[name]
    ours, theirs = network.firth_step(jit=True), network.torch_step(compiled=False)
    np.testing.assert_allclose([ours() for _ in range(3)], [theirs() for _ in range(3)], rtol=1e-4)
