"""Switches: nesting, decorators, exceptions, threads."""

from __future__ import annotations

import threading

import pytest

import firth


def test_nesting() -> None:
    assert firth.is_grad_enabled()
    with firth.no_grad():
        assert not firth.is_grad_enabled()
        with firth.enable_grad():
            assert firth.is_grad_enabled()
        assert not firth.is_grad_enabled()
    with firth.inference_mode():
        assert not firth.is_grad_enabled()
    assert firth.is_grad_enabled()


def test_set_at_once_and_set_back() -> None:
    with firth.set_grad_enabled(False):
        assert not firth.is_grad_enabled()
    assert firth.is_grad_enabled()
    firth.set_grad_enabled(False)
    assert not firth.is_grad_enabled()
    firth.set_grad_enabled(True)


def test_decorators_with_and_without_brackets() -> None:
    @firth.no_grad()
    def a() -> bool:
        return firth.is_grad_enabled()

    @firth.no_grad
    def b() -> bool:
        return firth.is_grad_enabled()

    assert not a() and not b() and firth.is_grad_enabled()


def test_an_exception_sets_it_back() -> None:
    with pytest.raises(KeyError), firth.no_grad():
        raise KeyError
    assert firth.is_grad_enabled()


def test_it_is_per_thread() -> None:
    seen: list[bool] = []
    with firth.no_grad():
        thread = threading.Thread(target=lambda: seen.append(firth.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_a_cut_keeps_the_mode() -> None:
    with firth.no_grad():
        firth.ones(2).sum().item()
        assert not firth.is_grad_enabled()
