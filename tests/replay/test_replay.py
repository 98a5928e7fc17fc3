"""The command itself: stable hashes, differences in words. Kernels: `make replay`."""

from __future__ import annotations

from pathlib import Path

import pytest

from firth.base import dtype as dt
from firth.base import flags
from tests.fuzz.graphs import random_graph
from tests.replay import __main__ as replay
from tests.replay.corpus import MACHINES, digest


def few(seeds: range) -> list[tuple[str, list]]:  # type: ignore[type-arg]
    return [(f"fuzz/{s}", [(random_graph(s, dt.float32)[0], False)]) for s in seeds]


def test_hashes_are_the_same_again_and_differ_between_machines_and_graphs() -> None:
    first, second = replay.hashes(few(range(3))), replay.hashes(few(range(3)))
    assert first == second
    assert all(len(set(row)) == len(MACHINES) for row in first.values())
    assert len({tuple(row) for row in first.values()}) == 3


def test_they_do_not_depend_on_threads_or_on_what_was_compiled_before() -> None:
    (_, graphs), *_ = few(range(1))
    facts = MACHINES["avx2"]
    wanted = digest(graphs, facts)
    flags.put("FIRTH_THREADS", "3")
    try:
        digest(graphs, MACHINES["avx512"])
        assert digest(graphs, facts) == wanted
    finally:
        flags.put("FIRTH_THREADS", None)


def test_differences_in_words() -> None:
    old = {"a": ["1", "2", "3"], "b": ["1", "2", "3"], "c": ["1", "2", "3"]}
    new = {"a": ["1", "2", "3"], "b": ["1", "9", "3"], "d": ["1", "2", "3"]}
    lines = replay.difference(old, new).splitlines()
    assert lines[:3] == ["b: changed on avx2", "c: gone", "d: new"]
    assert "3 of 4 entries differ" in lines[3]
    assert replay.difference(old, dict(old)) == ""


def test_what_is_written_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "HASHES", tmp_path / "hashes.txt")
    assert replay.read() == {}
    rows = {"op/add": ["1", "2", "3"], "gpt/step": ["4", "5", "6"]}
    replay.write(rows)
    assert replay.read() == rows


def test_flags_that_change_code_are_refused() -> None:
    flags.put("FIRTH_STRICT", "1")
    try:
        with pytest.raises(SystemExit, match="FIRTH_STRICT changes kernels"):
            replay.refuse_flags()
    finally:
        flags.put("FIRTH_STRICT", None)
