"""Patterns as steps over shapes."""

from __future__ import annotations

from firth.einops.pattern import plan, side


def test_sides():
    assert side("reduce", "", " b (h 2)() ... 1") == (("b",), ("h", "2 #0"), (), ("...",), ())


def test_a_plan_does_no_more_than_it_must():
    steps = plan("rearrange", "a b -> (a b)", (2, 3), ())
    assert (steps.order, steps.reduced, steps.joined) == ((0, 1), (), (6,))
    assert steps.between == steps.grown


def test_an_ellipsis_may_stand_for_nothing():
    assert plan("rearrange", "a ... b -> b ... a", (2, 3), ()).joined == (3, 2)
    assert plan("rearrange", "a ... -> a (...)", (2,), ()).joined == (2, 1)
