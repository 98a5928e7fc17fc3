"""Suites that others wrote have a command of their own: `make conformance`."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("FIRTH_CONFORMANCE") else ["*"]
