"""The page docs/conformance/torch.md, written from a run."""

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
