"""PyTorch's module database against Firth: `python -m tests.conformance.torch.modules [names]`.

--page  writes docs/conformance/torch_modules.md, with the optimizers
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.testing._internal.common_modules import module_db
from torch.utils._pytree import tree_map

import firth
from firth import nn
from tests.conformance.torch import optimizers
from tests.conformance.torch.compare import (
    VALUES,
    Result,
    _cotangents,
    _grads_differ,
    as_array,
    differ,
    outputs,
    there,
    told,
)
from tests.conformance.torch.page import modules_page
from tests.conformance.torch.parity import ROOT, reasons
from tests.conformance.torch.record import commit

PAGE = ROOT / "docs" / "conformance" / "torch_modules.md"

# Modules whose training draws random numbers: only their evaluation is compared.
RANDOM = ("Dropout", "RReLU", "Transformer", "MultiheadAttention", "FractionalMaxPool")


def entries() -> dict[str, list[Any]]:
    """The database's entries of modules that exist here, by class name."""
    found: dict[str, list[Any]] = {}
    for info in module_db:
        name = info.module_cls.__name__
        if hasattr(nn, name):
            found.setdefault(name, []).append(info)
    return found


def missing() -> list[str]:
    """The database's modules that do not exist here."""
    names = {info.module_cls.__name__ for info in module_db}
    return sorted(name for name in names if not hasattr(nn, name))


def _argument(value: Any) -> Any:
    """An argument of a constructor: functions of PyTorch are Firth's of the same name."""
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        attention = value.self_attn
        return nn.TransformerEncoderLayer(
            attention.embed_dim, attention.num_heads, value.linear1.out_features,
            value.dropout.p, value.activation.__name__, bias=value.linear1.bias is not None,
            batch_first=attention.batch_first, norm_first=value.norm_first,
        )  # fmt: skip
    if isinstance(value, torch.nn.Module):
        return getattr(nn, type(value).__name__)()
    if callable(value) and hasattr(nn.functional, getattr(value, "__name__", "")):
        return getattr(nn.functional, value.__name__)
    return there(value)


def made(info: Any, sample: Any, dtype: Any, training: bool) -> Any:
    """The sample's module in PyTorch, the same at each call."""
    given = sample.constructor_input
    torch.manual_seed(1)
    theirs = info.module_cls(*given.args, **given.kwargs).to(dtype).train(training)
    _wake(theirs, sample.forward_input.args)
    for p in theirs.parameters():  # weights that are not all zeros or ones
        if p.numel() and p.detach().std(unbiased=False) == 0:
            torch.nn.init.uniform_(p, 0.5, 1.5)
    return theirs


def copied(info: Any, sample: Any, dtype: Any, training: bool) -> Any:
    """The sample's module here, with the weights that `made` gives."""
    given = sample.constructor_input
    args, kwargs = tree_map(_argument, (tuple(given.args), dict(given.kwargs)))
    kwargs.pop("device", None)
    ours = getattr(nn, info.module_cls.__name__)(*args, **kwargs)
    ours = ours.to(there(dtype)).train(training)
    _wake(ours, tree_map(there, sample.forward_input.args))
    state = made(info, sample, dtype, training).state_dict()
    ours.load_state_dict({k: there(v.detach()) for k, v in state.items()})
    return ours


def _wake(module: Any, args: Any) -> None:
    """A lazy module is made by its first call."""
    if type(module).__name__.startswith("Lazy"):
        with torch.no_grad():
            module(*args)


def _forward(sample: Any) -> tuple[Any, Any]:
    """The sample's arguments of a call, as fresh leaves."""
    given = sample.forward_input

    def fresh(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        return value.detach().clone().requires_grad_(value.requires_grad)

    return tree_map(fresh, (tuple(given.args), dict(given.kwargs)))  # type: ignore[no-any-return]


def values(info: Any, sample: Any, dtype: Any, training: bool) -> str | None:
    """Compares results, and buffers afterwards; None where PyTorch itself refuses the sample."""
    try:
        theirs = made(info, sample, dtype, training)
        args, kwargs = _forward(sample)
        with torch.no_grad():
            want = theirs(*args, **kwargs)
    except Exception:
        return None
    try:
        ours = copied(info, sample, dtype, training)
        args, kwargs = tree_map(there, _forward(sample))
        found = differ(ours(*args, **kwargs), want, *VALUES[dtype])
        after = dict(ours.state_dict())
        for name, right in theirs.state_dict().items():
            found = found or _named(name, differ(after[name], right, *VALUES[dtype]))
        return found
    except Exception as error:
        return told(error)


def _named(name: str, error: str) -> str:
    return f"{name} afterwards: {error}" if error else ""


def gradients(info: Any, sample: Any, training: bool) -> str | None:
    """Compares gradients of arguments and parameters; None where PyTorch has none."""
    try:
        theirs = made(info, sample, torch.float64, training)
        args, kwargs = _forward(sample)
        results = [r for r in outputs(theirs(*args, **kwargs)) if isinstance(r, torch.Tensor)]
        picked = [i for i, r in enumerate(results) if r.requires_grad and r.numel()]
        leaves = [t for t in _tensors((args, kwargs)) if t.requires_grad]
        leaves += list(theirs.parameters())
        if not picked or not leaves:
            return None
        chosen = [results[i] for i in picked]
        pulls = _cotangents(chosen, info.module_cls.__name__)
        want = torch.autograd.grad(
            chosen, leaves, [torch.from_numpy(g).to(r.dtype) for g, r in zip(pulls, chosen)],
            allow_unused=True,
        )  # fmt: skip
    except Exception:
        return None
    try:
        ours = copied(info, sample, torch.float64, training)
        args, kwargs = tree_map(there, _forward(sample))
        found = [r for r in outputs(ours(*args, **kwargs)) if isinstance(r, firth.Tensor)]
        mine = [t for t in _tensors((args, kwargs)) if t.requires_grad]
        named = dict(ours.named_parameters())
        mine += [named[name] for name, _ in theirs.named_parameters()]
        got = firth.autograd.grad(
            [found[i] for i in picked], mine,
            [firth.tensor(g).to(found[i].dtype) for g, i in zip(pulls, picked)], allow_unused=True,
        )  # fmt: skip
        return _grads_differ(got, want, leaves)
    except Exception as error:
        return told(error)


def _tensors(tree: Any) -> list[Any]:
    found: list[Any] = []
    kinds = (torch.Tensor, firth.Tensor)
    tree_map(lambda v: found.append(v) if isinstance(v, kinds) else None, tree)
    return found


def samples(info: Any, dtype: Any, training: bool, requires_grad: bool = False) -> Iterator[Any]:
    """The module's samples, drawn from the same seed each time."""
    torch.manual_seed(0)
    return iter(info.module_inputs_func(info, "cpu", dtype, requires_grad, training))


def measure(name: str, infos: list[Any]) -> Result:
    """Values in both dtypes and gradients, in training and in evaluation."""
    result = Result(name)
    for info in infos:
        for training in (True, False):
            if training and name.startswith(RANDOM):
                continue
            for dtype in VALUES:
                if dtype not in info.dtypes:
                    continue
                count = getattr(result, str(dtype).removeprefix("torch."))
                for sample in samples(info, dtype, training):
                    _add(count, values(info, sample, dtype, training))
            for sample in samples(info, torch.float64, training, True):
                _add(result.gradients, gradients(info, sample, training))
        _errors(result, info)
    return result


def _add(count: Any, found: str | None) -> None:
    if found is not None:
        count.add(found)


def _errors(result: Result, info: Any) -> None:
    """Arguments that PyTorch's module refuses must raise an error of Firth's own."""
    if info.module_error_inputs_func is None:
        return
    for wrong in info.module_error_inputs_func(info, "cpu", torch.float64, False, True):
        given, called = wrong.module_error_input.constructor_input, wrong.module_error_input
        try:
            args, kwargs = tree_map(_argument, (tuple(given.args), dict(given.kwargs)))
            kwargs.pop("device", None)
            ours = getattr(nn, info.module_cls.__name__)(*args, **kwargs)
            ours = ours.double() if list(ours.parameters()) else ours
            forward = called.forward_input
            if forward is not None and (forward.args or forward.kwargs):
                args, kwargs = tree_map(there, (tuple(forward.args), dict(forward.kwargs)))
                for r in outputs(ours(*args, **kwargs)):
                    as_array(r)
        except firth.FirthError:
            result.errors.add("")
        except Exception as error:
            result.errors.add(f"not our own error: {told(error)}")
        else:
            words = str(wrong.error_regex)[:80]
            result.errors.add(f"nothing is raised where PyTorch says {words!r}")


def measured(names: list[str], show: Callable[[str], None] = print) -> list[Result]:
    """The results of some modules, or of all; one line for each that differs, as it is found."""
    results = []
    for name, infos in entries().items():
        if names and name not in names:
            continue
        result = measure(name, infos)
        results.append(result)
        if not result.passes:
            show(f"{name}: {result.why}")
        if result.errors.wrong:
            show(f"{name}: errors: {result.errors.first}")
    return results


def main(names: list[str], page: bool) -> None:
    """One line for each module that differs, then the counts; perhaps the page."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    of = commit()
    found = measured(names)
    right = sum(r.passes and not r.errors.wrong for r in found)
    print(f"{right} of {len(found)} modules agree; {len(missing())} of the database are missing")
    if page:
        rules = [optimizers.measure(name, info) for name, info in optimizers.entries().items()]
        text = modules_page(
            (found, missing()), (rules, optimizers.missing()), reasons("modules_differ.txt"), of,
            optimizers.STEPS,
        )  # fmt: skip
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main([a for a in sys.argv[1:] if a != "--page"], "--page" in sys.argv)
