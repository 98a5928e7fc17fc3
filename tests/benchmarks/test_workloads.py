"""Variants of a workload compute the same: small ones, Firth beside torch or NumPy."""

import numpy as np
import pytest

from benchmarks.workloads import SECTIONS, WORKLOADS

KINDS = ("nn", "nt", "tn", "tt")
PAIRS = [
    *((f"matmul_64x784x128_{kind}", "firth_jit", "numpy") for kind in KINDS),
    *((f"conv_128_{kind}", "firth_jit", "torch") for kind in ("forward", "input", "weight")),
    ("layer_norm", "firth_jit", "torch_eager"),
    ("attention_128", "firth_jit", "torch"),
]


def arrays(results):
    results = results if isinstance(results, tuple) else (results,)
    return [r if isinstance(r, np.ndarray) else r.detach().numpy() for r in results]


@pytest.mark.parametrize(("name", "ours", "theirs"), PAIRS)
def test_results_are_those_of_the_peer(name, ours, theirs):
    pytest.importorskip("torch")
    makers = WORKLOADS[name].makers
    for a, b in zip(arrays(makers[ours]()()), arrays(makers[theirs]()()), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-4 * np.abs(b).max())


@pytest.mark.parametrize("kind", ["forward", "input", "weight"])
def test_layouts_give_the_same_convolution(kind):
    makers = WORKLOADS[f"conv_128_{kind}"].makers
    (plain,), (last,) = (arrays(makers[v]()()) for v in ("firth_jit", "firth_nhwc"))
    last = last if kind == "weight" else last.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(last, plain, rtol=1e-3, atol=2e-4 * np.abs(plain).max())


def test_every_workload_has_a_section():
    prefixes = tuple(p for section in SECTIONS.values() for p in section)
    assert [name for name in WORKLOADS if not name.startswith(prefixes)] == []
