"""`make replay`: have the kernels of the fixed corpus changed?

python -m tests.replay              compares with hashes.txt; status 1 when some changed
python -m tests.replay --update     writes hashes.txt anew
python -m tests.replay --write DIR  also writes every text, to be compared with diff
python -m tests.replay gpt fuzz/1   only entries whose names begin so
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from firth.base import flags
from tests.replay.corpus import MACHINES, Case, cases, digest, texts

HASHES = Path(__file__).with_name("hashes.txt")
_HEAD = "# kernels of the fixed corpus, see CONTRIBUTING.md: name " + " ".join(MACHINES) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Compares or updates; the exit status."""
    parser = argparse.ArgumentParser("make replay", description=__doc__.splitlines()[0])
    parser.add_argument("--update", action="store_true", help="write hashes.txt anew")
    parser.add_argument("--write", type=Path, metavar="DIR", help="write every text there")
    parser.add_argument("names", nargs="*", help="only entries whose names begin so")
    options = parser.parse_args(argv)
    refuse_flags()
    wanted = tuple(options.names) or ("",)
    found = hashes((c for c in cases() if c[0].startswith(wanted)), options.write)
    known = read()
    if options.update:
        kept = {k: v for k, v in known.items() if not k.startswith(wanted)}
        write(kept | found)
        changed = sum(known.get(k) != v for k, v in found.items())
        print(f"{changed} of {len(found)} entries changed; {HASHES} is written")
        return 0
    before = {k: v for k, v in known.items() if k.startswith(wanted)}
    report = difference(before, found)
    print(report or f"the kernels of all {len(found)} entries are unchanged")
    return int(bool(report))


def hashes(entries, folder: Path | None = None) -> dict[str, list[str]]:  # type: ignore[no-untyped-def]
    """A hash for each entry and machine."""
    found = {}
    for name, graphs in entries:
        try:
            found[name] = [digest(graphs, facts) for facts in MACHINES.values()]
        except Exception as error:
            error.add_note(f"replay: while compiling {name}")
            raise
        if folder is not None:
            _write_texts(folder, (name, graphs))
    return found


def difference(before: dict[str, list[str]], now: dict[str, list[str]]) -> str:
    """What differs, in words; empty when nothing does."""
    lines = []
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name), now.get(name)
        if old is None or new is None:
            lines.append(f"{name}: {'new' if old is None else 'gone'}")
        elif old != new:
            where = [m for m, a, b in zip(MACHINES, old, new, strict=True) if a != b]
            lines.append(f"{name}: changed on {', '.join(where)}")
    if lines:
        lines.append(
            f"{len(lines)} of {len(before.keys() | now.keys())} entries differ. If that is meant, "
            "say so in the commit and run make replay ARGS=--update"
        )
    return "\n".join(lines)


def refuse_flags() -> None:
    """Flags that change code would change everything here."""
    for flag in flags.TABLE:
        if flag.changes_code and flags.get(flag.name) != flag.default:
            sys.exit(f"replay: {flag.name} changes kernels; unset it")


def read() -> dict[str, list[str]]:
    """The stored hashes."""
    if not HASHES.exists():
        return {}
    lines = HASHES.read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return {name: row for name, *row in rows}


def write(found: dict[str, list[str]]) -> None:
    """Stores hashes, one entry a line."""
    lines = [f"{name} {' '.join(found[name])}\n" for name in sorted(found)]
    HASHES.write_text(_HEAD + "".join(lines), encoding="utf-8")


def _write_texts(folder: Path, case: Case) -> None:
    name, graphs = case
    for machine, facts in MACHINES.items():
        path = folder / machine / f"{name.replace('/', '_')}.ll"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(texts(graphs, facts)), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
