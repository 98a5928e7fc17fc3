"""`python -m firth.cli`: the same as `python -m firth`."""

from firth.cli.main import main

raise SystemExit(main())
