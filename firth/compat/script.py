"""Runs an unmodified script of another framework: as python would, its tracebacks its own."""

from __future__ import annotations

import io
import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, TracebackType

import firth
from firth.base.errors import FirthError

_USAGE = """usage: python -m PACKAGE script.py [args]
       python -m PACKAGE -m module [args]"""


def main(package: str, install: Callable[[], None]) -> None:
    """Runs what the command line names as python itself would; exits as it exits."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_USAGE.replace("PACKAGE", package), file=sys.stdout if arguments else sys.stderr)
        raise SystemExit(0 if arguments else 2)
    install()
    if arguments[0] == "-m" and len(arguments) > 1:
        sys.argv = arguments[1:]
        sys.path[0] = os.getcwd()
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    run_script(package, arguments)


def run_script(package: str, arguments: list[str]) -> None:
    """Runs the script arguments[0]; prints a traceback of its own lines and exits 1 if it fails."""
    script = arguments[0]
    try:
        with io.open_code(os.path.abspath(script)) as file:
            source = file.read()
    except OSError as error:
        print(f"{package}: can't open file {script!r}: {error.strerror}", file=sys.stderr)
        raise SystemExit(2) from None
    sys.argv = arguments
    sys.path[0] = str(Path(script).resolve().parent)
    main_module = ModuleType("__main__")
    main_module.__dict__.update(__file__=script, __builtins__=__builtins__)
    sys.modules["__main__"] = main_module
    try:
        exec(compile(source, script, "exec"), main_module.__dict__)
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:
        error.__traceback__ = users_part(error, error.__traceback__)
        sys.stdout.flush()
        sys.excepthook(type(error), error, error.__traceback__)
        raise SystemExit(1) from None


def users_part(error: BaseException, tb: TracebackType | None) -> TracebackType | None:
    """The traceback without this runner; of Firth's own errors also without Firth's lines."""
    while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
        tb = tb.tb_next
    if tb is None or not isinstance(error, FirthError):
        return tb
    inside = str(Path(firth.__file__).parent) + os.sep
    steps = []
    step: TracebackType | None = tb
    while step is not None:
        steps.append(step)
        step = step.tb_next
    while len(steps) > 1 and steps[-1].tb_frame.f_code.co_filename.startswith(inside):
        steps.pop()
    rebuilt: TracebackType | None = None
    for step in reversed(steps):
        rebuilt = TracebackType(rebuilt, step.tb_frame, step.tb_lasti, step.tb_lineno)
    return rebuilt
