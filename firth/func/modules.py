"""Modules as functions of their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from firth.base.errors import ArgumentError, message
from firth.nn.module import Module
from firth.tensor import Tensor, stack

_State = Mapping[str, Tensor]


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: _State | Sequence[_State],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """What module(*args, **kwargs) gives with these tensors in place of its own.

    parameter_and_buffer_dicts: names as in `named_parameters()` and `named_buffers()`, in one dict
    or several; those left out stay. tie_weights: a tensor that the module has in two places is
    replaced in both. strict: ArgumentError unless all are given and no others. Buffers that the
    module changes while it runs are changed in the dict.

    >>> import firth
    >>> layer = firth.nn.Linear(2, 1, bias=False)
    >>> firth.func.functional_call(layer, {"weight": firth.ones(1, 2)}, firth.ones(2)).tolist()
    [2.0]
    """
    several = isinstance(parameter_and_buffer_dicts, (tuple, list))
    dicts = parameter_and_buffer_dicts if several else [parameter_and_buffer_dicts]
    state: dict[str, Tensor] = {}
    for each in dicts:
        if not isinstance(each, Mapping):
            raise _wrong("there are no tensors by name", type(each).__name__, "a dict of tensors",
                         "pass e.g. dict(module.named_parameters())")  # fmt: skip
        twice = [k for k in each if k in state]
        if twice:
            raise _wrong(f"{twice[0]} is in two dicts", twice[0], "each name once", "leave one out")
        state.update(each)
    given = args if isinstance(args, tuple) else () if args is None else (args,)
    with _replaced(module, state, tie_weights, strict):
        return module(*given, **(kwargs or {}))


def _wrong(what: str, got: str, expected: str, fix: str) -> ArgumentError:
    return ArgumentError(message("functional_call", what, got, expected, fix))


def _places(module: Module) -> dict[str, tuple[Module, str, Tensor]]:
    """Every parameter and buffer by its path: the module that has it, and under which name."""
    found: dict[str, tuple[Module, str, Tensor]] = {}
    for path, part in module.named_modules(remove_duplicate=False):
        rows: list[Iterable[tuple[str, Tensor]]] = [
            part.named_parameters(recurse=False), part.named_buffers(recurse=False),
        ]  # fmt: skip
        for row in rows:
            for name, tensor in row:
                found[f"{path}.{name}" if path else name] = (part, name, tensor)
    return found


@contextmanager
def _replaced(
    module: Module, state: dict[str, Tensor], tie_weights: bool, strict: bool
) -> Iterator[None]:
    places = _places(module)
    unknown = [k for k in state if k not in places]
    missing = [k for k in places if k not in state]
    if unknown or (strict and missing):
        raise _wrong("names do not fit the module", f"{unknown or missing}",
                     f"names of {list(places)}",
                     "take them from named_parameters() and named_buffers()")  # fmt: skip
    tied: dict[int, Tensor] = {}
    for name, tensor in state.items():
        tied.setdefault(id(places[name][2]), tensor)
    before: list[tuple[Module, str, Tensor]] = []
    try:
        for path, (part, name, old) in places.items():
            new = state.get(path, tied.get(id(old)) if tie_weights else None)
            if new is not None:
                before.append((part, name, old))
                part.__dict__[name] = new
        yield
    finally:
        for part, name, old in before:
            part.__dict__[name] = old


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """(parameters, buffers) of modules of one kind, each stacked: what vmap runs as an ensemble.

    Each value is (number of models, ...); parameters are leaves that require grad if they all did.

    >>> import firth
    >>> parameters, buffers = stack_module_state([firth.nn.Linear(2, 3) for _ in range(4)])
    >>> parameters["weight"].shape
    Size([4, 3, 2])
    """
    if not models:
        raise _wrong("there are no models", "an empty list", "at least one", "pass modules")
    kinds = {type(m) for m in models}
    if len(kinds) > 1:
        raise _wrong("models are of several classes", str(sorted(k.__name__ for k in kinds)),
                     "modules of one class", "stack each class by itself")  # fmt: skip
    parameters = _stacked([dict(m.named_parameters()) for m in models], leaves=True)
    buffers = _stacked([dict(m.named_buffers()) for m in models], leaves=False)
    return parameters, buffers


def _stacked(rows: Sequence[dict[str, Tensor]], leaves: bool) -> dict[str, Tensor]:
    out = {}
    for name in rows[0]:
        each = [row[name] for row in rows]
        made = stack([t.detach() for t in each])  # type: ignore[attr-defined]
        if leaves and all(t._kind.requires_grad for t in each):
            made = made.detach().requires_grad_()
        out[name] = made
    return out


def replace_all_batch_norm_modules_(root: Module) -> Module:
    """In place: no batch norm of the tree keeps running statistics any more; returns the tree.

    What vmap over examples needs, where one set of statistics cannot belong to each of them.
    """
    for part in root.modules():
        if getattr(part, "track_running_stats", False):
            part.track_running_stats = False
            for name in ("running_mean", "running_var", "num_batches_tracked"):
                setattr(part, name, None)
    return root
