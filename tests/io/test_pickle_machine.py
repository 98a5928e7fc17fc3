"""The machine for the harmless part of pickle. Attacks on it are in tests/hostile."""

import pickle
from collections import OrderedDict

import pytest

from firth.io.pickle_machine import Function, Refused, run

PLAIN = [
    None, True, False, 0, -1, 255, 65535, 2**31, -(2**70), 1.5, float("inf"), "text", "ünï" * 200,
    b"bytes", [], [1], [1, [2, [3]]], (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, {"a": 1},
    {"a": {"b": [1, 2]}, 3: (None,), (1, "k"): 2.5},
]  # fmt: skip


def _never(pid):
    raise AssertionError(pid)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data(value, protocol):
    got = run(pickle.dumps(value, protocol=protocol), {}, _never)
    assert got == value and type(got) is type(value)


def test_sets_of_protocol_4():
    assert run(pickle.dumps({1, "a"}, protocol=4), {}, _never) == {1, "a"}


def test_shared_values_stay_shared():
    shared = [1]
    got = run(pickle.dumps([shared, shared]), {}, _never)
    assert got[0] is got[1]


def test_known_names_and_persistent_ids():
    known = {
        "collections OrderedDict": Function("OrderedDict", OrderedDict),
        "builtins int": "a name that is a value",
    }
    value = OrderedDict(a=1)
    assert run(pickle.dumps(value), known, _never) == value
    assert run(b"cbuiltins\nint\n.", known, _never) == "a name that is a value"
    assert run(b"K\x07Q.", {}, lambda pid: pid * 2) == 14


def test_refusals_name_what_they_refuse():
    with pytest.raises(Refused, match=r"not plain data: builtins\.int"):
        run(pickle.dumps(int), {}, _never)
    with pytest.raises(Refused, match="not a function"):
        run(b"cbuiltins\nint\n)R.", {"builtins int": 3}, _never)
