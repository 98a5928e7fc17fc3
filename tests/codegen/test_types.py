"""Types and constants as LLVM writes them."""

import numpy as np
import pytest

from firth.base import dtype as dt
from firth.codegen.types import (
    constant,
    float_bits,
    literal,
    memory_type,
    register_type,
    scalar_type,
    suffix,
)


def test_types():
    assert scalar_type(dt.bool_) == "i1" and memory_type(dt.bool_) == "i8"
    assert scalar_type(dt.float16) == scalar_type(dt.bfloat16) == "i16"
    assert register_type(dt.float64, 4) == "<4 x double>"
    assert suffix("float", 8) == "v8f32" and suffix("i64") == "i64"


@pytest.mark.parametrize(
    "value,dtype,text",
    [
        (1.0, dt.float32, "0x3FF0000000000000"),
        (-0.0, dt.float64, "0x8000000000000000"),
        (float("inf"), dt.float32, "0x7FF0000000000000"),
        (0.1, dt.float32, "0x3FB99999A0000000"),
        (1.0, dt.float16, "15360"),
        (255, dt.int8, "-1"),
        (2**64 - 1, dt.uint64, "-1"),
        (True, dt.bool_, "true"),
    ],
)
def test_literals(value, dtype, text):
    assert literal(value, dtype) == text


def test_splats():
    assert constant(7, dt.int32, 4) == "splat (i32 7)"
    assert constant(7, dt.int32) == "7"


def test_bits_round_once():
    assert float_bits(1e300, dt.float32) == int(np.float32(np.inf).view(np.uint32))
