"""Byte offsets of what the native scheduler and the runtime both touch. All words have 64 bits.

A context belongs to a pool: its workers, parked or looking for work. A frame is one lent set of
arguments, tables and counters of a program: what one call needs besides its arena.
"""

from __future__ import annotations

from typing import Final

LINE: Final = 64

# A context. What many threads write has a cache line of its own.
CONTEXT_SEQUENCE: Final = 0  # i32, grows with every launch: the word that workers sleep on
CONTEXT_PARKED: Final = 64  # i32, workers asleep
CONTEXT_JOB: Final = 128  # the frame that wants workers, or 0
CONTEXT_BUSY: Final = 192  # i32, 1 while a frame runs on the workers
CONTEXT_SIZE: Final = 256  # threads, the caller included
CONTEXT_SPINS: Final = 264  # pauses before a worker parks
CONTEXT_STOP: Final = 272  # i32, 1: workers leave
CONTEXT_SLEEPS: Final = 280  # 1: park in the kernel; 0: return to the thread that called
CONTEXT_CALLER: Final = 288  # the processor of whoever last woke workers, plus 1
CONTEXT_WORKERS: Final = 320  # per worker a line: the frame it is in, its scratch, its thread
WORKER_FRAME: Final = 0
WORKER_SCRATCH: Final = 8
WORKER_THREAD: Final = 16  # the system's number of the thread, 0 before it runs

# A frame.
FRAME_RUN: Final = 0  # epoch << 32 | part, written last by the caller
FRAME_CONTEXT: Final = 8
FRAME_STAGES: Final = 16
FRAME_PARTS: Final = 24
FRAME_PLACES: Final = 32
FRAME_WORDS: Final = 40  # number of argument words
FRAME_ARGS: Final = 48
FRAME_BASES: Final = 56
FRAME_COUNTERS: Final = 64
FRAME_OWNERS: Final = 72  # ranges that the tiles of a stage are split into
FRAME_STRIDE: Final = 80  # bytes of the counters of one stage
FRAME_SCRATCH: Final = 88  # the caller's scratch, as an offset in the arena
FRAME_ERROR: Final = 128  # {i64 site, i64 value}
FRAME_HEADER: Final = 192

STAGE_FUNCTION: Final = 0
STAGE_ARGS: Final = 8  # byte offset of its words among the frame's
STAGE_TILES: Final = 16
STAGE_GUARDED: Final = 24
STAGE_AFTER: Final = 32  # stages before this one must have ended
STAGE_BYTES: Final = 40

PART_FIRST: Final = 0
PART_END: Final = 8
PART_WAKE: Final = 16  # how many workers are worth waking
PART_ALONE: Final = 24  # 1: the caller runs it alone
PART_BYTES: Final = 32

# An argument word is bases[base] + addend.
PLACE_BASE: Final = 0
PLACE_ADDEND: Final = 8
PLACE_BYTES: Final = 16
BASE_ZERO: Final = 0
BASE_ERROR: Final = 1
BASE_ARENA: Final = 2
BASE_FIRST: Final = 3  # outputs, then inputs

COUNTER_DONE: Final = 0  # epoch << 32 | tiles done
COUNTER_CLAIMS: Final = 64  # per owner a line: epoch << 32 | tiles claimed

# What a native run returns.
STATUS_ERROR: Final = 1
STATUS_WORN: Final = 2  # the epoch nears 32 bits: the frame must not be used again
LAST_EPOCH: Final = 2**31
