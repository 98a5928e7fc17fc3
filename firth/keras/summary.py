"""The table of a model: layers, shapes of outputs, numbers of parameters."""

from __future__ import annotations

from itertools import zip_longest
from textwrap import wrap
from typing import Any

from firth.keras.symbolic import KerasTensor, leaves

_HEADS = ("Layer (type)", "Output Shape", "Param #")
_WIDTHS = (33, 24, 15)


def summary(model: Any) -> str:
    """Lines as Keras prints them."""
    shapes = _shapes(model)
    rows = [_row(layer, shapes.get(id(layer))) for layer in model.layers]
    for symbol in leaves(model.inputs, KerasTensor) if hasattr(model, "_nodes") else ():
        rows.insert(
            len(rows) - len(model.layers), (f"{symbol.name} (InputLayer)", str(symbol.shape), "0")
        )
    lines = [f'Model: "{model.name}"', _rule("┏┳┓━"), _line("┃", _HEADS), _rule("┡╇┩━")]
    for k, row in enumerate(rows):
        lines += [_rule("├┼┤─")] if k else []
        lines.append(_line("│", row))
    return "\n".join([*lines, _rule("└┴┘─"), *_totals(model)])


def _row(layer: Any, shape: Any) -> tuple[str, str, str]:
    kind = f"{layer.name} ({type(layer).__name__})"
    built = layer.built or not layer.weights
    count = f"{sum(v.numel() for v in layer.weights):,}" if built else "0 (unbuilt)"
    return kind, "?" if shape is None else str(shape), count


def _shapes(model: Any) -> dict[int, Any]:
    """The shape of what each layer first gave in this model, by the layer's id."""
    found: dict[int, Any] = {}
    for node in getattr(model, "_nodes", ()):
        shapes = [t.shape for t in leaves(node.outputs, KerasTensor)]
        found.setdefault(id(node.operation), shapes[0] if len(shapes) == 1 else shapes)
    value = getattr(model, "_start", None)
    for layer in model.layers if value is not None else ():
        value = layer(value)
        found[id(layer)] = value.shape
    return found


def _totals(model: Any) -> list[str]:
    trained, other = model.trainable_weights, model.non_trainable_weights
    rows = [("Total params", [*trained, *other]), ("Trainable params", trained),
            ("Non-trainable params", other)]  # fmt: skip
    state = model.optimizer.variables if getattr(model, "optimizer", None) is not None else []
    if state:
        rows[0] = ("Total params", [*rows[0][1], *state])
        rows.append(("Optimizer params", state))
    return [
        f" {name}: {sum(v.numel() for v in values):,} ({_bytes(sum(v.nbytes for v in values))})"
        for name, values in rows
    ]


def _bytes(n: int) -> str:
    """A size in the largest unit that leaves it above 1.

    >>> _bytes(407080)
    '397.54 KB'
    """
    size, units = float(n), ["B", "KB", "MB", "GB", "TB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.2f} {units[0]}"


def _rule(corners: str) -> str:
    """A line between rows: left corner, crossing, right corner, dash."""
    left, crossing, right, dash = corners
    return left + crossing.join(dash * w for w in _WIDTHS) + right


def _line(bar: str, cells: tuple[str, str, str]) -> str:
    """A row; long names go on below."""
    first, second, third = _WIDTHS
    columns = [wrap(c, w - 2) or [""] for c, w in zip(cells, _WIDTHS, strict=True)]
    lines = []
    for name, shape, count in zip_longest(*columns, fillvalue=""):
        padded = (f" {name}".ljust(first), f" {shape}".ljust(second), f"{count} ".rjust(third))
        lines.append(bar + bar.join(padded) + bar)
    return "\n".join(lines)
