"""The reader on good files; hostile ones are in tests/hostile/test_onnx_attacks.py."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import firth
from firth.onnx.reader import Tensors, read_model
from tests.onnx.oracle import node_model, normal


@pytest.mark.parametrize(
    "kind",
    [np.float32, np.float64, np.float16, ml_dtypes.bfloat16, np.int8, np.uint16, np.int64,
     np.bool_, np.complex64, ml_dtypes.int4, ml_dtypes.uint4, ml_dtypes.int2, ml_dtypes.uint2,
     ml_dtypes.float8_e4m3fn, ml_dtypes.float4_e2m1fn, ml_dtypes.float8_e8m0fnu],
)  # fmt: skip
@pytest.mark.parametrize("raw", [True, False])
def test_tensors_of_every_dtype(kind, raw):
    x = np.array([1, 0, 1, 1, 0]).astype(kind)
    proto = numpy_helper.from_array(x)
    if not raw:
        proto = helper.make_tensor("x", proto.data_type, x.shape, x)
    found = Tensors(None).array(proto)
    assert found.dtype == x.dtype and found.shape == (5,)
    np.testing.assert_array_equal(found.astype(np.complex64), x.astype(np.complex64))


def test_text():
    proto = helper.make_tensor("x", onnx.TensorProto.STRING, [2], [b"ab", "ü".encode()])
    assert Tensors(None).array(proto).tolist() == ["ab", "ü"]


def test_a_path_bytes_and_a_proto_are_models(tmp_path):
    model = node_model("Relu", [normal(2)])
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    for source in (path, str(path), path.read_bytes(), model):
        assert firth.onnx.load(source)(firth.tensor([-1.0, 2.0])).tolist() == [0.0, 2.0]
    assert read_model(path)[1] == tmp_path


def test_external_data_is_read_from_its_offset(tmp_path):
    w = normal(4, 3)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], "g",
        [helper.make_tensor_value_info("x", 1, [2, 4])],
        [helper.make_tensor_value_info("y", 1, [2, 3])], [numpy_helper.from_array(w, "w")],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    onnx.save_model(model, tmp_path / "m.onnx", save_as_external_data=True, location="w.bin",
                    size_threshold=0)  # fmt: skip
    loaded = firth.onnx.load(tmp_path / "m.onnx")
    assert dict(loaded.named_parameters()).keys() == {"w"}
    np.testing.assert_allclose(loaded(normal(2, 4)).detach().numpy(), normal(2, 4) @ w, rtol=1e-5)


def test_sparse_weights_are_written_out():
    values = numpy_helper.from_array(np.array([2.0, 3.0], np.float32), "s")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(np.array([1, 5])), [2, 3])
    assert Tensors(None).sparse(sparse).tolist() == [[0, 2, 0], [0, 0, 3]]
