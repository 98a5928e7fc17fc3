"""What a collector of runs gathered, as tables: kernels, layers, where the time went, memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from firth.runtime.collect import Collector, Total
from firth.runtime.trace import Origin, short, words


@dataclass(frozen=True, slots=True)
class Kernel:
    """All calls of one stage of one program.

    seconds: of all calls together, from the first tile's begin to the last one's end. threads: how
    many worked on average. bytes, flops: of one call, estimates. peak: the share of what the
    machine can do, in bytes or in flops, whichever is larger. origins: the dearest first.
    """

    name: str
    program: int
    stage: int
    calls: int
    tiles: int
    seconds: float
    threads: float
    bytes: int
    flops: int
    peak: float
    origins: tuple[Origin, ...]

    @property
    def where(self) -> str:
        """The line and the layer of what costs most in it, and how many others there are."""
        if not self.origins:
            return ""
        others = len({(o.line, o.layer) for o in self.origins}) - 1
        return words(self.origins[0]) + (f" +{others}" if others else "")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: of everything, in kernels, in programs beside them, compiling, and of the rest."""

    whole: float
    kernels: float
    programs: float
    compiling: float

    @property
    def rest(self) -> float:
        """Python, data, and whatever else the process did."""
        return max(0.0, self.whole - self.kernels - self.programs - self.compiling)


@dataclass(frozen=True, slots=True)
class Peak:
    """When the arena of a program is fullest: the stage, its bytes, and what lies there."""

    program: int
    calls: int
    in_bytes: int
    out_bytes: int
    arena_bytes: int
    live_bytes: int
    stage: str
    values: tuple[tuple[str, int, Origin | None], ...]


def kernels(collector: Collector, peak_bytes: float, peak_flops: float) -> list[Kernel]:
    """Every stage of every program, the dearest first. peaks: per second."""
    rows = []
    for number, total in enumerate(_totals(collector)):
        for k, stage in enumerate(total.stages):
            seconds = total.seconds[k]
            rate = total.calls / seconds if seconds else 0.0
            share = max(stage.bytes * rate / peak_bytes, stage.flops * rate / peak_flops)
            rows.append(Kernel(
                stage.name or "stage", number, k, total.calls, getattr(stage, "tiles", 1), seconds,
                total.busy[k] / seconds if seconds else 0.0, stage.bytes, stage.flops, share,
                _origins(total, getattr(stage, "origins", ())),
            ))  # fmt: skip
    return sorted(rows, key=lambda r: -r.seconds)


def times(collector: Collector, whole: float) -> Times:
    """Where the seconds went."""
    inside = sum(t.inside for t in collector.totals.values())
    programs = sum(t.whole for t in collector.totals.values())
    compiling = sum(end - begin for begin, end in collector.compiling)
    return Times(whole, inside, max(0.0, programs - inside), compiling)


def peaks(collector: Collector) -> list[Peak]:
    """The fullest moment of each program, the largest program first."""
    out = []
    for number, total in enumerate(_totals(collector)):
        memory = total.memory
        live = live_bytes(total)
        fullest = max(range(len(live)), key=lambda k: live[k], default=0)
        values = tuple(
            (v.name, v.bytes, total.origins[v.origin] if _known(total, v.origin) else None)
            for v in memory.live(fullest)
        )
        name = total.stages[fullest].name if total.stages else ""
        most = live[fullest] if live else 0
        out.append(Peak(
            number, total.calls, total.in_bytes, memory.output_bytes, memory.arena_bytes, most,
            name, values,
        ))  # fmt: skip
    return sorted(out, key=lambda p: -(p.in_bytes + p.out_bytes + p.arena_bytes))


def live_bytes(total: Total) -> list[int]:
    """Bytes of the arena that are in use while each stage runs."""
    count = len(total.stages)
    out = [0] * count
    for value in total.memory.values:
        for k in range(value.first, min(value.last + 1, count)):
            out[k] += value.bytes
    return out


# text


def kernel_table(rows: Sequence[Kernel], most: int = 30) -> str:
    """The dearest kernels, one a line, and the others together."""
    if not rows:
        return "no program ran"
    whole = sum(r.seconds for r in rows) or 1.0
    head = (
        f"{'share':>6} {'ms':>9} {'calls':>6} {'us/call':>9} {'MB':>8} {'MFlop':>8} "
        f"{'peak':>5} {'thr':>4}  {'kernel':<24} where"
    )
    lines = [head]
    for r in rows[:most]:
        lines.append(
            f"{r.seconds / whole:6.1%} {r.seconds * 1e3:9.2f} {r.calls:6} "
            f"{r.seconds / r.calls * 1e6:9.1f} {_mega(r.bytes)} {_mega(r.flops)} "
            f"{r.peak:5.0%} {r.threads:4.1f}  {r.name[:24]:<24} {r.where}".rstrip()
        )
    if len(rows) > most:
        rest = sum(r.seconds for r in rows[most:])
        lines.append(f"{rest / whole:6.1%} {rest * 1e3:9.2f}  {len(rows) - most} more kernels")
    return "\n".join(lines)


def layer_table(rows: Iterable[Kernel], most: int = 20) -> str:
    """Milliseconds of each layer: of its own operations and of their gradients.

    A kernel counts for the layer of what costs most in it.
    """
    found: dict[str, list[float]] = {}
    for r in rows:
        if r.origins and r.origins[0].layer:
            both = found.setdefault(r.origins[0].layer, [0.0, 0.0])
            both[r.origins[0].backward] += r.seconds
    lines = [f"{'ms':>9} {'forward':>9} {'backward':>9}  layer"]
    ranked = sorted(found.items(), key=lambda item: -sum(item[1]))
    for layer, (forward, backward) in ranked[:most]:
        both_ms = (forward + backward) * 1e3
        lines.append(f"{both_ms:9.2f} {forward * 1e3:9.2f} {backward * 1e3:9.2f}  {layer}")
    if len(ranked) > most:
        rest = sum(sum(both) for _, both in ranked[most:])
        lines.append(f"{rest * 1e3:9.2f}  {len(ranked) - most} more layers")
    return "\n".join(lines) if found else ""


def time_table(found: Times) -> str:
    """Where the seconds went, one a line."""
    rows = [
        ("in kernels", found.kernels),
        ("in programs, between kernels", found.programs),
        ("compiling", found.compiling),
        ("outside: Python, data, imports", found.rest),
        ("all", found.whole),
    ]
    whole = found.whole or 1.0
    return "\n".join(f"{name:<32} {s * 1e3:10.1f} ms {s / whole:6.1%}" for name, s in rows)


def memory_table(found: Sequence[Peak], programs: int = 3, lines: int = 5) -> str:
    """The largest programs, and which lines fill their arena at its fullest, the dearest first."""
    out = []
    for peak in found[:programs]:
        out.append(
            f"program {peak.program} ({peak.calls} runs): inputs {_megabytes(peak.in_bytes)}, "
            f"new outputs {_megabytes(peak.out_bytes)}, arena {_megabytes(peak.arena_bytes)}"
        )
        if not peak.values:
            continue
        out.append(f"  fullest at {peak.stage}, {_megabytes(peak.live_bytes)} in use:")
        by_line: dict[str, list[tuple[str, int]]] = {}
        for name, size, origin in peak.values:
            line = short(origin.line) if origin else ""
            by_line.setdefault(line or "(unknown line)", []).append((name, size))
        ranked = sorted(by_line.items(), key=lambda item: -sum(n for _, n in item[1]))
        for line, values in ranked[:lines]:
            size, several = sum(n for _, n in values), f", {len(values)} values"
            largest = values[0][0] + (several if len(values) > 1 else "")
            out.append(f"  {_megabytes(size):>12}  {line}  {largest}")
        if len(ranked) > lines:
            rest = sum(n for _, values in ranked[lines:] for _, n in values)
            out.append(f"  {_megabytes(rest):>12}  {len(ranked) - lines} more lines")
    return "\n".join(out)


def _totals(collector: Collector) -> list[Total]:
    """Programs in the order of their first runs."""
    return list(collector.totals.values())


def _known(total: Total, origin: int) -> bool:
    return 0 <= origin < len(total.origins)


def _origins(total: Total, numbers: Sequence[int]) -> tuple[Origin, ...]:
    found = (total.origins[n] for n in numbers if _known(total, n))
    return tuple(dict.fromkeys(o for o in found if o.line))


def _mega(count: int) -> str:
    return f"{count / 1e6:8.2f}" if count else f"{'':8}"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.2f} MB"
