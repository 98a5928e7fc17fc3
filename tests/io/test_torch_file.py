"""Weight-only PyTorch files, made by PyTorch itself."""

from collections import OrderedDict

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.io import torch_file

torch = pytest.importorskip("torch")


def _round(value, tmp_path, **kwargs):
    torch.save(value, tmp_path / "x.pt", **kwargs)
    return torch_file.load_file(tmp_path / "x.pt")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_state_dicts(tmp_path, protocol):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    state = model.state_dict()
    got = _round(state, tmp_path, pickle_protocol=protocol)
    assert isinstance(got, OrderedDict)
    assert list(got) == list(state)
    for name, tensor in state.items():
        np.testing.assert_array_equal(got[name], tensor.numpy())
        assert got[name].dtype == tensor.numpy().dtype


def test_checkpoints(tmp_path):
    model = torch.nn.Linear(3, 4)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    got = _round(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "best": 0.5,
         "name": "x", "list": [1, (2, None)], "flag": True, "seed": 2**70},
        tmp_path,
    )  # fmt: skip
    assert got["epoch"] == 3 and got["best"] == 0.5 and got["list"] == [1, (2, None)]
    assert got["flag"] is True and got["seed"] == 2**70
    assert got["optimizer"]["param_groups"][0]["params"] == [0, 1]
    assert got["optimizer"]["param_groups"][0]["betas"] == (0.9, 0.999)
    np.testing.assert_array_equal(
        got["optimizer"]["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"]
    )


DTYPES = [d.name for d in dt.ALL]


@pytest.mark.parametrize("name", DTYPES)
def test_dtypes(tmp_path, name):
    tensor = torch.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(torch, name))
    got = _round({"a": tensor, "dtype": tensor.dtype}, tmp_path)
    assert got["dtype"] is dt.BY_NAME[name]
    assert got["a"].dtype == dt.BY_NAME[name].np
    assert (
        got["a"].astype(np.float64 if "complex" not in name else np.complex128).tolist()
        == (tensor.double() if "complex" not in name else tensor.to(torch.complex128)).tolist()
    )


def test_views_and_shared_storage(tmp_path):
    base = torch.arange(24.0).reshape(4, 6)
    got = _round(
        {"base": base, "slice": base[1:, ::2], "t": base.t(), "row": base[2], "one": base[3, 3],
         "wide": torch.ones(1).expand(5, 1), "empty": torch.ones(0, 3), "again": base},
        tmp_path,
    )  # fmt: skip
    for name, want in [("slice", base[1:, ::2]), ("t", base.t()), ("row", base[2])]:
        np.testing.assert_array_equal(got[name], want.numpy())
        assert np.shares_memory(got[name], got["base"])
    assert got["one"] == 21 and got["one"].shape == ()
    assert got["wide"].shape == (5, 1) and got["empty"].shape == (0, 3)
    assert got["again"] is got["base"]
    assert not got["base"].flags.writeable


def test_parameters_and_small_objects(tmp_path):
    weight = torch.nn.Parameter(torch.ones(2, 3))
    torch.save(
        {"w": weight, "size": weight.shape, "device": torch.device("cpu")}, tmp_path / "x.pt"
    )
    got = torch_file.load_file(tmp_path / "x.pt", build=lambda array, grad: (array.tolist(), grad))
    assert got == {"w": ([[1.0] * 3] * 2, True), "size": (2, 3), "device": "cpu"}


def test_an_open_file(tmp_path):
    torch.save([torch.ones(2)], tmp_path / "x.pt")
    with open(tmp_path / "x.pt", "rb") as file:
        assert torch_file.load_file(file)[0].tolist() == [1, 1]
