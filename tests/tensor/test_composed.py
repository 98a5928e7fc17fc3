"""Short compositions, against PyTorch."""

import pytest

import firth

torch = pytest.importorskip("torch")

X = [[3.0, -1.0, 2.0], [0.5, 4.0, float("nan")]]
CASES = {
    "constructor of data": lambda t: t.Tensor([[1, 2], [3, 4]]),
    "constructor of nothing": lambda t: t.Tensor(),
    "view_as": lambda t: t.arange(6).view_as(t.zeros(2, 3)),
    "reshape_as": lambda t: t.arange(6).reshape(2, 3).t().reshape_as(t.zeros(2, 3)),
    "numpy words": lambda t: t.ones(2, 3).sum(axis=1, keepdims=True),
    "numpy words of functions": lambda t: t.max(t.tensor(X[:1]), axis=1).indices,
    "broadcast_tensors": lambda t: t.broadcast_tensors(t.ones(3, 1), t.arange(2.0))[1],
    "meshgrid ij": lambda t: t.stack(t.meshgrid(t.arange(2), t.arange(3), indexing="ij")),
    "meshgrid xy": lambda t: t.stack(t.meshgrid(t.arange(2), t.arange(3), indexing="xy")),
    "vstack": lambda t: t.vstack([t.arange(3), t.ones(2, 3, dtype=t.int64)]),
    "hstack": lambda t: t.hstack([t.arange(3), t.arange(2)]),
    "hstack of rows": lambda t: t.hstack([t.ones(2, 1), t.zeros(2, 2)]),
    "select": lambda t: t.arange(6).reshape(2, 3).select(1, -1),
    "clamp_min": lambda t: t.arange(4).clamp_min(2),
    "clamp_max": lambda t: t.arange(4.0).clamp_max(1.5),
    "diff": lambda t: t.tensor([1, 4, 9, 16]).diff(n=2),
    "diff of a dim": lambda t: t.arange(6).reshape(2, 3).diff(dim=0),
    "dist": lambda t: t.dist(t.ones(3), t.tensor([1.0, 4.0, 5.0])),
    "std_mean": lambda t: t.stack(t.std_mean(t.arange(5.0))),
    "baddbmm": lambda t: t.baddbmm(t.ones(1, 2, 2), t.ones(1, 2, 3), t.ones(1, 3, 2), beta=2),
    "repeat_interleave": lambda t: t.tensor([[1, 2], [3, 4]]).repeat_interleave(2),
    "repeat_interleave of a dim": lambda t: t.tensor([[1, 2], [3, 4]]).repeat_interleave(3, dim=1),
    "nan_to_num": lambda t: t.tensor([1.0, float("nan"), float("inf"), -float("inf")]).nan_to_num(),
    "nan_to_num of numbers": lambda t: t.tensor(X).nan_to_num(nan=7.0),
    "logspace": lambda t: t.logspace(0, 3, 4),
    "tril_indices": lambda t: t.tril_indices(3, 4, 1),
    "triu_indices": lambda t: t.triu_indices(3, 3),
    "tensordot": lambda t: t.tensordot(t.arange(6.0).reshape(2, 3), t.ones(3, 4), dims=1),
    "tensordot of lists": lambda t: t.tensordot(
        t.arange(6.0).reshape(2, 3), t.ones(2, 4), dims=([0], [0])
    ),
    "bincount": lambda t: t.bincount(t.tensor([1, 3, 3]), minlength=6),
    "bincount of weights": lambda t: t.tensor([1, 3, 3]).bincount(t.tensor([0.5, 1.0, 2.0])),
    "median": lambda t: t.tensor([4.0, 1.0, 3.0, 2.0]).median(),
    "median of a dim": lambda t: t.tensor(X[:1]).median(dim=1, keepdim=True).indices,
}


@pytest.mark.parametrize("name", CASES)
def test_case(name):
    ours, theirs = CASES[name](firth), CASES[name](torch)
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert ours.dtype.name == str(theirs.dtype).removeprefix("torch.")
    assert (
        ours.tolist() == pytest.approx(theirs.tolist(), rel=1e-5, nan_ok=True)
        if (ours.ndim < 2)
        else str(ours.tolist()) == str(theirs.tolist())
    )


@pytest.mark.parametrize("name", ["float32", "float64", "float16", "bfloat16"])
def test_limits_of_floats(name):
    ours, theirs = firth.finfo(getattr(firth, name)), torch.finfo(getattr(torch, name))
    assert (ours.max, ours.min, ours.eps, ours.tiny, ours.bits) == (
        theirs.max, theirs.min, theirs.eps, theirs.tiny, theirs.bits,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["int8", "uint8", "int32", "int64"])
def test_limits_of_integers(name):
    ours, theirs = firth.iinfo(getattr(firth, name)), torch.iinfo(getattr(torch, name))
    assert (ours.max, ours.min, ours.bits) == (theirs.max, theirs.min, theirs.bits)


def test_gradients_pass_through():
    x = firth.tensor([1.0, 2.0], requires_grad=True)
    x.repeat_interleave(3).sum().backward()
    assert x.grad.tolist() == [3, 3]
