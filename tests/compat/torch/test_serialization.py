"""torch.save and torch.load: what is saved comes back, and nothing runs."""

import io
from collections import OrderedDict

import numpy as np
import pytest

import firth.compat.torch as torch
from firth.base.errors import ArgumentError, FormatError
from firth.io import safetensors


def _round(value, tmp_path):
    torch.save(value, tmp_path / "x.pt")
    return torch.load(tmp_path / "x.pt")


def test_state_dicts_are_plain_safetensors(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    torch.save(model.state_dict(), tmp_path / "x.pt")
    arrays, metadata = safetensors.load_with_metadata(tmp_path / "x.pt")
    assert list(arrays) == list(model.state_dict()) and metadata == {}
    back = torch.load(tmp_path / "x.pt", map_location=torch.device("cpu"), weights_only=True)
    assert isinstance(back, dict)
    for name, value in model.state_dict().items():
        assert back[name].dtype == value.dtype
        np.testing.assert_array_equal(back[name].numpy(), value.numpy())


def test_checkpoints(tmp_path):
    shared = torch.ones(2)
    value = {
        "model": OrderedDict(w=torch.arange(3), b=torch.ones(2, dtype=torch.bfloat16)),
        "epoch": 3, "best": float("-inf"), 7: (1, [None, True]), "name": "x", "empty": {},
        "dtype": torch.float32, "array": np.arange(2), "numpy": np.float64(0.5), "odd": "ü\n",
        "a": shared, "again": shared, "nested": {"a.b": torch.zeros(0, 2)}, "x": float("nan"),
    }  # fmt: skip
    back = _round(value, tmp_path)
    assert list(back) == list(value)
    for name in ("epoch", "best", 7, "name", "empty", "dtype", "numpy", "odd"):
        assert back[name] == value[name] and type(back[name]) is not np.float64
    assert isinstance(back["model"], OrderedDict)
    assert back["model"]["b"].dtype == torch.bfloat16
    assert back["a"] is back["again"] and back["a"].tolist() == [1, 1]
    assert back["nested"]["a.b"].shape == (0, 2)
    assert back["array"].tolist() == [0, 1] and isinstance(back["array"], np.ndarray)
    assert np.isnan(back["x"])


@pytest.mark.parametrize("value", [3, "text", None, [1, 2], (), {}, 0.1])
def test_plain_data_alone(value, tmp_path):
    back = _round(value, tmp_path)
    assert back == value and type(back) is type(value)


def test_a_tensor_and_a_parameter(tmp_path):
    assert _round(torch.eye(2), tmp_path).tolist() == [[1, 0], [0, 1]]
    back = _round({"p": torch.nn.Parameter(torch.ones(2))}, tmp_path)["p"]
    assert isinstance(back, torch.nn.Parameter) and back.requires_grad


def test_open_files():
    file = io.BytesIO()
    torch.save({"a": torch.ones(2), "b": 1}, file)
    file.seek(0)
    assert torch.load(file)["b"] == 1


def test_optimizers_come_back(tmp_path):
    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.3)
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = _round(optimizer.state_dict(), tmp_path)
    other = torch.optim.Adam(layer.parameters())
    other.load_state_dict(state)
    assert other.param_groups[0]["lr"] == 0.3
    assert other.state_dict()["state"].keys() == optimizer.state_dict()["state"].keys()


def test_files_of_pytorch(tmp_path):
    real = pytest.importorskip("torch")
    model = real.nn.Linear(3, 2)
    real.save({"model": model.state_dict(), "p": model.weight, "epoch": 2}, tmp_path / "x.pt")
    back = torch.load(tmp_path / "x.pt", map_location="cpu")
    assert back["epoch"] == 2
    assert isinstance(back["p"], torch.nn.Parameter)
    np.testing.assert_array_equal(back["model"]["weight"].numpy(), model.weight.detach().numpy())
    assert torch.nn.Linear(3, 2).load_state_dict(back["model"])


def test_whole_modules_are_refused_with_the_fix(tmp_path):
    with pytest.raises(ArgumentError, match=r"save: .* at model; got Linear.*state_dict\(\)"):
        torch.save({"model": torch.nn.Linear(2, 2)}, tmp_path / "x.pt")
    with pytest.raises(ArgumentError, match=r"save: .* at the top; got set"):
        torch.save({1, 2}, tmp_path / "x.pt")
    assert not (tmp_path / "x.pt").exists()


@pytest.mark.parametrize(
    "structure",
    [
        "", "[", '{"a":1,"b":2}', '{"tensor": "nowhere"}', '{"call": "os.system"}',
        '{"dtype": "float7"}', '{"dtype": []}', '{"tensor": []}', '{"tuple": 3}', '{"float": "x"}',
        '{"dict": [[1]]}', '{"dict": [[{"dict": []}, 1]]}', pytest.param("[" * 100_000, id="deep"),
    ],
)  # fmt: skip
def test_hostile_structures(structure, tmp_path):
    metadata = {"firth.structure": structure}
    safetensors.save_file({"a": np.ones(2)}, tmp_path / "x.pt", metadata)
    with pytest.raises(FormatError, match="its structure is not one of"):
        torch.load(tmp_path / "x.pt")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "old.pt").write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + bytes(50))
    with pytest.raises(FormatError, match=r"before 1\.6.*state_dict"):
        torch.load(tmp_path / "old.pt")
    (tmp_path / "empty.pt").write_bytes(b"")
    with pytest.raises(FormatError):
        torch.load(tmp_path / "empty.pt")
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "nowhere.pt")
