"""Layers that take their channels from the first input, or the state they load: ordinary then."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from firth.base.errors import ShapeError, message
from firth.nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from firth.nn.instance import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from firth.nn.linear import Linear
from firth.nn.module import Module, join
from firth.nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from firth.tensor import Tensor


class _Lazy(Module):
    """Waits for the first input, or for a state to load. It has no parameters before: give
    optimizers what is there after.

    Parameters take the input's dtype where none was given.
    """

    becomes: type[Module]
    defaults: dict[str, Any] = {}  # where they are not the ordinary layer's
    spatial: int | None = None  # dimensions after the channels; None: the channels are last
    saved_at = 0  # where saved weights have the channels; 1: those of one group

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = inspect.signature(self.becomes).bind(0, *args, **kwargs).arguments
        self._given = {**self.defaults, **dict(list(given.items())[1:])}

    def extra_repr(self) -> str:
        """What was given."""
        return ", ".join(f"{name}={value!r}" for name, value in self._given.items())

    def forward(self, x: Tensor, *more: Any) -> Any:
        """The layer becomes the ordinary one, with the channels of x, and is called."""
        place = -1 if self.spatial is None else -1 - self.spatial
        if self.spatial == 0:  # BatchNorm1d: (N, C) or (N, C, L)
            place = 1
        if x.ndim < max(-place, place + 1):
            raise ShapeError(
                message(type(self).__name__, "the input has no channels", f"shape {tuple(x.shape)}",
                        f"at least {max(-place, place + 1)} dimensions", "reshape it")
            )  # fmt: skip
        self._become(x.shape[place], {"dtype": x.dtype})
        return self.forward(x, *more)

    def _become(self, channels: int, otherwise: dict[str, Any]) -> None:
        made: Any = self.becomes(channels, **{**otherwise, **self._given})
        made.train(self.training)
        made.__dict__.update(_hooks=self._hooks, _pre_hooks=self._pre_hooks)
        self.__dict__.clear()
        self.__dict__.update(made.__dict__)
        self.__class__ = self.becomes  # type: ignore[assignment]

    def _sized(self, path: str, state: Mapping[str, Any]) -> Callable[[], None] | None:
        saved = state.get(join(path, "weight"), state.get(join(path, "running_mean")))
        if saved is None or len(saved.shape) <= self.saved_at:
            return None
        before = type(self), dict(self.__dict__)
        groups = self._given.get("groups", 1) if self.saved_at else 1
        self._become(saved.shape[self.saved_at] * groups, {})

        def back() -> None:
            self.__dict__.clear()
            self.__class__, found = before
            self.__dict__.update(found)

        return back


class LazyLinear(_Lazy):
    """Linear with in_features from the first input. x: (..., F).

    >>> import firth
    >>> layer = LazyLinear(2)
    >>> layer(firth.ones(4, 3)).shape, layer
    (Size([4, 2]), Linear(in_features=3, out_features=2, bias=True))
    """

    becomes, saved_at = Linear, 1


class LazyConv1d(_Lazy):
    """Conv1d with in_channels from the first input. x: (N, C, L) or (C, L)."""

    becomes, spatial, saved_at = Conv1d, 1, 1


class LazyConv2d(_Lazy):
    """Conv2d with in_channels from the first input. x: (N, C, H, W) or (C, H, W)."""

    becomes, spatial, saved_at = Conv2d, 2, 1


class LazyConv3d(_Lazy):
    """Conv3d with in_channels from the first input. x: (N, C, D, H, W) or (C, D, H, W)."""

    becomes, spatial, saved_at = Conv3d, 3, 1


class LazyConvTranspose1d(_Lazy):
    """ConvTranspose1d with in_channels from the first input. x: (N, C, L) or (C, L)."""

    becomes, spatial = ConvTranspose1d, 1


class LazyConvTranspose2d(_Lazy):
    """ConvTranspose2d with in_channels from the first input. x: (N, C, H, W) or (C, H, W)."""

    becomes, spatial = ConvTranspose2d, 2


class LazyConvTranspose3d(_Lazy):
    """ConvTranspose3d with in_channels from the first input. x: (N, C, D, H, W)."""

    becomes, spatial = ConvTranspose3d, 3


class LazyBatchNorm1d(_Lazy):
    """BatchNorm1d with num_features from the first input. x: (N, C) or (N, C, L)."""

    becomes, spatial = BatchNorm1d, 0


class LazyBatchNorm2d(_Lazy):
    """BatchNorm2d with num_features from the first input. x: (N, C, H, W)."""

    becomes, spatial = BatchNorm2d, 2


class LazyBatchNorm3d(_Lazy):
    """BatchNorm3d with num_features from the first input. x: (N, C, D, H, W)."""

    becomes, spatial = BatchNorm3d, 3


_TRACKING = {"affine": True, "track_running_stats": True}


class LazyInstanceNorm1d(_Lazy):
    """InstanceNorm1d with num_features from the first input. x: (N, C, L) or (C, L)."""

    becomes, spatial, defaults = InstanceNorm1d, 1, _TRACKING


class LazyInstanceNorm2d(_Lazy):
    """InstanceNorm2d with num_features from the first input. x: (N, C, H, W) or (C, H, W)."""

    becomes, spatial, defaults = InstanceNorm2d, 2, _TRACKING


class LazyInstanceNorm3d(_Lazy):
    """InstanceNorm3d with num_features from the first input. x: (N, C, D, H, W)."""

    becomes, spatial, defaults = InstanceNorm3d, 3, _TRACKING
