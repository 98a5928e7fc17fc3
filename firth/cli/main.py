"""Subcommands and their arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from firth.base.errors import FirthError
from firth.cli import dump, info, pages, profile


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one subcommand; returns the exit status.

    argv: arguments without the program's name; None takes those of the process.
    """
    options = _parser().parse_args(argv)
    try:
        if options.command == "docs":
            for path in pages.write(options.folder):
                print(path)
        elif options.command == "op":
            print(pages.op_page(options.name), end="")
        elif options.command == "profile":
            return profile.run(options.script, options.args, options.output, options.top)
        elif options.command == "dump":
            return dump.run(options.script, options.args, options.output)
        else:
            print(info.report(), end="")
    except FirthError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("firth", description="A deep learning framework.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("info", help="versions, this machine, flags: what a bug report needs")
    docs = commands.add_parser("docs", help="write the pages made from the source")
    docs.add_argument("folder", nargs="?", type=Path, default=Path("docs"), help="default: docs")
    op = commands.add_parser("op", help="print one op's page")
    op.add_argument("name", help="its name in the op table, such as sigmoid")
    runner = commands.add_parser("profile", help="run a script and tell where its time goes")
    runner.add_argument(
        "-o", "--output", type=Path, default=Path("profile"),
        help="folder for trace.json, memory.json and kernels.txt; default: profile",
    )  # fmt: skip
    runner.add_argument("--top", type=int, default=30, help="kernels in the table; default: 30")
    _script(runner)
    dumper = commands.add_parser("dump", help="run a script and write every stage it compiles")
    dumper.add_argument(
        "-o", "--output", type=Path, default=Path("dump"), help="the folder; default: dump"
    )
    _script(dumper)
    return parser


def _script(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("script", help="a Python file, or module:function")
    parser.add_argument("args", nargs=argparse.REMAINDER, help="the script's own arguments")
