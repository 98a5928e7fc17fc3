"""The table of ONNX operators: which function is which operator from which opset version on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Rule = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class OnnxOp:
    """One operator: `rule(*inputs, **attributes)` gives one value, or a tuple of several.

    since: the first opset version that it means this in.
    host: positions of inputs that it wants as NumPy arrays; negative: all of them.
    foreign: it takes arrays of text and of dtypes that tensors don't have (float8, int4, ...).
    raw: it takes values as they come, arrays among them.
    statistics: positions of inputs that are measured or chosen, not trained.
    bodied: it may give NotImplemented: the standard's body does it then.
    wants: what the executor knows and the rule asks for by name: `outputs` (how many are used),
    `opset` (its version), `around` (computes a value of the graph from others).
    """

    name: str
    since: int
    rule: Rule
    host: frozenset[int]
    foreign: bool
    raw: bool
    statistics: frozenset[int]
    wants: frozenset[str]
    attributes: frozenset[str] | None  # None: any
    bodied: bool

    def reads(self, position: int) -> bool:
        """Whether the input at a position is wanted as an array."""
        return position in self.host or -1 in self.host


_OPS: dict[tuple[str, str], list[OnnxOp]] = {}
_HOST: dict[tuple[str, str], list[OnnxOp]] = {}
_WANTS = frozenset({"outputs", "opset", "around"})


def op(
    *names: str, since: int = 1, domain: str = "", host: tuple[int, ...] = (),
    foreign: bool = False, raw: bool = False, statistics: tuple[int, ...] = (),
    bodied: bool = False,
) -> Callable[[Rule], Rule]:  # fmt: skip
    """Enters a function as the operator of these names, in place of one that was there.

    It takes the inputs by position (None where one is left out) and the attributes by keyword, and
    gives one value or a tuple. The other options are those of `OnnxOp`.

    >>> import firth
    >>> @firth.onnx.op("Scale", domain="my.domain")
    ... def scale(x, *, factor=1.0):
    ...     return x * factor
    """
    how = {"host": frozenset(host), "foreign": foreign or raw, "raw": raw,
           "statistics": frozenset(statistics), "bodied": bodied}  # fmt: skip
    return _enter(_OPS, names, since, domain, how)


def host_op(*names: str, since: int = 1, domain: str = "") -> Callable[[Rule], Rule]:
    """Enters a NumPy function that takes the operator's place where every input is an array."""
    none: frozenset[int] = frozenset()
    how = {"host": frozenset({-1}), "foreign": True, "raw": True, "statistics": none,
           "bodied": False}  # fmt: skip
    return _enter(_HOST, names, since, domain, how)


def _enter(
    table: dict[tuple[str, str], list[OnnxOp]], names: tuple[str, ...], since: int, domain: str,
    how: dict[str, Any],
) -> Callable[[Rule], Rule]:  # fmt: skip
    def enter(rule: Rule) -> Rule:
        attributes, wants = _keywords(rule)
        for name in names:
            found = table.setdefault((domain, name), [])
            made = OnnxOp(name, since, rule, wants=wants, attributes=attributes, **how)
            found.insert(0, made)  # before others of this version
            found.sort(key=lambda o: -o.since)
        return rule

    return enter


def _keywords(rule: Rule) -> tuple[frozenset[str] | None, frozenset[str]]:
    """(attributes, wants) of a rule: its keyword-only arguments; None where it takes any."""
    parameters = inspect.signature(rule).parameters.values()
    named = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    any_name = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return (None if any_name else frozenset(named - _WANTS)), frozenset(named & _WANTS)


def find(domain: str, name: str, version: int) -> OnnxOp | None:
    """The operator as it is in an opset version, or None."""
    return _pick(_OPS, domain, name, version)


def find_host(domain: str, name: str, version: int) -> OnnxOp | None:
    """Its NumPy form, or None."""
    return _pick(_HOST, domain, name, version)


def _pick(
    table: dict[tuple[str, str], list[OnnxOp]], domain: str, name: str, version: int
) -> OnnxOp | None:
    for known in table.get((domain, name), ()):
        if known.since <= version:
            return known
    return None


def names() -> list[tuple[str, str]]:
    """(domain, name) of every operator."""
    return sorted(_OPS)
