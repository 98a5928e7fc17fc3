"""The command line: `firth` or `python -m firth`."""

from firth.cli.main import main

__all__ = ["main"]
