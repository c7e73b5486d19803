"""What is checked on the first batch, when a mistake can still be explained well."""

from __future__ import annotations

from typing import Any

import numpy as np

from triceras import losses, ops, tree


def check_first_batch(model: Any, batch: Any) -> None:
    """Raise a clear error for targets that can't fit the compiled loss."""
    _, y, _ = batch
    given = model._compile_arguments.get("loss")
    if y is None or given is None or isinstance(given, dict | list | tuple) or tree.is_nested(y):
        return
    classes = _number_of_classes(model)
    if classes is not None and _is_sparse(given):
        check_labels(ops.convert_to_numpy(y), classes, model.name)


def _is_sparse(loss: Any) -> bool:
    if isinstance(loss, losses.SparseCategoricalCrossentropy):
        return getattr(loss, "ignore_class", None) is None
    return loss == "sparse_categorical_crossentropy" or loss is losses.sparse_categorical_crossentropy


def _number_of_classes(model: Any) -> int | None:
    outputs = getattr(model, "outputs", None)
    return outputs[0].shape[-1] if outputs and len(outputs) == 1 and outputs[0].shape else None


def check_labels(labels: np.ndarray, classes: int, name: str) -> None:
    """Raise a ValueError unless labels lie in ``[0, classes)``."""
    if labels.size and not ((labels >= 0) & (labels < classes)).all():
        raise ValueError(
            f"The labels of model {name!r} are out of range: expected 0 to {classes - 1} for an output of {classes} classes, "
            f"received labels from {labels.min()} to {labels.max()}. Shift them, or give the last layer more units."
        )
