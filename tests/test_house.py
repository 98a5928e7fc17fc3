"""The structure of the house: floors, third parties, mirrored tests, sizes, clean text."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "firth"

# From the ground up. A package imports from lines above its own in this tuple, never from its own
# line's neighbours. TOP is `firth` itself: what `import firth` shows.
TOP = "firth"
FLOORS = (
    ("base",),
    ("ir", "io"),
    ("runtime",),
    ("ops",),
    ("passes",),
    ("codegen",),
    ("targets",),
    ("tensor",),
    ("nn", "optim", "data", "metrics", "distributions", "signal", "sparse"),
    ("train", "func", "einops"),
    ("keras",),
    (TOP,),
    ("compat", "onnx", "array_api", "export", "quantize", "explain", "privacy"),
    ("serve",),
    ("viz",),
    ("cli",),
)
RANK = {name: rank for rank, line in enumerate(FLOORS) for name in line}

EVERYWHERE = {"numpy", "ml_dtypes"}
CORE = {"llvmlite": "targets", "safetensors": "io"}  # package that may import it at the top

# Files that have no test file of their own, and why.
UNTESTED = {
    "__main__.py": "one line, run by tests/cli/test_main.py",
    "cli/__main__.py": "one line, the same as firth/__main__.py",
    "codegen/math_exp.py": "test_math.py tries every function of it against mpmath",
    "codegen/math_lanes.py": "what math_exp.py and math_trig.py are written in",
    "codegen/math_trig.py": "test_math.py tries every function of it against mpmath",
}
# Files of more than 500 lines, and why they are not two.
LONG: dict[str, str] = {}

# Packages whose names users import, listed in public_names.txt.
PUBLIC = (
    "firth",
    "firth.nn",
    "firth.nn.functional",
    "firth.nn.init",
    "firth.nn.utils",
    "firth.optim",
    "firth.optim.lr_scheduler",
    "firth.data",
    "firth.metrics",
    "firth.onnx",
    "firth.linalg",
    "firth.distributions",
    "firth.masked",
    "firth.signal.windows",
    "firth.special",
    "firth.keras",
    "firth.keras.layers",
    "firth.func",
    "firth.einops",
    "firth.sparse",
    "firth.einops.layers",
)

MODULES = sorted(SOURCE.rglob("*.py"))


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def package_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else TOP


def imports(path: Path) -> Iterator[tuple[str, bool, int]]:
    """(module, inside a function, line) of every import; `from firth import x` is firth.x."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            inside.update(ast.walk(node))
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in inside, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            names = [f"firth.{a.name}" for a in node.names] if node.module == "firth" else []
            for name in names or [node.module or ""]:
                yield name, node in inside, node.lineno


def floor_of(module: str) -> str:
    """The package of an imported firth module; names of `firth` itself count as TOP."""
    parts = module.split(".")
    if len(parts) == 1 or not (SOURCE / parts[1]).is_dir():
        return TOP
    return parts[1]


def test_every_package_has_a_floor():
    packages = {p.name for p in SOURCE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert packages <= set(RANK), f"give these a floor: {packages - set(RANK)}"


def test_imports_go_down_the_floors_only():
    wrong = []
    for path in MODULES:
        here = package_of(path)
        if path == SOURCE / "__main__.py":
            continue  # the door of the command line, above everything
        for module, _, line in imports(path):
            if module.split(".")[0] != "firth":
                continue
            there = floor_of(module)
            if there != here and RANK[there] >= RANK[here]:
                wrong.append(f"{name_of(path)}:{line} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_targets_do_not_import_each_other():
    wrong = []
    for path in MODULES:
        parts = path.relative_to(SOURCE).parts
        if parts[0] != "targets" or len(parts) < 3:
            continue
        for module, _, line in imports(path):
            bits = module.split(".")
            folder = SOURCE / "targets" / (bits[2] if len(bits) > 2 else "")
            neighbour = bits[:2] == ["firth", "targets"] and len(bits) > 2 and folder.is_dir()
            if neighbour and bits[2] != parts[1]:
                wrong.append(f"{name_of(path)}:{line} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_third_parties_stay_where_they_belong():
    """Core packages at their place; every other one only inside a function: it is an extra."""
    wrong = []
    for path in MODULES:
        for module, inside, line in imports(path):
            root = module.split(".")[0]
            if root in sys.stdlib_module_names or root in EVERYWHERE or root == "firth":
                continue
            if root in CORE and package_of(path) == CORE[root]:
                continue
            if root not in CORE and inside:
                continue
            wrong.append(f"{name_of(path)}:{line} imports {module}")
    assert not wrong, "\n".join(wrong)


def test_import_firth_is_light():
    """No compiler, no peer, no optional package until something needs it."""
    code = (
        "import sys, firth; "
        "heavy = {'llvmlite', 'ml_dtypes', 'torch', 'jax', 'tensorflow', 'sklearn', 'matplotlib'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def has_code(path: Path) -> bool:
    """True when the module holds more than a docstring, imports and names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, kinds) for node in tree.body)


def test_tests_mirror_the_source():
    missing = []
    for path in MODULES:
        relative = path.relative_to(SOURCE)
        package = relative.parent.name or SOURCE.name
        stem = package if path.name == "__init__.py" else path.stem
        test = ROOT / "tests" / relative.parent / f"test_{stem}.py"
        if has_code(path) and name_of(path) not in UNTESTED and not test.exists():
            missing.append(f"{name_of(path)}: no {test.relative_to(ROOT)}")
    assert not missing, "\n".join(missing)


def test_lists_of_exceptions_are_not_stale():
    gone = [name for name in (*UNTESTED, *LONG) if not (SOURCE / name).exists()]
    short = [name for name in LONG if (SOURCE / name).exists() and lines(SOURCE / name) <= 500]
    assert not gone and not short


def lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def test_no_file_is_long_without_a_reason():
    long = {name_of(p): lines(p) for p in MODULES if lines(p) > 500 and name_of(p) not in LONG}
    assert not long


def tracked() -> list[Path]:
    try:
        done = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    except FileNotFoundError:
        pytest.skip("needs git")
    if done.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in done.stdout.splitlines()]


def test_no_text_names_one_persons_machine():
    """Paths of a home or of a build machine in a file mean that it was made by hand, once."""
    pattern = re.compile(r"(?<![\w.])/(?:root|home|work|Users|mnt)/\w")
    found = []
    for path in tracked():
        if not path.exists() or path == Path(__file__).resolve():
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{n}: {line.strip()[:80]}"
            for n, line in enumerate(text.splitlines(), 1)
            if pattern.search(line)
        ]
    assert not found, "\n".join(found)


def test_public_names_are_listed():
    """Every public name is in public_names.txt: adding one is a decision, seen in review."""
    listed = (ROOT / "tests" / "public_names.txt").read_text(encoding="utf-8").split()
    found = public_names()
    added, removed = sorted(set(found) - set(listed)), sorted(set(listed) - set(found))
    assert not added and not removed, (
        f"{len(added)} not listed: {added[:8]}; {len(removed)} listed and gone: {removed[:8]}; "
        "run `python tests/test_house.py` to write the list anew"
    )


def test_stubs_say_what_is_there():
    from tests.stubs import texts

    old = [p for p, text in texts().items() if (ROOT / p).read_text(encoding="utf-8") != text]
    assert not old, f"{old}: run `python tests/test_house.py` to write them anew"


def public_names() -> list[str]:
    """Qualified public names of the packages that users import."""
    import importlib

    names = []
    for package in PUBLIC:
        module = importlib.import_module(package)
        names += [f"{package}.{name}" for name in getattr(module, "__all__", [])]
    return sorted(names)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    text = "\n".join(public_names())
    (ROOT / "tests" / "public_names.txt").write_text(text + "\n", encoding="utf-8")

    from tests import stubs

    stubs.write()
