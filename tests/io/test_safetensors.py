"""Writing and reading safetensors, against the format's own library."""

import os

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from firth.base.errors import ArgumentError, DTypeError
from firth.io import safetensors as firth_st

DTYPES = [d for d in firth_st.DTYPES.values() if d.kind in "biuf"]


def _example():
    return {
        "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "empty": np.ones((0, 3), np.int16),
        "scalar": np.array(3.0),
        "flags": np.array([True, False]),
        "brain": np.array([1.5, -2.0], ml_dtypes.bfloat16),
        "half": np.array([[1.5]], np.float16),
        "big_endian": np.arange(3, dtype=">i4"),
        "ümlaut.weight": np.array([2**63], np.uint64),
    }


def _same(a, b):
    assert list(a) == list(b)
    for name in a:
        assert a[name].shape == b[name].shape
        np.testing.assert_array_equal(a[name], b[name])
        assert a[name].dtype.newbyteorder("=") == b[name].dtype


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "x.safetensors"
    firth_st.save_file(_example(), path, {"kind": "test"})
    arrays, metadata = firth_st.load_with_metadata(path)
    _same(_example(), arrays)
    assert metadata == {"kind": "test"}
    assert firth_st.read_header(path).entries["half"].shape == (1, 1)


def test_the_library_reads_what_is_written(tmp_path):
    path = tmp_path / "x.safetensors"
    firth_st.save_file(_example(), path)
    found = safetensors.numpy.load_file(path)
    _same(_example(), {name: found[name] for name in _example()})


def test_the_library_writes_what_is_read(tmp_path):
    arrays = {"a": np.arange(5, dtype=np.int8), "b": np.ones((2, 2), np.float64)}
    safetensors.numpy.save_file(arrays, tmp_path / "x.safetensors", {"from": "the library"})
    for found in (
        firth_st.load_file(tmp_path / "x.safetensors"),
        firth_st.load(safetensors.numpy.save(arrays)),
    ):
        _same(arrays, {name: found[name] for name in arrays})


@st.composite
def _arrays(draw):
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.frombuffer(draw(st.binary(min_size=size, max_size=size)), np.uint8)
    return (raw & 1 if dtype.kind == "b" else raw).view(dtype).reshape(shape)


@given(st.dictionaries(st.text(max_size=8), _arrays(), max_size=4))
def test_bits_survive(arrays):
    arrays.pop("__metadata__", None)
    back = firth_st.load(firth_st.save(arrays))
    assert {k: (v.shape, v.dtype.str, v.tobytes()) for k, v in arrays.items()} == {
        k: (v.shape, v.dtype.str, v.tobytes()) for k, v in back.items()
    }


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "x.safetensors"
    firth_st.save_file({"a": np.zeros(2)}, path)
    before = path.read_bytes()

    def disk_full(_):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="no space"):
        firth_st.save_file({"a": np.ones(2)}, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["x.safetensors"]


def test_a_link_keeps_pointing_at_the_file(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    firth_st.save_file({"a": np.zeros(2)}, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert firth_st.load_file(tmp_path / "real")["a"].shape == (2,)


def test_what_cannot_be_written_is_refused(tmp_path):
    path = tmp_path / "x.safetensors"
    with pytest.raises(DTypeError, match=r"save_file: a has a dtype.*got complex128.*astype"):
        firth_st.save_file({"a": np.zeros(2, np.complex128)}, path)
    with pytest.raises(ArgumentError, match=r"save_file: not a tensor's name; got '__metadata__'"):
        firth_st.save_file({"__metadata__": np.zeros(2)}, path)
    with pytest.raises(ArgumentError, match=r"save_file: metadata is text only; got 'epoch': int"):
        firth_st.save_file({"a": np.zeros(2)}, path, {"epoch": 3})
    assert not path.exists()
