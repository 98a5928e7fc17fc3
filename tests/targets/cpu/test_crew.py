from __future__ import annotations

import sys
import threading

import pytest

from firth.base import flags
from firth.base.errors import VerifyError
from firth.targets.cpu import facts
from firth.targets.cpu.crew import Crew, Toolchain


@pytest.fixture
def own() -> Toolchain:
    return Toolchain(facts.host())


@pytest.fixture(autouse=True)
def threads():
    flags.put("FIRTH_THREADS", "3")
    yield
    flags.put("FIRTH_THREADS", None)


def text(number: int) -> str:
    lines = "\n".join(
        f"  %v{k + 1} = fmul <16 x float> %v{k}, splat (float {k + number}.0)" for k in range(40)
    )
    return f"""
define <16 x float> @f{number}(ptr %p) {{
  %v0 = load <16 x float>, ptr %p
{lines}
  ret <16 x float> %v40
}}
"""


def test_objects_do_not_depend_on_the_thread(own: Toolchain) -> None:
    alone = {n: own.object("f", text(n)) for n in range(24)}
    for _ in range(3):
        found: dict[int, bytes] = {}
        with Crew(lambda: own, facts.host()) as crew:
            for n in alone:
                crew.add(lambda tools, n=n: found.update({n: tools.object("f", text(n))}))
        assert found == alone


def test_one_task_starts_no_thread(own: Toolchain) -> None:
    where = []
    with Crew(lambda: own, facts.host()) as crew:
        crew.add(lambda tools: where.append((tools, threading.current_thread())))
    assert where == [(own, threading.current_thread())]


def test_nothing_to_do_needs_no_llvm() -> None:
    with Crew(lambda: pytest.fail("asked for"), facts.host()):
        pass


def test_the_first_error_is_raised_and_no_thread_left(own: Toolchain) -> None:
    with (
        pytest.raises(VerifyError, match="broken is refused"),
        Crew(lambda: own, facts.host()) as crew,
    ):
        for n in range(6):
            crew.add(lambda tools, n=n: tools.object("f", text(n)) and None)
            crew.add(lambda tools: tools.object("broken", "define void @f() { ret i32 }") and None)
    assert not [t for t in threading.enumerate() if t.name == "firth-compile"]


def test_an_error_of_the_owner_stops_the_others(own: Toolchain) -> None:
    done = []
    with pytest.raises(KeyError), Crew(lambda: own, facts.host()) as crew:
        crew.add(lambda tools: done.append(tools.object("f", text(1))))
        raise KeyError("owner")
    assert not [t for t in threading.enumerate() if t.name == "firth-compile"]


def test_assembly_is_readable(own: Toolchain) -> None:
    assert "f3:" in own.assembly("f", text(3))


def test_threads_of_the_interpreter_take_turns_as_before(own: Toolchain) -> None:
    before = sys.getswitchinterval()
    during = []
    with Crew(lambda: own, facts.host()) as crew:
        for n in range(4):
            crew.add(lambda tools, n=n: tools.object("f", text(n)) and None)
        during.append(sys.getswitchinterval())
    assert during[0] < before == sys.getswitchinterval()
