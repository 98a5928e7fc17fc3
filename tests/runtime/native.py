"""Kernels in handwritten LLVM text, for tests of the runtime."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from firth.targets.cpu import build

TILE = 16  # float32 elements that a tile of `add_one` and `accumulate` works on


@dataclass(frozen=True)
class Text:
    name: str
    text: str


def tiled(name: str, body: str, declares: str = "") -> Text:
    """A kernel with %error and pointers %p1, %p2 to this tile's part of its two arguments."""
    return Text(
        name,
        f"""{declares}
define void @{name}(ptr %args, i64 %tile, ptr %scratch) nounwind {{
entry:
  %error = load ptr, ptr %args
  %a1 = getelementptr i64, ptr %args, i64 1
  %a2 = getelementptr i64, ptr %args, i64 2
  %b1 = load ptr, ptr %a1
  %b2 = load ptr, ptr %a2
  %offset = mul i64 %tile, {4 * TILE}
  %p1 = getelementptr i8, ptr %b1, i64 %offset
  %p2 = getelementptr i8, ptr %b2, i64 %offset
{body}
}}
""",
    )


_ONES = "<" + ", ".join(["float 1.0"] * TILE) + ">"
_V = f"<{TILE} x float>"

ADD_ONE = tiled(
    "add_one",
    f"""  %x = load {_V}, ptr %p1, align 4
  %y = fadd {_V} %x, {_ONES}
  store {_V} %y, ptr %p2, align 4
  ret void""",
)
# p2 += p1: a tile that ran twice, or not at all, shows.
ACCUMULATE = tiled(
    "accumulate",
    f"""  %x = load {_V}, ptr %p1, align 4
  %y = load {_V}, ptr %p2, align 4
  %z = fadd {_V} %x, %y
  store {_V} %z, ptr %p2, align 4
  ret void""",
)
# p2[0] = word 1 of this stage's arguments through the thread's scratch.
THROUGH_SCRATCH = tiled(
    "through_scratch",
    f"""  %x = load {_V}, ptr %p1, align 4
  store {_V} %x, ptr %scratch, align 4
  %y = load {_V}, ptr %scratch, align 4
  store {_V} %y, ptr %p2, align 4
  ret void""",
)
# Tile 3 reports site 7, value -5.
FAIL = tiled(
    "fail",
    """  %bad = icmp eq i64 %tile, 3
  br i1 %bad, label %report, label %out
report:
  %swap = cmpxchg ptr %error, i64 0, i64 7 acq_rel monotonic
  %won = extractvalue {i64, i1} %swap, 1
  br i1 %won, label %value, label %out
value:
  %where = getelementptr i64, ptr %error, i64 1
  store i64 -5, ptr %where
  br label %out
out:
  ret void""",
)
# Some work per tile: 20000 dependent additions, so that several threads really take part.
BUSY = tiled(
    "busy",
    """  %x = load float, ptr %p1
  br label %loop
loop:
  %i = phi i64 [0, %entry], [%i1, %loop]
  %s = phi float [%x, %entry], [%s1, %loop]
  %s1 = fadd float %s, 1.0
  %i1 = add i64 %i, 1
  %more = icmp ult i64 %i1, 20000
  br i1 %more, label %loop, label %out
out:
  store float %s1, ptr %p2
  ret void""",
)
# p2[0] = a sum that is exact only with denormals kept.
DENORMAL = tiled(
    "denormal",
    """  %x = load float, ptr %p1
  %y = fmul float %x, 0.5
  store float %y, ptr %p2
  ret void""",
)

ALL = (ADD_ONE, ACCUMULATE, THROUGH_SCRATCH, FAIL, BUSY, DENORMAL)


@functools.cache  # programs made of bare addresses keep no code mapped
def functions() -> dict[str, int]:
    """Addresses of all of them."""
    return build.load(ALL)
