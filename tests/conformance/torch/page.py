"""The pages docs/conformance/torch.md and torch_modules.md, each written from a run."""

from __future__ import annotations

from tests.conformance.torch.compare import Result

_HEAD = """# Op by op beside PyTorch

PyTorch keeps a database of its operators, with sample arguments for each. Firth's function of the
same name is called with the same arguments: values in float32 (to 1e-4) and float64 (1e-10),
gradients in float64 (1e-8, vector-Jacobian products with random cotangents), and arguments that
PyTorch refuses, which must raise an error of Firth's own. An op counts only when every sample
agrees. {comparable} ops are comparable: PyTorch's own function of that name does what its entry
says. This page is written from one complete run of commit {commit}, by
`python -m tests.conformance.torch.parity --record FILE --page --lists`.

| | ops |
|---|---|
| comparable, and every sample agrees | {passing} of {comparable} |
| all ops of the database looked at | {all_passing} of {every} |
| missing | {missing} |
| arguments to be refused | {refused} of {errors} raise Firth's error |

"""


def page(results: list[Result], reasons: dict[str, str], known: set[str], commit: str) -> str:
    """The page's text: counts, then every op that is missing or differs, with its reason."""
    passing = {r.name for r in results if r.passes}
    right = sum(r.errors.right for r in results)
    text = _HEAD.format(
        commit=commit, comparable=len(known), passing=len(passing & known),
        all_passing=len(passing),
        every=len(results), missing=sum(r.missing for r in results), refused=right,
        errors=right + sum(r.errors.wrong for r in results),
    )  # fmt: skip
    rows = [_row(r, r.name in known, reasons) for r in results if not r.passes]
    table = ["| op | comparable | what | why |", "|---|---|---|---|", *rows]
    return text + "## Missing or different\n\n" + "\n".join(table) + "\n"


def _row(result: Result, comparable: bool, reasons: dict[str, str]) -> str:
    what = "missing" if result.missing else "differs"
    why = reasons.get(result.name, result.why).replace("|", "/")
    return f"| `{result.name}` | {'yes' if comparable else 'no'} | {what} | {why} |"


_MODULES = """# Modules and optimizers beside PyTorch

PyTorch keeps databases of its modules and optimizers too. Each module that exists here is made
with the arguments of each entry and given PyTorch's weights; results, and buffers afterwards, are
compared in training and in evaluation (float32 to 1e-4, float64 to 1e-10), and gradients of
arguments and parameters in float64 (1e-8). Modules that draw random numbers are compared in
evaluation alone. Each optimizer takes {steps} steps from the same place with each entry's options
(float32 to 1e-4, float64 to 1e-10). What PyTorch refuses must raise an error of Firth's own. This
page is written from one complete run of commit {commit}, by
`python -m tests.conformance.torch.modules --page`.

| | modules | optimizers |
|---|---|---|
| in the database | {modules_all} | {optimizers_all} |
| every sample agrees | {modules_right} | {optimizers_right} |
| differ | {modules_wrong} | {optimizers_wrong} |
| missing | {modules_missing} | {optimizers_missing} |
| samples compared | {modules_samples} | {optimizers_samples} |
| arguments to be refused | {modules_errors} | {optimizers_errors} |

"""


def modules_page(
    modules: tuple[list[Result], list[str]],
    optimizers: tuple[list[Result], list[str]],
    reasons: dict[str, str],
    commit: str,
    steps: int,
) -> str:
    """The page's text from (results, what is missing) of modules and of optimizers."""
    words: dict[str, object] = {"commit": commit, "steps": steps}
    rows = []
    for kind, (results, missing) in (("modules", modules), ("optimizers", optimizers)):
        wrong = [r for r in results if not r.passes or r.errors.wrong]
        refused = sum(r.errors.right for r in results)
        words |= {
            f"{kind}_all": len(results) + len(missing), f"{kind}_missing": len(missing),
            f"{kind}_right": len(results) - len(wrong), f"{kind}_wrong": len(wrong),
            f"{kind}_samples": sum(_samples(r) for r in results),
            f"{kind}_errors": f"{refused} of {refused + sum(r.errors.wrong for r in results)}",
        }  # fmt: skip
        for r in wrong:
            why = reasons.get(r.name, r.errors.first if r.passes else r.why).replace("|", "/")
            rows.append(f"| `{r.name}` | differs | {why} |")
        rows += [f"| `{name}` | missing | {reasons.get(name, '')} |" for name in missing]
    table = ["| | what | why |", "|---|---|---|", *rows]
    return _MODULES.format(**words) + "## Missing or different\n\n" + "\n".join(table) + "\n"


def _samples(result: Result) -> int:
    counts = (result.float32, result.float64, result.gradients)
    return sum(c.right + c.wrong for c in counts)
