import copy
import pickle

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.base.errors import DTypeError

WITH_NUMPY_MEANING = [d for d in dt.ALL if d is not dt.bfloat16]


@pytest.mark.parametrize("d", dt.ALL, ids=lambda d: d.name)
def test_a_dtype_and_numpys_are_one_to_one(d):
    assert dt.from_numpy(d.np) is d
    assert dt.from_numpy(d.np.newbyteorder(">")) is d
    assert d.itemsize == d.np.itemsize and d.bits == 8 * d.itemsize
    assert dt.BY_NAME[d.name] is d


@pytest.mark.parametrize("d", dt.ALL, ids=lambda d: d.name)
def test_copies_are_the_same_object(d):
    assert copy.deepcopy(d) is d
    assert pickle.loads(pickle.dumps(d)) is d


def test_a_dtype_without_meaning_is_refused_with_the_fix():
    with pytest.raises(DTypeError, match=r"datetime64.*astype"):
        dt.from_numpy("datetime64[s]")


def test_kinds_are_disjoint_words():
    for d in dt.ALL:
        words = [d.is_floating_point, d.is_complex, d.is_integer, d is dt.bool_]
        assert sum(words) == 1
    assert not dt.uint8.is_signed and dt.int8.is_signed and dt.float16.is_signed


def test_promotion_within_a_kind_is_numpys():
    for a in WITH_NUMPY_MEANING:
        for b in WITH_NUMPY_MEANING:
            mixed = {a.kind, b.kind} == {"u", "i"} and 8 in (a.itemsize, b.itemsize)
            floats = {"f", "c"} & {a.kind, b.kind}
            if not mixed and (not floats or {a.kind, b.kind} <= {"f", "c", "b"}):
                assert dt.promote(a, b).np == np.promote_types(a.np, b.np), (a, b)


def test_an_integer_beside_a_float_takes_the_float():
    for i in (dt.int8, dt.int64, dt.uint64):
        for f in (dt.float16, dt.bfloat16, dt.float32, dt.float64, dt.complex64):
            assert dt.promote(i, f) is f


def test_the_two_half_types_meet_in_float32():
    assert dt.promote(dt.float16, dt.bfloat16) is dt.float32


def test_promotion_commutes_and_is_idempotent():
    for (a, b), found in dt._PROMOTION.items():
        assert dt._PROMOTION[b, a] is found
        if a is b:
            assert found is a


def test_uint64_and_signed_integers_have_no_common_dtype():
    with pytest.raises(DTypeError, match="cast one of them"):
        dt.promote(dt.uint64, dt.int8)


def test_python_numbers_are_weak():
    assert dt.scalar_dtype(dt.float16, 1e30) is dt.float16
    assert dt.scalar_dtype(dt.int8, 5) is dt.int8
    assert dt.scalar_dtype(dt.int8, 0.5) is dt.float32
    assert dt.scalar_dtype(dt.bool_, 3) is dt.int64
    assert dt.scalar_dtype(dt.bool_, True) is dt.bool_
    assert dt.scalar_dtype(dt.float64, 1j) is dt.complex128
    assert dt.scalar_dtype(dt.float32, 1j) is dt.complex64
