"""Sigmoids beside an exponential, as text before and after."""

from __future__ import annotations

import numpy as np

import firth.ops  # noqa: F401 (fills the table)
from firth.ir.text import from_text, to_text
from firth.passes.share import share

HEAD = """
%0 = input(index=0) float32[4]
%1 = neg(%0) float32[4]
%2 = exp(%1) float32[4]
%3 = const(value=1.0, dtype=float32) float32[]
%4 = reshape(%3; shape=(1,)) float32[1]
%5 = expand(%4; shape=(4,)) float32[4]
%6 = add(%2, %5) float32[4]
%7 = div(%5, %6) float32[4]
"""


def test_a_sigmoid_uses_the_exponential_of_its_argument():
    text = HEAD + "%8 = exp(%0) float32[4]\n%9 = mul(%7, %8) float32[4]\nreturn %9\n"
    after = to_text(share(from_text(text)))
    assert after.count("exp(") == 1 and "neg(" not in after
    assert "minimum(" in after


def test_a_sigmoid_alone_stays_as_it_is():
    after = to_text(share(from_text(HEAD + "return %7\n")))
    assert "neg(" in after and "minimum(" not in after


def test_an_exponential_of_something_else_does_not_count():
    text = HEAD + "%8 = exp(%7) float32[4]\nreturn %8\n"
    assert to_text(share(from_text(text))).count("exp(") == 2


def test_values_at_both_ends():
    import firth

    x = np.array([-np.inf, -200.0, -90.0, -1.0, 0.0, 1.0, 90.0, 200.0, np.inf, np.nan], np.float32)
    run = firth.jit(lambda x: (firth.sigmoid(x), firth.exp(x)))
    with np.errstate(all="ignore"):
        wide = x.astype(np.float64)
        want = 1 / (1 + np.exp(-wide)), np.exp(wide).astype(np.float32)
    for got, expected in zip(run(firth.from_numpy(x)), want, strict=True):
        np.testing.assert_allclose(got.numpy(), expected, rtol=3e-7, atol=1e-44)
