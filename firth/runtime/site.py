"""Places in compiled code that can fail, and the errors that they stand for."""

from __future__ import annotations

from typing import Final, NamedTuple

from firth.base.errors import DivisionByZero, FirthError, IndexOutOfRange, VerifyError, message


class Site(NamedTuple):
    """Where compiled code can find an error. kind: "index", "division", or "address", whose op is
    a kernel. detail: what the value had to be, e.g. "0 <= index < 10"."""

    op: str
    kind: str
    detail: str


UNKNOWN: Final = Site("program", "index", "an index inside its dimension")


def error_of(site: Site, value: int) -> FirthError:
    """The error that compiled code found at a site, to be raised."""
    if site.kind == "division":
        text = message(
            site.op,
            "integer division by zero",
            "a divisor of 0",
            site.detail or "another divisor",
            "mask the zeros first, e.g. with where(divisor == 0, 1, divisor)",
        )
        return DivisionByZero(text)
    if site.kind == "address":
        text = message(
            site.op,
            "a kernel reaches outside of a buffer",
            f"element {value}",
            "an element of the buffer",
            "this is a bug in Firth: report it with what FIRTH_DUMP=folder writes",
        )
        return VerifyError(text)
    text = message(
        site.op,
        f"index {value} is out of range",
        str(value),
        site.detail,
        "look where the indices come from, or clip them to the dimension",
    )
    return IndexOutOfRange(text)
