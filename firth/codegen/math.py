"""Elementary functions as LLVM text: polynomials, no calls into a math library.

Largest error in units in the last place, measured against mpmath (float64) and float64 NumPy
(float32) over random bit patterns and hard values, with fused multiply-add:

    function  float32  float64
    exp          0.89     1.00
    expm1        1.53     0.95
    tanh         2.37     2.03
    erf          1.59     1.15
    asin         2.02     1.84
    acos         1.11     1.05
    sin          1.51     2.22
    cos          1.48     1.93
    tan          0.50     3.20
    atan         1.79     1.19
    log          0.85     0.77
    log1p        1.39     0.77
    pow          0.50     1.10

Infinity, NaN, zeros of both signs, subnormals and overflow come out as in NumPy. sin, cos and tan
reduce arguments of any size exactly (Payne and Hanek beyond 2**17, or 2**28 for float64).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from firth.base.dtype import DType
from firth.base.facts import TargetFacts
from firth.codegen import math_exp, math_trig
from firth.codegen.builder import Builder
from firth.codegen.math_lanes import Lanes

_RULES: Final[dict[str, Callable[..., str]]] = {
    "exp": math_exp.exp,
    "expm1": math_exp.expm1,
    "log": math_exp.log,
    "log1p": math_exp.log1p,
    "tanh": math_exp.tanh,
    "erf": math_exp.erf,
    "pow": math_exp.pow,
    "sin": math_trig.sin,
    "cos": math_trig.cos,
    "tan": math_trig.tan,
    "asin": math_trig.asin,
    "acos": math_trig.acos,
    "atan": math_trig.atan,
}

OPS: Final = frozenset(_RULES)


def emit(b: Builder, op: str, args: list[str], dtype: DType, lanes: int, facts: TargetFacts) -> str:
    """The register holding op(args): float32 or float64, any number of lanes.

    Args:
        b: the function under construction.
        op: one of OPS.
        args: one register or constant, two for pow.
    """
    return _RULES[op](Lanes(b, dtype, lanes, facts), *args)
