from pathlib import Path

import pytest

from firth.base import flags
from firth.base.errors import ArgumentError


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for flag in flags.TABLE:
        monkeypatch.delenv(flag.name, raising=False)
    monkeypatch.setattr(flags, "_overrides", {})


@pytest.mark.parametrize("flag", flags.TABLE, ids=lambda f: f.name)
def test_every_flag_has_a_default_and_help(flag):
    assert flags.get(flag.name) == flag.default
    assert flag.help and flag.name.startswith("FIRTH_")


def test_the_environment_beats_the_default_and_an_override_beats_both(monkeypatch):
    monkeypatch.setenv("FIRTH_TARGET", "ref")
    assert flags.get("FIRTH_TARGET") == "ref"
    flags.put("FIRTH_TARGET", "null")
    assert flags.get("FIRTH_TARGET") == "null"
    flags.put("FIRTH_TARGET", None)
    assert flags.get("FIRTH_TARGET") == "ref"


def test_a_flag_that_is_not_in_the_table_is_refused():
    with pytest.raises(ArgumentError, match="FIRTH_THREADS"):
        flags.put("FIRTH_THREAD", "2")


def test_debug_words_are_whole(monkeypatch):
    monkeypatch.setenv("FIRTH_DEBUG", "time,kernels")
    assert flags.debug("kernels") and not flags.debug("kernel")


def test_threads(monkeypatch):
    assert flags.threads() >= 1
    monkeypatch.setenv("FIRTH_THREADS", "3")
    assert flags.threads() == 3
    for wrong in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("FIRTH_THREADS", wrong)
        with pytest.raises(ArgumentError, match="unset it"):
            flags.threads()


def test_the_key_of_caches_holds_what_changes_code_and_nothing_else(monkeypatch):
    before = flags.code_key()
    monkeypatch.setenv("FIRTH_DEBUG", "time")
    assert flags.code_key() == before
    monkeypatch.setenv("FIRTH_STRICT", "1")
    assert flags.code_key() != before


def test_cache_dir(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert flags.cache_dir() == tmp_path / "firth"
    monkeypatch.setenv("FIRTH_CACHE", "elsewhere")
    assert flags.cache_dir() == Path("elsewhere")
    monkeypatch.setenv("FIRTH_CACHE", "0")
    assert flags.cache_dir() is None


def test_each_flag_stands_in_the_table_once():
    assert len({flag.name for flag in flags.TABLE}) == len(flags.TABLE)


def test_program_key_follows_target_and_code() -> None:
    before = flags.program_key()
    try:
        flags.put("FIRTH_STRICT", "1")
        assert flags.program_key() != before
        flags.put("FIRTH_STRICT", None)
        flags.put("FIRTH_TARGET", "null")
        assert flags.program_key().startswith("null,")
    finally:
        flags.put("FIRTH_STRICT", None)
        flags.put("FIRTH_TARGET", None)
    assert flags.program_key() == before
