"""Files made to hurt: each must be refused with clear words before memory is allocated."""

import json

import numpy as np
import pytest

from firth.base.errors import FormatError
from firth.io import safetensors as st


def _file(header, data=b"", size=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(text) if size is None else size
    return length.to_bytes(8, "little") + text + data


def _one(dtype="F32", shape=(1,), offsets=(0, 4)):
    return {"a": {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}}


HUGE = 2**62
ATTACKS = {
    "empty file": (b"", "the file is too short"),
    "only a length": (b"\x02\0\0\0\0\0\0\0", "the header's size is wrong"),
    "header beyond the file": (_file(b"{}", size=500), "the header's size is wrong"),
    "absurd header size": (_file(b"{}", size=2**64 - 1), "the header's size is wrong"),
    "no header": (_file(b"", size=0), "the header's size is wrong"),
    "not JSON": (_file(b"{'a': 1}"), "the header is not JSON"),
    "not text": (_file(b'{"\xff": 1}'), "the header is not JSON"),
    "NaN": (_file(b'{"a": NaN}'), "the header is not JSON"),
    "a list": (_file(b"[1, 2]"), "the header is not a table"),
    "nested without end": (_file(b"[" * 200_000), "the header is not JSON"),
    "an integer of a million digits": (_file(b'{"a":' + b"9" * 10**6 + b"}"), "is not JSON"),
    "duplicate names": (
        _file(b'{"a":' + json.dumps(_one()["a"]).encode() + b',"a":'
              + json.dumps(_one()["a"]).encode() + b"}", bytes(4)),
        "the name 'a' twice",
    ),
    "metadata that is not text": (_file({"__metadata__": {"a": 1}}), "metadata is not text"),
    "metadata that is a list": (_file({"__metadata__": []}), "metadata is not text"),
    "entry is a number": (_file({"a": 1}), "the entry of 'a' is wrong"),
    "entry lacks a field": (_file({"a": {"dtype": "F32"}}), "the entry of 'a' is wrong"),
    "unknown dtype": (_file(_one("F7"), bytes(4)), "'a' has an unknown dtype; got 'F7'"),
    "dtype is a list": (_file(_one(["F32"]), bytes(4)), "'a' has an unknown dtype"),
    "negative extent": (_file(_one(shape=[-1]), bytes(4)), "'a' has no shape"),
    "extent is true": (_file(_one(shape=[True]), bytes(4)), "'a' has no shape"),
    "extent is a float": (_file(_one(shape=[1.0]), bytes(4)), "'a' has no shape"),
    "too many dimensions": (_file(_one(shape=[1] * 65), bytes(4)), "'a' has no shape"),
    "negative offset": (_file(_one(offsets=[-4, 0]), bytes(4)), "'a' has no place"),
    "backward offsets": (_file(_one(offsets=[4, 0]), bytes(4)), "the size of 'a' is wrong"),
    "shape larger than bytes": (_file(_one(shape=[HUGE]), bytes(4)), "the size of 'a' is wrong"),
    "product overflows": (_file(_one(shape=[HUGE, HUGE], offsets=[0, 0])), "the size of 'a'"),
    "sizes beyond the file": (
        _file(_one(shape=[HUGE // 4], offsets=[0, HUGE])), "the data are truncated"
    ),
    "truncated": (_file(_one(shape=[2], offsets=[0, 8]), bytes(7)), "the data are truncated"),
    "trailing bytes": (_file(_one(), bytes(5)), "bytes after the last tensor"),
    "a hole": (_file(_one(offsets=[4, 8]), bytes(8)), "'a' leaves a hole"),
    "overlapping tensors": (
        _file({**_one(shape=[2], offsets=[0, 8]),
               "b": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)),
        "'b' overlaps another tensor",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
def test_refused(name, tmp_path):
    data, words = ATTACKS[name]
    path = tmp_path / "hostile.safetensors"
    path.write_bytes(data)
    for read in (lambda: st.load_file(path), lambda: st.read_header(path), lambda: st.load(data)):
        with pytest.raises(FormatError, match=r"load_file: .*; got .*, expected .*; ") as caught:
            read()
        assert words in str(caught.value)
        assert len(str(caught.value)) < 600


def test_every_truncation_is_refused():
    whole = st.save({"a": np.arange(3, dtype=np.float32), "b": np.ones(2, np.int8)})
    for length in range(len(whole)):
        with pytest.raises(FormatError):
            st.load(whole[:length])


def test_every_flipped_bit_is_refused_or_read():
    whole = st.save({"a": np.arange(3, dtype=np.float32), "b": np.ones(2, np.int8)})
    for position in range(len(whole) * 8):
        broken = bytearray(whole)
        broken[position // 8] ^= 1 << position % 8
        try:
            arrays = st.load(bytes(broken))
        except FormatError:
            continue
        assert sum(a.nbytes for a in arrays.values()) <= len(whole)


def test_bool_bytes_are_zero_or_one():
    data = _file({"a": {"dtype": "BOOL", "shape": [3], "data_offsets": [0, 3]}}, b"\x00\x02\xff")
    assert st.load(data)["a"].view(np.uint8).tolist() == [0, 1, 1]
