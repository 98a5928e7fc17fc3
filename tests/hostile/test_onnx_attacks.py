"""ONNX files that lie: about shapes, bytes, other files, nesting, names."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

import firth
from firth.base.errors import FirthError, FormatError
from firth.onnx import graph as graphs
from firth.onnx import reader
from tests.onnx.oracle import normal
from tests.onnx.test_graph import model_of

W = normal(2, 2)


def matmul(weight):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    return model_of(nodes, initializer=[weight])


def good():
    return matmul(numpy_helper.from_array(W, "w"))


def external(**entries):
    weight = TensorProto(name="w", data_type=1, dims=[2, 2], data_location=TensorProto.EXTERNAL)
    for key, value in entries.items():
        weight.external_data.add(key=key, value=str(value))
    return matmul(weight)


def saved(model, folder):
    path = folder / "model" / "m.onnx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("data", [b"", b"\x00", b"PK\x03\x04", b"\xff" * 100, b"not a model"])
def test_other_bytes_are_refused(data):
    with pytest.raises(FormatError):
        firth.onnx.load(data)


def test_names_that_are_no_text():
    data = good().SerializeToString().replace(b"\n\x01x", b"\n\x01\xff")
    with pytest.raises(FormatError, match="is no text"):
        firth.onnx.load(data)


@pytest.mark.parametrize(
    "change",
    [{"dims": [2, 3]}, {"dims": [-2, -2]}, {"dims": [2**62, 4]},
     {"dims": [0, 2**62], "raw_data": b""},
     {"dims": [1] * 100},
     {"data_type": 999}, {"data_type": 8}, {"raw_data": b""}, {"raw_data": b"\0" * 15}],
)  # fmt: skip
def test_tensors_that_are_not_what_they_say(change):
    fields = {"name": "w", "data_type": 1, "dims": [2, 2], "raw_data": W.tobytes()} | change
    with pytest.raises(FirthError):
        firth.onnx.load(matmul(TensorProto(**fields)))


@pytest.mark.parametrize(
    "fields",
    [{"float_data": [1.0]}, {"float_data": []}, {"data_type": 22, "int32_data": [1]},
     {"data_type": 14, "float_data": [1.0, 2.0, 3.0]}, {"data_type": 7, "int64_data": [1] * 5}],
)  # fmt: skip
def test_lists_of_another_length(fields):
    with pytest.raises(FormatError):
        firth.onnx.load(
            matmul(TensorProto(**{"name": "w", "data_type": 1, "dims": [2, 2]} | fields))
        )


@pytest.mark.parametrize(
    "location", ["../secret", "/etc/hostname", "", ".", "a/../../secret", "\0"]
)
def test_paths_that_leave_the_folder(tmp_path, location):
    (tmp_path / "secret").write_bytes(W.tobytes())
    with pytest.raises(FormatError, match="names no file"):
        firth.onnx.load(saved(external(location=location), tmp_path))


def test_links_that_leave_the_folder(tmp_path):
    (tmp_path / "secret").write_bytes(W.tobytes())
    path = saved(external(location="w.bin"), tmp_path)
    os.symlink(tmp_path / "secret", path.parent / "w.bin")
    with pytest.raises(FormatError, match="names no file"):
        firth.onnx.load(path)


@pytest.mark.parametrize(
    "entries",
    [{"offset": 4}, {"offset": -16}, {"length": 15}, {"length": 2**40}, {"offset": "many"},
     {"offset": 2**62}],
)  # fmt: skip
def test_places_outside_of_the_file(tmp_path, entries):
    path = saved(external(location="w.bin", **entries), tmp_path)
    (path.parent / "w.bin").write_bytes(W.tobytes())
    with pytest.raises(FormatError, match="external data"):
        firth.onnx.load(path)


def test_one_region_claimed_many_times(tmp_path):
    model = external(location="w.bin")
    for i in range(3):
        copy = model.graph.initializer.add()
        copy.CopyFrom(model.graph.initializer[0])
        copy.name = f"w{i}"
    path = saved(model, tmp_path)
    (path.parent / "w.bin").write_bytes(W.tobytes())
    with pytest.raises(FormatError, match="more external bytes"):
        firth.onnx.load(path)


def test_bytes_have_no_folder():
    with pytest.raises(FormatError, match="in another file"):
        firth.onnx.load(external(location="w.bin").SerializeToString())


def test_data_beyond_two_gigabytes(tmp_path):
    """A hole of a file: nothing but the weight's own page is read."""
    start = 2**31 + 4096
    path = saved(external(location="w.bin", offset=start), tmp_path)
    with (path.parent / "w.bin").open("wb") as file:
        file.seek(start)
        file.write(W.tobytes())
    np.testing.assert_array_equal(firth.onnx.load(path).w.detach().numpy(), W)


def test_a_sparse_tensor_that_would_fill_the_memory():
    values = numpy_helper.from_array(np.float32([1.0]), "w")
    places = numpy_helper.from_array(np.array([0]))
    sparse = helper.make_sparse_tensor(values, places, [2**20, 2**20])
    model = good()
    model.graph.ClearField("initializer")
    model.graph.sparse_initializer.append(sparse)
    with pytest.raises(FormatError, match="sparse"):
        firth.onnx.load(model)


def test_functions_that_call_themselves():
    call = helper.make_node("F", ["x"], ["y"], domain="mine")
    function = helper.make_function("mine", "F", ["x"], ["y"], [call],
                                    [helper.make_opsetid("mine", 1)])  # fmt: skip
    with pytest.raises(FormatError, match="nested too deeply"):
        firth.onnx.load(model_of([call], functions=[function]))


def test_functions_that_double_at_every_level(monkeypatch):
    monkeypatch.setattr(graphs, "MAX_STEPS", 5000)
    imports = [helper.make_opsetid("mine", 1), helper.make_opsetid("", 20)]
    relu = helper.make_node("Relu", ["x"], ["y"])
    functions = [helper.make_function("mine", "F0", ["x"], ["y"], [relu], imports)]
    for i in range(1, 40):
        calls = [helper.make_node(f"F{i - 1}", ["x"], ["h"], domain="mine"),
                 helper.make_node(f"F{i - 1}", ["h"], ["y"], domain="mine")]  # fmt: skip
        functions.append(helper.make_function("mine", f"F{i}", ["x"], ["y"], calls, imports))
    call = helper.make_node("F39", ["x"], ["y"], domain="mine")
    with pytest.raises(FormatError, match="too many nodes"):
        firth.onnx.load(model_of([call], functions=functions))


def test_a_folder_and_a_huge_file_are_no_models(tmp_path, monkeypatch):
    with pytest.raises(FormatError, match="is no file"):
        firth.onnx.load(tmp_path)
    monkeypatch.setattr(reader, "MAX_FILE_BYTES", 10)
    with pytest.raises(FormatError, match="too long"):
        firth.onnx.load(saved(good(), tmp_path))


BYTES = good().SerializeToString()


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(st.integers(0, len(BYTES) - 1), st.integers(0, 255)), min_size=1, max_size=4
    ),
    st.integers(0, len(BYTES)),
)
def test_damaged_files_run_or_raise(changes, cut):
    data = bytearray(BYTES)
    for place, byte in changes:
        data[place] = byte
    try:
        firth.onnx.load(bytes(data))(np.ones((1, 2), np.float32))
        firth.onnx.load(bytes(data[:cut]))
    except FirthError:
        pass
