"""Subcommands and their arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from firth.base.errors import FirthError
from firth.cli import info, pages


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
    return parser
