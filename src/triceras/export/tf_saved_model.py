"""TensorFlow's SavedModel."""

from __future__ import annotations

import pathlib
from typing import Any

import tensorflow as tf

from triceras import tree
from triceras.backends.tensorflow.backend import DTYPES
from triceras.export.endpoint import Endpoint
from triceras.export.writing import replaced_folder


def function(endpoint: Endpoint) -> Any:
    """The endpoint as a ``tf.function`` with a signature."""
    if endpoint.signature is None:  # a function of TensorFlow's that brings its own
        found = endpoint.function.get_concrete_function()
        endpoint.signature = [tf.nest.map_structure(lambda s: s, found.structured_input_signature[0])]
        return endpoint.function

    def call(*args: Any) -> Any:
        with endpoint.recording(tf.name_scope, portable=endpoint.format != "tf_saved_model"):
            return _named(endpoint.function(*args))

    specs = tree.map_structure(lambda one: tf.TensorSpec(one.shape, DTYPES[one.dtype], one.name), endpoint.signature)
    made = tf.function(call, input_signature=specs, autograph=False)
    try:
        made.get_concrete_function()
    except Exception as error:
        raise endpoint.failure(error) from error
    return made


def _named(outputs: Any) -> Any:
    """Outputs that are more than a tensor or a flat list or dictionary of them, as a dictionary: signatures have no more."""
    parts = outputs.values() if isinstance(outputs, dict) else outputs if isinstance(outputs, list | tuple) else []
    if not any(tree.is_nested(part) for part in parts):
        return outputs
    return {"_".join(map(str, path)): leaf for path, leaf in tree.flatten_with_path(outputs)}


def write(archive: Any, path: pathlib.Path, options: Any = None) -> None:
    """The SavedModel of an archive: each endpoint is a method and a signature, the first one is served by default."""
    functions = {name: endpoint.made for name, endpoint in archive.endpoints.items()}
    with replaced_folder(path, r"(saved_model|fingerprint|keras_metadata)\.pb|variables|assets(\.extra)?") as folder:
        save(archive, folder, {"serving_default": next(iter(functions.values())), **functions}, functions, options)


def save(archive: Any, folder: Any, signatures: dict[str, Any], methods: dict[str, Any], options: Any = None) -> None:
    """Write a SavedModel with signatures and methods into a folder."""
    served: Any = tf.__internal__.tracking.AutoTrackable()
    served._resources = [r for r in archive.resources if isinstance(r, tf.__internal__.tracking.Trackable)]
    for name in ("variables", "trainable_variables", "non_trainable_variables"):
        setattr(served, name, [v.state for v in getattr(archive, name)])
    for name, variables in archive.collections.items():
        setattr(served, name, [v.state for v in variables])
    for name, method in methods.items():
        setattr(served, name, method)
    options = options or tf.saved_model.SaveOptions(experimental_custom_gradients=True)
    tf.saved_model.save(served, str(folder), signatures, options)
