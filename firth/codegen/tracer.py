"""LLVM text of the function that a profile puts in place of kernels: clock, kernel, clock."""

from __future__ import annotations

from typing import Final

NAME: Final = "firth_traced"
SYMBOLS: Final = frozenset({"clock_gettime", "pthread_self"})


def text(clock: int) -> str:
    """The module; `clock` is the system's number of the clock.

    The arguments begin with the kernel's address and the address of its tiles' records, followed by
    the kernel's own.
    """
    return f"""\
declare i32 @clock_gettime(i32, ptr) nounwind
declare ptr @pthread_self() nounwind
define internal i64 @now(ptr %time) nounwind {{
  %status = call i32 @clock_gettime(i32 {clock}, ptr %time)
  %seconds = load i64, ptr %time, align 8
  %at = getelementptr i64, ptr %time, i64 1
  %rest = load i64, ptr %at, align 8
  %whole = mul i64 %seconds, 1000000000
  %sum = add i64 %whole, %rest
  ret i64 %sum
}}
define void @{NAME}(ptr %args, i64 %tile, ptr %scratch) nounwind {{
  %time = alloca [2 x i64], align 8
  %kernel = load ptr, ptr %args, align 8
  %second = getelementptr i64, ptr %args, i64 1
  %records = load ptr, ptr %second, align 8
  %own = getelementptr i64, ptr %args, i64 2
  %place = mul i64 %tile, 3
  %begin = getelementptr i64, ptr %records, i64 %place
  %end = getelementptr i64, ptr %begin, i64 1
  %who = getelementptr i64, ptr %begin, i64 2
  %thread = call ptr @pthread_self()
  store ptr %thread, ptr %who, align 8
  %before = call i64 @now(ptr %time)
  call void %kernel(ptr %own, i64 %tile, ptr %scratch)
  %after = call i64 @now(ptr %time)
  store i64 %before, ptr %begin, align 8
  store i64 %after, ptr %end, align 8
  ret void
}}
"""
