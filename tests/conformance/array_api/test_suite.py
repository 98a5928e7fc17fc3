"""The public suite of the Array API standard: what fails is listed, what is listed fails."""

from __future__ import annotations

import os

import pytest

from tests.conformance.array_api.suite import checkout, reasons, run

pytestmark = pytest.mark.skipif(
    not checkout(), reason="ARRAY_API_TESTS names no checkout of data-apis/array-api-tests"
)


def test_same_seeds() -> None:
    results = run(checkout(), examples=5)
    failed = {name for name, outcome in results.items() if outcome == "failed"}
    listed = set(reasons())
    assert len(results) > 1000
    assert not failed - listed, "\n".join(sorted(failed - listed))
    assert not listed - failed, "these pass: take them off failing.txt\n" + "\n".join(
        sorted(listed - failed)
    )


@pytest.mark.skipif(
    "ARRAY_API_EXAMPLES" not in os.environ, reason="ARRAY_API_EXAMPLES says how many, e.g. 100"
)
def test_random_seeds() -> None:
    results = run(checkout(), examples=int(os.environ["ARRAY_API_EXAMPLES"]), random=True)
    failed = {name for name, outcome in results.items() if outcome == "failed"}
    unknown = failed - set(reasons())
    assert not unknown, "\n".join(sorted(unknown))
