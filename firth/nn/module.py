"""Module: a tree of tensors with a `forward`. One traversal; the rest is one line over it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple, Self

import numpy as np

from firth.base import dtype as dt
from firth.base.dtype import DType
from firth.base.errors import DTypeError, FirthError, MissingRule, message
from firth.nn.parameter import Parameter, put
from firth.tensor import Tensor, layers
from firth.tensor.arguments import explain
from firth.tensor.device import check_device

_hook_numbers = count()


class StateDictError(FirthError, RuntimeError):
    """A state dict that does not fit its module: every difference at once."""


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not find in the dict, and what it did not know there."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"missing: {self.missing_keys}, unexpected: {self.unexpected_keys}"


class HookHandle:
    """Takes its hook away again with `remove()`."""

    __slots__ = ("_hooks", "_number")

    def __init__(self, hooks: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        self._hooks = hooks
        self._number = next(_hook_numbers)
        hooks[self._number] = hook

    def remove(self) -> None:
        """The hook is not called any more."""
        self._hooks.pop(self._number, None)


class Module:
    """A tree of parameters, buffers and modules with a `forward`.

    Attributes that are a Parameter or a Module belong to the tree; so do tensors entered with
    `register_buffer`. They live in the instance like any other attribute.
    """

    training: bool

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        self = object.__new__(cls)
        self.__dict__.update(training=True, _buffer_names={}, _hooks={}, _pre_hooks={})
        return self

    def __init__(self) -> None:
        pass

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses define it."""
        raise MissingRule(
            message(
                type(self).__name__,
                "it has no forward",
                "a call",
                "a method named forward",
                "define forward(self, ...) in the class",
            )  # fmt: skip
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        noted = layers.enter(self)
        try:
            if not self._hooks and not self._pre_hooks:
                return self.forward(*args, **kwargs)
            return self._call_with_hooks(args, kwargs)
        except Exception as error:
            self._explain(args, kwargs, error)
            raise
        finally:
            if noted:
                layers.leave()

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for hook in list(self._pre_hooks.values()):
            changed = hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        result = self.forward(*args, **kwargs)
        for hook in list(self._hooks.values()):
            changed = hook(self, args, result)
            result = result if changed is None else changed
        return result

    def _explain(self, args: Any, kwargs: dict[str, Any], error: Exception) -> None:
        """Names the layer, and the argument where a layer of Firth's was given another kind."""
        forward = type(self).forward
        first = "_layer" not in error.__dict__  # no layer within has spoken
        try:
            if first and forward.__module__.startswith("firth."):
                explain(forward, (self, *args), kwargs, error)
        except FirthError as named:
            self._name_layer(named)
            raise
        if isinstance(error, FirthError):
            self._name_layer(error)

    def _name_layer(self, error: FirthError) -> None:
        """Adds `in layer blocks.0.fc1` to an error: the innermost module, with its path."""
        failed, text = error.__dict__.setdefault("_layer", (self, str(error)))
        path = next((name for name, module in self._walk() if module is failed), "")
        named = f"{path} ({type(failed).__name__})" if path else type(failed).__name__
        error.args = (f"{text} in layer {named}",)

    def _label(self, root: object) -> str:
        """Its path in a tree of modules; its class where it has none."""
        named = root._walk() if isinstance(root, Module) else ()
        path = next((name for name, module in named if module is self), "")
        return path or type(self).__name__

    def __setattr__(self, name: str, value: object) -> None:
        old = self.__dict__.get(name)
        if isinstance(old, Parameter) and isinstance(value, Tensor):
            if not isinstance(value, Parameter):
                raise TypeError(
                    message(
                        type(self).__name__,
                        f"a plain tensor cannot take the parameter's place at .{name}",
                        "Tensor",
                        "Parameter or None",
                        f"write self.{name} = nn.Parameter(value), or copy into it with "
                        f"self.{name}.data.copy_(value)",
                    )  # fmt: skip
                )
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._buffer_names.pop(name, None)

    # Registration

    def _check_name(self, name: str) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise KeyError(
                message(
                    type(self).__name__,
                    "this cannot name a member",
                    repr(name),
                    "a non-empty string without dots",
                    "choose another name",
                )  # fmt: skip
            )
        if hasattr(self, name) and name not in self.__dict__:
            raise KeyError(
                message(
                    type(self).__name__,
                    f"its class already has an attribute {name}",
                    name,
                    "a new name",
                    "choose another name",
                )  # fmt: skip
            )

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Enters a tensor that is not trained; `persistent` ones are in the state dict."""
        self._check_name(name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise DTypeError(
                message(
                    "register_buffer",
                    f"{name} is not a tensor",
                    type(tensor).__name__,
                    "a tensor or None",
                    "wrap it, e.g. firth.tensor(value)",
                )  # fmt: skip
            )
        self._buffer_names[name] = persistent
        self.__dict__[name] = tensor

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """The same as setting the attribute, by name."""
        self._check_name(name)
        setattr(self, name, param)

    def add_module(self, name: str, module: Module | None) -> None:
        """The same as setting the attribute, by name."""
        self._check_name(name)
        setattr(self, name, module)

    register_module = add_module

    def register_forward_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """hook(module, args, result) runs after forward; what it returns replaces, None keeps."""
        return HookHandle(self._hooks, hook)

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """hook(module, args) runs before forward; what it returns replaces args, None keeps."""
        return HookHandle(self._pre_hooks, hook)

    # The traversal

    @property
    def _parameters(self) -> dict[str, Parameter]:
        return {k: v for k, v in self.__dict__.items() if isinstance(v, Parameter)}

    @property
    def _buffers(self) -> dict[str, Tensor | None]:
        return {name: self.__dict__[name] for name in self._buffer_names}

    @property
    def _modules(self) -> dict[str, Module]:
        return {k: v for k, v in self.__dict__.items() if isinstance(v, Module)}

    def _walk(
        self, prefix: str = "", recurse: bool = True, seen: set[Module] | None = None
    ) -> Iterator[tuple[str, Module]]:
        """Every (dotted path, module), this one first; with `seen`, each module only once."""
        if seen is not None:
            if self in seen:
                return
            seen.add(self)
        yield prefix, self
        if recurse:
            for name, module in self._modules.items():
                yield from module._walk(join(prefix, name), True, seen)

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Every module of the tree with its dotted path, this one first."""
        return self._walk(prefix, True, (memo or set()) if remove_duplicate else None)

    def modules(self) -> Iterator[Module]:
        """Every module of the tree, this one first."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules right below this one, with their names."""
        return _once(self._modules.items())

    def children(self) -> Iterator[Module]:
        """The modules right below this one."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Every parameter with its dotted name; a tied one once, unless told otherwise."""
        walk = self._walk(prefix, recurse)
        named = ((join(path, n), p) for path, m in walk for n, p in m._parameters.items())
        return _once(named) if remove_duplicate else named

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Every parameter, each once."""
        return (param for _, param in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Every buffer with its dotted name."""
        walk = self._walk(prefix, recurse)
        named = (
            (join(path, n), b) for path, m in walk for n, b in m._buffers.items() if b is not None
        )
        return _once(named) if remove_duplicate else named

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Every buffer, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path; "" is this one. AttributeError where there is none."""
        module: Any = self
        for name in filter(None, target.split(".")):
            module = module._modules.get(name)
            if module is None:
                known = ", ".join(path for path, _ in self._walk() if path)
                raise AttributeError(
                    message("get_submodule", "there is no such module", target, known, "see repr")
                )
        return module  # type: ignore[no-any-return]

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with a dotted name."""
        path, _, name = target.rpartition(".")
        return self.get_submodule(path)._parameters[name]

    # State

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Tensor]:
        """Parameters and persistent buffers by dotted name, PyTorch's names; they share memory."""
        named = self._state(prefix)
        return {name: t if keep_vars else t.detach() for name, t in named.items()}

    def _state(self, prefix: str = "") -> dict[str, Tensor]:
        out: dict[str, Tensor] = {}
        for path, module in self._walk(prefix.rstrip(".")):
            for name, tensor in module._parameters.items():
                out[join(path, name)] = tensor
            for name, persistent in module._buffer_names.items():
                if persistent and module.__dict__[name] is not None:
                    out[join(path, name)] = module.__dict__[name]
        return out

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True
    ) -> IncompatibleKeys:
        """Copies tensors (or NumPy arrays) by name into parameters and buffers.

        StateDictError lists every missing and unexpected name and every wrong shape at once, and
        nothing is copied then. strict=False allows the first two. Lazy layers become those that
        were saved.
        """
        sized = [module._sized(path, state_dict) for path, module in list(self._walk())]
        own = self._state()
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        wrong = [
            f"{name}: got {tuple(state_dict[name].shape)}, expected {tuple(own[name].shape)}"
            for name in own
            if name in state_dict and tuple(state_dict[name].shape) != tuple(own[name].shape)
        ]
        if wrong or (strict and (missing or unexpected)):
            error = StateDictError(self._misfit(own, missing, unexpected, wrong, strict))
            for back in filter(None, sized):
                back()
            raise error
        for name, tensor in own.items():
            if name in state_dict:
                value = state_dict[name]
                put(tensor, np.asarray(value.detach() if hasattr(value, "detach") else value))
        return IncompatibleKeys(missing, unexpected)

    def _sized(self, path: str, state: Mapping[str, Any]) -> Callable[[], None] | None:
        """Takes its sizes from a saved state, if it waits for them; what takes that back."""
        return None

    def _misfit(
        self,
        own: Mapping[str, Tensor],
        missing: list[str],
        unexpected: list[str],
        wrong: list[str],
        strict: bool,
    ) -> str:
        lines = [f"load_state_dict: the state does not fit {type(self).__name__}"]
        if missing and strict:
            lines.append(f"  missing: {', '.join(missing)}")
        for name in unexpected if strict else []:
            near = difflib.get_close_matches(name, own, 1)
            lines.append(f"  unexpected: {name}" + (f" (is it {near[0]}?)" if near else ""))
        lines.extend(f"  wrong shape: {text}" for text in wrong)
        fix = "build the module with the sizes it was saved with" if wrong else (
            "rename the keys, or pass strict=False to load what fits"
        )  # fmt: skip
        return "\n".join([*lines, f"  {fix}"])

    # Changes of the whole tree; each returns the module

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Calls fn on every module, children first."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Sets training mode: dropout drops, batch norm uses the batch's statistics."""
        for _, module in self._walk():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Sets evaluation mode, the same as train(False)."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Sets whether the parameters collect gradients."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of all parameters."""
        for param in self.parameters():
            if set_to_none:
                param.grad = None
            elif param.grad is not None:
                param.grad = param.grad.detach() * 0

    def to(self, *args: Any, dtype: DType | None = None, device: object = None) -> Self:
        """Casts floating-point parameters and buffers. Devices other than the CPU are refused."""
        for arg in args:
            if isinstance(arg, DType):
                dtype = arg
            elif isinstance(arg, Tensor):
                dtype = arg.dtype
            elif not isinstance(arg, bool):
                device = arg
        check_device(device, "to")
        if dtype is None:
            return self
        for tensor in [*self.parameters(), *self.buffers()]:
            if tensor.dtype.is_floating_point and tensor.dtype is not dtype:
                tensor.data = tensor.detach().to(dtype)
                tensor.grad = None if tensor.grad is None else tensor.grad.to(dtype)
        return self

    def float(self) -> Self:
        """Casts floating-point parameters and buffers to float32."""
        return self.to(dt.float32)

    def double(self) -> Self:
        """Casts floating-point parameters and buffers to float64."""
        return self.to(dt.float64)

    def half(self) -> Self:
        """Casts floating-point parameters and buffers to float16."""
        return self.to(dt.float16)

    def bfloat16(self) -> Self:
        """Casts floating-point parameters and buffers to bfloat16."""
        return self.to(dt.bfloat16)

    def cpu(self) -> Self:
        """The module itself."""
        return self

    # Text

    def extra_repr(self) -> str:
        """What stands between the parentheses of the repr."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = [] if extra else [
            f"({name}): Parameter({', '.join(map(str, p.shape))})"
            for name, p in self._parameters.items()
        ]  # fmt: skip
        for name, module in self._modules.items():
            lines.append(f"({name}): " + repr(module).replace("\n", "\n  "))
        if not lines:
            return f"{type(self).__name__}({extra})"
        body = "\n  ".join([extra, *lines] if extra else lines)
        return f"{type(self).__name__}(\n  {body}\n)"


def join(prefix: str, name: str) -> str:
    """The dotted name of something below a path."""
    return f"{prefix}.{name}" if prefix else name


def _once(named: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value
