import inspect

import pytest

from firth.base import errors


def classes():
    found = [c for _, c in inspect.getmembers(errors, inspect.isclass)]
    return [c for c in found if issubclass(c, errors.FirthError)]


@pytest.mark.parametrize("cls", classes(), ids=lambda c: c.__name__)
def test_every_error_explains_itself_and_is_a_builtin_kind(cls):
    assert cls.__doc__
    if cls is not errors.FirthError:
        builtin = [b for b in cls.__mro__ if b.__module__ == "builtins"]
        assert builtin[0] is not Exception, "code that catches ValueError and friends must work"


def test_the_users_line_is_added_once():
    error = errors.ShapeError("add: wrong")
    assert error.at("model.py:4").at("inner.py:9") is error
    assert str(error) == "add: wrong\n  at model.py:4"


def test_an_error_without_words_takes_a_line_too():
    assert str(errors.FirthError().at("a.py:1")).endswith("at a.py:1")


def test_message_has_one_form():
    text = errors.message("pad", "too wide", "5", "at most 3", "pad less")
    assert text == "pad: too wide; got 5, expected at most 3; pad less"
