"""Running a user's script or function inside this process, for tools that look at what it does."""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from firth.base.errors import ArgumentError, message

INTERRUPTED = 130  # the shell's status of a process that Ctrl-C ended


def check(command: str, target: str) -> None:
    """Refuses what cannot be run: ArgumentError."""
    if _is_function(target):
        return
    path = Path(target)
    if not path.is_file():
        raise ArgumentError(
            message(command, "there is no such script", repr(target),
                    "a Python file, or module:function", "check the path")
        )  # fmt: skip


def run(command: str, target: str, args: Sequence[str]) -> int:
    """Runs a script with its arguments, or calls `module:function`; the exit status it asks for.

    What it raises is printed like Python prints it, from the user's first line on: status 1.
    """
    check(command, target)
    before, path = sys.argv, list(sys.path)
    try:
        if _is_function(target):
            sys.path.insert(0, os.getcwd())
            sys.argv = [target, *args]
            _function(command, target)()
        else:
            sys.path[0] = str(Path(target).resolve().parent)
            sys.argv = [target, *args]
            runpy.run_path(target, run_name="__main__")
        return 0
    except SystemExit as stop:
        return _status(stop.code)
    except KeyboardInterrupt:
        print(f"{command}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except ArgumentError as error:
        if str(error).startswith(f"{command}: "):
            raise
        _print(error)
        return 1
    except Exception as error:
        _print(error)
        return 1
    finally:
        sys.argv, sys.path[:] = before, path


def _is_function(target: str) -> bool:
    module, _, name = target.partition(":")
    return bool(name) and all(part.isidentifier() for part in [*module.split("."), name])


def _function(command: str, target: str):  # type: ignore[no-untyped-def]
    module, _, name = target.partition(":")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not module.startswith(str(error.name)):
            raise
        raise ArgumentError(
            message(command, "there is no such module", repr(module), "one that can be imported",
                    "check its name, and that it lies in this folder or is installed")
        ) from None  # fmt: skip
    function = getattr(found, name, None)
    if not callable(function):
        raise ArgumentError(
            message(command, f"{module} has no function of that name", repr(name),
                    "a function that takes no arguments", "check its name")
        )  # fmt: skip
    return function


def _status(code: object) -> int:
    """The status of sys.exit(code)."""
    if code is None:
        return 0
    if isinstance(code, int):
        return code
    print(code, file=sys.stderr)
    return 1


def _print(error: BaseException) -> None:
    frames: TracebackType | None = error.__traceback__
    here, machinery = os.path.dirname(os.path.abspath(__file__)), ("<frozen runpy>", runpy.__file__)
    while frames is not None:
        name = frames.tb_frame.f_code.co_filename
        if not (name.startswith(here) or name in machinery):
            break
        frames = frames.tb_next
    traceback.print_exception(type(error), error, frames)
