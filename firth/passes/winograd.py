"""3x3 convolutions with stride 1 by Winograd's F(4x4, 3x3): a schedule of their own.

A contraction over 3x3 windows stays one node up to here, and nothing before knows of this file: the
gradients of a convolution are contractions over windows too. `winograd_forward` and
`winograd_gradient` write the kernels.

Whether it pays is a question of the shape and of TargetFacts alone. Strict mode never uses it: the
rms error is four to ten times that of the direct sum, and one infinite input makes all 16 results
of its tiles NaN.
"""

from __future__ import annotations

import math

from firth.base import dtype as dt
from firth.base import flags
from firth.base.facts import TargetFacts
from firth.ir.node import Node
from firth.passes.clusters import Cluster, Fusion
from firth.passes.loops import Call
from firth.passes.values import Sites, Values
from firth.passes.winograd_blocks import Convolution, Labels
from firth.passes.winograd_forward import forward
from firth.passes.winograd_gradient import gradient
from firth.passes.winograd_tiles import PLANES

FEWEST_CHANNELS = 32  # fewer do not pay for the transforms
_PLAIN_3X3 = ((3, 3), (1, 1), (1, 1))

# Vector multiplications that take as long as transforming one vector of channels of a tile, or of
# weights, and as one product of points (which is also stored and loaded again).
_TILE, _WEIGHT, _PRODUCT = 350, 600, 1.25
_GAIN = 0.9  # less is not worth the rounding


def schedule_winograd(
    fusion: Fusion, cluster: Cluster, sites: Sites, facts: TargetFacts
) -> list[Call] | None:
    """The kernels of a contraction and its epilogue; None where it is not a convolution that this
    makes faster."""
    assert cluster.contraction is not None
    if not by_winograd(cluster.contraction, facts):
        return None
    conv = convolution(cluster.contraction)
    assert conv is not None
    rule = gradient if conv.gradient else forward
    return rule(lambda: Values(fusion, cluster, sites), conv, facts)


def by_winograd(node: Node, facts: TargetFacts) -> bool:
    """Whether a contraction is a convolution that this makes faster."""
    conv = convolution(node)
    return conv is not None and pays(conv, facts)


def convolution(node: Node) -> Convolution | None:
    """The contraction as a convolution with 3x3 windows and stride 1, or as the gradient of one
    with respect to its weights."""
    for place, window in enumerate(node.src):
        if window.op.name == "window" and window.attrs == _PLAIN_3X3:
            found = _roles(node, place)
            if found is not None:
                return found
    return None


def _roles(node: Node, place: int) -> Convolution | None:
    """What each label stands for. Extents of 1, such as a single group, may be anywhere."""
    window, other = node.src[place], node.src[1 - place]
    mine, theirs, out = node.attrs[place], node.attrs[1 - place], node.attrs[2]
    extents = dict(zip(mine, window.shape, strict=True))
    extents |= zip(theirs, other.shape, strict=True)

    def wide(labels: Labels) -> set[int]:
        return {x for x in labels if extents[x] != 1}

    lead, places, kernel = mine[:-4], mine[-4:-2], mine[-2:]
    gradient = set(kernel) <= set(out)
    features = tuple(x for x in theirs if x not in mine)
    channels = tuple(x for x in wide(lead) if x in (out if gradient else theirs))
    batch = tuple(wide(lead) - set(channels))
    if len(features) != 1 or len(channels) != 1 or len(batch) > 1 or not set(kernel) & wide(mine):
        return None
    inner, outer = (*channels, *kernel), (*batch, *places)
    if gradient:
        inner, outer = outer, inner
    if wide(theirs) != wide((*inner, *features)) or wide(out) != wide((*outer, *features)):
        return None
    return Convolution(
        node, extents, window.src[0], (*lead, *places), other, theirs,
        batch[0] if batch else None, channels[0], features[0], places, kernel, gradient,
    )  # fmt: skip


def pays(conv: Convolution, facts: TargetFacts) -> bool:
    """Whether it is faster than the direct sum."""
    if flags.strict() or conv.node.dtype is not dt.float32:
        return False
    c, o = conv.extents[conv.channel], conv.extents[conv.feature]
    if min(c, o) < FEWEST_CHANNELS or 0 in conv.extents.values():
        return False
    lanes = facts.lanes(4)
    tiles = conv.count(conv.batch) * math.prod(conv.tiles)
    direct = conv.count(conv.batch, *conv.places, *conv.kernel) * c * o / lanes
    products = _PRODUCT * PLANES * tiles * c * o / lanes
    transforms = _TILE * tiles * (c + o) / lanes + _WEIGHT * c * o / lanes
    return products + transforms < _GAIN * direct
