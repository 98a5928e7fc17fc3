"""Documentation pages made from the source: ops, flags, errors."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from pathlib import Path

import firth.ops
from firth.base import errors, flags
from firth.base.errors import ArgumentError, FirthError
from firth.ir.op import TABLE, Op
from firth.ops.rules import no_gradient

_NOTE = "<!-- Made by `python -m firth docs` from the source. Edit the source. -->\n\n"


def write(folder: Path) -> list[Path]:
    """Writes ops.md, flags.md and errors.md into the folder and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in (
        ("ops.md", ops_page()),
        ("flags.md", flags_page()),
        ("errors.md", errors_page()),
    ):
        path = folder / name
        path.write_text(_NOTE + text, encoding="utf-8")
        written.append(path)
    return written


def ops_page() -> str:
    """Every op of the table, by family."""
    load_table()
    families: dict[str, list[Op]] = {}
    for op in TABLE.values():
        families.setdefault(op.family, []).append(op)
    base = sum(op.is_base for op in TABLE.values())
    parts = [f"# Ops\n\n{len(TABLE)} ops: {base} base, {len(TABLE) - base} composed.\n"]
    for family in sorted(families):
        ops = sorted(families[family], key=lambda op: op.name)
        names = ", ".join(f"[{op.name}](#{op.name})" for op in ops)
        parts.append(f"\n## Family: {family}\n\n{names}\n\n")
        parts.append("\n".join(_section(op) for op in ops))
    return "".join(parts)


def op_page(name: str) -> str:
    """The page of one op. ArgumentError when the table has none of that name."""
    load_table()
    if name not in TABLE:
        near = difflib.get_close_matches(name, TABLE, n=3)
        raise ArgumentError(
            errors.message(
                "op", "no such op", repr(name), "a name in the table",
                f"nearest: {', '.join(near)}" if near else "see docs/ops.md for the list",
            )
        )  # fmt: skip
    return _section(TABLE[name])


def flags_page() -> str:
    """Every flag: default, effect, and whether it changes generated code."""
    rows = "".join(
        f"| `{f.name}` | {f'`{f.default}`' if f.default else 'empty'} | {f.help} "
        f"| {'yes' if f.changes_code else 'no'} |\n"
        for f in flags.TABLE
    )
    return (
        "# Flags\n\nEvery flag is an environment variable, read when it is asked for.\n\n"
        "| flag | default | effect | changes generated code |\n|---|---|---|---|\n" + rows
    )


def errors_page() -> str:
    """Every error class: what it is, what it derives from."""
    classes = [
        c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, FirthError)
    ]
    classes.sort(key=lambda c: (c is not FirthError, c.__name__))
    parts = ["# Errors\n"]
    for c in classes:
        bases = ", ".join(f"`{b.__name__}`" for b in c.__bases__)
        parts.append(f"\n## {c.__name__}\n\nA {bases}.\n\n{inspect.getdoc(c)}\n")
    return "".join(parts)


def load_table() -> None:
    """Imports every module of firth.ops, so that every declaration has run."""
    for module in pkgutil.iter_modules(firth.ops.__path__):
        importlib.import_module(f"firth.ops.{module.name}")


def _section(op: Op) -> str:
    sources = (
        "any number of sources"
        if op.arity is None
        else f"{op.arity} source" + "s" * (op.arity != 1)
    )
    attrs = [
        f"`{name}`" + (f" = {op.defaults[name]!r}" if name in op.defaults else "")
        for name in op.attrs
    ]
    lines = [
        f"### {op.name}\n",
        f"{inspect.cleandoc(op.doc)}\n",
        f"- {sources}" + (f"; attributes {', '.join(attrs)}" if attrs else ""),
        f"- {'base: every target knows it' if op.is_base else 'composed: lowered by its body'}",
        f"- gradient: {_gradient(op)}",
    ]
    if op.broadcasts:
        lines.append("- sources broadcast and promote")
    if op.tolerance:
        bounds = ", ".join(f"{d.name} {t:g}" for d, t in op.tolerance.items())
        lines.append(f"- relative error at most: {bounds}")
    return "\n".join(lines) + "\n"


def _gradient(op: Op) -> str:
    if op.vjp is no_gradient:
        return "none"
    if op.vjp is not None:
        return "a rule of its own"
    return "none" if op.is_base else "derived from the body"
