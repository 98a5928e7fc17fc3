"""`python -m firth`: the command line."""

from firth.cli import main

raise SystemExit(main())
