"""What the native scheduler stands on, as LLVM text: counters, and what differs by machine."""

from __future__ import annotations

from typing import Final

_PAUSES: Final = 1000  # a stage's end is usually near
_YIELDS: Final = 100  # then the core may be needed by whoever has the last tile
_NAP_NS: Final = 100_000
_MASK_WORDS: Final = 16  # 1024 processors


def futex(triple: str) -> int | None:
    """The number of the system call that threads sleep with, on Linux."""
    if "linux" not in triple:
        return None
    return {"x86_64": 202, "aarch64": 98, "riscv64": 98}.get(triple.split("-")[0])


_AFFINITY_CALLS: Final = ("GETCPU", "SETAFFINITY", "GETAFFINITY", "GETTID")


def _affinity(triple: str) -> str:
    """The functions around processors; they do nothing where the system calls are not known."""
    arch = triple.split("-")[0]
    numbers = (309, 203, 204, 186) if arch == "x86_64" else (168, 122, 123, 178)
    if futex(triple) is None:
        return _NO_AFFINITY
    text = _AFFINITY
    for name, number in zip(_AFFINITY_CALLS, numbers, strict=True):
        text = text.replace(name, str(number))
    return text


def text(triple: str) -> str:
    """pause, give_way, sleep, nap, wake, standard_mode, restore_mode, await; processors."""
    arch = triple.split("-")[0]
    declares: list[str] = []
    pause = give_way = sleep = wake = ""
    save = "  ret i64 0"
    restore = "  ret void"
    if arch in ("x86_64", "i686"):
        declares += ["declare void @llvm.x86.sse2.pause()"]
        declares += ["declare void @llvm.x86.sse.stmxcsr(ptr)"]
        declares += ["declare void @llvm.x86.sse.ldmxcsr(ptr)"]
        pause = "  call void @llvm.x86.sse2.pause()"
        save, restore = _X86_SAVE, _X86_RESTORE
    elif arch in ("aarch64", "arm64"):
        declares += ["declare void @llvm.aarch64.hint(i32)"]
        declares += ["declare i64 @llvm.aarch64.get.fpcr()"]
        declares += ["declare void @llvm.aarch64.set.fpcr(i64)"]
        pause = "  call void @llvm.aarch64.hint(i32 1)"
        save, restore = _ARM_SAVE, _ARM_RESTORE
    if "windows" in triple:
        declares += ["declare i32 @SwitchToThread()"]
        give_way = "  %r = call i32 @SwitchToThread()"
    else:
        declares += ["declare i32 @sched_yield()"]
        give_way = "  %r = call i32 @sched_yield()"
    nap = give_way
    number = futex(triple)
    if number is not None:
        declares += ["declare i64 @syscall(i64, ...)"]
        call = f"  %r = call i64 (i64, ...) @syscall(i64 {number}, ptr %word, "
        sleep = call + "i32 128, i32 %seen, ptr null, ptr null, i32 0)"
        wake = call + "i32 129, i32 %count, ptr null, ptr null, i32 0)"
        nap = call + "i32 128, i32 %seen, ptr @nap_time, ptr null, i32 0)"
    return "\n".join([*declares, _WAIT, _affinity(triple), _MACHINE.format(
        nap_ns=_NAP_NS, pause=pause, give_way=give_way, sleep=sleep, wake=wake, nap=nap,
        save=save, restore=restore,
    )])  # fmt: skip


_X86_SAVE: Final = """\
  %word = alloca i32, align 4
  call void @llvm.x86.sse.stmxcsr(ptr %word)
  %old = load i32, ptr %word, align 4
  store i32 8064, ptr %word, align 4
  call void @llvm.x86.sse.ldmxcsr(ptr %word)
  %mode = zext i32 %old to i64
  ret i64 %mode"""
_X86_RESTORE: Final = """\
  %word = alloca i32, align 4
  %old = trunc i64 %mode to i32
  store i32 %old, ptr %word, align 4
  call void @llvm.x86.sse.ldmxcsr(ptr %word)
  ret void"""
_ARM_SAVE: Final = """\
  %mode = call i64 @llvm.aarch64.get.fpcr()
  call void @llvm.aarch64.set.fpcr(i64 0)
  ret i64 %mode"""
_ARM_RESTORE: Final = """\
  call void @llvm.aarch64.set.fpcr(i64 %mode)
  ret void"""

# standard_mode: rounds to nearest, keeps denormals, traps nothing; returns the mode it replaced.
_MACHINE: Final = """\
@nap_time = internal constant {{i64, i64}} {{i64 0, i64 {nap_ns}}}
define internal void @pause() nounwind {{
{pause}
  ret void
}}
define internal void @give_way() nounwind {{
{give_way}
  ret void
}}
define internal void @sleep(ptr %word, i32 %seen) nounwind {{
{sleep}
  ret void
}}
define internal void @nap(ptr %word, i32 %seen) nounwind {{
{nap}
  ret void
}}
define internal void @wake(ptr %word, i32 %count) nounwind {{
{wake}
  ret void
}}
define internal i64 @standard_mode() nounwind {{
{save}
}}
define internal void @restore_mode(i64 %mode) nounwind {{
{restore}
}}
"""

# processor: the number of the running processor plus 1, 0 if unknown. this_thread: the system's
# number of this thread. keep_off: lets a thread run where the caller may, but on one processor.
_AFFINITY: Final = f"""\
define internal i64 @processor() nounwind {{
  %cpu = alloca i32, align 4
  store i32 -1, ptr %cpu, align 4
  %r = call i64 (i64, ...) @syscall(i64 GETCPU, ptr %cpu, ptr null, ptr null)
  %number = load i32, ptr %cpu, align 4
  %wide = sext i32 %number to i64
  %plus = add i64 %wide, 1
  ret i64 %plus
}}
define internal i64 @this_thread() nounwind {{
  %r = call i64 (i64, ...) @syscall(i64 GETTID)
  ret i64 %r
}}
define internal void @keep_off(i64 %thread, i64 %processor) nounwind {{
  %mask = alloca [{_MASK_WORDS} x i64], align 8
  store [{_MASK_WORDS} x i64] zeroinitializer, ptr %mask, align 8
  %r = call i64 (i64, ...) @syscall(i64 GETAFFINITY, i64 0, i64 {8 * _MASK_WORDS}, ptr %mask)
  %cpu = sub i64 %processor, 1
  %known = icmp ult i64 %cpu, {64 * _MASK_WORDS}
  br i1 %known, label %clear, label %out
clear:
  %which = lshr i64 %cpu, 6
  %at = getelementptr i64, ptr %mask, i64 %which
  %old = load i64, ptr %at, align 8
  %shift = and i64 %cpu, 63
  %bit = shl i64 1, %shift
  %not = xor i64 %bit, -1
  %new = and i64 %old, %not
  store i64 %new, ptr %at, align 8
  %s = call i64 (i64, ...) @syscall(i64 SETAFFINITY, i64 %thread, i64 {8 * _MASK_WORDS}, ptr %mask)
  br label %out
out:
  ret void
}}
"""
_NO_AFFINITY: Final = """\
define internal i64 @processor() nounwind {
  ret i64 0
}
define internal i64 @this_thread() nounwind {
  ret i64 0
}
define internal void @keep_off(i64 %thread, i64 %processor) nounwind {
  ret void
}
"""

# Waits until a counter has reached its goal.
_WAIT: Final = f"""\
define internal void @await(ptr %done, i64 %goal) nounwind {{
entry:
  br label %look
look:
  %i = phi i64 [0, %entry], [%i1, %again]
  %value = load atomic i64, ptr %done acquire, align 8
  %ready = icmp uge i64 %value, %goal
  br i1 %ready, label %out, label %wait
wait:
  %i1 = add i64 %i, 1
  %soon = icmp ult i64 %i, {_PAUSES}
  br i1 %soon, label %spin, label %longer
spin:
  call void @pause()
  br label %again
longer:
  %later = icmp ult i64 %i, {_PAUSES + _YIELDS}
  br i1 %later, label %yield, label %rest
yield:
  call void @give_way()
  br label %again
rest:
  %seen = trunc i64 %value to i32
  call void @nap(ptr %done, i32 %seen)
  br label %again
again:
  br label %look
out:
  ret void
}}
"""

# Counters in memory: epoch << 32 | number.
COUNTERS: Final = """\
; The next unclaimed number below %n in this epoch, or -1.
define internal i64 @claim(ptr %slot, i64 %epoch, i64 %n) nounwind {
entry:
  %first = load atomic i64, ptr %slot monotonic, align 8
  br label %look
look:
  %value = phi i64 [%first, %entry], [%now, %try]
  %tag = lshr i64 %value, 32
  %low = and i64 %value, 4294967295
  %late = icmp ugt i64 %tag, %epoch
  br i1 %late, label %none, label %check
check:
  %same = icmp eq i64 %tag, %epoch
  %next = select i1 %same, i64 %low, i64 0
  %left = icmp ult i64 %next, %n
  br i1 %left, label %try, label %none
try:
  %high = shl i64 %epoch, 32
  %after = add i64 %next, 1
  %new = or i64 %high, %after
  %swap = cmpxchg ptr %slot, i64 %value, i64 %new acq_rel monotonic
  %now = extractvalue {i64, i1} %swap, 0
  %won = extractvalue {i64, i1} %swap, 1
  br i1 %won, label %mine, label %look
mine:
  ret i64 %next
none:
  ret i64 -1
}
; Adds to the tiles done in this epoch.
define internal void @publish(ptr %done, i64 %epoch, i64 %count) nounwind {
entry:
  %base = shl i64 %epoch, 32
  %first = load atomic i64, ptr %done monotonic, align 8
  br label %look
look:
  %value = phi i64 [%first, %entry], [%now, %look]
  %old = icmp ult i64 %value, %base
  %from = select i1 %old, i64 %base, i64 %value
  %new = add i64 %from, %count
  %swap = cmpxchg ptr %done, i64 %value, i64 %new acq_rel monotonic
  %now = extractvalue {i64, i1} %swap, 0
  %won = extractvalue {i64, i1} %swap, 1
  br i1 %won, label %out, label %look
out:
  ret void
}
"""
