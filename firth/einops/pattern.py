"""The language of patterns: `b (h w) ... -> h b (w ...)`, read into steps over shapes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import NoReturn

from firth.base.errors import ArgumentError, ShapeError, message

Axis = str  # a name, "3 #0" (an extent without a name, and its number) or "...2" (of an ellipsis)
Group = tuple[Axis, ...]
ELLIPSIS, BRACKETED = "...", "(...)"
_TOKEN = re.compile(r"\s*(\.\.\.|->|[()]|[^\s().]+?(?=->|[\s().]|$)|\.)")


@dataclass(frozen=True)
class Plan:
    """What a pattern does to one shape: split, reduce, permute, grow, join."""

    split: tuple[int, ...]
    reduced: tuple[int, ...]
    order: tuple[int, ...]
    between: tuple[int, ...]  # in the order of the right side, 1 where an axis is new
    grown: tuple[int, ...]
    joined: tuple[int, ...]


def fail(op: str, pattern: str, wrong: str, expected: str, fix: str) -> NoReturn:
    """ArgumentError about a pattern."""
    raise ArgumentError(message(op, wrong, repr(pattern), expected, fix))


def side(op: str, pattern: str, text: str) -> tuple[Group, ...]:
    """The groups of one side of a pattern; an axis outside of brackets is a group of its own.

    >>> side("rearrange", "", "b (h 2) ... 1")
    (('b',), ('h', '2 #0'), ('...',), ())
    """
    groups: list[Group] = []
    inside: list[Axis] | None = None
    seen: set[Axis] = set()
    anonymous = 0
    for token in tokens(op, pattern, text):
        if token == "(":
            if inside is not None:
                fail(op, pattern, "brackets inside brackets", "one level of them", "join them")
            inside = []
        elif token == ")":
            if inside is None:
                fail(op, pattern, "a bracket closes that was not opened", "pairs", "remove it")
            groups.append(tuple(inside))
            inside = None
        else:
            axis = token
            if token.isdecimal():
                axis = f"{int(token)} #{anonymous}"
                anonymous += 1
                if int(token) == 0:
                    fail(op, pattern, "an axis of length 0", "1 or more", "name the axis")
            elif token != ELLIPSIS:
                check_name(op, pattern, token)
            if axis in seen:
                fail(op, pattern, f"axis {axis!r} stands twice on one side", "each axis once",
                     "give the second one a name of its own")  # fmt: skip
            seen.add(axis)
            if inside is None:
                groups.append(() if token == "1" else (axis,))
            elif token != "1":
                inside.append(BRACKETED if token == ELLIPSIS else axis)
    if inside is not None:
        fail(op, pattern, "a bracket is not closed", "pairs", "close it")
    return tuple(groups)


def tokens(op: str, pattern: str, text: str) -> list[str]:
    """Names, numbers, brackets and `...` of one side."""
    found, place = [], 0
    text = text.rstrip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or match[1] in (".", "->"):
            rest = text[place:].strip()[:8]
            fail(op, pattern, f"{rest!r} is no axis", "names, numbers, brackets and '...'",
                 "write axes with blanks between them, e.g. 'b c h w'")  # fmt: skip
        found.append(match[1])
        place = match.end()
    return found


def check_name(op: str, pattern: str, name: str) -> None:
    """ArgumentError unless the axis' name is an identifier without outer underscores."""
    if not name.isidentifier() or name[0] == "_" or name[-1] == "_":
        fail(op, pattern, f"{name!r} is no name of an axis",
             "an identifier that neither begins nor ends with '_'", "rename it")  # fmt: skip


def sides(op: str, pattern: str) -> tuple[str, str]:
    """The texts left and right of the arrow."""
    if not isinstance(pattern, str):
        raise ArgumentError(
            message(op, "the pattern is no string", type(pattern).__name__, "a string",
                    "write e.g. 'b c -> c b'")
        )  # fmt: skip
    parts = pattern.split("->")
    if len(parts) != 2:
        fail(op, pattern, "not one '->'", "left -> right", "write e.g. 'b c -> c b'")
    return parts[0], parts[1]


@lru_cache(1024)
def plan(op: str, pattern: str, shape: tuple[int, ...], lengths: tuple[tuple[str, int], ...]) -> (
    Plan
):  # fmt: skip
    """The steps of a pattern for one shape; ArgumentError or ShapeError that names the axis.

    >>> plan("rearrange", "b (h w) -> w b h", (2, 6), (("h", 3),)).joined
    (2, 2, 3)
    """
    left_text, right_text = sides(op, pattern)
    left, right = side(op, pattern, left_text), side(op, pattern, right_text)
    known = dict(lengths)
    _check_sides(op, pattern, left, right, known)
    left, right = _spelled(op, pattern, left, right, len(shape))
    sizes = _sizes(op, pattern, left, shape, known)
    before = [axis for group in left for axis in group]
    after = [axis for group in right for axis in group]
    for axis in after:
        if axis not in sizes:
            sizes[axis] = int(axis.split(" #")[0]) if " #" in axis else known[axis]
    kept = [axis for axis in before if axis in after]
    return Plan(
        split=tuple(sizes[axis] for axis in before),
        reduced=tuple(i for i, axis in enumerate(before) if axis not in after),
        order=tuple(kept.index(axis) for axis in after if axis in kept),
        between=tuple(sizes[axis] if axis in kept else 1 for axis in after),
        grown=tuple(sizes[axis] for axis in after),
        joined=tuple(prod(sizes[axis] for axis in group) for group in right),
    )


def _check_sides(
    op: str, pattern: str, left: tuple[Group, ...], right: tuple[Group, ...], known: dict[str, int]
) -> None:
    """What each function allows on which side."""
    a = {axis for group in left for axis in group}
    b = {axis for group in right for axis in group}
    if BRACKETED in a:
        fail(op, pattern, "'...' in brackets on the left", "outside of brackets", "name the axes")
    if BRACKETED in b:
        b = b - {BRACKETED} | {ELLIPSIS}
    if ELLIPSIS in b and ELLIPSIS not in a:
        fail(op, pattern, "'...' only on the right", "on the left too", "add it on the left")
    numbers_left = {axis for axis in a if " #" in axis}
    numbers_right = {axis for axis in b if " #" in axis}
    gone, new = a - b - numbers_left, b - a - numbers_right
    if op != "reduce" and (gone or numbers_left):
        lost = ", ".join(sorted(gone)) or "a number"
        fail(op, pattern, f"only on the left: {lost}", "every axis of the left on the right",
             "keep it, or use reduce")  # fmt: skip
    if op != "repeat" and (new or numbers_right):
        extra = ", ".join(sorted(new)) or "a number"
        fail(op, pattern, f"only on the right: {extra}", "every axis of the right on the left",
             "leave it out, or use repeat")  # fmt: skip
    missing = sorted(new - set(known))
    if missing:
        fail(op, pattern, f"new axes without a length: {', '.join(missing)}",
             "a length for each new axis", f"write {op}(x, pattern, {missing[0]}=...)")  # fmt: skip
    unused = sorted(set(known) - (a | b))
    if unused:
        fail(op, pattern, f"a length for an axis that is not there: {', '.join(unused)}",
             "lengths of axes of the pattern", "leave it out or name the axis")  # fmt: skip
    for name, length in known.items():
        if isinstance(length, bool) or not isinstance(length, int) or length < 0:
            raise ArgumentError(
                message(op, f"the length of axis {name!r} is no count", repr(length),
                        "an int of 0 or more", "pass an int")
            )  # fmt: skip


def _spelled(
    op: str, pattern: str, left: tuple[Group, ...], right: tuple[Group, ...], ndim: int
) -> tuple[tuple[Group, ...], tuple[Group, ...]]:
    """Both sides with `...` replaced by as many axes as the tensor has left for it."""
    rest = ndim - sum(group != (ELLIPSIS,) for group in left)
    if (ELLIPSIS,) in left:
        fits, want = rest >= 0, f"at least {ndim - rest}"
    else:
        fits, want = rest == 0, str(ndim - rest)
    if not fits:
        raise ShapeError(
            message(op, f"the tensor has other dimensions than the left of {pattern!r}",
                    f"{ndim} dimensions", want, "name every dimension on the left")
        )  # fmt: skip
    more = tuple(f"...{i}" for i in range(rest))

    def spell(groups: tuple[Group, ...]) -> tuple[Group, ...]:
        out: list[Group] = []
        for group in groups:
            if group == (ELLIPSIS,):
                out += [(axis,) for axis in more]
            else:
                out.append(tuple(
                    a for axis in group for a in (more if axis == BRACKETED else (axis,))
                ))  # fmt: skip
        return tuple(out)

    return spell(left), spell(right)


def _sizes(
    op: str, pattern: str, left: tuple[Group, ...], shape: tuple[int, ...], known: dict[str, int]
) -> dict[Axis, int]:
    """The extent of every axis of the left side."""
    sizes: dict[Axis, int] = {}
    for place, (group, extent) in enumerate(zip(left, shape, strict=True)):
        given = {
            axis: int(axis.split(" #")[0]) if " #" in axis else known[axis]
            for axis in group if " #" in axis or axis in known
        }  # fmt: skip
        unknown = [axis for axis in group if axis not in given]
        if len(unknown) > 1:
            names = ", ".join(unknown)
            fail(op, pattern, f"the lengths of {names} are not known", "all but one of a bracket",
                 f"write {op}(x, pattern, {unknown[0]}=...)")  # fmt: skip
        rest = prod(given.values())
        if unknown:
            if rest == 0 or extent % rest:
                raise _uneven(op, pattern, place, extent, given, group)
            given[unknown[0]] = extent // rest
        elif rest != extent:
            raise _uneven(op, pattern, place, extent, given, group)
        sizes.update(given)
    return sizes


def _uneven(
    op: str, pattern: str, place: int, extent: int, given: dict[Axis, int], group: Group
) -> ShapeError:
    words = " * ".join(
        str(length) if " #" in axis else f"{axis}={length}" for axis, length in given.items()
    )
    axes = " ".join(axis.split(" #")[0] for axis in group) or "1"
    return ShapeError(
        message(op, f"dimension {place} is not ({axes}) of {pattern!r}", str(extent),
                f"{'a multiple of ' if len(given) < len(group) else ''}{words or 1}",
                "change the lengths or the tensor")
    )  # fmt: skip
