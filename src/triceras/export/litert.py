"""LiteRT, the runtime for phones and small devices, formerly TensorFlow Lite."""

from __future__ import annotations

import pathlib
import tempfile
from typing import Any

import tensorflow as tf

from triceras.core.errors import ExportError
from triceras.export import tf_saved_model
from triceras.saving import atomic

function = tf_saved_model.function


def write(archive: Any, path: pathlib.Path, enable_select_tf_ops: bool = False, **options: Any) -> None:
    """One file with a signature for each endpoint; that of ``serve`` is called ``serving_default``.

    Args:
        archive: the archive.
        path: the file.
        enable_select_tf_ops: whether TensorFlow's own kernels may be used, which a runtime must have then.
        options: attributes of ``tf.lite.TFLiteConverter``, as ``optimizations``.
    """
    with tempfile.TemporaryDirectory() as folder:
        # A method or signature called "serve" makes the converter leave out all but the default one (TensorFlow 2.21).
        names = {"serving_default" if name == "serve" else name: e.made for name, e in archive.endpoints.items()}
        tf_saved_model.save(archive, folder, names, methods={})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(names))
        unknown = [name for name in options if not hasattr(converter, name)]
        if unknown:
            raise ExportError(f"The converter to 'litert' has no options {', '.join(unknown)}.")
        for name, value in options.items():
            setattr(converter, name, value)
        if enable_select_tf_ops:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        try:
            model = converter.convert()
        except Exception as error:
            raise next(iter(archive.endpoints.values())).failure(error) from error
    atomic.write(path, iter([model]))
