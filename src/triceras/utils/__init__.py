"""Helpers for users."""

from triceras.callbacks.progbar import Progbar
from triceras.core.dtypes import standardize_dtype
from triceras.core.objects import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from triceras.core.settings import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from triceras.graph.symbol import is_keras_tensor
from triceras.random.seed import set_random_seed
from triceras.training.data.batches import pack_x_y_sample_weight, unpack_x_y_sample_weight
from triceras.training.data.py_dataset import PyDataset
from triceras.utils import legacy
from triceras.utils.arrays import normalize, to_categorical
from triceras.utils.files import get_file
from triceras.utils.plots import model_to_dot, plot_model
from triceras.utils.session import clear_session

#: The older name of ``PyDataset``.
Sequence = PyDataset

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "PyDataset",
    "Sequence",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "legacy",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "plot_model",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "standardize_dtype",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
