"""`keras.models`: models, and how they come from files and configurations."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from typing import Any

from firth.base.errors import FirthError, FormatError, message
from firth.io import safetensors
from firth.keras.model import Model, Sequential, layer_of, register

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json"]


def load_model(filepath: Any, custom_objects: dict[str, type] | None = None, **_: Any) -> Model:
    """Reads what `save` wrote. custom_objects: classes by name that are not from this package."""
    for cls in (custom_objects or {}).values():
        register(cls)

    def read() -> Model:
        with zipfile.ZipFile(filepath) as archive:
            config = json.loads(_stored(archive, "config.json"))
            arrays = safetensors.load(_stored(archive, "weights.safetensors"))
        model = layer_of(config, custom_objects)
        model.set_weights([arrays[k] for k in model._named_weights()])
        return model  # type: ignore[no-any-return]

    return _whole("load_model", "a file of model.save", read)


def _stored(archive: zipfile.ZipFile, name: str) -> bytes:
    """A record as `save` wrote it: its bytes, not compressed, so that no file grows while read."""
    record = archive.getinfo(name)
    if record.compress_type != zipfile.ZIP_STORED or record.file_size != record.compress_size:
        raise ValueError(f"{name} is compressed")
    return archive.read(name)


def _whole(op: str, what: str, read: Callable[[], Model]) -> Model:
    """What is read; FormatError for what `save` cannot have written. A missing file is Python's."""
    try:
        return read()
    except (FirthError, OSError):
        raise
    except Exception as error:
        raise FormatError(
            message(op, "this describes no model", f"{type(error).__name__}: {error}"[:200], what,
                    "save the model again")
        ) from error  # fmt: skip


def clone_model(model: Model) -> Model:
    """The same layers with new weights."""
    return layer_of(
        {"class_name": type(model).__name__, "config": model.get_config()},
        {type(model).__name__: type(model)},
    )


def model_from_json(text: str, custom_objects: dict[str, type] | None = None) -> Model:
    """A model from what `to_json` gave."""
    what = "what model.to_json gave"
    return _whole("model_from_json", what, lambda: layer_of(json.loads(text), custom_objects))
