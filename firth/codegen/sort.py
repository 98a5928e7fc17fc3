"""Stable argsort of one row: a bottom-up merge sort in scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firth.base import dtype as dt
from firth.codegen import memory
from firth.codegen.builder import Index
from firth.codegen.contract_pack import only_if
from firth.codegen.convert import cast
from firth.codegen.types import memory_type, register_type
from firth.ir.kernel import Sort

if TYPE_CHECKING:
    from firth.codegen.emit import Emitter


def emit(e: Emitter, s: Sort) -> None:
    """Emits a sort: keys and positions move between the two halves of their scratch."""
    b = e.b
    where = e.range(s.axis)
    n = where.stop
    keys, places = e.pointer(s.scratch_keys), e.pointer(s.scratch_index)
    key_type = memory_type(s.key.dtype)

    def fill(index: Index, _: list[str]) -> list[str]:
        with e.bound(s.axis, index):
            key = e.value(s.key)
            text = memory.in_memory(e, key.text, s.key.dtype, 1)
            b.store(key_type, text, b.gep(key_type, keys, index), s.key.dtype.itemsize)
            b.store("i64", str(index), b.gep("i64", places, index), 8)
        return []

    b.loop(0, n, 1, [], fill, nonempty=where.nonempty)
    half = _passes(e, s, n, keys, places)

    def finish(index: Index, _: list[str]) -> list[str]:
        with e.bound(s.axis, index):
            place = b.load("i64", b.gep("i64", places, b.add(half, index)), 8)
            allowed = e.inside(s.buffer, s.index, (), ())[0]

            def put() -> None:
                b.store("i64", place, memory.address(e, s.buffer, s.index), 8)

            only_if(e, allowed, put)
        return []

    b.loop(0, n, 1, [], finish, nonempty=where.nonempty)


def _passes(e: Emitter, s: Sort, n: Index, keys: str, places: str) -> str:
    """Merges runs of 1, 2, 4, ... elements; returns where the sorted half begins."""
    b = e.b

    def merge(values: list[str]) -> list[str]:
        width, source = values
        target = b.get(f"sub i64 {n}, {source}")
        _merge_all(e, s, n, keys, places, width, source, target)
        return [b.get(f"shl nuw nsw i64 {width}, 1"), target]

    carried = [("i64", "1"), ("i64", "0")]
    return b.loop_while(carried, lambda v: b.get(f"icmp slt i64 {v[0]}, {n}"), merge)[1]


def _merge_all(
    e: Emitter,
    s: Sort,
    n: Index,
    keys: str,
    places: str,
    width: str,
    source: str,
    target: str,
) -> None:
    """One pass: every output element is the smaller head of the two runs that it belongs to."""
    b = e.b
    type_ = memory_type(s.key.dtype)
    align = s.key.dtype.itemsize
    double = b.get(f"shl nuw nsw i64 {width}, 1")

    def step(index: Index, values: list[str]) -> list[str]:
        left, right, middle, end = values
        # at the end of a pair of runs the next pair begins here
        fresh = b.get(f"icmp eq i64 {index}, {end}")
        mid = b.min(b.get(f"add i64 {index}, {width}"), n)
        stop = b.min(b.get(f"add i64 {index}, {double}"), n)
        left = b.get(f"select i1 {fresh}, i64 {index}, i64 {left}")
        right = b.get(f"select i1 {fresh}, i64 {mid}, i64 {right}")
        middle = b.get(f"select i1 {fresh}, i64 {mid}, i64 {middle}")
        end = b.get(f"select i1 {fresh}, i64 {stop}, i64 {end}")
        has_left = b.get(f"icmp slt i64 {left}, {middle}")
        has_right = b.get(f"icmp slt i64 {right}, {end}")
        # an exhausted run is read at the other's head, so never outside
        safe_left = b.get(f"select i1 {has_left}, i64 {left}, i64 {right}")
        safe_right = b.get(f"select i1 {has_right}, i64 {right}, i64 {left}")
        heads = [
            b.load(type_, b.gep(type_, keys, b.add(source, place)), align)
            for place in (safe_left, safe_right)
        ]
        before = _before(e, s, heads[1], heads[0])
        none_left = b.get(f"xor i1 {has_left}, true")
        wins = b.get(f"or i1 {none_left}, {before}")
        use_right = b.get(f"and i1 {has_right}, {wins}")
        taken = b.get(f"select i1 {use_right}, i64 {right}, i64 {left}")
        key = b.get(f"select i1 {use_right}, {type_} {heads[1]}, {type_} {heads[0]}")
        place = b.load("i64", b.gep("i64", places, b.add(source, taken)), 8)
        out = b.add(target, index)
        b.store(type_, key, b.gep(type_, keys, out), align)
        b.store("i64", place, b.gep("i64", places, out), 8)
        moved = b.get(f"zext i1 {use_right} to i64")
        kept = b.get(f"xor i64 {moved}, 1")
        return [
            b.get(f"add i64 {left}, {kept}"),
            b.get(f"add i64 {right}, {moved}"),
            middle,
            end,
        ]

    zeros = [("i64", "0")] * 4
    b.loop(0, n, 1, zeros, step)


def _before(e: Emitter, s: Sort, x: str, y: str) -> str:
    """True when key x must stand before key y, which comes first in the input."""
    b, dtype = e.b, s.key.dtype
    if dtype.kind == "f" and dtype.bits == 16:
        x, y = cast(b, x, dtype, dt.float32, 1), cast(b, y, dtype, dt.float32, 1)
        dtype = dt.float32
    if dtype.kind != "f":
        relation = ("s" if dtype.kind == "i" else "u") + ("gt" if s.descending else "lt")
        return b.get(f"icmp {relation} {memory_type(dtype)} {x}, {y}")
    type_ = register_type(dtype)
    # NaN counts as the largest number
    if s.descending:
        x, y = y, x
    less = b.get(f"fcmp olt {type_} {x}, {y}")
    y_nan = b.get(f"fcmp uno {type_} {y}, {y}")
    x_number = b.get(f"fcmp ord {type_} {x}, {x}")
    last = b.get(f"and i1 {y_nan}, {x_number}")
    return b.get(f"or i1 {less}, {last}")
