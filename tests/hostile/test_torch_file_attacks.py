"""PyTorch files made to run code, fill memory or read outside: each is refused, nothing happens."""

import contextlib
import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from firth.base.errors import FormatError
from firth.io import torch_file

FIX = "torch.save(model.state_dict(), path)"


def _archive(pkl, records=(), prefix="archive", compress=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compress) as archive:
        archive.writestr(f"{prefix}/data.pkl", pkl)
        for name, data in dict(records).items():
            archive.writestr(f"{prefix}/{name}", data)
    return out


def _refused(file, words):
    with pytest.raises(FormatError, match=r"load: .*; got .*expected .*; ") as caught:
        torch_file.load_file(file)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 600


class _Calls:
    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


CALLS = {
    "posix.system": lambda path: _by_name("os", "system", f"touch {path}"),
    "builtins.eval": lambda path: _Calls(eval, f"open({str(path)!r}, 'w')"),
    "builtins.exec": lambda path: _Calls(exec, f"open({str(path)!r}, 'w')"),
    "builtins.getattr": lambda path: _Calls(getattr, {}, "clear"),
    "io.open": lambda path: _Calls(open, str(path), "w"),
    "subprocess.Popen": lambda path: _by_name("subprocess", "Popen", f"touch {path}"),
    "numpy.load": lambda path: _by_name("numpy", "load", "x.npy"),
    "torch.load": lambda path: _by_name("torch", "load", "x"),
    "torch._utils.__builtins__": lambda path: _by_name("torch._utils", "__builtins__", "x"),
}


def _by_name(module, name, argument):
    """A pickle, written by hand, that calls a function on one text."""
    module = {"os": "posix"}.get(module, module)
    return f"c{module}\n{name}\n".encode() + b"(V" + argument.encode() + b"\ntR."


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", CALLS)
def test_calls_are_refused_by_name(tmp_path, name, protocol):
    marker = tmp_path / "owned"
    attack = CALLS[name](marker)
    pkl = attack if isinstance(attack, bytes) else pickle.dumps({"w": attack}, protocol=protocol)
    with pytest.raises(FormatError, match=r"a name that is not plain data; got ") as caught:
        torch_file.load_file(_archive(pkl))
    assert FIX in str(caught.value)
    assert name.split(".")[-1] in str(caught.value)
    assert not marker.exists()


def test_a_whole_model_is_refused_with_the_fix(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "x.pt")
    with pytest.raises(FormatError) as caught:
        torch_file.load_file(tmp_path / "x.pt")
    assert "torch.nn.modules.linear.Linear" in str(caught.value) and FIX in str(caught.value)


def test_opcodes_outside_the_list():
    _refused(_archive(b"(i__main__\nx\n."), "opcode INST")
    _refused(_archive(b"(cx\ny\no."), "got x.y")
    _refused(_archive(b"]\x81."), "opcode NEWOBJ")
    _refused(_archive(b"\x82\x01."), "opcode EXT1")
    _refused(_archive(b"I1\n."), "opcode INT")
    _refused(_archive(b"Px\n."), "opcode PERSID")


@pytest.mark.parametrize(
    "pkl",
    [b"", b".", b"}", b"t.", b"(.", b"h\x05.", b"}(.", b"\x80\x02", b"]a.", b"}u.", b"(}q\x00u.",
     b"X\xff\xff\xff\xffabc.", b"\x8a\xff.", b"K\x01e.", b"N(NNu.", b"X\x02\x00\x00\x00\xff\xff."],
)  # fmt: skip
def test_broken_pickles(pkl):
    with pytest.raises(FormatError):
        torch_file.load_file(_archive(pkl))


def test_nesting_and_huge_numbers():
    deep = torch_file.load_file(_archive(b"N" + b"\x85" * 100_000 + b"."))
    assert isinstance(deep, tuple)
    while isinstance(deep, tuple):
        (deep,) = deep
    # a key nested so deep would overflow the stack while it is hashed
    _refused(_archive(b"}N" + b"\x85" * 100_000 + b"Ns."), "a key that is not plain")
    _refused(_archive(b"\x8a\xff" + b"\x7f" * 255 + b"."), "a huge integer")
    _refused(_archive(b"\x8b\xff\xff\xff\x7f."), "not a whole pickle")


def test_a_list_that_holds_itself_is_only_a_list():
    got = torch_file.load_file(_archive(b"]q\x00h\x00a."))
    assert got[0] is got


def _tensor(size, stride, offset=0, count=4, kind="FloatStorage", key="0"):
    def text(value):
        return b"X" + struct.pack("<I", len(value)) + value.encode()

    def number(value):
        return b"\x8a\x09" + value.to_bytes(9, "little", signed=True)

    storage = b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu")
    storage += number(count) + b"tQ"
    shape = b"(" + b"".join(map(number, size)) + b"t(" + b"".join(map(number, stride)) + b"t"
    body = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(offset) + shape
    return body + b"\x89ccollections\nOrderedDict\n)RtR."


def _with_data(pkl, data=bytes(16), key="0"):
    return _archive(pkl, {f"data/{key}": data})


def test_the_tensor_maker_makes_tensors():
    data = np.arange(4, dtype=np.float32).tobytes()
    got = torch_file.load_file(_with_data(_tensor([2, 2], [2, 1]), data))
    assert got.tolist() == [[0, 1], [2, 3]]


BAD_TENSORS = {
    "beyond the storage": (_tensor([5], [1]), "leaves its storage"),
    "offset beyond": (_tensor([1], [1], offset=4), "leaves its storage"),
    "negative offset": (_tensor([1], [1], offset=-1), "without a shape"),
    "negative stride": (_tensor([2], [-1], offset=3), "without a shape"),
    "negative size": (_tensor([-2], [1]), "without a shape"),
    "sizes and strides differ": (_tensor([2, 2], [1]), "without a shape"),
    "huge stride": (_tensor([2], [2**62]), "without a shape"),
    "huge by stride 0": (_tensor([2**40], [0]), "too large"),
    "empty but absurd": (_tensor([2**40, 2**40, 0], [1, 1, 1]), "absurd extents"),
    "too many dimensions": (_tensor([1] * 70, [1] * 70), "without a shape"),
    "more elements than bytes": (_tensor([1], [1], count=5), "larger than its record"),
    "absurd storage": (_tensor([1], [1], count=2**60), "a storage that is not one"),
    "negative storage": (_tensor([1], [1], count=-1), "a storage that is not one"),
    "unknown storage": (_tensor([1], [1], kind="QInt8Storage"), "got torch.QInt8Storage"),
    "missing record": (_tensor([1], [1], key="7"), "a storage that the file lacks"),
    "path out": (_tensor([1], [1], key="../data.pkl"), "a storage with a strange name"),
    "absolute path": (_tensor([1], [1], key="/etc/passwd"), "a storage with a strange name"),
}


@pytest.mark.parametrize("name", BAD_TENSORS)
def test_bad_tensors(name):
    pkl, words = BAD_TENSORS[name]
    _refused(_with_data(pkl), words)


def test_zip_bombs():
    _refused(_archive(b"N.", {"data/0": bytes(10**7)}, compress=zipfile.ZIP_DEFLATED), "compressed")
    twice = _archive(b"N.")
    with pytest.warns(UserWarning), zipfile.ZipFile(twice, "a") as archive:
        archive.writestr("archive/data.pkl", b"]." * 10)
    _refused(twice, "two records of one name")
    # many directory entries over the same bytes
    data = bytearray(_archive(b"N.", {"data/0": bytes(10**5)}).getvalue())
    start = data.rindex(b"PK\x01\x02")
    entry, end = bytes(data[start : data.rindex(b"PK\x05\x06")]), bytes(data[-22:])
    copies = b"".join(entry.replace(b"data/0", b"data/%d" % i) for i in range(10))
    first = data.index(b"PK\x01\x02")
    total = 11
    end = end[:8] + struct.pack("<HHII", total, total, start - first + len(copies), first) + b"\0\0"
    _refused(io.BytesIO(bytes(data[:start]) + copies + end), "records larger than the file")


def test_not_archives_of_torch():
    _refused(_archive(b"N.", {"constants.pkl": b"N."}), "a TorchScript program")
    empty = io.BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("hello.txt", "hi")
    _refused(empty, "not an archive of torch.save")
    _refused(_archive(b"N.", prefix="../../etc"), "not an archive of torch.save")
    _refused(_archive(b"N.", {"byteorder": b"middle"}), "an unknown byte order")
    _refused(io.BytesIO(b"PK\x03\x04" + bytes(100)), "not a whole zip archive")
    assert "before 1.6" in str(torch_file.refuse_legacy("old.pt"))


def test_every_truncation_and_many_flips_are_refused_or_read():
    whole = _with_data(_tensor([2, 2], [2, 1])).getvalue()
    for length in range(0, len(whole), 3):
        with pytest.raises(FormatError):
            torch_file.load_file(io.BytesIO(whole[:length]))
    for position in range(len(whole) * 8):
        broken = bytearray(whole)
        broken[position // 8] ^= 1 << position % 8
        with contextlib.suppress(FormatError):
            torch_file.load_file(io.BytesIO(bytes(broken)))
