"""Model files that Keras 3 opens, and that can't name code."""

from triceras.core.errors import FileFormatError, UnsafeFileError
from triceras.core.objects import (
    CustomObjectScope,
    UnknownObjectError,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from triceras.saving import lambdas
from triceras.saving.editor import KerasFileEditor
from triceras.saving.model_files import load_model, load_weights, save_model, save_weights
from triceras.saving.safetensors_files import torch_names

__all__ = [
    "CustomObjectScope",
    "FileFormatError",
    "KerasFileEditor",
    "UnknownObjectError",
    "UnsafeFileError",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
    "torch_names",
]
