"""LLVM text of the native scheduler: what walks a program's table of stages on several threads.

Tiles are claimed, never assigned. A stage's tiles are split into one range per owner; a thread
takes from its own range first and then from the others'. A claim is a compare-and-swap on
(epoch, number), so whoever comes late with an old epoch claims nothing and harms nothing. A stage
ends when its tiles are done, whoever did them: nobody waits for a thread that has claimed nothing.
A stage starts when those that it awaits have ended; those in between may still be under way.
"""

from __future__ import annotations

from typing import Final

from firth.codegen import scheduler_machine as machine
from firth.runtime import layout as at

EXPORTS: Final = ("firth_call", "firth_worker", "firth_stop")

# What the text may call, for the loader's allow-list.
SYMBOLS: Final = frozenset(
    {"syscall", "sched_yield", "SwitchToThread", "PyLong_AsVoidPtr", "PyLong_FromLong",
     "PyErr_Occurred", "PyEval_SaveThread", "PyEval_RestoreThread"}
)  # fmt: skip


def text(triple: str) -> str:
    """The scheduler's module for a machine."""
    return "\n".join(
        (machine.text(triple), machine.COUNTERS, _WALK, _SPREAD, _RUN, _WORKER, _PYTHON)
    )


def sleeps(triple: str) -> bool:
    """Whether workers park in the kernel; elsewhere they return to the Python thread they are."""
    return machine.futex(triple) is not None


def _get(name: str, base: str, offset: int | str, kind: str = "i64") -> str:
    """Loads a field: `%name = base[offset]`."""
    return (
        f"  %{name}.at = getelementptr i8, ptr %{base}, i64 {offset}\n"
        f"  %{name} = load {kind}, ptr %{name}.at, align 8"
    )


def _stage_fields() -> str:
    """Loads the fields of stage %s of %frame."""
    return "\n".join(
        (
            f"  %stage.offset = mul i64 %s, {at.STAGE_BYTES}",
            "  %stage = getelementptr i8, ptr %stages, i64 %stage.offset",
            _get("fn", "stage", at.STAGE_FUNCTION, "ptr"),
            _get("args.offset", "stage", at.STAGE_ARGS),
            "  %args = getelementptr i8, ptr %words, i64 %args.offset",
            _get("n", "stage", at.STAGE_TILES),
            _get("guarded", "stage", at.STAGE_GUARDED),
            _get("after", "stage", at.STAGE_AFTER),
        )
    )


def _skip() -> str:
    """%skip: the stage is guarded and an earlier one has failed."""
    return "\n".join(
        (
            "  %site = load atomic i64, ptr %error monotonic, align 8",
            "  %failed = icmp ne i64 %site, 0",
            "  %guard = icmp ne i64 %guarded, 0",
            "  %skip = and i1 %failed, %guard",
        )
    )


def _part_fields() -> str:
    """Loads what both walks need of %frame and its part number %part."""
    return "\n".join(
        (
            _get("stages", "frame", at.FRAME_STAGES, "ptr"),
            _get("parts", "frame", at.FRAME_PARTS, "ptr"),
            _get("words", "frame", at.FRAME_ARGS, "ptr"),
            f"  %error = getelementptr i8, ptr %frame, i64 {at.FRAME_ERROR}",
            f"  %part.offset = mul i64 %part, {at.PART_BYTES}",
            "  %record = getelementptr i8, ptr %parts, i64 %part.offset",
            _get("first", "record", at.PART_FIRST),
            _get("end", "record", at.PART_END),
        )
    )


# settle: waits for the stages from one to another. share: one thread's share of a run.
# alone: all of it, without counters.
_WALK: Final = f"""\
define internal void @settle(ptr %frame, i64 %epoch, i64 %from, i64 %to) nounwind {{
entry:
{_get("stages", "frame", at.FRAME_STAGES, "ptr")}
{_get("counters", "frame", at.FRAME_COUNTERS, "ptr")}
{_get("stride", "frame", at.FRAME_STRIDE)}
  %high = shl i64 %epoch, 32
  br label %head
head:
  %s = phi i64 [%from, %entry], [%s1, %next]
  %more = icmp ult i64 %s, %to
  br i1 %more, label %body, label %out
body:
  %stage.offset = mul i64 %s, {at.STAGE_BYTES}
  %stage = getelementptr i8, ptr %stages, i64 %stage.offset
{_get("n", "stage", at.STAGE_TILES)}
  %empty = icmp eq i64 %n, 0
  br i1 %empty, label %next, label %wait
wait:
  %counter.offset = mul i64 %s, %stride
  %counter = getelementptr i8, ptr %counters, i64 %counter.offset
  %goal = or i64 %high, %n
  call void @await(ptr %counter, i64 %goal)
  br label %next
next:
  %s1 = add i64 %s, 1
  br label %head
out:
  ret void
}}
define internal void @share(ptr %frame, i64 %worker, i64 %run, ptr %scratch) nounwind {{
entry:
  %epoch = lshr i64 %run, 32
  %part = and i64 %run, 4294967295
{_part_fields()}
{_get("counters", "frame", at.FRAME_COUNTERS, "ptr")}
{_get("owners", "frame", at.FRAME_OWNERS)}
{_get("stride", "frame", at.FRAME_STRIDE)}
  br label %head
head:
  %s = phi i64 [%first, %entry], [%s1, %next]
  %settled = phi i64 [%first, %entry], [%settled1, %next]
  %more = icmp ult i64 %s, %end
  br i1 %more, label %body, label %out
body:
{_stage_fields()}
  %counter.offset = mul i64 %s, %stride
  %counter = getelementptr i8, ptr %counters, i64 %counter.offset
  %behind = icmp ult i64 %settled, %after
  br i1 %behind, label %hold, label %ready
hold:
  call void @settle(ptr %frame, i64 %epoch, i64 %settled, i64 %after)
  br label %ready
ready:
  %settled1 = phi i64 [%settled, %body], [%after, %hold]
{_skip()}
  %empty = icmp eq i64 %n, 0
  br i1 %empty, label %next, label %owner
owner:
  %q = phi i64 [0, %ready], [%q1, %exhausted]
  %count = phi i64 [0, %ready], [%sum, %exhausted]
  %rest = icmp ult i64 %q, %owners
  br i1 %rest, label %range, label %finish
range:
  %o0 = add i64 %worker, %q
  %o = urem i64 %o0, %owners
  %o1 = add i64 %o, 1
  %lo.n = mul i64 %n, %o
  %lo = udiv i64 %lo.n, %owners
  %hi.n = mul i64 %n, %o1
  %hi = udiv i64 %hi.n, %owners
  %length = sub i64 %hi, %lo
  %slot.line = mul i64 %o, {at.LINE}
  %slot.offset = add i64 %slot.line, {at.COUNTER_CLAIMS}
  %slot = getelementptr i8, ptr %counter, i64 %slot.offset
  br label %take
take:
  %sum = phi i64 [%count, %range], [%sum1, %did]
  %ticket = call i64 @claim(ptr %slot, i64 %epoch, i64 %length)
  %got = icmp sge i64 %ticket, 0
  br i1 %got, label %tile, label %exhausted
tile:
  br i1 %skip, label %did, label %do
do:
  %t = add i64 %lo, %ticket
  call void %fn(ptr %args, i64 %t, ptr %scratch)
  br label %did
did:
  %sum1 = add i64 %sum, 1
  br label %take
exhausted:
  %q1 = add i64 %q, 1
  br label %owner
finish:
  %any = icmp ne i64 %count, 0
  br i1 %any, label %tell, label %next
tell:
  call void @publish(ptr %counter, i64 %epoch, i64 %count)
  br label %next
next:
  %s1 = add i64 %s, 1
  br label %head
out:
  call void @settle(ptr %frame, i64 %epoch, i64 %settled, i64 %end)
  ret void
}}
define internal void @alone(ptr %frame, i64 %part, ptr %scratch) nounwind {{
entry:
{_part_fields()}
  br label %head
head:
  %s = phi i64 [%first, %entry], [%s1, %next]
  %more = icmp ult i64 %s, %end
  br i1 %more, label %body, label %out
body:
{_stage_fields()}
{_skip()}
  br i1 %skip, label %next, label %tiles
tiles:
  %t = phi i64 [0, %body], [%t1, %tile]
  %rest = icmp ult i64 %t, %n
  br i1 %rest, label %tile, label %next
tile:
  call void %fn(ptr %args, i64 %t, ptr %scratch)
  %t1 = add i64 %t, 1
  br label %tiles
next:
  %s1 = add i64 %s, 1
  br label %head
out:
  ret void
}}
"""

# start: clears the error record and fills the argument words from the bases.
# run: runs one part of a frame and returns its status.
_RUN: Final = f"""\
define internal void @start(ptr %frame) nounwind {{
entry:
  %error = getelementptr i8, ptr %frame, i64 {at.FRAME_ERROR}
  %value = getelementptr i8, ptr %error, i64 8
  store i64 0, ptr %error, align 8
  store i64 0, ptr %value, align 8
{_get("places", "frame", at.FRAME_PLACES, "ptr")}
{_get("count", "frame", at.FRAME_WORDS)}
{_get("words", "frame", at.FRAME_ARGS, "ptr")}
{_get("bases", "frame", at.FRAME_BASES, "ptr")}
  br label %head
head:
  %i = phi i64 [0, %entry], [%i1, %body]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %body, label %out
body:
  %place.offset = mul i64 %i, {at.PLACE_BYTES}
  %place = getelementptr i8, ptr %places, i64 %place.offset
{_get("which", "place", at.PLACE_BASE)}
{_get("addend", "place", at.PLACE_ADDEND)}
  %base.at = getelementptr i64, ptr %bases, i64 %which
  %base = load i64, ptr %base.at, align 8
  %word = add i64 %base, %addend
  %word.at = getelementptr i64, ptr %words, i64 %i
  store i64 %word, ptr %word.at, align 8
  %i1 = add i64 %i, 1
  br label %head
out:
  ret void
}}
define internal i64 @run(ptr %frame, i64 %part) nounwind {{
entry:
  %mode = call i64 @standard_mode()
{_get("context", "frame", at.FRAME_CONTEXT, "ptr")}
{_get("parts", "frame", at.FRAME_PARTS, "ptr")}
{_get("bases", "frame", at.FRAME_BASES, "ptr")}
{_get("scratch.offset", "frame", at.FRAME_SCRATCH)}
{_get("arena", "bases", 8 * at.BASE_ARENA, "ptr")}
  %scratch = getelementptr i8, ptr %arena, i64 %scratch.offset
  %part.offset = mul i64 %part, {at.PART_BYTES}
  %record = getelementptr i8, ptr %parts, i64 %part.offset
{_get("wake", "record", at.PART_WAKE)}
{_get("alone", "record", at.PART_ALONE)}
  %busy = getelementptr i8, ptr %context, i64 {at.CONTEXT_BUSY}
  %single = icmp ne i64 %alone, 0
  br i1 %single, label %solo, label %ask
ask:
  %swap = cmpxchg ptr %busy, i32 0, i32 1 acq_rel monotonic
  %free = extractvalue {{i32, i1}} %swap, 1
  br i1 %free, label %launch, label %solo
solo:
  call void @alone(ptr %frame, i64 %part, ptr %scratch)
  br label %out
launch:
  %old = load atomic i64, ptr %frame monotonic, align 8
  %old.epoch = lshr i64 %old, 32
  %epoch = add i64 %old.epoch, 1
  %high = shl i64 %epoch, 32
  %run = or i64 %high, %part
  store atomic i64 %run, ptr %frame seq_cst, align 8
  %job = getelementptr i8, ptr %context, i64 {at.CONTEXT_JOB}
  store atomic ptr %frame, ptr %job seq_cst, align 8
  %sequence = atomicrmw add ptr %context, i32 1 seq_cst
  %parked.at = getelementptr i8, ptr %context, i64 {at.CONTEXT_PARKED}
  %parked = load atomic i32, ptr %parked.at seq_cst, align 4
  %asleep = icmp ne i32 %parked, 0
  br i1 %asleep, label %rouse, label %work
rouse:
  call void @spread(ptr %context)
  %count = trunc i64 %wake to i32
  call void @wake(ptr %context, i32 %count)
  br label %work
work:
  call void @share(ptr %frame, i64 0, i64 %run, ptr %scratch)
  store atomic ptr null, ptr %job seq_cst, align 8
  fence seq_cst ; who frees the frame looks at the workers after this
  store atomic i32 0, ptr %busy release, align 4
  %old.worn = icmp uge i64 %epoch, {at.LAST_EPOCH}
  br label %out
out:
  %worn = phi i1 [false, %solo], [%old.worn, %work]
  call void @restore_mode(i64 %mode)
  %error = getelementptr i8, ptr %frame, i64 {at.FRAME_ERROR}
  %site = load atomic i64, ptr %error monotonic, align 8
  %failed = icmp ne i64 %site, 0
  %status0 = select i1 %worn, i64 {at.STATUS_WORN}, i64 0
  %status1 = select i1 %failed, i64 {at.STATUS_ERROR}, i64 0
  %status = or i64 %status0, %status1
  ret i64 %status
}}
"""

# spread: lets workers run anywhere but on the caller's processor. The system would wake them there,
# to wait until the caller is done with the work. Does something only when the caller has moved.
_SPREAD: Final = f"""\
define internal void @spread(ptr %context) nounwind {{
entry:
  %caller.at = getelementptr i8, ptr %context, i64 {at.CONTEXT_CALLER}
  %was = load atomic i64, ptr %caller.at monotonic, align 8
  %now = call i64 @processor()
  %same = icmp eq i64 %was, %now
  br i1 %same, label %out, label %moved
moved:
  store atomic i64 %now, ptr %caller.at monotonic, align 8
{_get("size", "context", at.CONTEXT_SIZE)}
  br label %head
head:
  %i = phi i64 [1, %moved], [%i1, %next]
  %more = icmp ult i64 %i, %size
  br i1 %more, label %body, label %out
body:
  %line = mul i64 %i, {at.LINE}
  %offset = add i64 %line, {at.CONTEXT_WORKERS + at.WORKER_THREAD}
  %thread.at = getelementptr i8, ptr %context, i64 %offset
  %thread = load atomic i64, ptr %thread.at acquire, align 8
  %runs = icmp ne i64 %thread, 0
  br i1 %runs, label %push, label %next
push:
  call void @keep_off(i64 %thread, i64 %now)
  br label %next
next:
  %i1 = add i64 %i, 1
  br label %head
out:
  ret void
}}
"""

# firth_worker: a worker's life; returns -1 to leave, else the sequence it saw before it would
# park (only where parking in the kernel is not possible). firth_stop: tells every worker to leave.
_WORKER: Final = f"""\
define i64 @firth_worker(ptr %context, i64 %worker, i64 %seen) nounwind {{
entry:
  %mode = call i64 @standard_mode()
  %line = mul i64 %worker, {at.LINE}
  %mine.offset = add i64 %line, {at.CONTEXT_WORKERS}
  %mine = getelementptr i8, ptr %context, i64 %mine.offset
  %scratch.at = getelementptr i8, ptr %mine, i64 {at.WORKER_SCRATCH}
  %parked = getelementptr i8, ptr %context, i64 {at.CONTEXT_PARKED}
  %job.at = getelementptr i8, ptr %context, i64 {at.CONTEXT_JOB}
  %stop.at = getelementptr i8, ptr %context, i64 {at.CONTEXT_STOP}
{_get("spins", "context", at.CONTEXT_SPINS)}
{_get("sleeps", "context", at.CONTEXT_SLEEPS)}
  %thread = call i64 @this_thread()
  %thread.at = getelementptr i8, ptr %mine, i64 {at.WORKER_THREAD}
  store atomic i64 %thread, ptr %thread.at release, align 8
  %seen32 = trunc i64 %seen to i32
  br label %idle
idle:
  %last = phi i32 [%seen32, %entry], [%sequence, %done]
  br label %look
look:
  %i = phi i64 [0, %idle], [%i1, %spin], [0, %woken]
  %sequence = load atomic i32, ptr %context acquire, align 4
  %news = icmp ne i32 %sequence, %last
  br i1 %news, label %arrive, label %nothing
nothing:
  %i1 = add i64 %i, 1
  %soon = icmp ult i64 %i, %spins
  br i1 %soon, label %spin, label %park
spin:
  call void @pause()
  br label %look
park:
  %kernel = icmp ne i64 %sleeps, 0
  br i1 %kernel, label %count, label %back
back:
  %back.seen = sext i32 %last to i64
  %back.positive = and i64 %back.seen, 4294967295
  ret i64 %back.positive
count:
  %more = atomicrmw add ptr %parked, i32 1 seq_cst
  %again = load atomic i32, ptr %context seq_cst, align 4
  %still = icmp eq i32 %again, %last
  br i1 %still, label %rest, label %woken
rest:
  call void @sleep(ptr %context, i32 %last)
  br label %woken
woken:
  %fewer = atomicrmw sub ptr %parked, i32 1 seq_cst
  br label %look
arrive:
  %stop = load atomic i32, ptr %stop.at acquire, align 4
  %leaving = icmp ne i32 %stop, 0
  br i1 %leaving, label %leave, label %find
leave:
  ret i64 -1
find:
  %job = load atomic ptr, ptr %job.at seq_cst, align 8
  %none = icmp eq ptr %job, null
  br i1 %none, label %done, label %enter
enter:
  store atomic ptr %job, ptr %mine seq_cst, align 8
  %now = load atomic ptr, ptr %job.at seq_cst, align 8
  %same = icmp eq ptr %now, %job
  br i1 %same, label %help, label %exit
help:
  %run = load atomic i64, ptr %job acquire, align 8
  %scratch = load atomic ptr, ptr %scratch.at acquire, align 8
  call void @share(ptr %job, i64 %worker, i64 %run, ptr %scratch)
  br label %exit
exit:
  store atomic ptr null, ptr %mine release, align 8
  br label %done
done:
  br label %idle
}}
define void @firth_stop(ptr %context) nounwind {{
  %stop = getelementptr i8, ptr %context, i64 {at.CONTEXT_STOP}
  store atomic i32 1, ptr %stop seq_cst, align 4
  %sequence = atomicrmw add ptr %context, i32 1 seq_cst
  call void @wake(ptr %context, i32 2147483647)
  ret void
}}
"""

# A METH_FASTCALL builtin: call(frame, part, *bases), the bases from BASE_ARENA on when given.
_PYTHON: Final = f"""\
declare ptr @PyLong_AsVoidPtr(ptr)
declare ptr @PyLong_FromLong(i64)
declare ptr @PyErr_Occurred()
declare ptr @PyEval_SaveThread()
declare void @PyEval_RestoreThread(ptr)
define ptr @firth_call(ptr %self, ptr %args, i64 %n) nounwind {{
entry:
  %object0 = load ptr, ptr %args, align 8
  %frame = call ptr @PyLong_AsVoidPtr(ptr %object0)
  %object1.at = getelementptr ptr, ptr %args, i64 1
  %object1 = load ptr, ptr %object1.at, align 8
  %part.word = call ptr @PyLong_AsVoidPtr(ptr %object1)
  %part = ptrtoint ptr %part.word to i64
  %fresh = icmp ugt i64 %n, 2
  br i1 %fresh, label %begin, label %ready
begin:
{_get("bases", "frame", at.FRAME_BASES, "ptr")}
  br label %head
head:
  %i = phi i64 [2, %begin], [%i1, %body]
  %more = icmp ult i64 %i, %n
  br i1 %more, label %body, label %start
body:
  %object.at = getelementptr ptr, ptr %args, i64 %i
  %object = load ptr, ptr %object.at, align 8
  %word = call ptr @PyLong_AsVoidPtr(ptr %object)
  %base.at = getelementptr ptr, ptr %bases, i64 %i
  store ptr %word, ptr %base.at, align 8
  %i1 = add i64 %i, 1
  br label %head
start:
  %raised = call ptr @PyErr_Occurred()
  %bad = icmp ne ptr %raised, null
  br i1 %bad, label %refuse, label %fill
refuse:
  ret ptr null
fill:
  call void @start(ptr %frame)
  br label %ready
ready:
  %thread = call ptr @PyEval_SaveThread()
  %status = call i64 @run(ptr %frame, i64 %part)
  call void @PyEval_RestoreThread(ptr %thread)
  %result = call ptr @PyLong_FromLong(i64 %status)
  ret ptr %result
}}
"""
