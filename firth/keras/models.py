"""`keras.models`: models, and how they come from files and configurations."""

from firth.keras.model import Model, Sequential, clone_model, load_model, model_from_json

__all__ = ["Model", "Sequential", "clone_model", "load_model", "model_from_json"]
